"""A run may be killed at any write; the next run ends where a clean run ends, with no memory but the forge.

Scenes that begin alike reach the same writes in the same state: what an earlier scene tried is not tried again. A run
that is killed before its first visible write leaves everything as it was: the following run begins there as well.
How many points were tried on which forge is said at the end of the run of tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count, takewhile
from pathlib import Path
from typing import NamedTuple

import pytest
from support.forges.azure.stand import AzureStand
from support.forges.gitea.stand import GiteaStand
from support.forges.github.stand import GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.forges.kill_points import note_kills
from support.forges.stands import Killed, LocalStand, Request, Stand
from support.git import Commit
from support.runs.worlds import Loopback, ToldScanner, build
from support.values import finding

from bot.core.proposal.markers import shorten_commit
from bot.model.limits import RolloutOptions
from bot.model.policy import PolicyRule, RuleMatch
from bot.model.proposal import RequestState
from bot.model.vocabulary import RunLevel

pytestmark = [
    pytest.mark.real("git"),
    pytest.mark.over_forges(github_app="tokens aside, it is asked as with a token", forgejo="it is asked as a Gitea"),
]

BRANCH = "basebump/python-3.12-slim-06e5bb43"
OLD, NEW, NEWER = build("old").digest, build("new").digest, build("newer").digest

PYTHON = {
    "Dockerfile": f"FROM python:3.12-slim@{OLD}\n",
    "tools/Dockerfile": "FROM python:3.12-slim AS tools\n",
    "deploy/app.yaml": (
        f'apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - {{name: a, image: "python:3.12-slim@{OLD}"}}\n'
    ),
}
THREE_LINES = PYTHON | {"cache/Dockerfile": "FROM redis:7\nFROM nginx:1.27\n"}

PORT = re.compile(r"127\.0\.0\.1:[0-9]+")
GROUP, NO_REDIS = (
    PolicyRule(group="weekly"),
    PolicyRule(match=RuleMatch(image=("docker.io/library/redis",)), ignore=True),
)

STANDS: dict[str, Callable[[Path, dict[str, str]], Stand]] = {
    "local": LocalStand,
    "github": GitHubStand,
    "gitlab": GitLabStand,
    "azure": AzureStand,
    "gitea": GiteaStand,
}
WITHOUT = {
    ("azure", "a dashboard, until there is nothing to show"): "it has no issues",
    ("azure", "a person's commit, and the box is ticked"): "its texts have no checkboxes",
}
"""Scenes that cannot be played on a forge."""
MENTION = re.compile(r"This was proposed before in !\d+ and withdrawn\.\n\n")
"""On Azure Repos, a run that is killed between opening a request and storing its mark leaves a request without a mark.
The next run writes its text again, without this sentence."""


class Scene:
    """One stand and one registry, and what can happen to them."""

    def __init__(self, root: Path, loopback: Loopback, forge: str = "local", files: dict[str, str] = PYTHON) -> None:
        root.mkdir()
        self.stand = STANDS[forge](root, files)
        self.loopback = loopback
        self.orders: dict[str, object] = {}
        self.moves("new")

    def run(self) -> None:
        self.loopback.run([self.stand.fleet()], **self.orders)

    def push(self) -> None:
        """Run on the rung below: branches without requests."""
        self.loopback.run([self.stand.fleet()], RunLevel.PUSH, **self.orders)

    def has(self, **orders: object) -> None:
        self.orders = orders

    def follows(self, *rules: PolicyRule) -> None:
        self.loopback.rulebook = replace(self.loopback.rulebook, rules=rules)

    def moves(self, content: str) -> None:
        for repository, tag in (("python", "3.12-slim"), ("redis", "7"), ("nginx", "1.27")):
            self.loopback.move(repository, tag, content)

    def learns(self, identifier: str) -> None:
        digests = {digest: (finding(identifier),) for digest in (OLD, NEW)}
        self.loopback.scanner = ToldScanner(digests)

    def base_moves_to(self, digest: str) -> None:
        pinned = PYTHON["tools/Dockerfile"].replace("slim", f"slim@{digest}")
        moved = {path: text.replace(OLD, digest) for path, text in PYTHON.items()}
        self.stand.commit("main", moved | {"tools/Dockerfile": pinned})

    def image_goes(self) -> None:
        self.stand.commit("main", dict.fromkeys(PYTHON, "# nothing left\n"))

    def another_line(self) -> None:
        self.stand.commit("main", {"cache/Dockerfile": "FROM redis:7\n"})

    def person_ticks(self) -> None:
        """Tick the box in the body, by which a person asks for the branch to be rebuilt."""
        (seen,) = self.stand.forge().list_requests("basebump/", frozenset({BRANCH}))
        box = "- [ ] <!-- basebump:rebase -->"
        assert box in seen.body
        self.stand.forge().update_request(seen, seen.title, seen.body.replace(box, box.replace("[ ]", "[x]")))

    def person_commits(self) -> None:
        self.stand.commit(BRANCH, {"Dockerfile": "FROM scratch\n"})

    def person_closes(self) -> None:
        self.stand.close_request(BRANCH)

    def person_merges(self) -> None:
        self.stand.merge_request(BRANCH)

    def person_reverts(self) -> None:
        self.stand.commit("main", PYTHON)

    def person_deletes(self) -> None:
        self.stand.delete_branch(BRANCH)

    def person_updates(self) -> None:
        self.stand.commit("main", {"README.md": "Elsewhere.\n"})
        self.stand.update_branch(BRANCH)

    def conflicts(self) -> None:
        self.stand.commit("main", {"Dockerfile": f"# rewritten\nFROM python:3.12-slim@{OLD} AS other\n"})

    def state(self) -> object:
        """Everything that people see; commits by their content, not by their hour."""
        branches = self.stand.branches()
        trees = {branch: self.stand.files(branch) for branch in branches}
        commits = {branch: self.stand.commits(branch) for branch in branches}
        messages = {branch: [commit.message for commit in made] for branch, made in commits.items()}
        statuses = {branch: self.stand.statuses(branch) for branch in branches}
        shown = (timeless(each, commits.get(each.branch, [])) for each in self.stand.requests())
        requests = sorted(shown, key=lambda request: request.branch)
        return trees, messages, statuses, requests, self.board() if "has_dashboards" in self.orders else None

    def board(self) -> object:
        """Return the dashboard, without where its stand listens."""
        fleet = self.stand.fleet()
        (repository,) = fleet.list_repositories(frozenset({self.stand.name}))
        board = fleet.get_dashboard(repository).read()
        return board and (board.title, board.is_open, PORT.sub("", board.body))


def timeless(request: Request, commits: list[Commit]) -> Request:
    """Return a request whose mark names a commit of its branch by how many came after it."""
    body = MENTION.sub("", request.body)
    for later, commit in enumerate(commits):
        body = body.replace(f'"on":"{shorten_commit(commit.oid)}"', f'"on":"{later} before its last"')
    return replace(request, body=body)


Act = Callable[[Scene], None]
RUN, PUSH = Scene.run, Scene.push


def moves_back(scene: Scene) -> None:
    scene.moves("new")


def moves_on(scene: Scene) -> None:
    scene.moves("newer")


def learns(scene: Scene) -> None:
    scene.learns("CVE-1900-0001")


def base_has_it(scene: Scene) -> None:
    scene.base_moves_to(NEW)


def is_grouped(scene: Scene) -> None:
    scene.follows(GROUP)


SCENES: dict[str, list[Act]] = {
    "opened": [RUN],
    "the tag moved again": [RUN, moves_on, RUN],
    "new evidence": [RUN, learns, RUN],
    "evidence and tag together": [
        RUN,
        learns,
        moves_on,
        RUN,
    ],
    "declined": [RUN, Scene.person_closes, RUN],
    "declined, then the next digest": [RUN, Scene.person_closes, moves_on, RUN],
    "declined, moved on, moved back": [
        RUN,
        Scene.person_closes,
        moves_on,
        RUN,
        moves_back,
        RUN,
    ],
    "a person's commit": [RUN, Scene.person_commits, moves_on, RUN, RUN],
    "the base was merged into it, and the tag moved": [
        RUN,
        Scene.person_updates,
        moves_on,
        RUN,
    ],
    "the base was merged into what was scanned": [
        learns,
        RUN,
        Scene.person_updates,
        RUN,
    ],
    "what was scanned conflicts": [learns, RUN, Scene.conflicts, RUN],
    "pushed, then opened with its status": [learns, PUSH, RUN],
    "the base was merged into it, and has it already": [
        RUN,
        Scene.person_updates,
        base_has_it,
        RUN,
    ],
    "merged": [RUN, Scene.person_merges, RUN],
    "merged and reverted": [RUN, Scene.person_merges, Scene.person_reverts, RUN, RUN],
    "the branch was deleted": [RUN, Scene.person_deletes, RUN],
    "the branch was deleted, and no file names the image": [RUN, Scene.person_deletes, Scene.image_goes, RUN],
    "the base has it already": [RUN, base_has_it, RUN],
    "no file names it any more": [RUN, Scene.image_goes, RUN],
    "taken back and wanted again": [
        RUN,
        base_has_it,
        RUN,
        moves_on,
        RUN,
    ],
    "it conflicts": [RUN, Scene.conflicts, RUN],
    "a person's commit, and the box is ticked": [RUN, Scene.person_commits, RUN, Scene.person_ticks, RUN],
    "two at once": [Scene.another_line, RUN],
    "pushed, then opened": [PUSH, RUN],
    "pushed, and the tag moved": [PUSH, moves_on, RUN],
    "pushed, and not wanted any more": [PUSH, Scene.image_goes, RUN],
    "a group loses an image": [
        Scene.another_line,
        is_grouped,
        RUN,
        lambda scene: scene.follows(NO_REDIS, GROUP),
        RUN,
    ],
    "a group is parted": [
        Scene.another_line,
        is_grouped,
        RUN,
        Scene.follows,
        RUN,
    ],
    "labels on a draft": [
        lambda scene: scene.follows(PolicyRule(labels=("docker",), draft=True)),
        RUN,
        moves_on,
        RUN,
    ],
    "the first of a repository": [
        Scene.another_line,
        lambda scene: scene.has(rollout=RolloutOptions(first_proposal=True)),
        RUN,
    ],
    "a dashboard, until there is nothing to show": [
        lambda scene: scene.has(has_dashboards=True),
        RUN,
        Scene.image_goes,
        RUN,
    ],
}
"""What happens one after another. Each run is killed before each of its writes, except in a beginning already tried."""


def count_tried(acts: list[Act]) -> int:
    """Return with how many of these acts an earlier scene begins: what they write was tried there."""
    titles = [title for title, others in SCENES.items() if others is acts]
    earlier = list(SCENES)[: list(SCENES).index(titles[0])] if titles else []
    return max((count_equal(acts, SCENES[title]) for title in earlier), default=0)


def count_equal(acts: list[Act], others: list[Act]) -> int:
    """Return with how many acts both begin."""
    pairs = zip(acts, others, strict=False)
    return len(list(takewhile(lambda pair: pair[0] is pair[1], pairs)))


class Played(NamedTuple):
    """An act, what people see after it if it is a run that is to be killed, and how often it wrote."""

    act: Act
    seen: object
    writes: int


@dataclass
class Stage:
    """Plays scenes on one kind of forge, each in a folder of its own."""

    forge: str
    folder: Path
    loopback: Loopback
    files: dict[str, str] = field(default_factory=lambda: PYTHON)
    count: Iterator[int] = field(default_factory=count)

    def play(self, acts: list[Act], tried: int) -> list[Played]:
        """Play a scene and return what came of each act; another run at its end writes nothing."""
        scene = self.scene()
        try:
            played = []
            for number, act in enumerate(acts):
                before = len(scene.stand.writes)
                act(scene)
                seen = scene.state() if number >= tried and act in {RUN, PUSH} else None
                played.append(Played(act, seen, len(scene.stand.writes) - before))
            writes = list(scene.stand.writes)
            scene.run()
            assert (scene.state(), scene.stand.writes) == (played[-1].seen, writes)
            return played
        finally:
            scene.stand.end()

    def play_killed(self, clean: list[Played], untried: dict[int, int]) -> int:
        """Play a scene in which each act of `untried` is killed before the write that `untried` names for it.

        As long as the killed run left everything as it was, the next run begins where the killed run began. The next
        run is then killed as well, before the following write. After a run that left something behind comes a run that
        is not killed: the latter has to end as in a clean play.

        Afterwards `untried` names the next write of each act; acts whose writes were all tried are removed from it. The
        acts after the last of them are not played. Return the number of killed runs.
        """
        scene, kills, last = self.scene(), 0, max(untried)
        try:
            for number, (act, seen, writes) in enumerate(clean[: last + 1]):
                before = scene.state() if number in untried else None
                while number in untried and scene.state() == before:
                    write = untried.pop(number)
                    scene.stand.die_before(write)
                    with pytest.raises(Killed):
                        act(scene)
                    kills += 1
                    if write < writes:
                        untried[number] = write + 1
                act(scene)
                if before is not None:
                    assert scene.state() == seen, f"act {number}, whose run was killed before write {write}"
            return kills
        finally:
            scene.stand.end()

    def scene(self) -> Scene:
        fresh = Loopback(self.loopback.registry, self.loopback.store)  # nobody remembers what a scanner was told
        return Scene(self.folder / f"scene-{next(self.count)}", fresh, self.forge, self.files)

    def kills(self, acts: list[Act]) -> int:
        """Kill every run of a scene before each of its writes, and compare with a clean play; return how often."""
        clean = self.play(acts, count_tried(acts))
        untried = {number: 1 for number, played in enumerate(clean) if played.seen is not None and played.writes}
        kills = 0
        while untried:
            kills += self.play_killed(clean, untried)
        return kills


@pytest.mark.slow
@pytest.mark.parametrize("forge", STANDS)
@pytest.mark.parametrize("title", SCENES)
def test_a_run_killed_before_any_write_is_healed_by_the_next_which_ends_all_writing(
    title, forge, tmp_path, loopback, request
):
    if (forge, title) in WITHOUT:
        pytest.skip(WITHOUT[forge, title])
    kills = Stage(forge, tmp_path, loopback).kills(SCENES[title])
    note_kills(request, forge, kills)


def test_a_scene_tries_what_follows_the_beginning_of_another():
    assert count_tried(SCENES["opened"]) == 0
    assert count_tried(SCENES["declined, then the next digest"]) == len([RUN, Scene.person_closes])
    assert all(count_tried(acts) < len(acts) for acts in SCENES.values())


def test_every_proposal_of_a_run_is_a_push_and_an_open(tmp_path, loopback):
    assert Stage("local", tmp_path, loopback).kills(SCENES["two at once"]) == 4


@pytest.mark.parametrize("forge", STANDS)
def test_a_request_whose_branch_somebody_deleted_is_no_decline(forge, tmp_path, loopback):
    scene = Stage(forge, tmp_path, loopback).scene()
    for act in SCENES["the branch was deleted"]:
        act(scene)
    assert next(each.state for each in scene.stand.requests()) is RequestState.OPEN
    scene.stand.end()


@pytest.mark.parametrize("level", [RunLevel.REPORT, RunLevel.PUSH])
def test_below_the_top_rung_no_request_is_touched(level, tmp_path, loopback):
    scene = Scene(tmp_path / "scene", loopback, files=THREE_LINES)
    for _ in range(2):
        loopback.run([scene.stand.fleet()], level)
    assert scene.stand.requests() == []
    assert {write.partition(" ")[0] for write in scene.stand.writes} == ({"push"} if level is RunLevel.PUSH else set())
    assert len(scene.stand.writes) == (3 if level is RunLevel.PUSH else 0)
