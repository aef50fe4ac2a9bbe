"""Kill the processes of a service and let PostgreSQL fail: `python bench/service_kills.py [ROUNDS]`.

Two receivers and three workers run in separate processes, and PostgreSQL wakes the workers. For each row of the table,
one kind of fault happens ROUNDS times (by default, 20) at random moments. Meanwhile, two senders send deliveries, and
repeat deliveries that are not accepted. Visits take 50 ms, write the events that they saw to files, and hold locks on
files. Lost events and overlapping visits are therefore found without the database (`tests/support/work_processes.py`).
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from support.postgresql import PostgresqlServer  # noqa: E402 - the folders are put on the path above
from support.work_processes import LEASE, WorkProcess, WorkStand  # noqa: E402 - as above

from bot.queues.procrastinate_schema import prepare_tables  # noqa: E402 - as above
from bot.state.database import Database  # noqa: E402 - as above

DEFAULT_ROUNDS = 20
REPOSITORIES = 40
VISIT = 0.05
WARM_UP = 20
"""The number of deliveries before the first fault."""
QUIET_TIMEOUT = 120.0


class Crew:
    """The receivers and workers. A process that ends is started again."""

    def __init__(self, stand: WorkStand, server: PostgresqlServer, chance: random.Random) -> None:
        self.stand, self.server, self.chance = stand, server, chance
        self.receivers = [stand.start_receiver() for _ in range(2)]
        self.workers = [stand.start_worker(VISIT) for _ in range(3)]

    def kill(self, processes: list[WorkProcess], start: Callable[[], WorkProcess]) -> None:
        """Kill one of the processes, and start a new process in its place."""
        victim = self.chance.randrange(len(processes))
        processes[victim].kill()
        processes[victim] = start()

    def replace_ended_workers(self) -> None:
        """Restart workers that ended themselves, as Kubernetes would."""
        for number, each in enumerate(self.workers):
            if each.popen.poll() is not None:
                self.workers[number] = self.stand.start_worker(VISIT)

    def kill_receiver(self) -> None:
        self.kill(self.receivers, self.stand.start_receiver)

    def kill_worker(self) -> None:
        self.kill(self.workers, lambda: self.stand.start_worker(VISIT))

    def suspend_worker(self) -> None:
        each = self.chance.choice(self.workers)
        each.suspend()
        time.sleep(LEASE.total_seconds() * 1.5)
        each.resume()

    def kill_server(self) -> None:
        self.server.kill()
        self.server.start()

    def restart_server(self) -> None:
        self.server.stop("fast")
        self.server.start()

    def refuse_writes(self) -> None:
        self.stand.set_read_only(is_read_only=True)
        time.sleep(1)
        self.stand.set_read_only(is_read_only=False)

    def end_sessions(self) -> None:
        self.stand.end_sessions()


FAULTS: dict[str, Callable[[Crew], None]] = {
    "kill -9 of a receiver": Crew.kill_receiver,
    "kill -9 of a worker": Crew.kill_worker,
    "kill -9 of PostgreSQL": Crew.kill_server,
    "restart of PostgreSQL": Crew.restart_server,
    "PostgreSQL refuses writes": Crew.refuse_writes,
    "all sessions are ended": Crew.end_sessions,
    "suspension of a worker": Crew.suspend_worker,
}


class Senders:
    """Two senders. Each of them changes different repositories, and repeats deliveries until they are accepted."""

    def __init__(self, crew: Crew) -> None:
        self._crew, self._stop, self.delivered, self.refused = crew, threading.Event(), 0, 0

    def send(self, part: int) -> None:
        chance, number = random.Random(part), part
        while not self._stop.wait(chance.random() * 0.04):
            number += 2
            repository = f"r{chance.randrange(REPOSITORIES // 2) * 2 + part}"
            self._crew.stand.world.raise_number(repository)
            while not self._crew.receivers[chance.randrange(2)].deliver(number, repository):
                self.refused += 1
                time.sleep(0.05)
            self.delivered += 1

    def stop(self) -> None:
        self._stop.set()


def measure(name: str, fault: Callable[[Crew], None], rounds: int) -> str:
    """Return the row of the table for one kind of fault."""
    chance = random.Random(rounds)
    with PostgresqlServer() as server, tempfile.TemporaryDirectory() as folder:
        address = server.fresh()
        with Database.postgresql(address).open_for_writing() as connection:
            prepare_tables(connection)
        with WorkStand(f"Database.postgresql({address!r})", Path(folder), address) as stand:
            crew = Crew(stand, server, chance)
            senders = Senders(crew)
            with ThreadPoolExecutor(2) as threads:
                sending = [threads.submit(senders.send, part) for part in range(2)]
                try:
                    while senders.delivered < WARM_UP:
                        time.sleep(0.1)
                    for _ in range(rounds):
                        time.sleep(0.5 + 2 * chance.random())
                        fault(crew)
                        crew.replace_ended_workers()
                finally:
                    senders.stop()
                for each in sending:
                    each.result(timeout=QUIET_TIMEOUT)
            end = time.monotonic() + QUIET_TIMEOUT
            while not stand.is_idle() and time.monotonic() < end:
                crew.replace_ended_workers()
                time.sleep(0.2)
            world = stand.world
            visits, lost, overlaps = (
                len(world.list_notes("visits")),
                len(world.list_lost()),
                world.list_notes("overlaps"),
            )
    return f"{name:27}{rounds:7}{senders.delivered:11}{senders.refused:9}{visits:8}{lost:6}{len(overlaps):10}"


if __name__ == "__main__":
    print(
        f"{'fault':27}{'faults':>7}{'deliveries':>11}{'refused':>9}{'visits':>8}{'lost':>6}{'overlaps':>10}", flush=True
    )
    for fault_name, do_fault in FAULTS.items():
        print(measure(fault_name, do_fault, int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ROUNDS), flush=True)
