"""The checks of `basebump doctor` for a state in either database. They change nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text, update

from bot.model.diagnosis import CheckStatus, DiagnosisTarget
from bot.model.errors import StateError
from bot.model.vocabulary import RunLevel
from bot.state import examination
from bot.state.examination import StateFileExamination, StateServerExamination
from bot.state.migration import MIGRATIONS
from bot.state.tables import SCHEMA_VERSION

PRESENT = 1 + len(MIGRATIONS)
AIM = DiagnosisTarget(RunLevel.REPORT, "basebump/")


def examine(location):
    """Run the checks for the given location."""
    (address,) = re.findall(r"'(.*)'", location.opening)
    is_file = "sqlite" in location.opening
    examined = StateFileExamination(Path(address)) if is_file else StateServerExamination(address)
    return list(examined.examine(AIM))


def test_doctor_accepts_state_of_this_release(state_location):
    state_location.database()
    reading, writing = examine(state_location)
    assert (reading.status, writing.status) == (CheckStatus.OK, CheckStatus.OK)
    assert f"version {PRESENT}, " in reading.result


@pytest.mark.parametrize(("version", "status"), [(1, CheckStatus.OK), (3, CheckStatus.PROBLEM)])
def test_doctor_reports_version_of_older_or_newer_state_without_migrating(state_location, monkeypatch, version, status):
    with state_location.database().open_for_writing() as connection:
        connection.execute(update(SCHEMA_VERSION).values(version=version))
    monkeypatch.setattr(examination, "MIGRATIONS", (lambda _: None,))
    for _ in range(2):
        check = examine(state_location)[0]
        assert (check.status, f"have version {version}" in check.result) == (status, True)


def test_doctor_does_not_create_missing_tables(state_location):
    with state_location.database().open_for_writing() as connection:
        for name in ("schema_version", "superseded_tags"):
            connection.execute(text(f"DROP TABLE {name}"))
    for _ in range(2):
        assert "creates them" in examine(state_location)[0].result


def test_doctor_fails_if_the_schema_version_is_missing(state_location):
    with state_location.database().open_for_writing() as connection:
        connection.execute(delete(SCHEMA_VERSION))
        assert connection.execute(select(SCHEMA_VERSION.c.version)).all() == []
    with pytest.raises(StateError):
        examine(state_location)


@pytest.mark.real("postgresql")
def test_doctor_fails_if_the_database_server_is_unreachable():
    with pytest.raises(StateError, match="the server runs"):
        list(StateServerExamination("postgresql://nobody@127.0.0.1:1/state").examine(AIM))
