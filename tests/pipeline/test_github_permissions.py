"""Each level of a run needs exactly the permissions on GitHub that the documentation lists, for every kind of token."""

from __future__ import annotations

import re

import pytest
from support.forges.github.stand import GitHubAppStand, GitHubStand
from support.parts import ROOT
from support.runs.worlds import build, list_outcomes

from bot.model.vocabulary import RunLevel

pytestmark = pytest.mark.real("git")

PAGE = (ROOT / "docs" / "forge-github.md").read_text(encoding="utf-8")
FILES = {"Dockerfile": f"FROM python:3.12-slim@{build('old').digest}\n"}
STANDS = {"fine-grained": GitHubStand, "app": GitHubAppStand}


def read_documented_permissions():
    """Return the permissions of each level that the documentation lists, including those of lower levels."""
    (row,) = re.findall(r"^\| fine-grained token, GitHub App \|(.*)\|$", PAGE, re.MULTILINE)
    granted = {"metadata": "read"}
    for level, cell in zip(RunLevel, row.split("|"), strict=True):
        granted |= dict(re.findall(r"`(\w+): (\w+)`", cell))
        yield level, dict(granted)


RUNGS = dict(read_documented_permissions())
DONE = {RunLevel.REPORT: "would-open", RunLevel.PUSH: "would-open", RunLevel.PROPOSE: "opened"}


def test_documentation_lists_github_permissions_of_each_run_level():
    assert RUNGS == {
        RunLevel.REPORT: {"metadata": "read", "contents": "read", "pull_requests": "read"},
        RunLevel.PUSH: {"metadata": "read", "contents": "write", "pull_requests": "read"},
        RunLevel.PROPOSE: {"metadata": "read", "contents": "write", "pull_requests": "write"},
    }


@pytest.fixture(params=STANDS)
def stand(request, tmp_path, loopback):
    stand = STANDS[request.param](tmp_path, FILES)
    stand.repository.private = True
    loopback.move("python", "3.12-slim", "new")
    yield stand
    stand.end()


def _grant(stand, permissions):
    if isinstance(stand, GitHubAppStand):
        stand.installation.permissions = permissions
    else:
        stand.token.permissions = permissions


@pytest.mark.parametrize("level", RunLevel)
def test_run_level_works_on_github_with_documented_permissions(stand, loopback, level):
    _grant(stand, RUNGS[level])
    for expected in (DONE[level], "unchanged" if level is RunLevel.PROPOSE else "would-open"):
        report = loopback.run([stand.fleet()], level)
        assert (report.failed, list_outcomes(report)) == ((), [expected])
    assert (len(stand.branches()) > 1) is (level is not RunLevel.REPORT)
    assert len(stand.requests()) == (level is RunLevel.PROPOSE)


@pytest.mark.parametrize(
    ("level", "missing"), [(RunLevel.PUSH, "contents: write"), (RunLevel.PROPOSE, "pull requests: write")]
)
def test_run_with_permissions_of_lower_level_fails_and_names_missing_permission(stand, loopback, level, missing):
    _grant(stand, RUNGS[RunLevel(level - 1)])
    (failure,) = loopback.run([stand.fleet()], level).failed
    assert f"`{missing}`" in failure.error.replace("pull_requests", "pull requests")
    assert stand.requests() == []


@pytest.mark.parametrize("level", RunLevel)
def test_run_fails_at_every_level_without_a_documented_read_permission(stand, loopback, level):
    for permission in ("contents", "pull_requests"):
        _grant(stand, {key: value for key, value in RUNGS[level].items() if key != permission})
        assert loopback.run([stand.fleet()], level).failed


def test_each_run_level_works_with_a_github_token_for_only_this_level(stand, loopback):
    for level, expected in DONE.items():
        _grant(stand, RUNGS[level])
        report = loopback.run([stand.fleet()], level)
        assert (report.failed, list_outcomes(report)) == ((), [expected])
    assert len(stand.requests()) == 1
