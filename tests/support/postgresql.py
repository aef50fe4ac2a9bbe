"""A real PostgreSQL server on loopback and on a socket, with a password for TCP connections."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Self

from support.free_ports import find_free_port
from support.parts import UNPACKED_POSTGRESQL, find_postgresql

USER, PASSWORD = "basebump", "the word that opens"
UNPRIVILEGED = 65534
"""`nobody`: PostgreSQL refuses to run as root."""
MAX_DATABASES = 20
"""The maximum number of databases on a server. No test uses more of them at the same time."""


class PostgresqlServer:
    """Runs from `with` to the end of it; `fresh` makes a database for every test."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self._names = count()
        self._databases: deque[str] = deque()
        self._programs = find_postgresql() or Path("postgresql-is-not-here")
        self._environment: Mapping[str, str] = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        self.port = find_free_port()

    def __enter__(self) -> Self:
        if self._programs.is_relative_to(UNPACKED_POSTGRESQL):
            self._move_in()
        word = self.folder / "password"
        word.write_text(PASSWORD)
        if os.geteuid() == 0:
            os.chown(self.folder, UNPRIVILEGED, UNPRIVILEGED)
            os.chown(word, UNPRIVILEGED, UNPRIVILEGED)
        ways = ("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={word}", f"--username={USER}")
        self._run("initdb", "--no-sync", "--no-locale", "--encoding=UTF8", *ways)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server again after `stop` or `kill`."""
        limits = "-c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=40 -c max_wal_size=64MB"
        options = f"-k {self.folder} -p {self.port} {limits}"
        self._run("pg_ctl", "start", "--wait", "--silent", f"--log={self.folder / 'log'}", f"--options={options}")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server. The mode `immediate` leaves the recovery to the next start."""
        self._run("pg_ctl", "stop", f"--mode={mode}", "--silent")

    def kill(self) -> None:
        """End all processes of the server with SIGKILL."""
        lock = self.folder / "data" / "postmaster.pid"
        main = int(lock.read_text().split()[0])
        children = [int(each) for each in Path(f"/proc/{main}/task/{main}/children").read_text().split()]
        for each in (main, *children):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        while any(Path(f"/proc/{each}/stat").exists() and not _is_zombie(each) for each in (main, *children)):
            time.sleep(0.01)
        for each in (lock, self.folder / f".s.PGSQL.{self.port}.lock"):
            each.unlink()  # its process seems to exist until its parent asks for its end

    def fresh(self) -> str:
        """Make an empty database; return its address by the socket, which needs no password.

        Only the last `MAX_DATABASES` exist: each needs 10 MB.
        """
        name = f"state{next(self._names)}"
        self.execute(f"CREATE DATABASE {name}")
        self._databases.append(name)
        if len(self._databases) > MAX_DATABASES:
            self.execute(f"DROP DATABASE {self._databases.popleft()} WITH (FORCE)")
        return f"postgresql+psycopg://{USER}@:{self.port}/{name}?host={self.folder}"

    def by_loopback(self, address: str) -> str:
        """Return the address of the same database by TCP, which needs the password."""
        name = address.rpartition("/")[2] if "?" not in address else address.partition("?")[0].rpartition("/")[2]
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{name}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement as the owner of the server."""
        import psycopg  # noqa: PLC0415 - only where there is a server

        with psycopg.connect(host=str(self.folder), port=self.port, user=USER, dbname=database, autocommit=True) as it:
            it.execute(statement)

    def _move_in(self) -> None:
        """Copy the unpacked files to a folder that an unprivileged user can read."""
        home = self.folder / "programs"
        shutil.copytree(UNPACKED_POSTGRESQL, home, symlinks=True)
        self._programs = home / self._programs.relative_to(UNPACKED_POSTGRESQL)
        libraries = home / "usr" / "lib" / f"{platform.machine()}-linux-gnu"
        self._environment = {**self._environment, "LD_LIBRARY_PATH": str(libraries)}

    def _run(self, program: str, *arguments: str) -> None:
        who = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}
        command = [str(self._programs / program), f"--pgdata={self.folder / 'data'}", *arguments]
        with (self.folder / "said").open("ab") as said:  # a pipe would stay open as long as the server runs
            done = subprocess.run(
                command,
                check=False,
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                **who,
            )
        if done.returncode != 0:
            logs = [path.read_text() for name in ("said", "log") if (path := self.folder / name).exists()]
            raise RuntimeError(f"{program} failed: {''.join(logs)[-3000:]}")


def _is_zombie(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
