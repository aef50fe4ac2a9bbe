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


def _kustomized(folder):
    done = subprocess.run([find_kustomize(), "build", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return what each overlay makes, as a platform team composes it: by kind."""
    made = {}
    for overlay in OVERLAYS:
        chosen, _, component = overlay.partition(" and ")
        folder = tmp_path_factory.mktemp("overlay")
        text = f"resources: [{os.path.relpath(FOLDER / chosen, folder)}]\n"
        text += f"components: [{os.path.relpath(FOLDER / component, folder)}]\n" if component else ""
        (folder / "kustomization.yaml").write_text(text, encoding="utf-8")
        made[overlay] = {each["kind"]: each for each in _kustomized(folder)}
    return made


@pytest.fixture(params=OVERLAYS)
def objects(built, request):
    return copy.deepcopy(built[request.param])


def job_of(objects):
    return objects["CronJob"]["spec"]["jobTemplate"]["spec"]


def pod_of(objects):
    return job_of(objects)["template"]["spec"]


def container_of(objects):
    (container,) = pod_of(objects)["containers"]
    return container


def schema_of(found):
    (name,) = (name for name in CONTRACT["$defs"] if name.endswith(f".v1.{found['kind']}"))
    return CONTRACT | {"$ref": f"#/$defs/{name}"}


def complaints(found):
    return [error.message for error in Draft202012Validator(schema_of(found)).iter_errors(found)]


def test_objects_match_the_schemas_of_kubernetes(objects):
    assert len(objects) >= 4
    assert {kind: complaints(found) for kind, found in objects.items()} == {kind: [] for kind in objects}


def test_unknown_and_mistyped_keys_are_detected(objects):
    pod_of(objects)["restartPolicies"] = "Never"
    assert any("restartPolicies" in each for each in complaints(objects["CronJob"]))
    container_of(objects)["args"] = "run"
    assert any("'run'" in each for each in complaints(objects["CronJob"]))


@pytest.mark.parametrize("rule", RULES)
def test_pod_follows_the_restricted_security_standard(objects, rule):
    assert RULES[rule](pod_of(objects))


def _in_context(**said):
    return lambda spec: list_containers(spec)[0]["securityContext"].update(said)


def _in_container(**said):
    return lambda spec: list_containers(spec)[0].update(said)


BREAKS = {
    "no host process": _in_context(windowsOptions={"hostProcess": True}),
    "no namespace of the host": lambda spec: spec.update(hostPID=True),
    "not privileged": _in_context(privileged=True),
    "all capabilities dropped": _in_context(capabilities={"drop": ["NET_RAW"]}),
    "no capability added": _in_context(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
    "no path of the host": lambda spec: spec["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
    "only these kinds of volumes": lambda spec: spec["volumes"].append({"name": "x", "nfs": {"path": "/"}}),
    "no port of the host": _in_container(ports=[{"containerPort": 80, "hostPort": 80}]),
    "no host in a probe": _in_container(livenessProbe={"httpGet": {"host": "169.254.169.254", "port": 80}}),
    "AppArmor as it is": _in_context(appArmorProfile={"type": "Unconfined"}),
    "SELinux as it is": _in_context(seLinuxOptions={"type": "spc_t"}),
    "/proc masked": _in_context(procMount="Unmasked"),
    "safe sysctls": lambda spec: spec["securityContext"].update(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
    "no more privileges": lambda spec: list_containers(spec)[0]["securityContext"].pop("allowPrivilegeEscalation"),
    "not root": lambda spec: spec["securityContext"].pop("runAsNonRoot"),
    "no user 0": _in_context(runAsUser=0),
    "seccomp": lambda spec: spec["securityContext"].pop("seccompProfile"),
}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_detects_its_violation(built, rule):
    spec = pod_of(copy.deepcopy(built["base"]))
    BREAKS[rule](spec)
    broken = {each for each, holds in RULES.items() if not holds(spec)}
    assert broken == {rule} | ({"only these kinds of volumes"} if rule == "no path of the host" else set())


def test_root_is_read_only_and_writable_paths_are_volumes(objects):
    container = container_of(objects)
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    writable = {each["mountPath"] for each in container["volumeMounts"] if not each.get("readOnly")}
    assert writable == {"/tmp", "/var/lib/basebump"}
    volumes = {each["name"] for each in pod_of(objects)["volumes"]}
    assert volumes == {each["name"] for each in container["volumeMounts"]}


def test_pod_runs_as_the_user_of_the_image(objects):
    context = pod_of(objects)["securityContext"]
    (user,) = re.findall(r"^USER (\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert user == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert context["fsGroup"] == context["runAsGroup"]


def test_pod_runs_only_on_linux_nodes(objects):
    assert pod_of(objects)["nodeSelector"] == {"kubernetes.io/os": "linux"}


def test_pod_has_no_token_for_the_kubernetes_api(objects):
    assert pod_of(objects)["automountServiceAccountToken"] is False
    assert objects["ServiceAccount"]["automountServiceAccountToken"] is False
    assert pod_of(objects)["serviceAccountName"] == objects["ServiceAccount"]["metadata"]["name"]


def test_environment_comes_only_from_the_secret(objects):
    assert "Secret" not in objects
    assert container_of(objects)["envFrom"] == [{"secretRef": {"name": "basebump"}}]
    assert "env" not in container_of(objects)


def test_runs_do_not_meet_and_end(objects):
    cron, job = objects["CronJob"]["spec"], job_of(objects)
    assert cron["concurrencyPolicy"] == "Forbid"
    assert int(cron["schedule"].split()[0]) % 15
    assert cron["successfulJobsHistoryLimit"] + cron["failedJobsHistoryLimit"] <= 10
    assert 0 < job["activeDeadlineSeconds"] < 24 * 3600
    assert pod_of(objects)["restartPolicy"] == "Never"
    assert job.get("backoffLimit", job.get("backoffLimitPerIndex")) == 1


def test_job_is_not_retried_after_permanent_failures(objects):
    rules = job_of(objects)["podFailurePolicy"]["rules"]
    (fails,) = (each for each in rules if each["action"] == "FailJob")
    assert fails["onExitCodes"] == {
        "containerName": container_of(objects)["name"],
        "operator": "In",
        "values": [2, 3],
    }


def test_container_has_requests_and_limits(objects):
    resources = container_of(objects)["resources"]
    assert resources["requests"].keys() == resources["limits"].keys() >= {"cpu", "memory"}


def test_network_policy_allows_only_egress_for_dns_and_https(built):
    spec = built["base"]["NetworkPolicy"]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"] == []
    assert [sorted({port["port"] for port in rule["ports"]}) for rule in spec["egress"]] == [[53], [443]]
    labels = built["base"]["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    assert spec["podSelector"]["matchLabels"].items() <= labels.items()


def test_shards_may_also_connect_to_postgresql(built):
    base, sharded = (built[each]["NetworkPolicy"]["spec"]["egress"] for each in ("base", "sharded"))
    assert sharded[:-1] == base
    assert sharded[-1] == {"ports": [{"protocol": "TCP", "port": 5432}]}


def test_each_pod_of_the_job_has_its_own_shard(built):
    job = job_of(built["sharded"])
    assert job["completionMode"] == "Indexed"
    (said,) = (
        value
        for option, value in zip(*2 * [iter(container_of(built["sharded"])["args"][1:])], strict=True)
        if option == "--shard"
    )
    parts = [resolve_shard(said, {"JOB_COMPLETION_INDEX": str(index)}) for index in range(job["completions"])]
    assert [part.number for part in parts] == list(range(1, job["completions"] + 1))
    assert {part.total for part in parts} == {job["completions"]}
    assert 0 < job["parallelism"] <= job["completions"]


def test_parts_do_not_share_a_disk(built):
    assert "PersistentVolumeClaim" not in built["sharded"]
    (home,) = (each for each in pod_of(built["sharded"])["volumes"] if each["name"] == "home")
    assert set(home) == {"name", "emptyDir"}


def test_config_is_valid_and_mounted_by_the_job(objects, tmp_path):
    ((name, text),) = objects["ConfigMap"]["data"].items()
    (tmp_path / name).write_text(text, encoding="utf-8")
    load(tmp_path / name, requires_forges=True)
    (config,) = (each for each in pod_of(objects)["volumes"] if each["name"] == "config")
    assert config["configMap"]["name"] == objects["ConfigMap"]["metadata"]["name"]
    (mount,) = (each for each in container_of(objects)["volumeMounts"] if each["name"] == "config")
    assert f"{mount['mountPath']}/{name}" in container_of(objects)["args"]


def test_state_is_stored_on_the_volume(built, tmp_path):
    (text,) = built["base"]["ConfigMap"]["data"].values()
    (home,) = (each for each in container_of(built["base"])["volumeMounts"] if each["name"] == "home")
    assert f"state: sqlite:///{home['mountPath']}/" in text


def test_image_has_the_tag_of_this_release(objects):
    assert container_of(objects)["image"].rpartition(":")[2] == __version__


def test_pod_identifies_itself_to_entra_with_its_service_account(built):
    plain, azure = built["base"], built["base and azure"]
    labels = job_of(azure)["template"]["metadata"]["labels"]
    assert labels["azure.workload.identity/use"] == "true"
    assert "azure.workload.identity/client-id" in azure["ServiceAccount"]["metadata"]["annotations"]
    assert "azure" not in str(plain["CronJob"]) + str(plain["ServiceAccount"])


@pytest.mark.parametrize("on_azure", [False, True], ids=["anywhere", "on azure"])
def test_own_kustomization_sets_image_digest_config_and_identity(tmp_path, on_azure):
    """As `docs/operations.md` shows it."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    plain, azure = re.findall(r"```yaml\n# (?:the same )?kustomization\.yaml.*?\n(.*?)```", page, re.DOTALL)
    text = plain + azure if on_azure else plain
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "basebump.yaml").write_text("schema: 1\n", encoding="utf-8")
    here = os.path.relpath(ROOT, folder)
    text = text.replace("basebump/deploy", f"{here}/deploy").replace("sha256:DIGEST", digest("image"))
    (folder / "kustomization.yaml").write_text(text, encoding="utf-8")
    made = {each["kind"]: each for each in _kustomized(folder)}
    assert container_of(made)["image"].endswith(digest("image"))
    assert made["ConfigMap"]["data"] == {"basebump.yaml": "schema: 1\n"}
    if not on_azure:
        assert "azure" not in str(made["CronJob"]) + str(made["ServiceAccount"])
        return
    identity = made["ServiceAccount"]["metadata"]["annotations"]["azure.workload.identity/client-id"]
    assert re.fullmatch("[0-9a-f-]{36}", identity)
    assert not identity.startswith("00000000")
