"""Plays an update of a base image from the pull request to the cluster, and records `basebump usage` on the way."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from unittest.mock import patch

from support.loop_walk import BASE, LoopWalk

from bot.cli.screen import show_lines

COLUMNS = "80"
"""Width of the terminal in characters."""
COMMAND = f"basebump usage {BASE}:3.12"
_COVERAGE_LINES = 3
"""The lines about the age of the data at the end, which the picture leaves out."""


class _FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def play_loop(walk: LoopWalk) -> Iterator[tuple[str, str, str]]:
    """Yield a remark, a command and its output for each stage."""
    walk.run()
    walk.push_update()
    walk.wait()
    walk.run()
    yield _record(walk, "a newer base image was pushed, and basebump opened a pull request")
    walk.wait()
    walk.merge()
    walk.run()
    walk.wait()
    walk.run()
    yield _record(walk, "merged, and the pipeline failed")
    new_web = walk.rebuild()
    walk.write_manifest(new_web)
    walk.run()
    walk.wait()
    yield _record(walk, "the pipeline succeeded, and the manifest names the new build")
    walk.wait()
    walk.deploy(new_web)
    walk.run()
    yield _record(walk, "the new build was deployed")


def _record(walk: LoopWalk, remark: str) -> tuple[str, str, str]:
    lines = list(walk.list_usage_lines())[:-_COVERAGE_LINES]
    with patch.dict(os.environ, COLUMNS=COLUMNS):
        output = show_lines(lines, _FakeTerminal()).replace(walk.stand.server.url, "https://github.com")
    return f"{walk.now:%d %B}: {remark}", COMMAND, output
