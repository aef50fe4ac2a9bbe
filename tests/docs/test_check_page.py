"""The page of the gate shows a workflow and hooks that can be used, and pages name only commits that are known."""

import re

import pytest
import yaml
from support.parts import ROOT
from support.witnesses.workflows import RELEASES, complete_workflow, list_problems, read_yaml, run_zizmor

from bot import __version__

PAGE = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(WORKFLOW,) = [block for block in BLOCKS if block.startswith("# .github/workflows/")]
PLACES = [
    ROOT / "action.yml",
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / ".github" / "workflows").glob("*.yml")),
]


def test_workflow_on_the_check_page_matches_schema_and_has_least_permissions():
    assert list_problems("workflow", complete_workflow(WORKFLOW)) == []
    said = read_yaml(WORKFLOW)
    assert said["permissions"] == {}
    (job,) = said["jobs"].values()
    assert job["permissions"] == {"contents": "read", "security-events": "write"}


@pytest.mark.real("zizmor")
def test_zizmor_reports_no_problems_in_the_workflow_on_the_check_page(tmp_path):
    path = tmp_path / ".github" / "workflows" / "images.yml"
    path.parent.mkdir(parents=True)
    path.write_text(complete_workflow(WORKFLOW), encoding="utf-8")
    done = run_zizmor(path)
    assert done.returncode == 0, done.stdout


def test_check_page_lists_every_current_pre_commit_hook_of_the_project():
    (config,) = [yaml.safe_load(block) for block in BLOCKS if block.startswith("repos:")]
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    (repository,) = config["repos"]
    current_ids = [hook["id"] for hook in hooks if hook["id"].startswith("basebump-")]
    assert [hook["id"] for hook in repository["hooks"]] == current_ids


def test_gitlab_job_on_the_check_page_uses_image_tag_of_current_version():
    (job,) = [yaml.safe_load(block)["images"] for block in BLOCKS if block.startswith("images:")]
    assert job["image"] == {"name": f"registry.example.com/platform/basebump:{__version__}", "entrypoint": [""]}
    assert set(job["artifacts"]["reports"]) == {"codequality", "junit"}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_external_actions_named_in_files_are_pinned_to_recorded_commits(place):
    used = re.findall(r"uses: (\w[\w.-]*/[\w.-]+)(\S*?)@(\S+)(?: # (\S+))?", place.read_text(encoding="utf-8"))
    named = [(action, commit, release) for action, _, commit, release in used if not action.endswith("/basebump")]
    assert all(RELEASES.get(action) == (commit, release) for action, commit, release in named), named


def test_check_of_pinned_actions_covers_at_least_four_files_with_actions():
    assert sum("uses: " in place.read_text(encoding="utf-8") for place in PLACES) >= 4
