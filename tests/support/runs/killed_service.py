"""A service that is killed at random moments while images are pushed, and what its forge then looks like."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path

from support.runs.served_fleet import ServedFleet, ServiceProcess, wait_until

from bot.model.reference import Digest
from bot.state.database import Database
from bot.state.work_queue import DatabaseWorkQueue

REPOSITORIES_PER_IMAGE = 2
LONGEST_LIFE = 3.0
"""Seconds. Images are looked up two seconds after they were pushed, and visits follow at once."""
QUIET_TIMEOUT = 120.0


@dataclass(frozen=True)
class KillReport:
    """What a service that was killed left behind."""

    kills: int
    interrupted: int
    """How many of the kills happened while work was claimed."""
    lost: tuple[str, ...]
    """Repositories without a request for the newest digest."""
    repeated: tuple[str, ...]
    """Repositories with more than one request."""


def kill_service(folder: Path, kills: int, seed: int = 1) -> KillReport:
    """Push images, each of which two repositories use, and kill the service again and again meanwhile."""
    chance = random.Random(seed)
    names = [f"base{number}" for number in range(max(2, kills // 2))]
    with ServedFleet(folder) as fleet:
        digests = {name: fleet.push(name, f"{name} first") for name in names}
        users = [name for name in names for _ in range(REPOSITORIES_PER_IMAGE)]
        fleet.add_repositories({"Dockerfile": f"FROM {name}:1@{digests[name]}\nRUN true\n"} for name in users)
        service = fleet.start()
        fleet.wait_until_read(len(users))
        interrupted = 0
        for turn in range(kills):
            name = names[turn % len(names)]
            digests[name] = fleet.push(name, f"{name} patched {turn}")
            time.sleep(chance.random() * LONGEST_LIFE)
            service.kill()
            interrupted += _count_claims(folder) > 0
            service = fleet.start()
        wait_until(lambda: _is_quiet(service, folder, fleet), QUIET_TIMEOUT, 0.2)
        lost = [
            f"acme/r{number}"
            for number, name in enumerate(users)
            if not _proposes(fleet, f"acme/r{number}", digests[name])
        ]
        repeated = [name for name, count in fleet.list_proposals().items() if count > 1]
    return KillReport(kills, interrupted, tuple(lost), tuple(repeated))


def _is_quiet(service: ServiceProcess, folder: Path, fleet: ServedFleet) -> bool:
    """Return True if no work is due or being done, and the registry has no deliveries left to send."""
    figures = _open_queue(folder).compute_figures()
    last = max((each["time"] for each in service.entries("delivery") + service.entries("work-done")), default="")
    is_settled = last < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 4))
    return is_settled and not figures.due and not figures.claimed and bool(fleet.list_proposals())


def _count_claims(folder: Path) -> int:
    return _open_queue(folder).compute_figures().claimed


def _open_queue(folder: Path) -> DatabaseWorkQueue:
    return DatabaseWorkQueue(Database.sqlite_unmigrated(folder / "state.db"))


def _proposes(fleet: ServedFleet, repository: str, digest: Digest) -> bool:
    """Return True if a request of the repository changes its file to a digest."""
    found = fleet.forge.world.repositories[repository]
    return any(digest.encode() in found.git.files(pull.head)["Dockerfile"].content for pull in found.pulls)
