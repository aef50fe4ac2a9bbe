"""The log in which all phases of a run note failures."""

from __future__ import annotations

import pytest
from support.runs.worlds import build_context

from bot.model.errors import StateError
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage
from bot.pipeline.failures import STATE_SUBJECT, FailureLog

FIRST, SECOND = (RunFailure(name, FailureStage.SURVEY, "timeout") for name in ("acme/web", "acme/api"))


def test_log_keeps_failures_in_order_including_duplicates():
    log = FailureLog()
    log.add([SECOND, FIRST])
    log.add([SECOND])
    assert log.list_all() == (SECOND, FIRST, SECOND)


def test_adding_new_failures_skips_failures_that_the_log_already_contains():
    log = FailureLog()
    log.add([FIRST])
    log.add_new([SECOND, FIRST, SECOND])
    assert log.list_all() == (FIRST, SECOND)


def test_state_error_that_occurs_twice_in_a_stage_is_listed_once():
    log = FailureLog()
    for _ in range(2):
        with log.note_state_error(FailureStage.CLUSTERS):
            raise StateError("the disk is full")
    assert len(log.list_all()) == 1


def test_state_error_is_logged_as_failure_with_the_state_as_subject():
    log = FailureLog()
    with log.note_state_error(FailureStage.ASSESS):
        raise StateError("the disk is full")
    assert log.list_all() == (RunFailure(STATE_SUBJECT, FailureStage.ASSESS, "the disk is full"),)


def test_error_that_is_not_a_state_error_is_raised_and_not_logged():
    log = FailureLog()
    with pytest.raises(KeyError), log.note_state_error(FailureStage.ASSESS):
        raise KeyError("bug")
    assert log.list_all() == ()


def test_failure_added_to_new_log_of_a_context_is_not_in_the_earlier_log():
    context = build_context()
    context.failures.add([FIRST])
    context.with_new_log().failures.add([SECOND])
    assert context.failures.list_all() == (FIRST,)
    assert context.with_new_log().failures.list_all() == ()
