"""Measure how runs read the builds of own images: `python bench/own_builds.py [IMAGES]`.

The fleet has IMAGES own images (by default, 400). Each is built from a separate repository, on one of 20 base images.
The images are in a registry on loopback, and the state is in SQLite. The rows are a first run, a run with nothing new,
and a run after one base image was updated and the images on it were built again. The last row has the memory of the
process at the end.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from support.own_builds import make_image  # noqa: E402 - the folders are put on the path above
from support.runs.built_fleet import BuiltFleet, build_base  # noqa: E402
from support.runs.worlds import start_hub  # noqa: E402
from support.visits import NOW, build_verdict, build_visit  # noqa: E402

from bot.model.image_name import Digest  # noqa: E402
from bot.model.inventory import BranchKey  # noqa: E402
from bot.model.vocabulary import Role  # noqa: E402
from bot.pipeline.inventory.own_builds import read_own_builds  # noqa: E402

BASES = 20


def push_base(fleet: BuiltFleet, number: int, version: int) -> Digest:
    return fleet.loopback.store.set_tag(f"library/base-{number}", "1", build_base("os", f"base {number} {version}"))


def push_image(fleet: BuiltFleet, number: int, version: int) -> None:
    labels = {"source": f"https://github.com/acme/app-{number}", "revision": f"{version:040}"}
    base = f"base {number % BASES} {version}"
    fleet.push(make_image("os", base, f"app {number}", labels=labels), f"docker.io/acme/app-{number}")


def record_visits(fleet: BuiltFleet, digests: list[Digest], count: int) -> None:
    """Store visits of all repositories, whose Dockerfiles contain the current digests of the base images."""
    visits = []
    for number in range(count):
        base = number % BASES
        deployed = build_verdict(
            f"acme/app-{number}:main", path="deploy.yaml", format="kubernetes", role=Role.THIRD_PARTY
        )
        key = BranchKey("github", "github.com", f"acme/app-{number}", "main")
        visits.append(build_visit(f"base-{base}:1@{digests[base]}", deployed, key=key))
    fleet.loopback.state.inventory.record_visits(visits, {}, NOW)


def measure(fleet: BuiltFleet, title: str, hours: int) -> None:
    context, options = fleet.prepare(hours)
    before, begin = len(fleet.loopback.registry.served_requests), time.perf_counter()
    context = context.with_new_log()
    read_own_builds(context, options, {})
    seconds = time.perf_counter() - begin
    served = Counter(each.method for each in fleet.loopback.registry.served_requests[before:])
    assert not context.failures.list_all()
    print(f"{title:<40} {served['HEAD']:>5} HEAD {served['GET']:>5} GET {seconds:>6.1f} s")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    with start_hub() as loopback, tempfile.TemporaryDirectory() as folder:
        fleet = BuiltFleet(loopback, Path(folder))
        digests = [push_base(fleet, number, 1) for number in range(BASES)]
        for number in range(count):
            push_image(fleet, number, 1)
        record_visits(fleet, digests, count)
        measure(fleet, f"first run, {count} own images", 0)
        measure(fleet, "nothing new", 1)
        digests[0] = push_base(fleet, 0, 2)
        for number in range(0, count, BASES):
            push_image(fleet, number, 2)
        record_visits(fleet, digests, count)
        measure(fleet, f"{len(range(0, count, BASES))} built again on one updated base", 2)
        with_bases = sum(bool(each.bases) for each in fleet.load_builds().values())
        size = (Path(folder) / "state.db").stat().st_size / 2**20
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(f"{len(fleet.load_builds())} builds, {with_bases} with a base; state {size:.1f} MiB; peak {peak:.0f} MiB")


if __name__ == "__main__":
    main()
