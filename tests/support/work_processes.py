"""Receivers and workers in processes of their own, which tests kill, suspend and continue.

An event says that a number in the file of a repository was raised. A visit reads the number, takes some time, and
writes the number that it read into another file. If both numbers are equal in the end, no event was lost. A visit holds
a lock on a file (`flock`), which the kernel releases when the process ends. A visit that does not get the lock overlaps
with another one. Files and locks are independent of the database.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Self

from sqlalchemy import make_url
from support.parts import ROOT
from support.waiting import wait_until

from bot.model.delivery import Delivery, DeliveryOutcome
from bot.model.errors import StateError
from bot.model.work import ClaimedWork, VisitWork, WorkKind, WorkLoopScope, WorkPriority, WorkReason, WorkRequest
from bot.queues.procrastinate_queue import PostgresqlSignal
from bot.state.database import Database
from bot.state.work import queue as work_queue
from bot.state.work.queue import DatabaseWorkQueue
from bot.state.work.service_log import DatabaseServiceLog

LEASE = timedelta(seconds=2)
"""Short, so that tests need not wait long for the work of a killed worker."""
LONG_VISIT = 600.0
"""The seconds of a visit that ends when its worker is killed, or by `VisitFolder.end_visits`."""


class VisitFolder:
    """The files that record requested and done work."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("wanted", "done", "locks"):
            (folder / name).mkdir(exist_ok=True)

    def raise_number(self, repository: str) -> None:
        """Change a repository."""
        _write(self.folder / "wanted" / repository, _read(self.folder / "wanted" / repository) + 1)

    def end_visits(self) -> None:
        """Let all visits end, those that are being done and later ones."""
        (self.folder / "end-visits").touch()

    def visit(self, repository: str, seconds: float) -> None:
        """Visit a repository, as a worker does, for some seconds or until `end_visits` is called."""
        with (self.folder / "locks" / repository).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._note("overlaps", repository)
            number = _read(self.folder / "wanted" / repository)
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0 and not (self.folder / "end-visits").exists():
                time.sleep(min(left, 0.02))
            if number < _read(self.folder / "done" / repository):
                self._note("overlaps", repository)
            _write(self.folder / "done" / repository, number)
            self._note("visits", repository)

    def list_lost(self) -> list[str]:
        """Return the repositories whose last change was not seen by a visit."""
        wanted = sorted(each.name for each in (self.folder / "wanted").iterdir() if each.suffix != ".new")
        return [each for each in wanted if _read(self.folder / "wanted" / each) != _read(self.folder / "done" / each)]

    def list_notes(self, kind: str) -> list[str]:
        """Return the repositories of all `visits` or `overlaps`."""
        path = self.folder / kind
        return path.read_text().split() if path.exists() else []

    def _note(self, kind: str, repository: str) -> None:
        with (self.folder / kind).open("a") as notes:
            notes.write(f"{repository}\n")


def _read(path: Path) -> int:
    try:
        return int(path.read_text())
    except FileNotFoundError:
        return 0


def _write(path: Path, number: int) -> None:
    new = path.with_suffix(f".{os.getpid()}.new")
    new.write_text(str(number))
    new.replace(path)


def open_database(opening: str) -> Database:
    """Return the database of an expression such as `Database.sqlite(Path(...))`."""
    return eval(opening, {"Database": Database, "Path": Path})


def build_visit_request(repository: str) -> WorkRequest:
    """Return a request for a visit of a repository."""
    key = VisitWork("github", "github.com", repository)
    return WorkRequest(key, WorkPriority.CHANGE, WorkReason.FILES_CHANGED, "trace-1")


