"""A request that users accepted waits, unless waiting would leave a dangerous image in the request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from support.forges.github.stand import GitHubStand
from support.forges.stands import LocalStand
from support.runs.worlds import NOW, LoopbackHub, PresetScanner, build, list_outcomes
from support.scanners.advisories import PresetAdvisories
from support.values import finding

from bot.model.evidence import Severity
from bot.model.image import TagDescriptor
from bot.model.image_name import TagRef
from bot.model.modes import OnClose
from bot.model.policy import PolicyRule
from bot.model.report import RunFailure
from bot.model.rules import AcceptedHold
from bot.model.vocabulary import FailureStage, Reason
from bot.state.database import Database
from bot.state.lookups.lookup_store import DatabaseLookupStore

pytestmark = pytest.mark.real("git")

PYTHON = TagRef("docker.io/library/python", "3.12-slim")
BRANCH = "basebump/python-3.12-slim-06e5bb43"
OLD, NEW, NEWER = build("old").digest, build("new").digest, build("newer").digest
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"}
CRITICAL, LOW = finding("CVE-2026-1", Severity.CRITICAL), finding("CVE-2026-2", Severity.LOW)


@contextmanager
def open_accepted_request(folder, loopback: LoopbackHub) -> Iterator[GitHubStand]:
    """Return a request that proposes NEW and has automerge, while its tag already points to NEWER."""
    stand = GitHubStand(folder, FILES)
    try:
        for content in ("old", "new"):
            loopback.move("python", "3.12-slim", content)
        assert list_outcomes(loopback.run([stand.fleet()])) == ["opened"]
        stand.repository.open_pull(BRANCH).auto_merge = stand.server.world.accounts["ada"]
        loopback.move("python", "3.12-slim", "newer")
        yield stand
    finally:
        stand.end()


def build_state(path, seen: dict[int, str]) -> DatabaseLookupStore:
    """Return a state with observations of the tag, each a number of days ago."""
    memory = DatabaseLookupStore(Database.sqlite(path), lambda: NOW)
    for days, digest in seen.items():
        memory.record_tags({PYTHON: TagDescriptor(digest, "")}, NOW - timedelta(days=days))
    return memory


def test_approved_pull_request_is_not_updated_to_newer_digest(tmp_path, loopback):
    with open_accepted_request(tmp_path, loopback) as stand:
        before = stand.writes.copy()
        assert list_outcomes(loopback.run([stand.fleet()])) == ["left-alone"]
        assert stand.writes == before


@pytest.mark.parametrize(("fixed", "outcome"), [(CRITICAL, "refreshed"), (LOW, "left-alone")])
def test_approved_pull_request_is_updated_if_newer_digest_fixes_critical_finding(tmp_path, loopback, fixed, outcome):
    with open_accepted_request(tmp_path, loopback) as stand:
        loopback.scanner = PresetScanner({OLD: (CRITICAL,), NEW: (fixed,), NEWER: ()})
        assert list_outcomes(loopback.run([stand.fleet()])) == [outcome]


def test_approved_pull_request_is_not_updated_if_approved_digest_has_the_fix(tmp_path, loopback):
    with open_accepted_request(tmp_path, loopback) as stand:
        loopback.scanner = PresetScanner({OLD: (CRITICAL,), NEW: (), NEWER: ()})
        assert list_outcomes(loopback.run([stand.fleet()])) == ["left-alone"]


def test_approved_pull_request_is_updated_if_the_registry_lost_the_digest(tmp_path, loopback):
    with open_accepted_request(tmp_path, loopback) as stand:
        loopback.store.remove("library/python", NEW)
        assert list_outcomes(loopback.run([stand.fleet()])) == ["refreshed"]


def test_approved_pull_request_is_updated_if_the_publisher_withdrew_the_digest(tmp_path, loopback):
    with open_accepted_request(tmp_path / "github", loopback) as stand:
        loopback.keep(lookups=build_state(tmp_path / "state.db", {9: NEWER, 6: NEW}))
        back = AcceptedHold(Reason.SEEN_BEFORE, "platform team", "we know of it", NOW.date())
        loopback.rulebook = replace(loopback.rulebook, rules=(PolicyRule(accept=(back,)),))
        assert list_outcomes(loopback.run([stand.fleet()])) == ["refreshed"]


def test_open_pull_request_is_not_updated_to_digest_that_reached_min_age_later(tmp_path, loopback):
    stand = LocalStand(tmp_path, FILES)
    loopback.rulebook = replace(loopback.rulebook, rules=(PolicyRule(min_age=timedelta(days=3)),))
    seen = {9: loopback.move("python", "3.12-slim", "old"), 5: loopback.move("python", "3.12-slim", "new")}
    loopback.keep(lookups=build_state(tmp_path / "first.db", seen))
    assert list_outcomes(loopback.run([stand.fleet()])) == ["opened"]
    seen[4] = loopback.move("python", "3.12-slim", "newer")
    loopback.keep(lookups=build_state(tmp_path / "second.db", seen))
    (repository,) = loopback.run([stand.fleet()]).repositories
    (left,) = repository.proposals
    assert (left.outcome.value, "old enough" in left.note) == ("left-alone", True)
    loopback.rulebook = replace(loopback.rulebook, rules=())
    assert list_outcomes(loopback.run([stand.fleet()])) == ["refreshed"]


@pytest.mark.parametrize(("fixed", "outcome"), [(CRITICAL, "opened"), (LOW, "declined")])
def test_declined_tag_is_proposed_again_if_newer_digest_fixes_critical_finding(tmp_path, loopback, fixed, outcome):
    stand = LocalStand(tmp_path, FILES)
    loopback.rulebook = replace(loopback.rulebook, rules=(PolicyRule(on_close=OnClose.LINE),))
    for content in ("old", "new"):
        loopback.move("python", "3.12-slim", content)
    assert list_outcomes(loopback.run([stand.fleet()])) == ["opened"]
    stand.close_request(BRANCH)
    loopback.move("python", "3.12-slim", "newer")
    assert list_outcomes(loopback.run([stand.fleet()])) == ["declined"]
    loopback.scanner = PresetScanner({OLD: (CRITICAL,), NEW: (fixed,), NEWER: ()})
    assert list_outcomes(loopback.run([stand.fleet()])) == [outcome]


def test_declined_tag_is_not_proposed_again_if_the_registry_lost_the_digest(tmp_path, loopback):
    stand = LocalStand(tmp_path, FILES)
    loopback.rulebook = replace(loopback.rulebook, rules=(PolicyRule(on_close=OnClose.LINE),))
    for content in ("old", "new"):
        loopback.move("python", "3.12-slim", content)
    loopback.run([stand.fleet()])
    stand.close_request(BRANCH)
    loopback.move("python", "3.12-slim", "newer")
    loopback.store.remove("library/python", NEW)
    assert list_outcomes(loopback.run([stand.fleet()])) == ["declined"]


def test_approved_pull_request_is_updated_if_newer_digest_fixes_exploited_finding(tmp_path, loopback):
    with open_accepted_request(tmp_path, loopback) as stand:
        loopback.scanner = PresetScanner({OLD: (CRITICAL,), NEW: (LOW,), NEWER: ()})
        loopback.advisories = PresetAdvisories()
        assert list_outcomes(loopback.run([stand.fleet()])) == ["left-alone"]
        loopback.advisories = PresetAdvisories([LOW.id])
        assert list_outcomes(loopback.run([stand.fleet()])) == ["refreshed"]


def test_unreadable_exploit_list_is_one_failure_and_expedites_no_proposal(tmp_path, loopback):
    with open_accepted_request(tmp_path, loopback) as stand:
        loopback.scanner = PresetScanner({OLD: (CRITICAL,), NEW: (LOW,), NEWER: ()})
        loopback.advisories = PresetAdvisories([LOW.id], kev="kev.json is no JSON")
        report = loopback.run([stand.fleet()])
        assert list_outcomes(report) == ["left-alone"]
        assert report.failed == (RunFailure("enrichment.kev", FailureStage.ASSESS, "kev.json is no JSON"),)
