"""The probes of the service."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from support.service.year import SceneClock

from bot.model.errors import UsageError
from bot.serve.config_watch import CHECK_INTERVAL, ConfigWatch
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
        self.config_error: UsageError | None = None
        self.log_lines = StringIO()
        log = JsonLog(SystemClock(), self.log_lines)
        self.clock = SceneClock(datetime(2026, 11, 25, 12, tzinfo=UTC))
        watch = ConfigWatch(self.read_config, self.clock, log)
        self.router = Router(Health(queue, lambda: self.ended, lambda: self.is_stopping, log, watch).list_routes())

    def read_config(self) -> None:
        if self.config_error is not None:
            raise self.config_error

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


def test_service_with_invalid_config_is_ready_and_says_since_when_the_config_is_invalid(process):
    assert process.probe("/readyz") == (200, "ready\n")
    process.config_error = UsageError("line 3: unknown key; hint: remove it")
    process.clock.time += CHECK_INTERVAL
    for _ in range(2):
        assert process.probe("/readyz") == (200, "ready\nconfig: invalid since 2026-11-25T12:00:10Z\n")
        process.clock.time += CHECK_INTERVAL
    process.config_error = None
    assert process.probe("/readyz") == (200, "ready\n")
    entries = [json.loads(line) for line in process.log_lines.getvalue().splitlines()]
    assert [(each["event"], each.get("error")) for each in entries] == [
        ("config-invalid", "line 3: unknown key; hint: remove it"),
        ("config-valid", None),
    ]


def test_config_is_read_at_most_every_ten_seconds(process):
    process.probe("/readyz")
    process.config_error = UsageError("invalid")
    process.clock.time += CHECK_INTERVAL / 2
    assert process.probe("/readyz") == (200, "ready\n")
