"""The log of the service: one line of JSON for each entry, also for messages of libraries."""

from __future__ import annotations

import json
import logging
from io import StringIO

import pytest
from support.postgresql import PostgresqlServer
from support.runs.served_fleet import ServedFleet, ServiceProcess
from support.waiting import wait_until

from bot.serve.json_log import JsonLog, LibraryMessages
from bot.wiring import SystemClock


def test_messages_of_libraries_become_single_entries():
    lines = StringIO()
    logger, handler = logging.getLogger("psycopg.pool"), LibraryMessages(JsonLog(SystemClock(), lines))
    logger.addHandler(handler)
    logger.error("cannot connect to %s", "db\x1b[31m", exc_info=ConnectionError("the server\nis away"))
    logger.info("not written")
    logger.removeHandler(handler)
    [entry] = map(json.loads, lines.getvalue().splitlines())
    assert (entry["event"], entry["logger"], entry["level"]) == ("library", "psycopg.pool", "error")
    assert entry["message"] == "cannot connect to db [31m: ConnectionError: the server is away"


@pytest.mark.slow
@pytest.mark.real("docker-registry")
@pytest.mark.real("postgresql")
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_log_of_work_command_contains_only_json_while_postgresql_is_away(tmp_path, mode):
    with PostgresqlServer() as server, ServedFleet(tmp_path, server.fresh()) as fleet:
        fleet.write_config(more="queue: postgresql\n")
        held = fleet.push("base", "base first")
        fleet.add_repositories([{"Dockerfile": f"FROM base:1@{held}\nRUN true\n"}] * 2)
        processes = [fleet.start(), fleet.start("work", "--level", "propose")]
        fleet.wait_until_read(2)
        server.stop(mode)
        wait_until(lambda: len(processes[1].entries("state-error")) >= 3)
        server.start()
        fleet.push("base", "base patched")
        wait_until(lambda: len(fleet.list_proposals()) == 2)
        assert [each.end() for each in processes] == [0, 0]
        assert [line for each in processes for line in list_plain_lines(each)] == []


def list_plain_lines(service: ServiceProcess) -> list[str]:
    """Return the lines of a log that are not JSON."""
    lines = service.log_file.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not (line.startswith("{") and "event" in json.loads(line))]
