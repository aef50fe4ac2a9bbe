"""The number of proposals that a run opens, and the reports of those that wait."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.forges.stands import LocalStand
from support.runs.worlds import PresetScanner, build, list_outcomes
from support.values import finding

from bot.model.evidence import NotScanned, ScanOutcome, ScanSubject, Severity, UnscannedReason
from bot.model.limits import ProposalLimits, ProposalSchedule
from bot.model.policy import PolicyRule, RuleMatch
from bot.model.rules import OpenCondition
from bot.model.vocabulary import RunLevel

pytestmark = pytest.mark.real("git")

NAMES = ("nginx", "python", "redis")
OLD = build("old").digest
FILES = {f"{name}/Dockerfile": f"FROM {name}:1@{OLD}\n" for name in NAMES}


class FailingScanner(PresetScanner):
    """A scanner whose scans fail."""

    def scan(self, subject: ScanSubject) -> ScanOutcome:
        super().scan(subject)
        return NotScanned(UnscannedReason.FAILED)


@pytest.fixture
def updated_registry(loopback):
    for content in ("old", "new"):
        for name in NAMES:
            loopback.move(name, "1", content)
    return loopback


def test_run_opens_proposals_up_to_the_limit_and_next_run_continues(tmp_path, updated_registry):
    stand, limits = LocalStand(tmp_path, FILES), ProposalLimits(new_per_repository=2)
    assert list_outcomes(updated_registry.run([stand.fleet()], limits=limits)) == ["opened", "opened", "deferred"]
    report = updated_registry.run([stand.fleet()], limits=limits)
    assert list_outcomes(report) == ["unchanged", "unchanged", "opened"]


def test_merged_pull_request_allows_the_next_proposal(tmp_path, updated_registry):
    stand, limits = LocalStand(tmp_path, FILES), ProposalLimits(open_per_repository=1)
    assert list_outcomes(updated_registry.run([stand.fleet()], limits=limits)) == ["opened", "deferred", "deferred"]
    assert list_outcomes(updated_registry.run([stand.fleet()], limits=limits)) == ["unchanged", "deferred", "deferred"]
    (branch,) = (name for name in stand.branches() if name != "main")
    stand.merge_request(branch)
    stand.delete_branch(branch)
    assert list_outcomes(updated_registry.run([stand.fleet()], limits=limits)) == ["opened", "deferred"]


def test_waiting_proposal_is_not_pushed(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, FILES)
    updated_registry.run([stand.fleet()], RunLevel.PUSH, limits=ProposalLimits(new_per_repository=1))
    assert len(stand.branches()) == 2


def test_pull_requests_are_updated_but_not_opened_outside_the_schedule(tmp_path, updated_registry):
    stand, rulebook = LocalStand(tmp_path, FILES), updated_registry.rulebook
    assert (
        list_outcomes(updated_registry.run([stand.fleet()], limits=ProposalLimits(new_per_repository=1)))[0] == "opened"
    )
    updated_registry.rulebook = replace(rulebook, rules=(PolicyRule(schedules=(ProposalSchedule("* * 1 1 *"),)),))
    updated_registry.move("nginx", "1", "newer")
    report = updated_registry.run([stand.fleet()])
    assert list_outcomes(report) == ["refreshed", "deferred", "deferred"]
    note = report.repositories[0].proposals[1].note
    assert re.match(r"Its schedule .* The schedule next allows it on \d{4}-01-01 at 00:00 \(UTC\)\.", note)


def test_update_below_required_severity_waits_but_open_pull_request_is_updated(tmp_path, updated_registry):
    stand, rulebook = LocalStand(tmp_path, FILES), updated_registry.rulebook
    updated_registry.scanner = PresetScanner({OLD: (finding("CVE-2026-1", Severity.LOW),), build("new").digest: ()})
    assert (
        list_outcomes(updated_registry.run([stand.fleet()], limits=ProposalLimits(new_per_repository=1)))[0] == "opened"
    )
    updated_registry.rulebook = replace(rulebook, rules=(PolicyRule(open_when=OpenCondition(Severity.HIGH)),))
    newer = updated_registry.move("nginx", "1", "newer")
    updated_registry.scanner.findings[newer] = ()
    report = updated_registry.run([stand.fleet()])
    assert list_outcomes(report) == ["refreshed", "deferred", "deferred"]
    assert report.repositories[0].proposals[1].note.startswith("The update does not fix enough ")
    updated_registry.scanner.findings[OLD] = (finding("CVE-2026-2", Severity.HIGH),)
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["refreshed", "opened", "opened"]


def test_update_waits_if_images_cannot_be_scanned(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, {"Dockerfile": FILES["nginx/Dockerfile"]})
    updated_registry.scanner = FailingScanner({OLD: (), build("new").digest: ()})
    report = updated_registry.run([stand.fleet()])
    assert list_outcomes(report) == ["deferred"]
    assert "unknown" in report.repositories[0].proposals[0].note
    updated_registry.scanner = PresetScanner(updated_registry.scanner.findings)
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["opened"]
    updated_registry.scanner = FailingScanner({})
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["unchanged"]


def test_lost_digest_is_replaced_regardless_of_limits_and_schedules(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, FILES)
    updated_registry.store.remove("library/redis", OLD)
    updated_registry.rulebook = replace(
        updated_registry.rulebook, rules=(PolicyRule(schedules=(ProposalSchedule("* * 1 1 *"),)),)
    )
    assert list_outcomes(updated_registry.run([stand.fleet()], limits=ProposalLimits(new_per_window=1))) == [
        "deferred",
        "deferred",
        "opened",
    ]


def test_paused_repository_gets_no_proposals_and_keeps_open_pull_requests(tmp_path, updated_registry):
    stand, rulebook = LocalStand(tmp_path, FILES), updated_registry.rulebook
    updated_registry.run([stand.fleet()], limits=ProposalLimits(new_per_repository=1))
    before = stand.branches()
    updated_registry.rulebook = replace(
        rulebook, rules=(PolicyRule(match=RuleMatch(path=("nginx/*", "python/*")), paused=True),)
    )
    updated_registry.move("nginx", "1", "newer")
    report = updated_registry.run([stand.fleet()])
    assert list_outcomes(report) == ["left-alone", "opened"]
    assert report.repositories[0].proposals[0].note == "The policy pauses its updates (`paused`)."
    assert stand.branches().items() >= before.items()
    statuses = {each.reference.path: (each.status, each.reason) for each in report.repositories[0].verdicts}
    assert statuses["nginx/Dockerfile"] == ("skipped", "paused")