class WorkProcess:
    """A receiver or a worker in a separate process."""

    def __init__(self, *words: str, output: Path | None = None) -> None:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
        command = [sys.executable, "-m", "support.work_processes", *words]
        self.words, self._output = words, output
        with output.open("a") if output is not None else open(os.devnull, "w") as stderr:  # noqa: PTH123 - /dev/null
            self.popen = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        self._mutex = threading.Lock()

    def wait_until_ready(self) -> None:
        """Return when the process has opened the database."""
        assert self.popen.stdout.readline() == "ready\n"

    def deliver(self, number: int, repository: str) -> bool:
        """Send a delivery to a receiver. Return True if it accepted the delivery."""
        with self._mutex:
            try:
                self.popen.stdin.write(f"{number} {repository}\n")
                self.popen.stdin.flush()
            except (BrokenPipeError, ValueError):  # the process, or also its pipe, has ended
                return False
            return self.popen.stdout.readline() == "202\n"

    def suspend(self) -> None:
        """Suspend the process."""
        self.popen.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a suspended process continue."""
        self.popen.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process at once."""
        self.popen.send_signal(signal.SIGKILL)
        self.close()

    def stop(self) -> None:
        """Ask the process to end, and wait for it."""
        self.popen.send_signal(signal.SIGTERM)
        self.close()

    def close(self) -> None:
        """Wait for the end of the process."""
        self.popen.wait(timeout=60)
        with self._mutex:
            self.popen.stdout.close()
            with suppress(BrokenPipeError):
                self.popen.stdin.close()


class WorkStand:
    """Starts receivers and workers, and ends those that still run at the end of the `with` block."""

    def __init__(self, opening: str, folder: Path, address: str = "") -> None:
        """Create a stand. With the address of a PostgreSQL, workers are woken by jobs of Procrastinate."""
        self.opening, self.world, self.address = opening, VisitFolder(folder), address
        self._names, self._processes = count(), []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._processes:
            if each.popen.poll() is None:
                each.resume()
                each.kill()
            each.close()

    def start_worker(
        self, seconds: float = 0.02, clock_offset: timedelta = timedelta(), longest_wait: float | None = None
    ) -> WorkProcess:
        """Start a worker whose visits take `seconds`, and whose clock is wrong by `clock_offset`.

        If nothing wakes the worker, it looks for work and for jobs after `longest_wait` seconds.
        """
        wait = "" if longest_wait is None else str(longest_wait)
        offset = str(clock_offset.total_seconds())
        words = (str(self.world.folder), f"worker-{next(self._names)}", str(seconds), self.address, offset, wait)
        return self._start("worker", *words)

    def wait_until_idle(self) -> None:
        """Wait until no work is pending. If all workers have ended because they could not keep their claims, start one.

        PostgreSQL may need longer for a restart than a claim lasts.
        """
        wait_until(self._is_idle_or_worker_starts)

    def _is_idle_or_worker_starts(self) -> bool:
        workers = [each for each in self._processes if each.words[0] == "worker"]
        if all(each.popen.poll() is not None for each in workers):
            self.start_worker()
        return self.is_idle()

    def start_receiver(self) -> WorkProcess:
        """Start a receiver."""
        return self._start("receiver", self.address)

    def is_idle(self) -> bool:
        """Return True if no work is pending."""
        figures = self.create_queue().compute_figures()
        return figures.waiting + figures.claimed == 0

    def create_queue(self) -> DatabaseWorkQueue:
        """Return the queue that all processes share."""
        return DatabaseWorkQueue(self._database)

    def end_sessions(self) -> None:
        """Let PostgreSQL end all sessions of other processes."""
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        self._execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")

    def set_read_only(self, *, is_read_only: bool) -> None:
        """Let PostgreSQL refuse writes in new sessions."""
        value = "on" if is_read_only else "off"
        name = make_url(self.opening.split("'")[1]).database
        self._execute(
            f"ALTER DATABASE {name} SET default_transaction_read_only = {value}", first="SET TRANSACTION READ WRITE"
        )

    def _execute(self, statement: str, first: str = "SELECT 1") -> None:
        with self._database.open_for_row_writes() as connection:
            connection.exec_driver_sql(first)
            connection.exec_driver_sql(statement)

    @cached_property
    def _database(self) -> Database:
        return open_database(self.opening)

    def _start(self, role: str, *words: str) -> WorkProcess:
        process = WorkProcess(role, self.opening, *words, output=self.world.folder / "log")
        self._processes.append(process)
        process.wait_until_ready()
        return process


