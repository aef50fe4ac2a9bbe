"""Two runs over one repository at the same time: the next run reaches the result of a single run."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count

import pytest
from support.forges.counted import ConcurrentWriter, CountedFleet
from support.forges.forge_stands import select_stands
from support.runs.worlds import LoopbackHub, build

from bot.model.report import RunReport
from bot.model.vocabulary import FailureStage
from bot.state.database import Database

pytestmark = [pytest.mark.slow, pytest.mark.real("git")]

STANDS = select_stands(without=("github-app", "gitea", "forgejo"))
FILES = {"Dockerfile": f"FROM python:3.12-slim@{build('old').digest}\n"}
TWO_LINES = {"Dockerfile": FILES["Dockerfile"] + "FROM redis:7\n"}


class OverlappingRuns:
    """A repository on a forge, and runs over it."""

    def __init__(self, forge, folder, loopback) -> None:
        folder.mkdir()
        self.stand, self.loopback = STANDS[forge](folder, TWO_LINES if forge == "local" else FILES), loopback
        self.move("new")

    def move(self, content: str) -> None:
        for repository, tag in (("python", "3.12-slim"), ("redis", "7")):
            self.loopback.move(repository, tag, content)

    def run(self) -> RunReport:
        return self.loopback.run([self.stand.fleet()])

    def run_into(self, write: int) -> tuple[RunReport, bool]:
        """Run, with another whole run right before a write. Return True if there was such a write."""
        others: list[RunReport] = []
        counter = ConcurrentWriter(write, lambda: others.append(self.run()))
        report = self.loopback.run([CountedFleet(self.stand.fleet(), counter)])
        return report, bool(others)

    def state(self) -> object:
        branches = self.stand.branches()
        requests = [(each.branch, each.state, each.title) for each in self.stand.requests()]
        return {branch: self.stand.files(branch) for branch in branches}, sorted(requests)


PASTS = {
    "nothing is there yet": [],
    "the tags moved on": [OverlappingRuns.run, lambda play: play.move("newer")],
    "nobody wants them any more": [
        OverlappingRuns.run,
        lambda play: play.stand.commit("main", {"Dockerfile": "FROM scratch\n"}),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("forge", STANDS)
@pytest.mark.parametrize("past", PASTS)
def test_run_after_two_overlapping_runs_has_the_result_of_a_single_run(past, forge, tmp_path, loopback):
    compare_with_single_run(past, forge, tmp_path, loopback)


@pytest.mark.parametrize(("past", "forge"), [*((past, "local") for past in PASTS), ("the tags moved on", "github")])
def test_run_after_overlapping_runs_with_one_sqlite_state_has_result_of_single_run(past, forge, tmp_path, loopback):
    """Each compared sequence of runs has its own state, which all its runs share."""
    names = count()

    def open_state() -> Database:
        return Database.sqlite(tmp_path / f"state-{next(names)}.db")

    compare_with_single_run(past, forge, tmp_path, loopback, open_state)


@pytest.mark.real("postgresql")
def test_run_after_overlapping_runs_with_postgresql_state_has_result_of_single_run(tmp_path, loopback, postgresql):
    compare_with_single_run(
        "the tags moved on", "local", tmp_path, loopback, lambda: Database.postgresql(postgresql.fresh())
    )


def compare_with_single_run(past, forge, tmp_path, loopback, open_state: Callable[[], Database] | None = None) -> None:
    """Execute a whole run before each write of another run, and compare the next run's result with a single run."""

    def start(name: str) -> OverlappingRuns:
        fresh = LoopbackHub(loopback.registry, loopback.store)
        if open_state is not None:
            fresh.remember(open_state())
        return play_past(OverlappingRuns(forge, tmp_path / name, fresh), past)

    alone = start("alone")
    alone.run()
    settled = alone.state()
    alone.stand.end()
    for write in count(1):
        play = start(str(write))
        try:
            late, met = play.run_into(write)
            if not met:
                break
            assert {failure.stage for failure in late.failed} <= {FailureStage.PROPOSE}, late.failed
            assert all(re.search("rerun basebump|has no open proposal", failure.error) for failure in late.failed), (
                late.failed
            )
            after = play.run()
            assert after.failed == ()
            assert play.state() == settled, f"before write {write}"
            writes = list(play.stand.writes)
            assert play.run().failed == ()
            assert play.stand.writes == writes
        finally:
            play.stand.end()
    assert write > 2


def play_past(play, past):
    for act in PASTS[past]:
        act(play)
    return play
