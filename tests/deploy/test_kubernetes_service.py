"""The objects of `deploy/kubernetes/service`, by the real kustomize: valid, restricted, and as the service needs."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from datetime import timedelta
from importlib import import_module

import click
import pytest
import yaml
from jsonschema import Draft202012Validator
from sqlalchemy import text
from support.parts import ROOT, find_kustomize
from support.witnesses.pod_security import RULES
from support.work_processes import build_visit_request

from bot import __version__
from bot.cli.app import COMMANDS
from bot.model.work import WorkKind
from bot.serve.service import GRACE
from bot.serve.worker import BATCH_SIZE
from bot.settings import load
from bot.state.database import Database
from bot.state.work.queue import DatabaseWorkQueue

pytestmark = pytest.mark.real("kustomize")

FOLDER = ROOT / "deploy" / "kubernetes"
CONTRACT = json.loads((ROOT / "tests" / "contracts" / "kubernetes.json").read_text(encoding="utf-8"))
ROLES = ("receiver", "worker")


def build(folder, *components):
    """Return the objects of a kustomization that uses the folder and some components, by kind and name."""
    own = f"resources: [{os.path.relpath(FOLDER / 'service', folder)}]\ncomponents:\n"
    own += "".join(f"  - {os.path.relpath(FOLDER / each, folder)}\n" for each in components)
    (folder / "kustomization.yaml").write_text(own, encoding="utf-8")
    done = subprocess.run([find_kustomize(), "build", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(done.stdout)}


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    return build(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def azure_objects(tmp_path_factory):
    return build(tmp_path_factory.mktemp("everything"), "service/keda", "azure")


def get_pod(objects, role):
    return objects["Deployment", f"basebump-{role}"]["spec"]["template"]


def get_container(objects, role):
    (container,) = get_pod(objects, role)["spec"]["containers"]
    return container


def list_complaints(found):
    (name,) = (each for each in CONTRACT["$defs"] if each.endswith(f".v1.{found['kind']}"))
    validator = Draft202012Validator(CONTRACT | {"$ref": f"#/$defs/{name}"})
    return [error.message for error in validator.iter_errors(found)]


def test_service_objects_match_the_schemas_of_kubernetes(azure_objects):
    known = {key: each for key, each in azure_objects.items() if each["kind"] != "ScaledObject"}
    assert len(known) == len(azure_objects) - 1 >= 8
    assert {key: list_complaints(each) for key, each in known.items()} == {key: [] for key in known}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("rule", RULES)
def test_service_pods_follow_the_restricted_security_standard(objects, role, rule):
    assert RULES[rule](get_pod(objects, role)["spec"])


@pytest.mark.parametrize("role", ROLES)
def test_service_pods_write_only_to_volumes_and_get_environment_from_the_secret(objects, role):
    container, spec = get_container(objects, role), get_pod(objects, role)["spec"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    writable = {each["mountPath"] for each in container["volumeMounts"] if not each.get("readOnly")}
    assert writable == {"/tmp", "/var/lib/basebump"}
    assert {each["name"] for each in spec["volumes"]} == {each["name"] for each in container["volumeMounts"]}
    assert container["envFrom"] == [{"secretRef": {"name": "basebump"}}]
    assert "env" not in container
    assert not any(kind == "Secret" for kind, _ in objects)
    assert spec["automountServiceAccountToken"] is False
    assert container["image"].rpartition(":")[2] == __version__
    assert container["resources"]["requests"].keys() == container["resources"]["limits"].keys() >= {"cpu", "memory"}


@pytest.mark.parametrize(("role", "name"), [("receiver", "serve"), ("worker", "work")])
def test_service_pods_run_existing_commands_with_the_mounted_config(objects, role, name):
    container = get_container(objects, role)
    assert container["args"][0] == name
    command = import_module(COMMANDS[name].module).command
    command.make_parser(click.Context(command)).parse_args(list(container["args"][1:]))
    (mount,) = (each["mountPath"] for each in container["volumeMounts"] if each["name"] == "config")
    (generated,) = (found for (kind, _), found in objects.items() if kind == "ConfigMap")
    assert {f"{mount}/{each}" for each in generated["data"]} == {"/etc/basebump/basebump.yaml"}
    assert container["args"][1:3] == shlex.split("--config /etc/basebump/basebump.yaml")


def test_service_config_is_valid_and_uses_the_postgresql_queue(objects, tmp_path):
    (generated,) = (found for (kind, _), found in objects.items() if kind == "ConfigMap")
    config = tmp_path / "basebump.yaml"
    config.write_text(generated["data"]["basebump.yaml"], encoding="utf-8")
    settings = load(config, requires_forges=True)
    assert settings.uses_postgresql_queue
    (port,) = get_container(objects, "receiver")["ports"]
    assert settings.serve.listen == ("0.0.0.0", port["containerPort"])


def test_kubernetes_service_and_probes_use_the_port_of_the_receivers(objects):
    container, labels = get_container(objects, "receiver"), get_pod(objects, "receiver")["metadata"]["labels"]
    service = objects["Service", "basebump"]["spec"]
    assert service["selector"].items() <= labels.items()
    assert not service["selector"].items() <= get_pod(objects, "worker")["metadata"]["labels"].items()
    assert [each["targetPort"] for each in service["ports"]] == [each["name"] for each in container["ports"]]
    probes = {key: container[key]["httpGet"] for key in ("livenessProbe", "readinessProbe", "startupProbe")}
    assert {each["port"] for each in probes.values()} == {container["ports"][0]["name"]}
    assert [each["path"] for each in probes.values()] == ["/livez", "/readyz", "/livez"]


def test_probes_of_workers_use_the_port_on_which_workers_listen(objects):
    container = get_container(objects, "worker")
    [port] = container["ports"]
    assert container["args"][-2:] == ["--listen", f"0.0.0.0:{port['containerPort']}"]
    probes = [container[key]["httpGet"] for key in ("livenessProbe", "startupProbe")]
    assert probes == [{"path": "/livez", "port": port["name"]}] * 2


def test_at_least_one_receiver_runs_during_updates_and_disruptions(objects):
    deployment = objects["Deployment", "basebump-receiver"]["spec"]
    budget = objects["PodDisruptionBudget", "basebump-receiver"]["spec"]
    assert deployment["replicas"] == 2 > budget["minAvailable"] == 1
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert budget["selector"]["matchLabels"].items() <= get_pod(objects, "receiver")["metadata"]["labels"].items()


@pytest.mark.parametrize("role", ROLES)
def test_termination_grace_period_lets_pods_return_unfinished_work(objects, role):
    assert get_pod(objects, role)["spec"]["terminationGracePeriodSeconds"] >= GRACE + 5


def test_network_policy_lets_only_the_ingress_controller_connect_to_receivers(objects):
    general, receivers = (objects["NetworkPolicy", name]["spec"] for name in ("basebump", "basebump-receiver"))
    assert (general["policyTypes"], general["ingress"]) == (["Ingress", "Egress"], [])
    assert [sorted({port["port"] for port in rule["ports"]}) for rule in general["egress"]] == [[53], [443], [5432]]
    for role in ROLES:
        assert general["podSelector"]["matchLabels"].items() <= get_pod(objects, role)["metadata"]["labels"].items()
    worker_labels = get_pod(objects, "worker")["metadata"]["labels"].items()
    assert not receivers["podSelector"]["matchLabels"].items() <= worker_labels
    [rule] = receivers["ingress"]
    assert [each["port"] for each in rule["ports"]] == [get_container(objects, "receiver")["ports"][0]["containerPort"]]
    assert rule["from"]


def test_keda_scales_the_workers_by_the_queue_in_the_configured_database(objects, azure_objects):
    scaled = azure_objects["ScaledObject", "basebump-worker"]["spec"]
    assert scaled["scaleTargetRef"]["name"] == "basebump-worker"
    assert "replicas" in objects["Deployment", "basebump-worker"]["spec"]
    assert "replicas" not in azure_objects["Deployment", "basebump-worker"]["spec"]
    assert scaled["minReplicaCount"] >= 1
    [trigger] = scaled["triggers"]
    assert trigger["metadata"]["targetQueryValue"] == str(BATCH_SIZE)
    config = (FOLDER / "service" / "basebump.yaml").read_text(encoding="utf-8")
    [(user, host, name)] = re.findall(r"^state: \S+//(\w+)@([\w.]+)/(\w+)$", config, re.MULTILINE)
    assert [trigger["metadata"][each] for each in ("userName", "host", "dbName")] == [user, host, name]


@pytest.mark.real("postgresql")
def test_keda_query_counts_work_that_is_due_or_being_done(azure_objects, postgresql):
    query = azure_objects["ScaledObject", "basebump-worker"]["spec"]["triggers"][0]["metadata"]["query"]
    database = Database.postgresql(postgresql.fresh())
    queue = DatabaseWorkQueue(database)
    queue.request_work([build_visit_request(name) for name in ("web", "api", "db")])
    claimed = queue.claim_work("a", [WorkKind.VISIT], 2, timedelta(minutes=1))
    queue.postpone_work("a", claimed[0], timedelta(hours=1), None)
    with database.open_for_reading() as connection:
        assert connection.execute(text(query)).scalar_one() == 2


def test_azure_component_adds_workload_identity_to_service_pods(azure_objects, objects):
    for role in ROLES:
        assert get_pod(azure_objects, role)["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    assert "azure" not in str([each for (kind, _), each in objects.items() if kind != "ConfigMap"])