def receive(opening: str, address: str) -> None:
    """Store deliveries that arrive on stdin, and answer as the receiver of the service does."""
    log = DatabaseServiceLog(open_database(opening), PostgresqlSignal() if address else None)
    _answer("ready")
    for line in sys.stdin:
        number, repository = line.split()
        delivery = Delivery("test", number, datetime.now(UTC), DeliveryOutcome.ACCEPTED, "trace-1", (repository,))
        try:
            log.record_delivery(delivery, [build_visit_request(repository)])
        except StateError as error:
            sys.stderr.write(f"{error}\n")
            _answer("503")
        else:
            _answer("202")


def _answer(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def work(
    opening: str, folder: str, name: str, seconds: str, address: str, clock_offset: str, longest_wait: str
) -> None:
    """Do visits until SIGTERM."""
    from bot.serve import claim_keeper, worker  # noqa: PLC0415 - receivers do not need it
    from bot.serve.json_log import JsonLog  # noqa: PLC0415 - as above

    world, stop = VisitFolder(Path(folder)), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    claim_keeper.LEASE = LEASE
    worker.WAIT_AFTER_ERROR = timedelta(seconds=0.2)
    worker.LONGEST_WAIT = timedelta(seconds=float(longest_wait or (2 if address else 0.2)))

    class WrongTime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=float(clock_offset))

    if float(clock_offset):  # only then, because the times in the database are no instances of it
        work_queue.datetime = WrongTime

    def visit(claimed: Sequence[ClaimedWork]) -> Iterator[worker.JobResult]:
        for each in claimed:
            world.visit(each.key.repository, float(seconds))
            yield worker.Done(each, "visited")

    class ShiftedClock:
        def now(self) -> datetime:
            return work_queue.datetime.now(UTC)

    queue, wait = DatabaseWorkQueue(open_database(opening), PostgresqlSignal() if address else None), stop.wait
    if address:
        wait = start_job_workers(queue, address, stop)
    log = JsonLog(ShiftedClock())
    keeper = claim_keeper.ClaimKeeper(name, queue, lambda _: os._exit(1), log)
    loop = worker.WorkLoop(
        worker=name,
        scope=WorkLoopScope("events", frozenset({WorkKind.VISIT})),
        jobs={WorkKind.VISIT: visit},
        queue=queue,
        keeper=keeper,
        wait=wait,
        clock=ShiftedClock(),
        log=log,
    )
    _answer("ready")
    loop.run(stop)
    queue.release_claims(name)


def start_job_workers(queue: DatabaseWorkQueue, address: str, stop: threading.Event) -> Callable[[float], None]:
    """Start the thread that gets jobs, and return the function that waits for them."""
    from bot.queues import job_waiter, procrastinate_workers  # noqa: PLC0415 - only some workers need them
    from bot.serve import worker  # noqa: PLC0415 - as above

    procrastinate_workers.POLL_INTERVAL = max(procrastinate_workers.POLL_INTERVAL, worker.LONGEST_WAIT.total_seconds())
    procrastinate_workers.HEARTBEAT, procrastinate_workers.LONGEST_SILENCE = 0.5, 4.0
    procrastinate_workers.REMOVAL_INTERVAL = procrastinate_workers.RECONNECT_DELAY = 0.5
    waiter = job_waiter.JobWaiter(stop, lambda: queue.signal_due_work([WorkKind.VISIT], 100))

    def report(error: BaseException) -> None:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")

    workers = procrastinate_workers.ProcrastinateWorkers(address, {"events": waiter}, report)
    threading.Thread(target=workers.run, args=(stop,), daemon=True).start()
    return waiter.wait


if __name__ == "__main__":
    if sys.argv[1] == "receiver":
        receive(*sys.argv[2:])
    else:
        work(*sys.argv[2:])
