"""VEX statements of accepted authors, from a scan to a proposal and over several runs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.stands import LocalStand
from support.runs.worlds import NOW, LoopbackHub, ToldScanner, build, list_outcomes
from support.scanners.advisories import ToldAdvisories
from support.values import finding

from bot.core.evidence.purl import parse_purl
from bot.model.evidence import Severity
from bot.model.policy import PolicyRule
from bot.model.report import RunFailure
from bot.model.rules import IntroducedLimit
from bot.model.vex import VexProduct, VexStatement, VexStatus
from bot.model.vocabulary import FailureStage
from bot.state.database import Database
from bot.state.lookups.state_store import DatabaseStateStore

pytestmark = pytest.mark.real("git")

OLD, NEW = build("old").digest, build("new").digest
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"}
CRITICAL = finding("CVE-2026-1", Severity.CRITICAL)
PYTHON = parse_purl("pkg:oci/python?repository_url=docker.io/library/python")
ANSWER = VexStatement(
    frozenset({CRITICAL.id}), VexStatus.NOT_AFFECTED, "code not present", (VexProduct(PYTHON),), "Acme", NOW
)


@pytest.fixture
def moved(loopback) -> LoopbackHub:
    """Return the registry with an update whose old image has a critical vulnerability."""
    for content in ("old", "new"):
        loopback.move("python", "3.12-slim", content)
    loopback.scanner = ToldScanner({OLD: (CRITICAL,), NEW: ()})
    return loopback


def get_title(report) -> str:
    ((proposal,),) = (repository.proposals for repository in report.repositories)
    return proposal.title


def get_body(stand: LocalStand) -> str:
    ((seen,),) = [stand.forge().list_requests("basebump/", frozenset())]
    return seen.body


def test_suppressed_finding_is_neither_fixed_nor_counted(tmp_path, moved):
    assert get_title(moved.run([LocalStand(tmp_path / "one", FILES).fleet()])).endswith(
        ": fixes 1 (1 critical), adds none"
    )
    moved.advisories = ToldAdvisories(said=[ANSWER])
    assert "fixes none" in get_title(moved.run([LocalStand(tmp_path / "two", FILES).fleet()]))


def test_proposal_names_the_author_of_statements(tmp_path, moved):
    stand = LocalStand(tmp_path, FILES)
    moved.scanner.findings[NEW] = (CRITICAL,)
    moved.advisories = ToldAdvisories(said=[ANSWER])
    moved.run([stand.fleet()])
    assert "| `not affected: code not present` | `VEX by Acme` |" in get_body(stand)
    assert "fixes no known vulnerabilities of `python:3.12-slim` and adds none." in get_body(stand)


def test_stored_scans_do_not_contain_statements(tmp_path, moved):
    moved.memory = DatabaseStateStore(Database.sqlite(tmp_path / "state.db"), lambda: NOW)
    stand = LocalStand(tmp_path / "repository", FILES)
    moved.advisories = ToldAdvisories(said=[ANSWER])
    assert "fixes none" in get_title(moved.run([stand.fleet()]))
    asked = len(moved.scanner.asked)
    moved.advisories = None
    assert get_title(moved.run([stand.fleet()])).endswith(": fixes 1 (1 critical), adds none")
    assert len(moved.scanner.asked) == asked == 2


def test_unreadable_documents_are_one_failure_and_revoke_no_statements(tmp_path, moved):
    stand = LocalStand(tmp_path, FILES)
    moved.scanner.findings[NEW] = (CRITICAL,)
    moved.advisories = ToldAdvisories(said=[ANSWER])
    moved.run([stand.fleet()])
    before = get_body(stand)
    moved.advisories = ToldAdvisories(vex="vex.json is no JSON")
    report = moved.run([stand.fleet()])
    assert list_outcomes(report) == ["unchanged"]
    assert get_body(stand) == before
    assert report.failed == (RunFailure("enrichment.vex[0]", FailureStage.ASSESS, "vex.json is no JSON"),)


def test_proposal_that_needs_a_statement_is_unchanged_while_documents_are_unreadable(tmp_path, moved):
    stand = LocalStand(tmp_path, FILES)
    moved.rulebook = replace(
        moved.rulebook, rules=(PolicyRule(allow_introduced=(IntroducedLimit(Severity.CRITICAL, 0),)),)
    )
    moved.scanner = ToldScanner({OLD: (), NEW: (CRITICAL,)})
    moved.advisories = ToldAdvisories(said=[ANSWER])
    assert list_outcomes(moved.run([stand.fleet()])) == ["opened"]
    moved.advisories = ToldAdvisories(vex="vex.json is no JSON")
    assert list_outcomes(moved.run([stand.fleet()])) == ["left-alone"]
    moved.advisories = ToldAdvisories()
    assert list_outcomes(moved.run([stand.fleet()])) == ["closed"]
