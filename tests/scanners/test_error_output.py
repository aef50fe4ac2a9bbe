"""A scanner's own errors in messages: the end is complete, and the beginning is not in the middle of a word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.reports.compare.comparison_text import MAX_VALUE
from bot.scanners._scanner_program import MAX_DETAIL_LENGTH, MAX_ERROR_LENGTH, make_failure, shorten_error_output


def test_long_scanner_error_is_shortened_to_the_last_complete_errors():
    wrapped = ": ".join(f"error number {number} of the scanner" for number in range(40))
    shown = shorten_error_output(wrapped, None)
    assert shown.startswith("… error number ")
    assert shown.endswith("error number 39 of the scanner")
    assert len(shown) <= MAX_ERROR_LENGTH


def test_short_scanner_error_is_only_joined_to_one_line():
    assert shorten_error_output("no such\n  image", None) == "no such image"


@given(st.text("ab :", min_size=1, max_size=2 * MAX_ERROR_LENGTH))
def test_scanner_error_in_a_message_is_cut_only_at_the_beginning(errors):
    shown = shorten_error_output(errors, None)
    outcome = make_failure(f"the database could not be downloaded: {shown}")
    assert len(shown) <= MAX_ERROR_LENGTH
    assert outcome.detail.endswith(" ".join(shown.split()))
    assert len(outcome.detail) <= MAX_DETAIL_LENGTH < MAX_VALUE
