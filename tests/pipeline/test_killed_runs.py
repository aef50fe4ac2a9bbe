"""A run may be killed at any write; the next run ends where a clean run ends, with no memory but the forge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.stands import Killed, LocalStand
from support.values import finding
from support.worlds import Loopback, ToldScanner, build

from bot.model.vocabulary import Level

pytestmark = pytest.mark.real("git")

BRANCH = "basebump/python-3.12-slim-06e5bb43"
OLD, NEW, NEWER = build("old").digest, build("new").digest, build("newer").digest

FILES = {
    "Dockerfile": f"FROM python:3.12-slim@{OLD}\n",
    "tools/Dockerfile": "FROM python:3.12-slim AS tools\nFROM redis:7\n",
    "deploy/app.yaml": (
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n"
        f'    - {{name: a, image: "python:3.12-slim@{OLD}"}}\n    - {{name: b, image: "nginx:1.27"}}\n'
    ),
}


class Scene:
    """One stand and one registry, and what can happen to them."""

    def __init__(self, root: Path, loopback: Loopback) -> None:
        root.mkdir()
        self.stand = LocalStand(root, FILES)
        self.loopback = loopback
        self.moves("new")

    def run(self) -> None:
        self.loopback.run([self.stand.fleet()])

    def moves(self, content: str) -> None:
        for repository, tag in (("python", "3.12-slim"), ("redis", "7"), ("nginx", "1.27")):
            self.loopback.move(repository, tag, content)

    def learns(self, identifier: str) -> None:
        digests = {digest: (finding(identifier),) for digest in (OLD, NEW)}
        self.loopback.scanner = ToldScanner(digests)

    def base_moves_to(self, digest: str) -> None:
        content = {path: text.replace(OLD, digest) for path, text in FILES.items()}
        content["tools/Dockerfile"] = f"FROM python:3.12-slim@{digest} AS tools\nFROM redis:7\n"
        self.stand.commit("main", content)

    def image_goes(self) -> None:
        self.stand.commit("main", dict.fromkeys(FILES, "# nothing left\n"))

    def person_commits(self) -> None:
        self.stand.commit(BRANCH, {"Dockerfile": "FROM scratch\n"})

    def person_closes(self) -> None:
        self.stand.close_request(BRANCH)

    def person_merges(self) -> None:
        self.stand.merge_request(BRANCH)

    def person_deletes(self) -> None:
        self.stand.delete_branch(BRANCH)

    def conflicts(self) -> None:
        self.stand.commit("main", {"Dockerfile": f"# rewritten\nFROM python:3.12-slim@{OLD} AS other\n"})

    def state(self) -> object:
        """Everything that people see; commits by their content, not by their hour."""
        branches = self.stand.branches()
        trees = {branch: self.stand.files(branch) for branch in branches}
        messages = {branch: [commit.message for commit in self.stand.commits(branch)] for branch in branches}
        return trees, messages, sorted(self.stand.requests(), key=lambda request: request.branch)


RUN = Scene.run
Act = Callable[[Scene], None]

SCENES: dict[str, list[Act]] = {
    "opened": [RUN],
    "nothing changed": [RUN, RUN],
    "the tag moved again": [RUN, lambda scene: scene.moves("newer"), RUN],
    "new evidence": [RUN, lambda scene: scene.learns("CVE-1900-0001"), RUN],
    "evidence and tag together": [
        RUN,
        lambda scene: scene.learns("CVE-1900-0001"),
        lambda scene: scene.moves("newer"),
        RUN,
    ],
    "declined": [RUN, Scene.person_closes, RUN],
    "declined, then the next digest": [RUN, Scene.person_closes, lambda scene: scene.moves("newer"), RUN],
    "declined, moved on, moved back": [
        RUN,
        Scene.person_closes,
        lambda scene: scene.moves("newer"),
        RUN,
        lambda scene: scene.moves("new"),
        RUN,
    ],
    "a person's commit": [RUN, Scene.person_commits, lambda scene: scene.moves("newer"), RUN, RUN],
    "merged": [RUN, Scene.person_merges, RUN],
    "the branch was deleted": [RUN, Scene.person_deletes, RUN],
    "the base has it already": [RUN, lambda scene: scene.base_moves_to(NEW), RUN],
    "no file names it any more": [RUN, Scene.image_goes, RUN],
    "taken back and wanted again": [
        RUN,
        lambda scene: scene.base_moves_to(NEW),
        RUN,
        lambda scene: scene.moves("newer"),
        RUN,
    ],
    "it conflicts": [RUN, Scene.conflicts, RUN],
}


def _play(acts: list[Act], tmp_path: Path, loopback: Loopback, name: str, kill: tuple[int, int] | None) -> Scene | None:
    """Play a scene; with `kill` = (act, write), end that act before that write and run once more.

    Returns None when the act has fewer writes than that.
    """
    scene = Scene(tmp_path / name, loopback)
    for number, act in enumerate(acts):
        if kill is None or number != kill[0]:
            act(scene)
            continue
        scene.stand.die_before(kill[1])
        try:
            act(scene)
        except Killed:
            act(scene)
        else:
            return None
    return scene


@pytest.mark.parametrize("title", SCENES)
def test_a_run_killed_before_any_write_is_healed_by_the_next(title, tmp_path, loopback, record_property):
    acts = SCENES[title]
    clean = _play(acts, tmp_path, _fresh(loopback), "clean", None)
    assert clean is not None
    kills = 0
    for number, act in enumerate(acts):
        if act is not RUN:
            continue
        write = 1
        while scene := _play(acts, tmp_path, _fresh(loopback), f"killed-{number}-{write}", (number, write)):
            assert scene.state() == clean.state(), f"killed in act {number} before write {write}"
            write += 1
        kills += write - 1
    record_property("kills", kills)
    if title == "opened":
        assert kills == 6  # three lines, a push and an open each


@pytest.mark.parametrize("title", SCENES)
def test_after_every_scene_another_run_writes_nothing(title, tmp_path, loopback):
    scene = _play(SCENES[title], tmp_path, _fresh(loopback), "clean", None)
    assert scene is not None
    settled, writes = scene.state(), len(scene.stand.writes)
    scene.run()
    assert scene.state() == settled
    assert len(scene.stand.writes) == writes


@pytest.mark.parametrize("level", [Level.REPORT, Level.PUSH])
def test_below_the_top_rung_no_request_is_touched(level, tmp_path, loopback):
    scene = Scene(tmp_path / "scene", _fresh(loopback))
    for _ in range(2):
        loopback.run([scene.stand.fleet()], level)
    assert scene.stand.requests() == []
    assert {write.partition(" ")[0] for write in scene.stand.writes} == ({"push"} if level is Level.PUSH else set())
    assert len(scene.stand.writes) == (3 if level is Level.PUSH else 0)


def _fresh(loopback: Loopback) -> Loopback:
    """Forget what a scanner was told in the scene before."""
    return Loopback(loopback.registry, loopback.store)
