"""A service that is killed at random moments while images are pushed, and the state of its forge."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from support.runs.served_fleet import ServedFleet, ServiceProcess
from support.waiting import wait_until

from bot.model.image_name import Digest
from bot.state.database import Database
from bot.state.work.queue import DatabaseWorkQueue

REPOSITORIES_PER_IMAGE = 2
LONGEST_LIFE = 3.0
"""Seconds. Images are looked up two seconds after they were pushed, and visits follow at once."""
QUIET_TIME = 4.0
"""Seconds. Longer than the registry waits before it repeats a delivery, and than an image waits for its lookup."""
REQUESTS_PER_IMAGE = 20
"""The forge gets at least as many requests after an image was pushed."""
TIMEOUT = 300.0
"""Seconds."""
SHORT_WAITS = """
from datetime import timedelta
from bot.serve import job

job.RETRY_DELAYS = (timedelta(seconds=1),) * len(job.RETRY_DELAYS)
"""
"""Work during which three or more processes in a row ended waits for a second or two, instead of minutes."""


@dataclass(frozen=True)
class KillReport:
    """The state that a killed service left behind."""

    kills: int
    interrupted: int
    """How many of the kills happened while work was claimed."""
    lost: tuple[str, ...]
    """Repositories without a request for the newest digest."""
    repeated: tuple[str, ...]
    """Repositories with more than one request."""


def kill_service(folder: Path, kills: int, seed: int = 1) -> KillReport:
    """Push images, each of which two repositories use, and kill the service after each push.

    In turn, the service is killed while it waits for the answer to a random request to the forge, and after a random
    time.
    """
    chance = random.Random(seed)
    names = [f"base{number}" for number in range(max(2, kills // 2))]
    with ServedFleet(folder) as fleet:
        digests = {name: fleet.push(name, f"{name} first") for name in names}
        users = [name for name in names for _ in range(REPOSITORIES_PER_IMAGE)]
        fleet.add_repositories({"Dockerfile": f"FROM {name}:1@{digests[name]}\nRUN true\n"} for name in users)
        (folder / "sitecustomize.py").write_text(SHORT_WAITS)
        service = fleet.start(environment={"PYTHONPATH": str(folder)})
        fleet.wait_until_read(len(users))
        interrupted = 0
        for turn in range(kills):
            name = names[turn % len(names)]
            after = chance.randrange(REQUESTS_PER_IMAGE)
            with fleet.hold_requests(".", after) if turn % 2 == 0 else nullcontext() as held:
                digests[name] = fleet.push(name, f"{name} patched {turn}")
                if held is None:
                    time.sleep(chance.random() * LONGEST_LIFE)
                elif not held[0].wait(TIMEOUT):
                    raise TimeoutError(f"no request to the forge after {TIMEOUT} s")
                service.kill()
            interrupted += _count_claims(folder) > 0
            service = fleet.start(environment={"PYTHONPATH": str(folder)})
        newest = {f"acme/r{number}": digests[name] for number, name in enumerate(users)}
        with suppress(TimeoutError):
            wait_until(lambda: not _list_lost(fleet, newest), TIMEOUT, 0.2)
        wait_until(lambda: _is_quiet(service, folder), TIMEOUT, 0.2)
        lost = _list_lost(fleet, newest)
        repeated = [name for name, count in fleet.list_proposals().items() if count > 1]
    return KillReport(kills, interrupted, tuple(lost), tuple(repeated))


def _is_quiet(service: ServiceProcess, folder: Path) -> bool:
    """Return True if no work is due or being done, and for some seconds none was and no delivery arrived."""
    figures = _open_queue(folder).compute_figures()
    last = max(entry["time"] for event in ("started", "delivery", "work-done") for entry in service.entries(event))
    is_settled = last < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - QUIET_TIME))
    return is_settled and not figures.due and not figures.claimed


def _count_claims(folder: Path) -> int:
    return _open_queue(folder).compute_figures().claimed


def _open_queue(folder: Path) -> DatabaseWorkQueue:
    return DatabaseWorkQueue(Database.sqlite_unmigrated(folder / "state.db"))


def _list_lost(fleet: ServedFleet, newest: Mapping[str, Digest]) -> list[str]:
    """Return the repositories that no request changes to the newest digest of their image."""
    return [repository for repository, digest in newest.items() if not _proposes(fleet, repository, digest)]


def _proposes(fleet: ServedFleet, repository: str, digest: Digest) -> bool:
    """Return True if a request of the repository changes its file to a digest."""
    found = fleet.forge.world.repositories[repository]
    return any(digest.encode() in found.git.files(pull.head)["Dockerfile"].content for pull in found.pulls)
