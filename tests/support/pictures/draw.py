"""Draw the pictures in the docs: run basebump over the scene, and save pictures of its pages.

    make pictures

Needs Trivy, Chromium, buildah and GitHub's style sheet. `docs/images/` gets the pictures.
"""

from __future__ import annotations

import base64
import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from support.loop_walk import open_walk
from support.parts import ROOT
from support.pictures.loop import play_loop
from support.pictures.pages import render_proposal, render_session, render_terminal
from support.pictures.proposal import open_reviewed_fleet, propose_with_history
from support.pictures.scene import (
    build_registry,
    list_fleet,
    list_small_fleet,
    write_config,
    write_known_exploited,
    write_repositories,
)
from support.runs.worlds import start_hub
from support.service.deployments import build_stage_reader, record_deployments
from support.service.served import serve_pages
from support.service.year import open_year
from support.witnesses.chromium import ChromiumPage, browser

from bot.cli.outputs import read_page_parts
from bot.demo.loopback_registry import LoopbackRegistry
from bot.reports.page.fleet_html import render_fixes_page

IMAGES = ROOT / "docs" / "images"
COLUMNS = 120
"""Width of the terminal in characters."""
PROPOSAL_WIDTH, PROPOSAL_HEIGHT = 1000, 1000
TERMINAL_WIDTH = 600
FLEET_WIDTH, FLEET_HEIGHT = 1100, 834
SERVICE_WIDTH, SERVICE_HEIGHT = 1200, 860
STAGES_HEIGHT = 900
SCALE = 1.5
"""Pixels of a picture for each pixel of the page, so that text is sharp on dense screens."""

_MEASURE = "[document.documentElement.scrollWidth, Math.ceil(document.documentElement.getBoundingClientRect().height)]"
_FADE_OUT = """{
  const cover = document.createElement("div");
  Object.assign(cover.style, {position: "absolute", left: 0, right: 0, top: "calc(%dpx - 80px)", height: "80px"});
  cover.style.background = "linear-gradient(rgb(255 255 255 / 0), white)";
  document.body.append(cover);
}"""


@dataclass(frozen=True, slots=True)
class PictureStage:
    """A folder with repositories and a config, in which basebump runs."""

    folder: Path

    def run(self, *arguments: str) -> str:
        """Run basebump on a terminal; return its output with the escape sequences of colours."""
        command = [Path(sys.executable).with_name("basebump"), *arguments]
        environment = os.environ | {
            "COLUMNS": str(COLUMNS),
            "TERM": "xterm",
            "XDG_CACHE_HOME": str(self.folder.parent / "cache"),
        }
        leader, follower = pty.openpty()
        with subprocess.Popen(
            command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=follower, stderr=subprocess.PIPE
        ) as process:
            os.close(follower)
            output = _read_terminal(leader)
            _, error = process.communicate()
        if process.returncode:
            raise RuntimeError(f"basebump {arguments[0]} failed: {output}{error.decode()}")
        return output


def _read_terminal(leader: int) -> str:
    content = b""
    while True:
        try:
            read = os.read(leader, 1 << 16)
        except OSError:  # Linux reports the end of a terminal as an error
            read = b""
        if not read:
            os.close(leader)
            return content.decode()
        content += read


def set_stage(folder: Path, host: str, repositories: Mapping[str, Mapping[str, str]], *extra: str) -> PictureStage:
    """Write repositories and a config into a folder."""
    write_repositories(folder / "repositories", repositories)
    write_config(folder, host, *extra)
    return PictureStage(folder)


def save_picture(
    window: ChromiumPage, page: Path | str, picture: Path, *, width: int, height: int | None = None, fades: bool = False
) -> None:
    """Save a picture of a page, which is at least `width` wide.

    A page that is higher than `height` is cut off there; if `fades` is true, the picture shows that it goes on.
    """
    window.show(page, width=width, height=height or 100)
    full_width, full_height = window.evaluate(_MEASURE)
    if fades and height and full_height > height:
        window.evaluate(_FADE_OUT % height)
    clip = {"x": 0, "y": 0, "width": full_width, "height": min(full_height, height or full_height), "scale": SCALE}
    taken = window.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
    picture.write_bytes(base64.b64decode(taken["data"]))


