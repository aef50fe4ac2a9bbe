"""The page of the action is true, and what it shows is what linters would have it."""

import re

import pytest
import yaml
from support.parts import ROOT
from support.witnesses.workflows import complete_workflow, list_problems, read_yaml, run_zizmor

from bot.settings import load

PAGE = (ROOT / "docs" / "github-action.md").read_text(encoding="utf-8")
ACTION = ROOT / "action.yml"
DESCRIBED = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
WORKFLOWS = [block for block in BLOCKS if block.startswith("# .github/workflows/")]


def test_action_page_has_a_workflow_for_a_repository_and_for_an_organisation():
    assert len(WORKFLOWS) == 2


def test_action_file_matches_the_schema_of_github():
    text = ACTION.read_text(encoding="utf-8")
    assert list_problems("action", text) == []
    assert list_problems("action", text.replace("using: composite", "using: cobol")) != []


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_workflows_on_the_action_page_match_the_schema_of_github(workflow):
    assert list_problems("workflow", complete_workflow(workflow)) == []
    assert list_problems("workflow", workflow.replace("runs-on:", "runs-of:")) != []


@pytest.mark.real("zizmor")
def test_zizmor_reports_no_problems_in_action_file():
    done = run_zizmor(ACTION)
    assert done.returncode == 0, done.stdout


@pytest.mark.real("zizmor")
def test_zizmor_reports_template_injection_added_to_action_file(tmp_path):
    path = tmp_path / "action.yml"
    path.write_text(ACTION.read_text(encoding="utf-8").replace('"$PYTHON" -I', "${{ inputs.python }} -I"), "utf-8")
    done = run_zizmor(path)
    assert done.returncode != 0
    assert "template-injection" in done.stdout


@pytest.mark.real("zizmor")
@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_zizmor_reports_no_problems_in_workflows_on_the_action_page(tmp_path, workflow):
    path = tmp_path / ".github" / "workflows" / "basebump.yml"
    path.parent.mkdir(parents=True)
    path.write_text(complete_workflow(workflow), encoding="utf-8")
    done = run_zizmor(path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_workflows_on_action_page_have_no_default_permissions_or_script_expressions(workflow):
    said = read_yaml(workflow)
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
def test_workflows_on_the_action_page_set_only_existing_inputs(workflow):
    (job,) = read_yaml(workflow)["jobs"].values()
    (step,) = [each for each in job["steps"] if "/basebump@" in each.get("uses", "")]
    assert step["with"].keys() <= DESCRIBED["inputs"].keys()


@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_action_page_lists_every_input_and_output(kind):
    table = PAGE.partition(f"## {kind.title()}")[2].partition("\n## ")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert [name for row in rows for name in re.findall(r"`([a-z-]+)`", row)] == [*DESCRIBED[kind]]


def test_organisation_config_on_action_page_has_the_same_state_path_as_the_workflow(tmp_path):
    (config,) = [block for block in BLOCKS if "\nforges:" in block]
    path = tmp_path / "basebump.yaml"
    path.write_text(config, encoding="utf-8")
    settings = load(path, requires_forges=True)
    (step,) = [each for each in read_yaml(WORKFLOWS[1])["jobs"]["propose"]["steps"] if each.get("id") == "basebump"]
    assert settings.state.path == tmp_path / step["with"]["state"]
