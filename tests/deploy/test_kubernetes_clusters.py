"""What `deploy/kubernetes/clusters` adds: a role that can only read pods and their owners."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
import yaml
from jsonschema import Draft202012Validator
from support.parts import ROOT, find_kustomize

from bot.clusters.object_kind import ObjectKind

pytestmark = pytest.mark.real("kustomize")

FOLDER = ROOT / "deploy" / "kubernetes"
CONTRACT = json.loads((ROOT / "tests" / "contracts" / "kubernetes.json").read_text(encoding="utf-8"))


def build(folder):
    done = subprocess.run([find_kustomize(), "build", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def build_with_component(folder, overlay):
    paths = [os.path.relpath(FOLDER / each, folder) for each in (overlay, "clusters")]
    (folder / "kustomization.yaml").write_text(f"resources: [{paths[0]}]\ncomponents: [{paths[1]}]\n", encoding="utf-8")
    return build(folder)


def get_only(objects, kind, name="basebump"):
    (found,) = (each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return found


@pytest.fixture(scope="module")
def role():
    return build(FOLDER / "clusters" / "role")


def test_cluster_role_for_reading_pods_matches_the_schemas_of_kubernetes(role):
    for each in role:
        schema = CONTRACT | {"$ref": f"#/$defs/io.k8s.api.rbac.v1.{each['kind']}"}
        assert [error.message for error in Draft202012Validator(schema).iter_errors(each)] == []


def test_cluster_role_allows_only_get_and_list_of_objects_that_basebump_lists(role):
    rules = get_only(role, "ClusterRole", "basebump-read-pods")["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list"}
    granted = {
        resource + (f".{group}" if group else "")
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert granted == {kind.group_resource for kind in ObjectKind}


def test_cluster_role_is_bound_to_the_service_account_of_basebump(role):
    binding = get_only(role, "ClusterRoleBinding", "basebump-read-pods")
    assert binding["roleRef"]["name"] == "basebump-read-pods"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "basebump", "namespace": "basebump"}]


@pytest.mark.parametrize("overlay", ["base", "sharded", "service", "plan-and-apply"])
def test_clusters_component_mounts_a_token_only_in_pods_that_read_clusters(tmp_path, overlay):
    objects = build_with_component(tmp_path, overlay)
    mounted = {}
    for each in objects:
        if each["kind"] in {"CronJob", "Deployment"}:
            spec = each["spec"]["jobTemplate"]["spec"] if each["kind"] == "CronJob" else each["spec"]
            mounted[each["metadata"]["name"]] = spec["template"]["spec"]["automountServiceAccountToken"]
    readers = {"basebump-worker"} if overlay == "service" else {"basebump"}
    assert {name for name, is_mounted in mounted.items() if is_mounted} == readers
    account = get_only(objects, "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    policies = {
        each["metadata"]["name"]: {port["port"] for rule in each["spec"].get("egress", ()) for port in rule["ports"]}
        for each in objects
        if each["kind"] == "NetworkPolicy"
    }
    assert {name for name, ports in policies.items() if 6443 in ports} == {"basebump"}
    subjects = get_only(objects, "ClusterRoleBinding", "basebump-read-pods")["subjects"]
    assert [(each["name"], each["namespace"]) for each in subjects] == [("basebump", account["metadata"]["namespace"])]
