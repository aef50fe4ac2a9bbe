"""The page of the gate shows a workflow and hooks that can be used, and pages name only commits that are known."""

import re

import pytest
import yaml
from support.parts import ROOT
from support.witnesses.workflows import RELEASES, as_it_will_stand, problems, read, zizmor

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


def test_the_workflow_is_as_its_schema_has_it_and_asks_for_little():
    assert problems("workflow", as_it_will_stand(WORKFLOW)) == []
    said = read(WORKFLOW)
    assert said["permissions"] == {}
    (job,) = said["jobs"].values()
    assert job["permissions"] == {"contents": "read", "security-events": "write"}


@pytest.mark.real("zizmor")
def test_zizmor_finds_nothing_in_the_workflow(tmp_path):
    path = tmp_path / ".github" / "workflows" / "images.yml"
    path.parent.mkdir(parents=True)
    path.write_text(as_it_will_stand(WORKFLOW), encoding="utf-8")
    done = zizmor(path)
    assert done.returncode == 0, done.stdout


def test_the_hooks_are_those_that_there_are():
    (config,) = [yaml.safe_load(block) for block in BLOCKS if block.startswith("repos:")]
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    (repository,) = config["repos"]
    current_ids = [hook["id"] for hook in hooks if hook["id"].startswith("basebump-")]
    assert [hook["id"] for hook in repository["hooks"]] == current_ids


def test_gitlabs_job_runs_where_basebump_is():
    (job,) = [yaml.safe_load(block)["images"] for block in BLOCKS if block.startswith("images:")]
    assert job["image"] == {"name": f"registry.example.com/platform/basebump:{__version__}", "entrypoint": [""]}
    assert set(job["artifacts"]["reports"]) == {"codequality", "junit"}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_every_step_of_somebody_elses_is_named_by_a_commit_that_was_looked_up(place):
    used = re.findall(r"uses: (\w[\w.-]*/[\w.-]+)(\S*?)@(\S+)(?: # (\S+))?", place.read_text(encoding="utf-8"))
    named = [(action, commit, release) for action, _, commit, release in used if not action.endswith("/basebump")]
    assert all(RELEASES.get(action) == (commit, release) for action, commit, release in named), named


def test_there_are_such_steps_in_four_places():
    assert sum("uses: " in place.read_text(encoding="utf-8") for place in PLACES) >= 4
