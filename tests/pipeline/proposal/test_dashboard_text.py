"""The whole text of a dashboard with ten open requests, five waiting proposals and three held images, on each server.

`python -m support.runs.dashboards` in `tests/` prints it, to replace `support/runs/dashboard.md` after a change.
"""

from __future__ import annotations

import pytest
from support.runs.boards import STANDS, BoardScene
from support.runs.dashboards import RECORD, list_files, normalise_dashboard, run, run_twice

pytestmark = pytest.mark.real("git")


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_dashboard_of_forty_images_matches_record_and_is_written_once(tmp_path, loopback, kind):
    scene = BoardScene(STANDS[kind](tmp_path, list_files()), loopback)
    report = run_twice(scene.stand, loopback)
    assert report.failed == ()
    board = scene.board()
    assert normalise_dashboard(board.body) == RECORD.read_text(encoding="utf-8")
    writes = list(scene.stand.writes)
    run(scene.stand, loopback)
    assert (scene.board(), scene.stand.writes) == (board, writes)
    scene.stand.end()
