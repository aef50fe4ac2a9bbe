"""The ledger of proposals that runs with the same state opened recently."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from bot.model.errors import StateError
from bot.model.limits import Opening
from bot.state.lookups.opening_ledger import DatabaseOpeningLedger

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEB = ("github", "github.com", "acme/web")
FIRST = Opening(WEB, "basebump/nginx", counts_in_window=True, is_first_of_repository=False)
SECOND = Opening(WEB, "basebump/redis", counts_in_window=False, is_first_of_repository=True)


@pytest.fixture
def ledger(state_location):
    return DatabaseOpeningLedger(state_location.database())


def load(ledger: DatabaseOpeningLedger, at: datetime = NOW, window: timedelta = HOUR) -> set[Opening]:
    seen: list[Opening] = []

    def choose(recent):
        seen.extend(recent)
        return ()

    ledger.reserve(choose, at, window)
    return set(seen)


def reserve(ledger: DatabaseOpeningLedger, *openings: Opening, at: datetime = NOW) -> None:
    ledger.reserve(lambda _: openings, at, HOUR)


def test_next_run_counts_opened_proposals_within_the_time_window(ledger):
    reserve(ledger, FIRST, SECOND)
    assert load(ledger) == {FIRST, SECOND}
    assert load(ledger, NOW + HOUR - timedelta(seconds=1)) == {FIRST, SECOND}
    assert load(ledger, NOW + HOUR) == set()
    assert load(ledger, NOW + HOUR, window=2 * HOUR) == {FIRST, SECOND}


def test_proposal_that_is_reserved_again_counts_from_the_later_time(ledger):
    reserve(ledger, FIRST)
    reserve(ledger, FIRST, at=NOW + HOUR / 2)
    assert load(ledger, NOW + HOUR) == {FIRST}


def test_proposal_with_released_reservation_is_not_counted(ledger):
    reserve(ledger, FIRST, SECOND)
    ledger.give_back([FIRST], NOW)
    assert load(ledger) == {SECOND}


def test_releasing_a_reservation_keeps_a_later_reservation_by_another_run(ledger):
    reserve(ledger, FIRST)
    reserve(ledger, FIRST, at=NOW + timedelta(microseconds=1))
    ledger.give_back([FIRST], NOW)
    assert load(ledger, NOW + HOUR / 2) == {FIRST}


def test_releasing_a_reservation_keeps_that_of_equal_repository_on_another_forge(ledger):
    elsewhere = Opening(("gitlab", "gitlab.com", "acme/web"), FIRST.branch, True, False)
    reserve(ledger, FIRST, elsewhere)
    ledger.give_back([elsewhere], NOW)
    assert load(ledger) == {FIRST}


def test_ledger_stores_no_reservation_if_the_choice_raises_an_error(ledger):
    def fail(_):
        raise StateError("interrupted")

    with pytest.raises(StateError):
        ledger.reserve(fail, NOW, HOUR)
    assert load(ledger) == set()


def test_old_reservations_are_deleted_by_the_next_reservation(ledger):
    reserve(ledger, FIRST)
    later = NOW + timedelta(days=60)
    reserve(ledger, SECOND, at=later)
    assert load(ledger, later, window=timedelta(days=90)) == {SECOND}


def test_concurrent_reservations_never_exceed_the_shared_limit(ledger):
    def reserve_up_to_ten(part: int) -> int:
        granted: list[Opening] = []

        def choose(recent):
            free = 10 - len(recent)
            granted.extend(
                Opening((*WEB[:2], f"acme/{part}-{number}"), "basebump/nginx", True, False)
                for number in range(min(free, 4))
            )
            return granted

        ledger.reserve(choose, NOW, HOUR)
        return len(granted)

    with ThreadPoolExecutor(8) as threads:
        granted = list(threads.map(reserve_up_to_ten, range(8)))
    assert sum(granted) == len(load(ledger)) == 10
