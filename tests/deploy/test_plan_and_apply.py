"""What `deploy/kubernetes/plan-and-apply` makes: two jobs, of which only the second can write to the forge."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml
from jsonschema import Draft202012Validator
from support.parts import ROOT, find_kustomize
from support.witnesses.pod_security import RULES

from bot import __version__

pytestmark = pytest.mark.real("kustomize")

FOLDER = ROOT / "deploy" / "kubernetes" / "plan-and-apply"
CONTRACT = json.loads((ROOT / "tests" / "contracts" / "kubernetes.json").read_text(encoding="utf-8"))
JOBS = ("basebump", "basebump-apply")


@pytest.fixture(scope="module")
def objects():
    """Return the objects by kind and name."""
    done = subprocess.run([find_kustomize(), "build", str(FOLDER)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(done.stdout)}


def get_pod(objects, name):
    return objects["CronJob", name]["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def get_container(objects, name):
    (container,) = get_pod(objects, name)["containers"]
    return container


def test_plan_and_apply_objects_match_the_schemas_of_kubernetes(objects):
    for (kind, _), found in objects.items():
        (name,) = (name for name in CONTRACT["$defs"] if name.endswith(f".v1.{kind}"))
        validator = Draft202012Validator(CONTRACT | {"$ref": f"#/$defs/{name}"})
        assert [error.message for error in validator.iter_errors(found)] == []


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("rule", RULES)
def test_plan_and_apply_pods_follow_the_restricted_security_standard(objects, job, rule):
    assert RULES[rule](get_pod(objects, job))


def test_plan_job_and_apply_job_have_separate_identities_and_secrets(objects):
    for job, secret in zip(JOBS, ("basebump-plan", "basebump-apply"), strict=True):
        assert get_pod(objects, job)["serviceAccountName"] == job
        assert ("ServiceAccount", job) in objects
        assert get_container(objects, job)["envFrom"] == [{"secretRef": {"name": secret}}]
        assert "env" not in get_container(objects, job)
        labels = objects["CronJob", job]["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
        selector = objects["NetworkPolicy", job]["spec"]["podSelector"]["matchLabels"]
        assert selector.items() <= labels.items()


def test_apply_job_can_only_read_the_plan_of_the_plan_job(objects):
    plan, apply = (get_container(objects, each) for each in JOBS)
    assert plan["args"] == ["plan", "--config", "/etc/basebump/basebump.yaml", "--out", "/plans/plan.json"]
    assert apply["args"][:4] == ["apply", "/plans/plan.json", "--config", "/etc/basebump/basebump.yaml"]
    mounts = [
        next(each for each in container["volumeMounts"] if each["name"] == "plans") for container in (plan, apply)
    ]
    assert [each.get("readOnly", False) for each in mounts] == [False, True]
    assert {each["name"] for each in get_pod(objects, "basebump-apply")["volumes"]} == {"config", "plans", "tmp"}
    users = {get_pod(objects, each)["securityContext"]["runAsUser"] for each in JOBS}
    assert len(users) == 1, "only its owner can read a plan"


def test_plan_job_and_apply_job_use_the_same_config_and_image(objects):
    for find in (lambda pod: pod["volumes"], lambda pod: pod["containers"]):
        found = [[each.get("configMap") or each.get("image") for each in find(get_pod(objects, job))] for job in JOBS]
        assert set(map(str, filter(None, found[0]))) == set(map(str, filter(None, found[1])))
    assert get_container(objects, "basebump-apply")["image"].rpartition(":")[2] == __version__


def test_apply_job_starts_after_the_plan_job_ends(objects):
    minutes = [objects["CronJob", each]["spec"]["schedule"].split()[:2] for each in JOBS]
    plan, apply = (int(hour) * 60 + int(minute) for minute, hour in minutes)
    limit = objects["CronJob", "basebump"]["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"]
    assert apply - plan >= limit / 60