def draw(folder: Path) -> None:
    """Draw all pictures; `folder` gets the source files."""
    built = build_registry()
    with LoopbackRegistry(built.store) as registry, browser(folder) as window:
        place = folder / "small"
        place.mkdir()
        small = set_stage(place, registry.host, list_small_fleet(built), write_known_exploited(place))
        command = ("run", "--config", "basebump.yaml")
        page = folder / "terminal.html"
        page.write_text(render_terminal(" ".join(("basebump", *command)), small.run(*command)), encoding="utf-8")
        save_picture(window, page, IMAGES / "terminal.png", width=TERMINAL_WIDTH)

        group = "policy: [{match: {repository: platform}, group: images}]"
        fleet = set_stage(folder / "fleet", registry.host, list_fleet(built), group)
        fleet.run(*command, "--level", "propose", "--export", "html=fleet.html")
        save_picture(window, fleet.folder / "fleet.html", IMAGES / "fleet.png", width=FLEET_WIDTH, height=FLEET_HEIGHT)


def draw_proposal(folder: Path) -> None:
    """Draw the proposal of the README."""
    place, page = folder / "reviewed", folder / "proposal.html"
    place.mkdir()
    with open_reviewed_fleet(place) as fleet, browser(folder) as window:
        request = propose_with_history(fleet)
        page.write_text(render_proposal(request.title, request.body, request.branch), encoding="utf-8")
        save_picture(window, page, IMAGES / "proposal.png", width=PROPOSAL_WIDTH, height=PROPOSAL_HEIGHT, fades=True)


def draw_service(folder: Path) -> None:
    """Draw the first page of the service, over a year that is made up."""
    now = datetime.now(UTC)
    with serve_pages(open_year(folder / "year.db", now), now) as address, browser(folder) as window:
        picture = IMAGES / "service.png"
        save_picture(window, f"{address}/", picture, width=SERVICE_WIDTH, height=SERVICE_HEIGHT, fades=True)


def draw_stages(folder: Path) -> None:
    """Draw the page of the service about the stages of updates, over a year that is made up."""
    now, picture = datetime.now(UTC), IMAGES / "stages.png"
    database = open_year(folder / "stages.db", now, record_deployments)
    with serve_pages(database, now, build_stage_reader(database)) as address, browser(folder) as window:
        save_picture(window, f"{address}/stages", picture, width=SERVICE_WIDTH, height=STAGES_HEIGHT, fades=True)


def draw_loop(folder: Path) -> None:
    """Draw the stages of an update from the pull request to the cluster."""
    (folder / "loop").mkdir()
    session, page = folder / "session.html", folder / "loop.html"
    with start_hub() as loopback, open_walk(loopback, folder / "loop") as walk, browser(folder) as window:
        session.write_text(render_session(list(play_loop(walk))), encoding="utf-8")
        save_picture(window, session, IMAGES / "loop.png", width=TERMINAL_WIDTH)
        page.write_text(render_fixes_page(walk.build_patch_report().trends, read_page_parts()), encoding="utf-8")
        save_picture(window, page, IMAGES / "loop-page.png", width=FLEET_WIDTH)


def draw_all(folder: Path) -> None:
    for each in (draw, draw_proposal, draw_service, draw_stages, draw_loop):
        each(folder)


def main() -> None:
    if len(sys.argv) > 1:  # keeps what the pictures are made from
        draw_all(Path(sys.argv[1]).resolve())
        return
    with tempfile.TemporaryDirectory() as folder:
        draw_all(Path(folder))


if __name__ == "__main__":
    main()
