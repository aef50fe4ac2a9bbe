"""Each level of a run needs exactly the scope and the role on GitLab that the documentation lists."""

from __future__ import annotations

import re

import pytest
from support.forges.gitlab.stand import GitLabStand
from support.parts import ROOT
from support.runs.worlds import build, list_outcomes

from bot.forges.gitlab.gitlab_errors import READ_ACCESS, WRITE_ACCESS
from bot.model.vocabulary import RunLevel

pytestmark = pytest.mark.real("git")

PAGE = (ROOT / "docs" / "forge-gitlab.md").read_text(encoding="utf-8")
FILES = {"Dockerfile": f"FROM python:3.12-slim@{build('old').digest}\n"}


def read_documented_roles():
    """Return the scope and the role of each level that the documentation lists."""
    (row,) = re.findall(r"^\| personal, group or project access token \|(.*)\|$", PAGE, re.MULTILINE)
    said = ""
    for level, cell in zip(RunLevel, row.split("|"), strict=True):
        said = said if "the same" in cell else cell
        ((scope, role),) = re.findall(r"the scope `(\w+)` and the role (\w+)", said)
        yield level, (scope, role)


RUNGS = dict(read_documented_roles())
DONE = {RunLevel.REPORT: "would-open", RunLevel.PUSH: "would-open", RunLevel.PROPOSE: "opened"}


def test_documentation_and_messages_state_the_same_scope_and_role_for_each_run_level():
    assert RUNGS == {
        RunLevel.REPORT: ("read_api", "Reporter"),
        RunLevel.PUSH: ("api", "Developer"),
        RunLevel.PROPOSE: ("api", "Developer"),
    }
    words = {level: f"the scope `{scope}` and the role {role}" for level, (scope, role) in RUNGS.items()}
    assert words == {RunLevel.REPORT: READ_ACCESS, RunLevel.PUSH: WRITE_ACCESS, RunLevel.PROPOSE: WRITE_ACCESS}


@pytest.fixture
def stand(tmp_path, loopback):
    stand = GitLabStand(tmp_path, FILES)
    stand.project.private = True
    loopback.move("python", "3.12-slim", "new")
    yield stand
    stand.end()


def _grant(stand, scope, role):
    stand.token.scope, stand.token.can_write = scope, role == "Developer"


@pytest.mark.parametrize("level", RunLevel)
def test_run_level_works_on_gitlab_with_documented_scope_and_role(stand, loopback, level):
    _grant(stand, *RUNGS[level])
    for expected in (DONE[level], "unchanged" if level is RunLevel.PROPOSE else "would-open"):
        report = loopback.run([stand.fleet()], level)
        assert (report.failed, list_outcomes(report)) == ((), [expected])
    assert (len(stand.branches()) > 1) is (level is not RunLevel.REPORT)
    assert len(stand.requests()) == (level is RunLevel.PROPOSE)


@pytest.mark.parametrize("level", [RunLevel.PUSH, RunLevel.PROPOSE])
@pytest.mark.parametrize("lacks", ["scope", "role"])
def test_run_without_required_scope_or_role_fails_and_names_scope_and_role(stand, loopback, level, lacks):
    scope, role = RUNGS[level]
    below = RUNGS[RunLevel.REPORT]
    _grant(stand, *((below[0], role) if lacks == "scope" else (scope, below[1])))
    (failure,) = loopback.run([stand.fleet()], level).failed
    assert WRITE_ACCESS in failure.error
    assert len(stand.branches()) == 1


def test_report_fails_when_the_gitlab_project_is_not_visible(stand, loopback):
    stand.project.members.clear()
    (failure,) = loopback.run([stand.fleet()], RunLevel.REPORT).failed
    assert READ_ACCESS in failure.error


def test_each_run_level_works_with_a_gitlab_token_for_only_this_level(stand, loopback):
    for level, expected in DONE.items():
        _grant(stand, *RUNGS[level])
        report = loopback.run([stand.fleet()], level)
        assert (report.failed, list_outcomes(report)) == ((), [expected])
    assert len(stand.requests()) == 1


def test_documentation_states_that_a_job_token_allows_only_the_level_report():
    (row,) = re.findall(r"^\| [^|]*`CI_JOB_TOKEN` \|(.*)\|$", PAGE, re.MULTILINE)
    assert [cell.strip() == "not possible" for cell in row.split("|")] == [False, True, True]
