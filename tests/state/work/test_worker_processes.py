"""Receivers and workers in processes of their own, which are killed and suspended, with a database that fails."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from support.work_processes import WorkStand

pytestmark = pytest.mark.slow

REPOSITORIES = [f"r{number}" for number in range(12)]


@pytest.fixture
def stand(state_location, tmp_path):
    folder = tmp_path / "world"
    folder.mkdir()
    with WorkStand(state_location.opening, folder) as stand:
        yield stand


def test_killing_receivers_and_workers_loses_no_work_and_causes_no_parallel_work(stand):
    chance, numbers, is_over = random.Random(7), count(), threading.Event()
    receivers = [stand.start_receiver() for _ in range(2)]
    workers = [stand.start_worker() for _ in range(3)]

    def send(part: int) -> None:
        """Send deliveries for each repository, and repeat those that were not accepted, as senders do."""
        own, unsent = random.Random(part), set(REPOSITORIES[part::2])
        while unsent or not is_over.is_set():
            number, repository = next(numbers), own.choice(REPOSITORIES[part::2])
            unsent.discard(repository)
            stand.world.raise_number(repository)
            while not receivers[own.randrange(2)].deliver(number, repository):
                time.sleep(0.02)
            time.sleep(own.random() * 0.05)

    with ThreadPoolExecutor(2) as threads:
        sending = [threads.submit(send, part) for part in range(2)]
        try:
            for _ in range(7):
                time.sleep(0.3 + chance.random() * 0.4)
                processes, start = (
                    (receivers, stand.start_receiver) if chance.random() < 0.3 else (workers, stand.start_worker)
                )
                victim = chance.randrange(len(processes))
                processes[victim].kill()
                processes[victim] = start()
        finally:
            is_over.set()
        for each in sending:
            each.result(timeout=60)
    stand.wait_until_idle()
    assert stand.world.list_lost() == []
    assert stand.world.list_notes("overlaps") == []
    assert len(stand.world.list_notes("visits")) >= len(REPOSITORIES)
