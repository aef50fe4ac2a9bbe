"""Runs with a private scanner, over public and private repositories."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.github.stand import GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.forges.stands import LocalStand
from support.runs.worlds import PresetScanner, build, list_outcomes
from support.values import finding

from bot.model.evidence import Severity
from bot.model.policy import PolicyRule
from bot.model.rules import IntroducedLimit
from bot.reports.run.report_text import render_run_text

pytestmark = pytest.mark.real("git")

OLD, NEW = build("old"), build("new")
FIXED, STAYS, COMES = (finding(f"CVE-1900-000{number}", Severity.CRITICAL) for number in range(1, 4))
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD.digest}\n"}
LEFT_OUT = "Its findings are left out here: the findings are private, and everyone can read the proposal."
NUMBERS = ("CVE-1900", "fixes 1", "1 critical", "Critical |", "Told", "known vulnerab")


@pytest.fixture
def scanned_registry(updated_registry):
    """Return a registry whose images are scanned by a private scanner."""
    updated_registry.scanner = PresetScanner({OLD.digest: (FIXED, STAYS), NEW.digest: (STAYS,)})
    updated_registry.is_private = lambda line: line.repository == "docker.io/library/python"
    return updated_registry


@pytest.fixture(params=["github", "gitlab"])
def stand(request, start_stand):
    return start_stand(GitHubStand if request.param == "github" else GitLabStand, FILES)


def hide(stand) -> None:
    hosted = stand.repository if isinstance(stand, GitHubStand) else stand.project
    hosted.private = True


def show(stand) -> None:
    hosted = stand.repository if isinstance(stand, GitHubStand) else stand.project
    hosted.private = False


def request_of(stand):
    (request,) = stand.requests()
    return request


def read_commit_message(stand) -> str:
    return stand.git.run("log", "-1", "--format=%B", request_of(stand).branch).decode()


def read_dashboard(stand) -> str:
    (repository,) = stand.fleet().list_repositories(frozenset({stand.name}))
    board = stand.fleet().get_dashboard(repository).read()
    assert board is not None
    return board.body


def test_pull_request_in_public_repository_omits_private_evidence_and_says_so(scanned_registry, stand):
    assert list_outcomes(scanned_registry.run([stand.fleet()])) == ["opened"]
    request = request_of(stand)
    assert LEFT_OUT in request.body
    for told in NUMBERS:
        assert told not in request.title + request.body + read_commit_message(stand), told
    (status,) = stand.statuses(request.branch)
    assert "findings are private" in status.description
    assert list_outcomes(scanned_registry.run([stand.fleet()])) == ["unchanged"]


def test_pull_request_in_private_repository_shows_private_evidence(scanned_registry, stand):
    hide(stand)
    assert list_outcomes(scanned_registry.run([stand.fleet()])) == ["opened"]
    request = request_of(stand)
    assert "CVE-1900-0001" in request.body
    assert "fixes 1 known vulnerability of `python:3.12-slim` (1 critical)" in request.body
    assert request.title.endswith(": fixes 1 (1 critical), adds none")


def test_pull_request_in_local_repository_shows_private_evidence(scanned_registry, tmp_path):
    stand = LocalStand(tmp_path, FILES)
    assert list_outcomes(scanned_registry.run([stand.fleet()])) == ["opened"]
    assert "CVE-1900-0001" in request_of(stand).body


def test_open_pull_request_loses_private_evidence_if_repository_becomes_public(scanned_registry, stand):
    hide(stand)
    scanned_registry.run([stand.fleet()])
    show(stand)
    assert list_outcomes(scanned_registry.run([stand.fleet()])) == ["refreshed"]
    request = request_of(stand)
    assert LEFT_OUT in request.body
    assert not any(told in request.title + request.body for told in NUMBERS)


def test_evidence_of_public_scanner_is_shown_in_public_repository(scanned_registry, stand):
    scanned_registry.is_private = lambda line: False
    scanned_registry.run([stand.fleet()])
    assert "CVE-1900-0001" in request_of(stand).body


def test_changed_private_evidence_does_not_change_pull_request_in_public_repository(scanned_registry, stand):
    scanned_registry.run([stand.fleet()])
    scanned_registry.scanner = PresetScanner({OLD.digest: (FIXED,), NEW.digest: (COMES,)})
    assert list_outcomes(scanned_registry.run([stand.fleet()])) == ["unchanged"]
    scanned_registry.scanner = PresetScanner({})
    assert list_outcomes(scanned_registry.run([stand.fleet()])) == ["unchanged"]


def test_gate_refuses_update_on_private_evidence_but_shows_no_numbers(scanned_registry, stand):
    scanned_registry.scanner = PresetScanner({OLD.digest: (), NEW.digest: (COMES,)})
    rule = PolicyRule(allow_introduced=(IntroducedLimit(Severity.CRITICAL, 0),))
    scanned_registry.rulebook = replace(scanned_registry.rulebook, rules=(rule, *scanned_registry.rulebook.rules))
    report = scanned_registry.run([stand.fleet()], has_dashboards=True)
    assert list_outcomes(report) == ["refused"]
    (verdict,) = report.repositories[0].verdicts
    assert (verdict.status, verdict.reason) == ("refused", "introduced")
    board = read_dashboard(stand)
    assert "1 critical" not in board
    assert "more vulnerabilities" in board
    assert "1 critical" not in render_run_text(report)


def test_dashboard_of_public_repository_does_not_name_queried_hosts(scanned_registry, stand):
    scanned_registry.store.remove("library/python", NEW.digest)
    for tell, told in ((hide, True), (show, False)):
        tell(stand)
        (verdict,) = scanned_registry.run([stand.fleet()], has_dashboards=True).repositories[0].verdicts
        assert verdict.status == "unresolved"
        assert scanned_registry.registry.host in verdict.detail
        board = read_dashboard(stand)
        assert "### Not looked up" in board
        assert (scanned_registry.registry.host in board) is told
