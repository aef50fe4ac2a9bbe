"""What can be known of a state before a run, whichever database it is in; nothing of it changes by that."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text, update

from bot.model.diagnosis import CheckStatus, DiagnosisTarget
from bot.model.errors import StateError
from bot.model.vocabulary import RunLevel
from bot.state.examination import StateFileExamination, StateServerExamination
from bot.state.migration import MIGRATIONS
from bot.state.tables import SCHEMA_VERSION

PRESENT = 1 + len(MIGRATIONS)
AIM = DiagnosisTarget(RunLevel.REPORT, "basebump/")


def examine(place):
    """Try the place that an expression opens."""
    (address,) = re.findall(r"'(.*)'", place.opening)
    is_file = "sqlite" in place.opening
    examined = StateFileExamination(Path(address)) if is_file else StateServerExamination(address)
    return list(examined.examine(AIM))


def test_a_state_of_this_release_is_well(place):
    place.database()
    reading, writing = examine(place)
    assert (reading.status, writing.status) == (CheckStatus.OK, CheckStatus.OK)
    assert f"have version {PRESENT}, that of this release" in reading.result


@pytest.mark.parametrize(("version", "mark"), [(PRESENT - 1, CheckStatus.OK), (PRESENT + 1, CheckStatus.PROBLEM)])
def test_another_version_is_told_and_stays(place, version, mark):
    with place.database().open_for_writing() as connection:
        connection.execute(update(SCHEMA_VERSION).values(version=version))
    for _ in range(2):
        found = examine(place)[0]
        assert (found.status, f"have version {version}" in found.result) == (mark, True)


def test_a_database_without_tables_is_well_and_gets_none(place):
    with place.database().open_for_writing() as connection:
        for name in ("schema_version", "ends"):
            connection.execute(text(f"DROP TABLE {name}"))
    for _ in range(2):
        assert "the next run creates them" in examine(place)[0].result


def test_a_database_whose_version_is_missing_breaks_in_words(place):
    with place.database().open_for_writing() as connection:
        connection.execute(delete(SCHEMA_VERSION))
        assert connection.execute(select(SCHEMA_VERSION.c.version)).all() == []
    with pytest.raises(StateError):
        examine(place)


@pytest.mark.real("postgresql")
def test_a_server_that_is_not_there_breaks_in_words():
    with pytest.raises(StateError, match="make sure that the server runs"):
        list(StateServerExamination("postgresql://nobody@127.0.0.1:1/state").examine(AIM))
