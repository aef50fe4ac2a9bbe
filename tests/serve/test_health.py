"""The probes of the service."""

from __future__ import annotations

from io import StringIO

import pytest

from bot.serve.http import HttpRequest, Router
from bot.serve.json_log import JsonLog
from bot.serve.service import Health
from bot.state.database import Database
from bot.state.work.queue import DatabaseWorkQueue
from bot.wiring import SystemClock


class BreakableProcess:
    """A process whose threads and state a test breaks."""

    def __init__(self, path) -> None:
        self.path = path
        Database.sqlite(path)
        self.ended: list[str] = []
        self.is_stopping = False
        queue = DatabaseWorkQueue(Database.sqlite_unmigrated(path))
        log = JsonLog(SystemClock(), StringIO())
        self.router = Router(Health(queue, lambda: self.ended, lambda: self.is_stopping, log).list_routes())

    def probe(self, path: str) -> tuple[int, str]:
        response = self.router.answer(HttpRequest("GET", path))
        return response.status, response.body.decode()

    def break_state(self) -> None:
        self.path.write_bytes(b"damaged" * 1000)


@pytest.fixture
def process(tmp_path):
    return BreakableProcess(tmp_path / "state.db")


def test_running_service_is_live_and_ready(process):
    assert process.probe("/livez") == (200, "live\n")
    assert process.probe("/readyz") == (200, "ready\n")


def test_service_is_live_but_not_ready_if_the_state_cannot_be_used(process):
    process.break_state()
    assert process.probe("/livez") == (200, "live\n")
    status, text = process.probe("/readyz")
    assert (status, text) == (503, "the state cannot be used\n")


def test_service_is_neither_live_nor_ready_after_a_worker_thread_ended(process):
    process.ended.append("events")
    expected = (503, "the thread `events` has ended\n")
    assert process.probe("/livez") == process.probe("/readyz") == expected


def test_stopping_service_is_live_but_not_ready(process):
    process.is_stopping = True
    process.ended += ["events", "background"]
    assert process.probe("/livez") == (200, "live\n")
    assert process.probe("/readyz") == (503, "the service is stopping\n")
