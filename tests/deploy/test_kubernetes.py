"""What `deploy/kubernetes` makes, by the real kustomize: valid, restricted, and without a secret in it."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess

import pytest
import yaml
from jsonschema import Draft202012Validator
from support.parts import ROOT, find_kustomize
from support.values import digest
from support.witnesses.pod_security import RULES, list_containers

from bot import __version__
from bot.cli.scope_options import resolve_shard
from bot.settings import load

pytestmark = pytest.mark.real("kustomize")

FOLDER = ROOT / "deploy" / "kubernetes"
CONTRACT = json.loads((ROOT / "tests" / "contracts" / "kubernetes.json").read_text(encoding="utf-8"))
OVERLAYS = ("base", "sharded", "base and azure", "sharded and azure")


def run_kustomize(folder):
    done = subprocess.run([find_kustomize(), "build", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def built_overlays(tmp_path_factory):
    """Return what each overlay makes, as a platform team composes it: by kind."""
    made = {}
    for overlay in OVERLAYS:
        chosen, _, component = overlay.partition(" and ")
        folder = tmp_path_factory.mktemp("overlay")
        text = f"resources: [{os.path.relpath(FOLDER / chosen, folder)}]\n"
        text += f"components: [{os.path.relpath(FOLDER / component, folder)}]\n" if component else ""
        (folder / "kustomization.yaml").write_text(text, encoding="utf-8")
        made[overlay] = {each["kind"]: each for each in run_kustomize(folder)}
    return made


@pytest.fixture(params=OVERLAYS)
def objects(built_overlays, request):
    return copy.deepcopy(built_overlays[request.param])


def get_job(objects):
    return objects["CronJob"]["spec"]["jobTemplate"]["spec"]


def get_pod_spec(objects):
    return get_job(objects)["template"]["spec"]


def get_container(objects):
    (container,) = get_pod_spec(objects)["containers"]
    return container


def build_schema(found):
    (name,) = (name for name in CONTRACT["$defs"] if name.endswith(f".v1.{found['kind']}"))
    return CONTRACT | {"$ref": f"#/$defs/{name}"}


def list_errors(found):
    return [error.message for error in Draft202012Validator(build_schema(found)).iter_errors(found)]


def test_kustomize_overlays_match_the_schemas_of_kubernetes(objects):
    assert len(objects) >= 4
    assert {kind: list_errors(found) for kind, found in objects.items()} == {kind: [] for kind in objects}


def test_schema_check_detects_unknown_and_mistyped_keys(objects):
    get_pod_spec(objects)["restartPolicies"] = "Never"
    assert any("restartPolicies" in each for each in list_errors(objects["CronJob"]))
    get_container(objects)["args"] = "run"
    assert any("'run'" in each for each in list_errors(objects["CronJob"]))


@pytest.mark.parametrize("rule", RULES)
def test_cron_job_pod_follows_the_restricted_security_standard(objects, rule):
    assert RULES[rule](get_pod_spec(objects))


def change_security_context(**said):
    return lambda spec: list_containers(spec)[0]["securityContext"].update(said)


def change_container(**said):
    return lambda spec: list_containers(spec)[0].update(said)


BREAKS = {
    "no host process": change_security_context(windowsOptions={"hostProcess": True}),
    "no namespace of the host": lambda spec: spec.update(hostPID=True),
    "not privileged": change_security_context(privileged=True),
    "all capabilities dropped": change_security_context(capabilities={"drop": ["NET_RAW"]}),
    "no capability added": change_security_context(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
    "no path of the host": lambda spec: spec["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
    "only these kinds of volumes": lambda spec: spec["volumes"].append({"name": "x", "nfs": {"path": "/"}}),
    "no port of the host": change_container(ports=[{"containerPort": 80, "hostPort": 80}]),
    "no host in a probe": change_container(livenessProbe={"httpGet": {"host": "169.254.169.254", "port": 80}}),
    "AppArmor as it is": change_security_context(appArmorProfile={"type": "Unconfined"}),
    "SELinux as it is": change_security_context(seLinuxOptions={"type": "spc_t"}),
    "/proc masked": change_security_context(procMount="Unmasked"),
    "safe sysctls": lambda spec: spec["securityContext"].update(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
    "no more privileges": lambda spec: list_containers(spec)[0]["securityContext"].pop("allowPrivilegeEscalation"),
    "not root": lambda spec: spec["securityContext"].pop("runAsNonRoot"),
    "no user 0": change_security_context(runAsUser=0),
    "seccomp": lambda spec: spec["securityContext"].pop("seccompProfile"),
}


@pytest.mark.parametrize("rule", RULES)
def test_each_security_rule_in_the_tests_detects_a_violation(built_overlays, rule):
    spec = get_pod_spec(copy.deepcopy(built_overlays["base"]))
    BREAKS[rule](spec)
    broken = {each for each, holds in RULES.items() if not holds(spec)}
    assert broken == {rule} | ({"only these kinds of volumes"} if rule == "no path of the host" else set())


def test_cron_job_pod_has_read_only_root_and_writes_only_to_volumes(objects):
    container = get_container(objects)
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    writable = {each["mountPath"] for each in container["volumeMounts"] if not each.get("readOnly")}
    assert writable == {"/tmp", "/var/lib/basebump"}
    volumes = {each["name"] for each in get_pod_spec(objects)["volumes"]}
    assert volumes == {each["name"] for each in container["volumeMounts"]}


def test_cron_job_pod_runs_as_the_user_of_the_image(objects):
    context = get_pod_spec(objects)["securityContext"]
    (user,) = re.findall(r"^USER (\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert user == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert context["fsGroup"] == context["runAsGroup"]


def test_cron_job_pod_runs_only_on_linux_nodes(objects):
    assert get_pod_spec(objects)["nodeSelector"] == {"kubernetes.io/os": "linux"}


def test_cron_job_pod_has_no_token_for_the_kubernetes_api(objects):
    assert get_pod_spec(objects)["automountServiceAccountToken"] is False
    assert objects["ServiceAccount"]["automountServiceAccountToken"] is False
    assert get_pod_spec(objects)["serviceAccountName"] == objects["ServiceAccount"]["metadata"]["name"]


def test_cron_job_pod_environment_comes_only_from_the_secret(objects):
    assert "Secret" not in objects
    assert get_container(objects)["envFrom"] == [{"secretRef": {"name": "basebump"}}]
    assert "env" not in get_container(objects)


def test_cron_job_runs_do_not_overlap_and_have_a_deadline(objects):
    cron, job = objects["CronJob"]["spec"], get_job(objects)
    assert cron["concurrencyPolicy"] == "Forbid"
    assert int(cron["schedule"].split()[0]) % 15
    assert cron["successfulJobsHistoryLimit"] + cron["failedJobsHistoryLimit"] <= 10
    assert 0 < job["activeDeadlineSeconds"] < 24 * 3600
    assert get_pod_spec(objects)["restartPolicy"] == "Never"
    assert job.get("backoffLimit", job.get("backoffLimitPerIndex")) == 1


def test_cron_job_is_not_retried_after_permanent_failures(objects):
    rules = get_job(objects)["podFailurePolicy"]["rules"]
    (fails,) = (each for each in rules if each["action"] == "FailJob")
    assert fails["onExitCodes"] == {
        "containerName": get_container(objects)["name"],
        "operator": "In",
        "values": [2, 3],
    }


def test_cron_job_container_has_cpu_and_memory_requests_and_limits(objects):
    resources = get_container(objects)["resources"]
    assert resources["requests"].keys() == resources["limits"].keys() >= {"cpu", "memory"}


def test_network_policy_of_cron_job_allows_only_egress_for_dns_and_https(built_overlays):
    spec = built_overlays["base"]["NetworkPolicy"]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"] == []
    assert [sorted({port["port"] for port in rule["ports"]}) for rule in spec["egress"]] == [[53], [443]]
    labels = built_overlays["base"]["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    assert spec["podSelector"]["matchLabels"].items() <= labels.items()


def test_network_policy_of_shards_also_allows_postgresql(built_overlays):
    base, sharded = (built_overlays[each]["NetworkPolicy"]["spec"]["egress"] for each in ("base", "sharded"))
    assert sharded[:-1] == base
    assert sharded[-1] == {"ports": [{"protocol": "TCP", "port": 5432}]}


def test_each_pod_of_the_sharded_job_runs_a_different_shard(built_overlays):
    job = get_job(built_overlays["sharded"])
    assert job["completionMode"] == "Indexed"
    (said,) = (
        value
        for option, value in zip(*2 * [iter(get_container(built_overlays["sharded"])["args"][1:])], strict=True)
        if option == "--shard"
    )
    parts = [resolve_shard(said, {"JOB_COMPLETION_INDEX": str(index)}) for index in range(job["completions"])]
    assert [part.number for part in parts] == list(range(1, job["completions"] + 1))
    assert {part.total for part in parts} == {job["completions"]}
    assert 0 < job["parallelism"] <= job["completions"]


def test_pods_of_the_sharded_job_do_not_share_a_volume(built_overlays):
    assert "PersistentVolumeClaim" not in built_overlays["sharded"]
    (home,) = (each for each in get_pod_spec(built_overlays["sharded"])["volumes"] if each["name"] == "home")
    assert set(home) == {"name", "emptyDir"}


def test_kubernetes_config_is_valid_and_mounted_by_the_job(objects, tmp_path):
    ((name, text),) = objects["ConfigMap"]["data"].items()
    (tmp_path / name).write_text(text, encoding="utf-8")
    load(tmp_path / name, requires_forges=True)
    (config,) = (each for each in get_pod_spec(objects)["volumes"] if each["name"] == "config")
    assert config["configMap"]["name"] == objects["ConfigMap"]["metadata"]["name"]
    (mount,) = (each for each in get_container(objects)["volumeMounts"] if each["name"] == "config")
    assert f"{mount['mountPath']}/{name}" in get_container(objects)["args"]


def test_state_of_the_cron_job_is_stored_on_a_volume(built_overlays, tmp_path):
    (text,) = built_overlays["base"]["ConfigMap"]["data"].values()
    (home,) = (each for each in get_container(built_overlays["base"])["volumeMounts"] if each["name"] == "home")
    assert f"state: sqlite:///{home['mountPath']}/" in text


def test_cron_job_uses_the_image_tag_of_this_release(objects):
    assert get_container(objects)["image"].rpartition(":")[2] == __version__


def test_azure_component_adds_workload_identity_to_the_cron_job_pod(built_overlays):
    plain, azure = built_overlays["base"], built_overlays["base and azure"]
    labels = get_job(azure)["template"]["metadata"]["labels"]
    assert labels["azure.workload.identity/use"] == "true"
    assert "azure.workload.identity/client-id" in azure["ServiceAccount"]["metadata"]["annotations"]
    assert "azure" not in str(plain["CronJob"]) + str(plain["ServiceAccount"])


@pytest.mark.parametrize("on_azure", [False, True], ids=["anywhere", "on azure"])
def test_documented_kustomization_sets_image_digest_config_and_identity(tmp_path, on_azure):
    """The kustomization is the example in `docs/deployment.md`."""
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    plain, azure = re.findall(r"```yaml\n# (?:the same )?kustomization\.yaml.*?\n(.*?)```", page, re.DOTALL)
    text = plain + azure if on_azure else plain
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "basebump.yaml").write_text("schema: 1\n", encoding="utf-8")
    here = os.path.relpath(ROOT, folder)
    text = text.replace("basebump/deploy", f"{here}/deploy").replace("sha256:DIGEST", digest("image"))
    (folder / "kustomization.yaml").write_text(text, encoding="utf-8")
    made = {each["kind"]: each for each in run_kustomize(folder)}
    assert get_container(made)["image"].endswith(digest("image"))
    assert made["ConfigMap"]["data"] == {"basebump.yaml": "schema: 1\n"}
    if not on_azure:
        assert "azure" not in str(made["CronJob"]) + str(made["ServiceAccount"])
        return
    identity = made["ServiceAccount"]["metadata"]["annotations"]["azure.workload.identity/client-id"]
    assert re.fullmatch("[0-9a-f-]{36}", identity)
    assert not identity.startswith("00000000")
