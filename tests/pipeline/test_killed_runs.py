"""A run may be killed at any write; the next run ends where a clean run ends, with no memory but the forge.

Scenes that begin alike reach the same writes in the same state: what an earlier scene tried is not tried again. A run
that is killed before its first visible write leaves everything as it was: the following run begins there as well.
The test run prints the number of kills per forge at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from support.forges.claims import QUICK_FORGES
from support.forges.counted import SimulatedKill
from support.forges.kill_points import note_kills
from support.runs.scenes import PUSH, PYTHON, RUN, SCENES, STANDS, VARIED, WITHOUT, Act, RunScene, count_tested_acts
from support.runs.worlds import LoopbackHub

from bot.model.proposal import RequestState
from bot.model.vocabulary import RunLevel
from bot.state.database import Database

pytestmark = [
    pytest.mark.real("git"),
    pytest.mark.over_forges(github_app="tokens aside, it is asked as with a token", forgejo="it is asked as a Gitea"),
]

THREE_LINES = PYTHON | {"cache/Dockerfile": "FROM redis:7\nFROM nginx:1.27\n"}


class PlayedAct(NamedTuple):
    """An act, the state after the act if the act is a run to be killed, and its number of writes."""

    act: Act
    state: object
    writes: int


@dataclass
class ScenePlayer:
    """Plays scenes on one kind of forge, each in a folder of its own."""

    forge: str
    folder: Path
    loopback: LoopbackHub
    files: dict[str, str] = field(default_factory=lambda: PYTHON)
    count: Iterator[int] = field(default_factory=count)
    open_state: Callable[[Path], Database] | None = None
    """Opens the state in which the runs of a scene remember; its folder is that of the scene. None for no state."""
    uses_plans: bool = False
    """True if the runs are planned first, and the plans are performed."""

    def play(self, acts: list[Act], tried: int) -> list[PlayedAct]:
        """Play a scene, claim that another run at its end writes nothing, and return the played acts."""
        scene = self.build_scene()
        try:
            played = []
            for number, act in enumerate(acts):
                before = len(scene.stand.writes)
                act(scene)
                state = scene.read_state() if number >= tried and act in {RUN, PUSH} else None
                played.append(PlayedAct(act, state, len(scene.stand.writes) - before))
            writes = list(scene.stand.writes)
            scene.run()
            assert (scene.read_state(), scene.stand.writes) == (played[-1].state, writes)
            return played
        finally:
            scene.stand.end()

    def play_killed(self, clean: list[PlayedAct], untried: dict[int, int]) -> int:
        """Play a scene in which each act of `untried` is killed before the write that `untried` names for it.

        As long as the killed run left everything as it was, the next run begins where the killed run began. The next
        run is then killed as well, before the following write. After a run that left something behind comes a run that
        is not killed: the latter has to end as in a clean play.

        Afterwards `untried` names the next write of each act; acts whose writes were all tried are removed from it. The
        acts after the last of them are not played. Return the number of killed runs.
        """
        scene, kills, last = self.build_scene(), 0, max(untried)
        try:
            for number, (act, state, writes) in enumerate(clean[: last + 1]):
                before = scene.read_state() if number in untried else None
                while number in untried and scene.read_state() == before:
                    write = untried.pop(number)
                    scene.stand.die_before(write)
                    with pytest.raises(SimulatedKill):
                        act(scene)
                    kills += 1
                    if write < writes:
                        untried[number] = write + 1
                act(scene)
                if before is not None:
                    assert scene.read_state() == state, f"act {number}, whose run was killed before write {write}"
            return kills
        finally:
            scene.stand.end()

    def build_scene(self) -> RunScene:
        fresh = LoopbackHub(self.loopback.registry, self.loopback.store)  # without remembered scans
        folder = self.folder / f"scene-{next(self.count)}"
        scene = RunScene(folder, fresh, self.forge, self.files, uses_plans=self.uses_plans)
        if self.open_state is not None:
            fresh.remember(self.open_state(self.folder / f"state-{next(self.count)}.db"))
        return scene

    def kill_runs(self, title: str, titles: Iterable[str] = SCENES) -> int:
        """Kill every run of a scene before each of its writes, and compare with a clean play; return how often.

        Runs that an earlier scene of `titles` begins with are not killed again.
        """
        clean = self.play(SCENES[title], count_tested_acts(title, titles))
        untried = {number: 1 for number, played in enumerate(clean) if played.state is not None and played.writes}
        kills = 0
        while untried:
            kills += self.play_killed(clean, untried)
        return kills


# The order of writes is the same code for all servers, so all scenes are played on one of them only.
@pytest.mark.parametrize(
    ("title", "forge"),
    [
        *((title, "local") for title in SCENES),
        *(pytest.param(title, "github", marks=() if title in VARIED else pytest.mark.slow) for title in SCENES),
        *((title, forge) for forge in STANDS if forge not in QUICK_FORGES for title in VARIED),
    ],
)
def test_next_run_completes_a_run_that_was_killed_before_any_given_write(title, forge, tmp_path, loopback, request):
    if (forge, title) in WITHOUT:
        pytest.skip(WITHOUT[forge, title])
    kills = ScenePlayer(forge, tmp_path, loopback).kill_runs(title, SCENES if forge in QUICK_FORGES else VARIED)
    note_kills(request, forge, kills)


@pytest.mark.slow
@pytest.mark.parametrize("forge", ["local", "github"])
@pytest.mark.parametrize("title", VARIED)
def test_next_run_completes_a_killed_run_if_both_share_a_sqlite_state(title, forge, tmp_path, loopback):
    ScenePlayer(forge, tmp_path, loopback, open_state=Database.sqlite).kill_runs(title, VARIED)


@pytest.mark.slow
@pytest.mark.parametrize("title", VARIED)
def test_next_plan_and_apply_complete_an_apply_that_was_killed_before_any_write(title, tmp_path, loopback):
    ScenePlayer("local", tmp_path, loopback, uses_plans=True).kill_runs(title, VARIED)


@pytest.mark.real("postgresql")
@pytest.mark.parametrize("title", ["opened", "user closes the request, then the tag moves", "two proposals in one run"])
def test_next_run_completes_a_killed_run_if_both_share_a_postgresql_state(title, tmp_path, loopback, postgresql):
    ScenePlayer("local", tmp_path, loopback, open_state=lambda _: Database.postgresql(postgresql.fresh())).kill_runs(
        title
    )


def test_shared_beginnings_of_scenes_of_killed_runs_are_tested_only_once():
    assert count_tested_acts("opened") == 0
    assert count_tested_acts("user closes the request, then the tag moves") == len(
        [RUN, RunScene.close_request_as_user]
    )
    assert all(count_tested_acts(title) < len(acts) for title, acts in SCENES.items())


def test_run_with_two_proposals_is_killed_before_each_of_four_writes(tmp_path, loopback):
    assert ScenePlayer("local", tmp_path, loopback).kill_runs("two proposals in one run") == 4


@pytest.mark.parametrize("forge", STANDS)
def test_proposal_is_opened_again_after_a_user_deleted_the_branch(forge, tmp_path, loopback):
    scene = ScenePlayer(forge, tmp_path, loopback).build_scene()
    for act in SCENES["user deletes the branch"]:
        act(scene)
    assert next(each.state for each in scene.stand.requests()) is RequestState.OPEN
    scene.stand.end()


@pytest.mark.parametrize("level", [RunLevel.REPORT, RunLevel.PUSH])
def test_run_at_a_level_below_propose_opens_no_pull_request(level, tmp_path, loopback):
    scene = RunScene(tmp_path / "scene", loopback, files=THREE_LINES)
    for _ in range(2):
        loopback.run([scene.stand.fleet()], level)
    assert scene.stand.requests() == []
    assert {write.partition(" ")[0] for write in scene.stand.writes} == ({"push"} if level is RunLevel.PUSH else set())
    assert len(scene.stand.writes) == (3 if level is RunLevel.PUSH else 0)
