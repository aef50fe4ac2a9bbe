"""Runs that share a state share its limits: parts that run at the same time, and runs after one that was killed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from support.forges.counted import ConcurrentWriter, CountedFleet, SimulatedKill, WriteCounter
from support.git import DiskRepository
from support.runs.twins import SetClock
from support.runs.worlds import NOW, TEMPLATES, build, start_hub

from bot.forges.local.fleet import LocalFleet
from bot.model.limits import ProposalLimits
from bot.model.report import RunReport
from bot.model.run_scope import RunScope, Shard
from bot.model.vocabulary import ProposalOutcome, RunLevel
from bot.pipeline.run import run_fleets
from bot.pipeline.run_context import RunOptions
from bot.state.lookups.opening_ledger import DatabaseOpeningLedger

pytestmark = [pytest.mark.slow, pytest.mark.real("git")]

REPOSITORIES = 9
PARTS = 4
LIMITS = ProposalLimits(new_per_window=4)
Run = Callable[..., RunReport]


@pytest.fixture
def folder(tmp_path):
    """Return a folder with many repositories, each of which needs one proposal."""
    old = build("old").digest
    for number in range(REPOSITORIES):
        DiskRepository.create(tmp_path / "fleet" / f"r{number:02}.git", {"Dockerfile": f"FROM nginx:1@{old}\n"})
    return tmp_path / "fleet"


@pytest.fixture
def run(folder, state_location):
    """Return a function that runs over a part of the folder with the state."""
    with start_hub() as loopback:
        for content in ("old", "new"):
            loopback.move("nginx", "1", content)

        def run_part(
            part: int | None,
            now: datetime = NOW,
            *,
            fatal_write: int | None = None,
            names: frozenset[str] = frozenset(),
            counter: WriteCounter | None = None,
        ) -> RunReport:
            counter = counter or WriteCounter()
            if fatal_write is not None:
                counter.die_before(fatal_write)
            state = replace(loopback.state, openings=DatabaseOpeningLedger(state_location.database()))
            context = replace(loopback.world(), now=now, clock=SetClock(now), state=state)
            scope = RunScope(names, Shard(part, PARTS) if part is not None else None)
            options = RunOptions(
                loopback.rulebook, "basebump/", TEMPLATES, RunLevel.PROPOSE, limits=LIMITS, scope=scope
            )
            return run_fleets((CountedFleet(LocalFleet(folder), counter),), context, options)

        yield run_part


def count_open(folder) -> int:
    return sum(len(DiskRepository(each).refs("refs/basebump/proposals/")) for each in folder.iterdir())


def count_opened(report: RunReport) -> int:
    return sum(each.outcome is ProposalOutcome.OPENED for part in report.repositories for each in part.proposals)


def test_concurrent_shards_share_the_limit_of_new_proposals(folder, run):
    with ThreadPoolExecutor(PARTS) as threads:
        reports = list(threads.map(run, range(1, PARTS + 1)))
    assert sum(map(count_opened, reports)) == count_open(folder) == 4
    assert count_opened(run(None, NOW + timedelta(minutes=30))) == 0
    assert count_opened(run(None, NOW + timedelta(hours=2))) == 4


def test_next_run_opens_proposals_reserved_by_killed_shards(folder, run):
    """The parts are killed after a different number of writes. A proposal takes two writes."""

    def run_until_killed(part: int) -> None:
        with suppress(SimulatedKill):
            run(part, fatal_write=part)

    with ThreadPoolExecutor(PARTS) as threads:
        list(threads.map(run_until_killed, range(1, PARTS + 1)))
    assert count_open(folder) < 4
    run(None, NOW + timedelta(minutes=10))
    assert count_open(folder) == 4
    assert count_opened(run(None, NOW + timedelta(minutes=20))) == 0


@pytest.mark.parametrize("write", [1, 4])
def test_overlapping_runs_over_the_same_repositories_share_the_limit(folder, run, write):
    """The second run happens right before a write of the first one. A proposal takes two writes."""
    counter = ConcurrentWriter(write, lambda: run(None, NOW + timedelta(minutes=1)))
    first = run(None, counter=counter)
    assert any("rerun basebump" in each.error for each in first.failed)
    assert count_open(folder) == 4
    assert count_opened(run(None, NOW + timedelta(minutes=10))) == 0
    assert count_opened(run(None, NOW + timedelta(hours=2))) == 4


def test_proposal_that_could_not_be_opened_does_not_count_toward_the_limit(folder, run):
    git = DiskRepository(folder / "r00.git")
    (git.directory / "refs/basebump").write_text("A file, so that git cannot create a folder for proposals here.")
    first = run(None)
    assert any("r00" in each.subject for each in first.failed)
    assert count_opened(first) == 3
    others = frozenset(each.stem for each in folder.iterdir() if each.stem != "r00")
    assert count_opened(run(None, NOW + timedelta(minutes=10), names=others)) == 1
