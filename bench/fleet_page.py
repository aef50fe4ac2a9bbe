"""Measures how fast the fleet page reacts in a real Chromium: `python bench/fleet_page.py [IMAGES …]`.

Chromium has one core, which it shares with another busy process. Chromium can also slow itself down, as a cheap laptop
would. Three times are measured, each as the median of several pages. The first is the time from the navigation until
the table is drawn. The second is the time from the first key of a word in the search box until the browser painted the
matching rows. The third is the time from a click on a heading until the browser painted the sorted rows. The time in
brackets is the processor time of the page's main thread, which depends less on the other work of the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from support.parts import find_chromium  # noqa: E402 - the folders are put on the path above
from support.runs.large_fleet import build_large_fleet  # noqa: E402
from support.witnesses.chromium import ChromiumPage, browser  # noqa: E402

from bot.cli.outputs import render_html  # noqa: E402
from bot.reports.run.report_document import render_run_document  # noqa: E402

IMAGES = (1, 40, 2_000)
ROUNDS = 5
SLOWDOWNS = (1, 4)
"""How many times slower Chromium runs: https://chromedevtools.github.io/devtools-protocol/tot/Emulation/."""
WORD = "python"
_PAINTED = "new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"
_WATCH = """(() => {
  const begin = {};
  for (const name of ["keydown", "mousedown"]) {
    document.addEventListener(name, (event) => { begin.time ??= event.timeStamp; }, { capture: true, once: true });
  }
  window.waitFor = (query) => new Promise((done) => {
    const check = () => location.hash.includes(query)
      ? requestAnimationFrame(() => setTimeout(() => done(performance.now() - begin.time)))
      : setTimeout(check, 1);
    check();
  });
})()"""
"""A script that records the time of the first key or click.

`waitFor(query)` returns the milliseconds between this time and the first paint of the table after the URL contains
`query`.
"""


@dataclass(frozen=True, slots=True)
class Duration:
    """The time of one interaction, in milliseconds."""

    wall: float
    thread: float
    """The processor time of the page's main thread."""


def measure_fleet_page(image_counts: tuple[int, ...] = IMAGES) -> None:
    if find_chromium() is None:
        print("fleet page: not measured, because Chromium is not installed")
        return
    for count in image_counts:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "fleet.html"
            path.write_text(render_html(render_run_document(build_large_fleet(count))), encoding="utf-8")
            with share_one_core(), browser(Path(folder)) as window:
                print(f"fleet page of {count:,} images, {path.stat().st_size / 1000:,.0f} kB, on one busy core:")
                for slowdown in SLOWDOWNS:
                    _measure_page(window, path, slowdown)


def _measure_page(window: ChromiumPage, path: Path, slowdown: int) -> None:
    window.call("Emulation.setCPUThrottlingRate", rate=slowdown)
    window.call("Performance.enable", timeDomain="threadTicks")
    steps = (_draw, _search, _sort)
    rounds = [[_measure_step(window, path, step) for step in steps] for _ in range(ROUNDS)]
    shown = [
        f"{step.__name__[1:]} {median(each.wall for each in times):.0f} ms "
        f"({median(each.thread for each in times):.0f} ms)"
        for step, times in zip(steps, zip(*rounds, strict=True), strict=True)
    ]
    count = window.evaluate("document.querySelectorAll('*').length")
    print(f"  {slowdown}x slower: {', '.join(shown)}; {count:,} elements")


def _measure_step(window: ChromiumPage, path: Path, step: Callable[[ChromiumPage, Path], float]) -> Duration:
    window.show("about:blank" if step is _draw else path)
    window.evaluate(_PAINTED)
    before = 0.0 if step is _draw else _read_thread_time(window)
    wall = step(window, path)
    return Duration(wall, _read_thread_time(window) - before)


def _read_thread_time(window: ChromiumPage) -> float:
    metrics = {each["name"]: each["value"] for each in window.call("Performance.getMetrics")["metrics"]}
    return 1000 * metrics["TaskDuration"]


def _draw(window: ChromiumPage, path: Path) -> float:
    window.show(path)
    return float(window.evaluate(_PAINTED))


def _search(window: ChromiumPage, _path: Path) -> float:
    window.evaluate("document.getElementById('search').focus()")
    window.evaluate(_WATCH)
    for letter in WORD:
        window.press(letter, letter)
    return float(window.evaluate(f"waitFor('search={WORD}')"))


def _sort(window: ChromiumPage, _path: Path) -> float:
    window.evaluate(_WATCH)
    x, y = window.evaluate(
        "(() => { const button = document.querySelector('[data-key=age]'); button.scrollIntoView({ block: 'center' }); "
        "const box = button.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()"
    )
    for kind in ("mousePressed", "mouseReleased"):
        window.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    return float(window.evaluate("waitFor('sort=age')"))


@contextmanager
def share_one_core() -> Iterator[None]:
    """Run this process, its children and an endless loop on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        busy.kill()
        busy.wait()
        os.sched_setaffinity(0, cores)


if __name__ == "__main__":
    measure_fleet_page(tuple(map(int, sys.argv[1:])) or IMAGES)
