"""The page of the action is true, and what it shows is what linters would have it."""

import json
import re
import subprocess

import pytest
import yaml
from jsonschema import Draft7Validator
from support.parts import ROOT, find_zizmor

from bot.settings import load

PAGE = (ROOT / "docs" / "github-action.md").read_text(encoding="utf-8")
ACTION = ROOT / "action.yml"
DESCRIBED = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
WORKFLOWS = [block for block in BLOCKS if block.startswith("# .github/workflows/")]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def as_it_will_stand(workflow: str) -> str:
    """Return a workflow with a commit for the words that stand for one."""
    assert "OWNER/basebump@COMMIT" in workflow
    return workflow.replace("OWNER/basebump@COMMIT", f"acme/basebump@{COMMIT} # v1.0.0")


def read(text: str):
    """Read YAML as GitHub does, to which `on` is a word."""
    return json.loads(json.dumps(yaml.load(text, _Loader)))


class _Loader(yaml.SafeLoader):
    """Knows no truth but `true` and `false`."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in each if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, each in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def problems(kind: str, text: str) -> list[str]:
    schema = json.loads((ROOT / "tests" / "contracts" / f"github_{kind}_schema.json").read_text(encoding="utf-8"))
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(read(text))]


def test_there_is_a_workflow_for_one_repository_and_one_for_an_organisation():
    assert len(WORKFLOWS) == 2


def test_the_readme_has_the_workflow_for_one_repository():
    assert f"```yaml\n{WORKFLOWS[0]}```" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_action_is_as_its_schema_has_it():
    text = ACTION.read_text(encoding="utf-8")
    assert problems("action", text) == []
    assert problems("action", text.replace("using: composite", "using: cobol")) != []


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_the_workflows_are_as_their_schema_has_them(workflow):
    assert problems("workflow", as_it_will_stand(workflow)) == []
    assert problems("workflow", workflow.replace("runs-on:", "runs-of:")) != []


def zizmor(*paths) -> subprocess.CompletedProcess[str]:
    command = [find_zizmor(), "--offline", "--no-config", "--persona=auditor", "--no-progress", *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.real("zizmor")
def test_zizmor_finds_nothing_in_the_action():
    done = zizmor(ACTION)
    assert done.returncode == 0, done.stdout


@pytest.mark.real("zizmor")
def test_zizmor_finds_what_somebody_could_put_into_it(tmp_path):
    path = tmp_path / "action.yml"
    path.write_text(ACTION.read_text(encoding="utf-8").replace('"$PYTHON" -I', "${{ inputs.python }} -I"), "utf-8")
    done = zizmor(path)
    assert done.returncode != 0
    assert "template-injection" in done.stdout


@pytest.mark.real("zizmor")
@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_zizmor_finds_nothing_in_the_workflows(tmp_path, workflow):
    path = tmp_path / ".github" / "workflows" / "basebump.yml"
    path.parent.mkdir(parents=True)
    path.write_text(as_it_will_stand(workflow), encoding="utf-8")
    done = zizmor(path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_the_workflows_are_careful(workflow):
    said = read(workflow)
    assert said["permissions"] == {}
    assert said["concurrency"]["cancel-in-progress"] is False
    (schedule,) = said["on"]["schedule"]
    minute = schedule["cron"].split()[0]
    assert int(minute) % 5, "full and half hours are when everybody runs"
    (job,) = said["jobs"].values()
    assert job["timeout-minutes"] > 0
    for step in job["steps"]:
        assert "${{" not in step.get("run", "")
        assert step.get("with", {}).get("persist-credentials", False) is False


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_the_workflows_give_inputs_that_there_are(workflow):
    (job,) = read(workflow)["jobs"].values()
    (step,) = [each for each in job["steps"] if each.get("uses", "").startswith("OWNER/")]
    assert step["with"].keys() <= DESCRIBED["inputs"].keys()


@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_the_page_has_every_input_and_output(kind):
    table = PAGE.partition(f"## {kind.title()}")[2].partition("\n## ")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert [name for row in rows for name in re.findall(r"`([a-z-]+)`", row)] == [*DESCRIBED[kind]]


def test_the_config_of_the_organisation_is_a_valid_one(tmp_path):
    (config,) = [block for block in BLOCKS if "schema: 1" in block]
    path = tmp_path / "basebump.yaml"
    path.write_text(config, encoding="utf-8")
    settings = load(path, need_forges=True)
    (step,) = [each for each in read(WORKFLOWS[1])["jobs"]["propose"]["steps"] if each.get("id") == "basebump"]
    assert settings.state.path == tmp_path / step["with"]["state"]


def test_every_release_that_is_named_is_the_one_that_was_looked_up():
    named = dict(re.findall(r"(actions/[\w-]+)\S*@([0-9a-f]{40})", PAGE + ACTION.read_text(encoding="utf-8")))
    assert named == {
        "actions/cache": "27d5ce7f107fe9357f9df03efb73ab90386fccae",
        "actions/checkout": "3d3c42e5aac5ba805825da76410c181273ba90b1",
    }
