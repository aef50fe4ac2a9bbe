"""Measure deliveries under load: `python bench/service_load.py [--deliveries N] [--seconds S] [--workers N]`.

N distinct deliveries of a registry arrive evenly within S seconds (by default, 10,000 in a minute). Meanwhile, the
service looks up their tags and visits repositories. In the middle, an image is pushed, and the time until its pull
requests are open is measured. Then one delivery is repeated 2,000 times. Without `--workers`, the state is a file, and
one process does everything. With `--workers N`, the state is in PostgreSQL, and N processes of `basebump work` do the
work. The clients run on the same machine as the service, so the printed times include the clients' own work.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

import requests  # noqa: E402 - the folders are put on the path above
from sqlalchemy import text  # noqa: E402 - as above
from support.postgresql import PostgresqlServer  # noqa: E402 - as above
from support.runs.served_fleet import EVENTS_PATH, SECRET, ServedFleet, ServiceProcess  # noqa: E402 - as above
from support.waiting import wait_until  # noqa: E402 - as above

from bot.state.database import Database  # noqa: E402 - as above

IMAGES = 60
CLIENTS = 12
REPEATS = 2000
PUSHED, REPEATED = 7, 3
"""The numbers of the image that is pushed in the middle, and of the image whose delivery is repeated."""


def build_delivery(number: int | str, image: str, digest: str) -> dict[str, object]:
    """Return a delivery of the registry that reports a push."""
    event = {
        "id": f"event-{number}",
        "timestamp": datetime.now(UTC).isoformat(),
        "action": "push",
        "target": {
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "digest": digest,
            "repository": f"library/{image}",
            "tag": "1",
        },
        "request": {"host": "registry.internal", "method": "PUT"},
    }
    return {"events": [event]}


class Sender:
    """Sends deliveries with several connections, and repeats deliveries that are not accepted."""

    def __init__(self, fleet: ServedFleet) -> None:
        self._url, self._local = fleet.url + EVENTS_PATH, threading.local()
        self.times: list[float] = []
        self.refused = 0

    def send(self, delivery: dict[str, object]) -> None:
        """Send a delivery until it is accepted, and record the time of the attempt that was accepted."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        while True:
            began = time.monotonic()
            response = self._local.session.post(
                self._url, json=delivery, headers={"Authorization": f"Bearer {SECRET}"}, timeout=60
            )
            if response.status_code == requests.codes.accepted:
                self.times.append(time.monotonic() - began)
                return
            self.refused += 1
            time.sleep(0.1)

    def send_evenly(self, deliveries: int, seconds: float, digests: Mapping[str, str]) -> float:
        """Send distinct deliveries at a constant rate. Return the elapsed seconds."""
        began = time.monotonic()

        def send_own(client: int) -> None:
            for number in range(client, deliveries, CLIENTS):
                time.sleep(max(0.0, began + number * seconds / deliveries - time.monotonic()))
                name = f"base{number % IMAGES}" if number % IMAGES != REPEATED else f"base{REPEATED + 1}"
                self.send(build_delivery(number, name, digests[name]))

        with ThreadPoolExecutor(CLIENTS) as threads:
            list(threads.map(send_own, range(CLIENTS)))
        return time.monotonic() - began


def read_processor_time(service: ServiceProcess) -> float:
    """Return the seconds of processor time that a process has used."""
    words = Path(f"/proc/{service.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, words[11:13])) / os.sysconf("SC_CLK_TCK")


def count_rows(database: Database, condition: str) -> int:
    """Return the number of rows of a table that meet a condition."""
    with database.open_for_reading() as connection:
        count: int = connection.execute(text(f"SELECT count(*) FROM {condition}")).scalar_one()
        return count


def measure(deliveries: int, seconds: float, workers: int) -> None:
    """Print the figures of one service."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = stack.enter_context(PostgresqlServer()).fresh() if workers else None
        fleet = stack.enter_context(ServedFleet(folder, address))
        fleet.write_config(more="queue: postgresql\n" if workers else "")
        digests = {f"base{number}": fleet.push(f"base{number}", f"base{number}") for number in range(IMAGES)}
        fleet.add_repositories(
            {"Dockerfile": f"FROM {name}:1@{digest}\nRUN true\n"} for name, digest in digests.items()
        )
        fleet.start()
        for _ in range(workers):
            fleet.start("work", "--level", "propose")
        fleet.wait_until_read(IMAGES, 300)
        database = Database.postgresql(address) if address else Database.sqlite_unmigrated(folder / "state.db")
        print(f"{workers} workers on PostgreSQL" if workers else "one process with SQLite")
        sender, proposal_times = Sender(fleet), []

        def push_in_the_middle() -> None:
            time.sleep(seconds / 3)
            began = time.monotonic()
            digests[f"base{PUSHED}"] = fleet.push(f"base{PUSHED}", "patched")
            wait_until(lambda: f"acme/r{PUSHED}" in fleet.list_proposals(), 300)
            proposal_times.append(time.monotonic() - began)

        pushing = threading.Thread(target=push_in_the_middle)
        pushing.start()
        used = sum(map(read_processor_time, fleet.processes))
        took = sender.send_evenly(deliveries, seconds, digests)
        pushing.join()
        times = sorted(sender.times)
        stored = count_rows(database, "deliveries WHERE outcome = 'accepted' AND delivery LIKE '%event-%'")
        print(f"  {len(times)} deliveries accepted in {took:.1f} s, {sender.refused} refused at first, {stored} stored")
        print(
            f"  time of a delivery: median {1000 * statistics.median(times):.0f} ms, "
            f"99 % below {1000 * times[int(len(times) * 0.99)]:.0f} ms, longest {1000 * times[-1]:.0f} ms"
        )
        cpu = (sum(map(read_processor_time, fleet.processes)) - used) / len(times)
        print(
            f"  processor time of all processes of basebump: {1000 * cpu:.1f} ms a delivery, with its share of the work"
        )
        print(f"  time from a push meanwhile to its pull request: {proposal_times[0]:.1f} s")
        repeated = build_delivery("repeated", f"base{REPEATED}", fleet.push(f"base{REPEATED}", "patched, too"))
        with ThreadPoolExecutor(CLIENTS) as threads:
            list(threads.map(sender.send, [repeated] * REPEATS))
        wait_until(lambda: f"acme/r{REPEATED}" in fleet.list_proposals(), 300)
        done = count_rows(database, "finished_work WHERE kind = 'tag' AND repository LIKE '%/base" + f"{REPEATED}'")
        rows = count_rows(database, "deliveries WHERE delivery LIKE '%event-repeated%'")
        print(
            f"  {REPEATS} repetitions of one delivery: {rows} record; {done} lookups, one after the registry's delivery"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--deliveries", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=0)
    given = parser.parse_args()
    measure(given.deliveries, given.seconds, given.workers)
