"""Measure the time from a push to a registry until all proposals are open.

`python bench/push_to_proposal.py [--pushes N] [--workers N] [COUNT …]`

COUNT repositories of one owner are on the simulated GitHub of the tests, and 15 % of them use the pushed image. The
registry is a real docker-registry, which notifies `basebump serve`. With `--workers`, the state and the queue are in
PostgreSQL, and N processes of `basebump work` do the work. A push is done when each repository that uses the image, and
no other repository, has an open pull request with the pushed digest.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

BENCH = Path(__file__).resolve().parent
PROJECT = BENCH.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from support.postgresql import PostgresqlServer  # noqa: E402 - the folders are put on the path above
from support.runs.served_fleet import ServedFleet  # noqa: E402 - as above
from support.waiting import wait_until  # noqa: E402 - as above

IMAGES = tuple(f"image{number}" for number in range(20))
PUSHED = IMAGES[0]
LONGEST = 600.0
"""The maximum number of seconds to wait for the proposals after one push."""


def build_files(number: int, digests: Mapping[str, str]) -> dict[str, str]:
    """Return the files of a repository. The files use three of the images."""
    first, second, third = (IMAGES[(number + offset) % len(IMAGES)] for offset in (0, 7, 13))
    return {
        "Dockerfile": f"FROM {first}:1@{digests[first]} AS build\nFROM {second}:1@{digests[second]}\nRUN true\n",
        "docker-compose.yml": f"services:\n  db:\n    image: {third}:1@{digests[third]}\n",
        "src/main.py": f"print({number})\n",
    }


def list_users(count: int) -> set[str]:
    """Return the names of the repositories that use the pushed image."""
    offsets = (0, 7, 13)
    return {f"acme/r{number}" for number in range(count) if any((number + each) % len(IMAGES) == 0 for each in offsets)}


def list_updated(fleet: ServedFleet, digest: str) -> set[str]:
    """Return the names of the repositories with an open pull request for a digest."""
    return {
        repository.name
        for repository in fleet.forge.world.repositories.values()
        if any(pull.state == "open" and digest[7:19] in pull.title for pull in repository.pulls)
    }


def measure(count: int, pushes: int, workers: int) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        state, queue = None, ""
        if workers:
            server = stack.enter_context(PostgresqlServer())
            state, queue = server.fresh(), "queue: postgresql\n"
        fleet = stack.enter_context(ServedFleet(folder, state))
        fleet.write_config(more=queue)
        digests = {name: fleet.push(name, f"{name} first") for name in IMAGES}
        fleet.add_repositories(build_files(number, digests) for number in range(count))
        fleet.start()
        for _ in range(workers):
            fleet.start("work", "--level", "propose")
        fleet.wait_until_read(count, LONGEST)
        users, seconds = list_users(count), []
        for number in range(pushes):
            began = time.monotonic()
            digest = fleet.push(PUSHED, f"patched {number}")
            wait_until(lambda digest=digest: list_updated(fleet, digest) >= users, LONGEST, 0.25)
            seconds.append(time.monotonic() - began)
            if list_updated(fleet, digest) != users:
                raise SystemExit("a repository that does not use the image has a pull request")
        mode = f"{workers} workers on PostgreSQL" if workers else "embedded"
        print(
            f"| {count} | {mode} | {len(users)} | {pushes} | {statistics.median(seconds):.1f} | {max(seconds):.1f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pushes", type=int, default=20)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("counts", nargs="*", type=int, default=[60, 1000])
    arguments = parser.parse_args()
    print("| repositories | mode | users of the image | pushes | median s | worst s |\n|---|---|---|---|---|---|")
    for count in arguments.counts:
        measure(count, arguments.pushes, arguments.workers)


if __name__ == "__main__":
    main()
