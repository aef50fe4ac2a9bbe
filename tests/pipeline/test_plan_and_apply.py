"""A run, and a plan that is performed afterwards, write the same."""

from __future__ import annotations

import re

import pytest
from support.runs.scenes import SCENES, WITHOUT, Act, Scene
from support.runs.worlds import Loopback

pytestmark = [pytest.mark.real("git")]

OID = re.compile(r"[0-9a-f]{40}")
"""The id of a commit, which depends on the second in which it was made."""
FORGES = ("local", "github")


def play(scene: Scene, acts: list[Act]) -> tuple[list[str], list[object]]:
    """Return what a scene writes, and what people see after each act."""
    seen = []
    try:
        for act in acts:
            act(scene)
            seen.append(scene.state())
        return [OID.sub("OID", each) for each in scene.stand.writes], seen
    finally:
        scene.stand.end()


@pytest.mark.slow
@pytest.mark.parametrize("forge", FORGES)
@pytest.mark.parametrize("title", SCENES)
def test_plan_and_apply_write_the_same_as_a_run(title, forge, tmp_path, loopback):
    if (forge, title) in WITHOUT:
        pytest.skip(WITHOUT[forge, title])
    results = []
    for way in (False, True):
        fresh = Loopback(loopback.registry, loopback.store)
        scene = Scene(tmp_path / f"{way}", fresh, forge, uses_plans=way)
        results.append(play(scene, SCENES[title]))
    assert results[0] == results[1]
