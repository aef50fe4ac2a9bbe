"""Blocked digests over a fleet of fifty repositories, and on servers with requests that people approved."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from support.forges.forge_stands import select_stands
from support.forges.stands import LocalStand
from support.git import DiskRepository
from support.runs.reports import HOSTILE
from support.runs.worlds import NOW, build, list_outcomes
from support.values import digest

from bot.core.choice.blocklist import build_blocklist
from bot.forges.local.fleet import LocalFleet
from bot.model.blocklist import Block, BlockedDigest, Blocklist
from bot.model.limits import ProposalLimits
from bot.model.vocabulary import ReferenceStatus
from bot.state.database import Database

pytestmark = [
    pytest.mark.real("git"),
    pytest.mark.over_forges(github_app="tokens aside, it is asked as with a token", forgejo="it is asked as a Gitea"),
]

OLD, BAD, NEW = (build(word).digest for word in ("old", "bad", "new"))
LIMITS = ProposalLimits(new_per_window=1, open_per_repository=0)
COUNT = 50
STANDS = select_stands(without=("github-app", "forgejo"))


def block(*digests, reason="malware") -> Blocklist:
    return build_blocklist([BlockedDigest(each, Block(reason)) for each in digests])


@pytest.fixture
def run(loopback, tmp_path):
    """Return a function that runs over some fleets, so many hours after the first run."""
    loopback.remember(Database.sqlite(tmp_path / "state.db"))

    def go(fleet, hours, blocklist=Blocklist(), **orders):  # noqa: B008 - a frozen value
        loopback.rulebook, loopback.now = replace(loopback.rulebook, blocklist=blocklist), NOW + timedelta(hours=hours)
        return loopback.run([fleet], **orders)

    return go


def create_repositories(folder, *held):
    for number, each in enumerate(held):
        DiskRepository.create(folder / f"service-{number:02}", {"Dockerfile": f"FROM python:3.12@{each}\n"})


def count_outcomes(report):
    return Counter(list_outcomes(report))


@pytest.mark.slow
def test_run_replaces_blocked_digest_in_all_fifty_repositories_despite_limits(loopback, run, tmp_path):
    loopback.move("python", "3.12", "old")
    create_repositories(tmp_path / "first", OLD)
    run(LocalFleet(tmp_path / "first"), 0)
    loopback.move("python", "3.12", "bad")
    folder = tmp_path / "fleet"
    create_repositories(folder, *[BAD] * COUNT)
    report = run(LocalFleet(folder), 2, block(BAD), limits=LIMITS)
    assert count_outcomes(report) == {"opened": COUNT}
    assert {each.verdicts[0].new_digest for each in report.repositories} == {OLD}
    assert count_outcomes(run(LocalFleet(folder), 3, block(BAD), limits=LIMITS)) == {"unchanged": COUNT}
    assert count_outcomes(run(LocalFleet(folder), 4, limits=LIMITS)) == {"closed": COUNT}


@pytest.mark.slow
def test_blocked_digest_without_replacement_is_reported_in_all_fifty_repositories(loopback, run, tmp_path):
    loopback.move("python", "3.12", "bad")
    create_repositories(tmp_path / "fleet", *[BAD] * COUNT)
    report = run(LocalFleet(tmp_path / "fleet"), 0, block(BAD))
    assert list_outcomes(report) == []
    details = Counter(each.verdicts[0].detail for each in report.repositories)
    assert details == {"malware; no known replacement": COUNT}
    assert {each.verdicts[0].status for each in report.repositories} == {ReferenceStatus.BLOCKED}


@pytest.mark.parametrize("kind", STANDS)
def test_title_and_first_lines_of_pull_request_state_why_digest_is_blocked(kind, start_stand, loopback, run):
    for content in ("bad", "new"):
        loopback.move("python", "3.12", content)
    stand = start_stand(STANDS[kind], {"Dockerfile": f"FROM python:3.12@{BAD}\n"})
    assert list_outcomes(run(stand.fleet(), 0, block(BAD, reason="malware (INC-42)"), limits=LIMITS)) == ["opened"]
    (request,) = stand.requests()
    assert request.title.startswith("Blocked: malware (INC-42). Update python:3.12 to ")
    assert "**blocked:** `malware (INC-42)`" in "".join(request.body.splitlines()[:2])


@pytest.mark.parametrize("kind", ["local", "azure"])
def test_pull_request_is_refreshed_closed_and_reopened_when_blocklist_changes(kind, start_stand, loopback, run):
    """The tests of plans run the same scene on every forge (`support.runs.scenes`)."""
    loopback.move("python", "3.12", "old")
    stand = start_stand(STANDS[kind], {"Dockerfile": f"FROM python:3.12@{OLD}\n"})
    run(stand.fleet(), 0)
    loopback.move("python", "3.12", "bad")
    assert list_outcomes(run(stand.fleet(), 1)) == ["opened"]
    loopback.move("python", "3.12", "new")
    assert list_outcomes(run(stand.fleet(), 2, block(BAD))) == ["refreshed"]
    (request,) = stand.requests()
    assert NEW in stand.files(request.branch)["Dockerfile"].content.decode()
    assert list_outcomes(run(stand.fleet(), 3, block(BAD, NEW))) == ["closed"]
    assert request.branch not in stand.branches()
    assert list_outcomes(run(stand.fleet(), 4)) == ["opened"]
    assert [each.state.value for each in stand.requests()].count("open") == 1


def test_reason_in_blocklist_cannot_insert_markup_or_close_issues(start_stand, loopback, run):
    for content in ("bad", "new"):
        loopback.move("python", "3.12", content)
    stand = start_stand(LocalStand, {"Dockerfile": f"FROM python:3.12@{BAD}\n"})
    hostile = HOSTILE.replace("\ud800", "")
    run(stand.fleet(), 0, block(BAD, reason=hostile))
    (request,) = stand.requests()
    assert request.title.startswith("Blocked. Update python:3.12 to ")
    line = next(line for line in request.body.splitlines() if "**blocked:**" in line)
    span = line.partition("**blocked:** ")[2].rpartition(". The digest")[0]
    assert span.startswith("`` a¦b`c]")
    assert span.endswith(" ``")
    for reason in ("closes GH-1", "fixes SHOP-1"):
        assert list_outcomes(run(stand.fleet(), 1, block(BAD, digest("x"), reason=reason))) == ["refreshed"]
        (request,) = stand.requests()
        assert request.title.startswith("Blocked. Update ")
