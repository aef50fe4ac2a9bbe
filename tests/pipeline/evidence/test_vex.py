"""VEX statements of accepted authors, from a scan to a proposal and over several runs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.stands import LocalStand
from support.runs.worlds import NOW, LoopbackHub, PresetScanner, build, list_outcomes
from support.scanners.advisories import PresetAdvisories
from support.values import finding

from bot.core.evidence.purl import parse_purl
from bot.model.evidence import Severity
from bot.model.policy import PolicyRule
from bot.model.report import RunFailure
from bot.model.rules import IntroducedLimit
from bot.model.vex import VexProduct, VexStatement, VexStatus
from bot.model.vocabulary import FailureStage
from bot.state.database import Database
from bot.state.exposure.store import DatabaseScanStore

pytestmark = pytest.mark.real("git")

OLD, NEW = build("old").digest, build("new").digest
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"}
CRITICAL = finding("CVE-2026-1", Severity.CRITICAL)
PYTHON = parse_purl("pkg:oci/python?repository_url=docker.io/library/python")
ANSWER = VexStatement(
    frozenset({CRITICAL.id}), VexStatus.NOT_AFFECTED, "code not present", (VexProduct(PYTHON),), "Acme", NOW
)


@pytest.fixture
def updated_registry(loopback) -> LoopbackHub:
    """Return the registry with an update whose old image has a critical vulnerability."""
    for content in ("old", "new"):
        loopback.move("python", "3.12-slim", content)
    loopback.scanner = PresetScanner({OLD: (CRITICAL,), NEW: ()})
    return loopback


def get_title(report) -> str:
    ((proposal,),) = (repository.proposals for repository in report.repositories)
    return proposal.title


def get_body(stand: LocalStand) -> str:
    ((seen,),) = [stand.forge().list_requests("basebump/", frozenset())]
    return seen.body


def test_finding_suppressed_by_vex_is_neither_counted_nor_reported_as_fixed(tmp_path, updated_registry):
    assert get_title(updated_registry.run([LocalStand(tmp_path / "one", FILES).fleet()])).endswith(
        ": fixes 1 (1 critical), adds none"
    )
    updated_registry.advisories = PresetAdvisories(said=[ANSWER])
    assert "fixes none" in get_title(updated_registry.run([LocalStand(tmp_path / "two", FILES).fleet()]))


def test_proposal_names_author_of_vex_statements(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, FILES)
    updated_registry.scanner.findings[NEW] = (CRITICAL,)
    updated_registry.advisories = PresetAdvisories(said=[ANSWER])
    updated_registry.run([stand.fleet()])
    assert "| `not affected: code not present` | `VEX by Acme` |" in get_body(stand)
    assert "fixes no known vulnerabilities of `python:3.12-slim` and adds none." in get_body(stand)


def test_stored_scans_do_not_contain_vex_statements(tmp_path, updated_registry):
    updated_registry.keep(scans=DatabaseScanStore(Database.sqlite(tmp_path / "state.db"), lambda: NOW))
    stand = LocalStand(tmp_path / "repository", FILES)
    updated_registry.advisories = PresetAdvisories(said=[ANSWER])
    assert "fixes none" in get_title(updated_registry.run([stand.fleet()]))
    asked = len(updated_registry.scanner.asked)
    updated_registry.advisories = None
    assert get_title(updated_registry.run([stand.fleet()])).endswith(": fixes 1 (1 critical), adds none")
    assert len(updated_registry.scanner.asked) == asked == 2


def test_unreadable_vex_document_is_one_failure_and_its_earlier_statements_still_apply(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, FILES)
    updated_registry.scanner.findings[NEW] = (CRITICAL,)
    updated_registry.advisories = PresetAdvisories(said=[ANSWER])
    updated_registry.run([stand.fleet()])
    before = get_body(stand)
    updated_registry.advisories = PresetAdvisories(vex="vex.json is no JSON")
    report = updated_registry.run([stand.fleet()])
    assert list_outcomes(report) == ["unchanged"]
    assert get_body(stand) == before
    assert report.failed == (RunFailure("enrichment.vex[0]", FailureStage.ASSESS, "vex.json is no JSON"),)


def test_proposal_allowed_by_vex_stays_open_while_the_document_is_unreadable(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, FILES)
    updated_registry.rulebook = replace(
        updated_registry.rulebook, rules=(PolicyRule(allow_introduced=(IntroducedLimit(Severity.CRITICAL, 0),)),)
    )
    updated_registry.scanner = PresetScanner({OLD: (), NEW: (CRITICAL,)})
    updated_registry.advisories = PresetAdvisories(said=[ANSWER])
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["opened"]
    updated_registry.advisories = PresetAdvisories(vex="vex.json is no JSON")
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["left-alone"]
    updated_registry.advisories = PresetAdvisories()
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["closed"]
