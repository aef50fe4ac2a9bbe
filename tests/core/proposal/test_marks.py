"""Tests that trailers and marks can be parsed again, and that no other texts are parsed as such."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.proposal.marks import (
    MAX_MARK_LENGTH,
    MAX_TARGET_LENGTH,
    BodyMark,
    format_intent_trailer,
    mark_withdrawn,
    parse_intent,
    parse_mark,
    record_started_commit,
    render_mark,
)
from bot.model.due_date import DueClass, DueDate

INTENT, REPORT = "0123456789abcdef", "fedcba9876543210"
TARGETS = ("docker.io/library/python:3.12-slim@sha256:" + "a" * 64, "ghcr.io/acme/web:1@sha256:" + "b" * 64)
MARK = render_mark(BodyMark(TARGETS, REPORT))
NOTHING = BodyMark()

targets = st.lists(st.text(max_size=40) | st.text(alphabet="<>-! &\"\\{}'", max_size=20), max_size=4).map(tuple)
reports = st.none() | st.text(alphabet="0123456789abcdef", min_size=16, max_size=16)


# Commits


def test_the_trailer_is_the_one_that_was_agreed_on():
    assert format_intent_trailer(INTENT) == "Basebump-Intent: 1 0123456789abcdef"


@pytest.mark.parametrize(
    "message",
    [
        f"Update python\n\n{format_intent_trailer(INTENT)}",
        f"Update python\n\n{format_intent_trailer(INTENT)}\n\n \n",
        f"Update python\n\nWhy.\n\n{format_intent_trailer(INTENT)}\nSigned-off-by: Ada <ada@example.org>\n",
        f"Update python\n\nBasebump-Intent: 1 {'9' * 16}\n\nReviewed-by: Ada\n{format_intent_trailer(INTENT)}\n",
    ],
)
def test_an_intent_is_read_from_the_last_paragraph(message):
    assert parse_intent(message) == INTENT


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("", id="empty"),
        pytest.param(format_intent_trailer(INTENT), id="subject"),
        pytest.param(f"Update python\n{format_intent_trailer(INTENT)}", id="second-line-of-the-subject"),
        pytest.param(f"Update\n\n{format_intent_trailer(INTENT)}\n\nMore words.", id="not-last"),
        pytest.param(f"Update\n\nThis has\n{format_intent_trailer(INTENT)}", id="in-prose"),
        pytest.param(f"Update\n\n {format_intent_trailer(INTENT)}\nA: b", id="indented"),
        pytest.param(f"Update\n\n{format_intent_trailer(INTENT)}\n{format_intent_trailer('9' * 16)}", id="twice"),
        pytest.param(f"Update\n\nX: {format_intent_trailer(INTENT)}", id="in-another"),
        pytest.param(f"Update\n\n{format_intent_trailer(INTENT.upper())}", id="upper-case"),
        pytest.param(f"Update\n\n{format_intent_trailer(INTENT[1:])}", id="short"),
        pytest.param(f"Update\n\n{format_intent_trailer(INTENT + '0')}", id="long"),
        pytest.param(f"Update\n\nBasebump-Intent: 2 {INTENT}", id="another-version"),
        pytest.param(f"Update\n\nbasebump-intent: 1 {INTENT}", id="another-key"),
        pytest.param(
            "Update\n\nBasebump-Intent: 1 \uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19abcdef",
            id="wide-digits",
        ),
    ],
)
def test_anything_else_is_no_intent(message):
    assert parse_intent(message) is None


@given(st.text(max_size=80), st.text(alphabet="0123456789abcdef", min_size=16, max_size=16))
def test_a_message_that_ends_in_a_trailer_is_always_read_back(text, intent):
    assert parse_intent(f"Subject {text}\n\n{format_intent_trailer(intent)}\n") == intent


# Bodies


def test_a_mark_has_the_shape_that_was_agreed_on():
    (content,) = re.fullmatch(r"<!-- basebump:1 (.*) -->", MARK).groups()
    assert json.loads(content) == {"targets": list(TARGETS), "report": REPORT, "withdrawn": False}


@given(st.text(max_size=60), targets, reports, st.booleans(), st.text(max_size=60))
def test_a_mark_is_read_back_wherever_it_stands(before, wanted, report, withdrawn, after):
    body = before + render_mark(BodyMark(wanted, report, is_withdrawn=withdrawn)) + after
    assert parse_mark(body) == BodyMark(wanted, report, withdrawn)


@given(targets, reports, st.booleans())
def test_nothing_inside_a_mark_can_end_or_begin_a_comment(wanted, report, withdrawn):
    inside = render_mark(BodyMark(wanted, report, is_withdrawn=withdrawn))[len("<!--") : -len("-->")]
    assert not re.search(r"--|[<>\n]", inside)
    assert inside.isascii()


def test_a_body_without_a_mark_knows_nothing():
    assert parse_mark("Moves python.") == NOTHING


def test_the_last_mark_counts():
    assert parse_mark(f"{render_mark(BodyMark(('old',), None, is_withdrawn=True))}\n{MARK}") == BodyMark(
        TARGETS, REPORT
    )


def test_text_that_begins_like_a_mark_does_not_hide_the_real_one():
    assert parse_mark(f"`<!-- basebump:1 {{` and more\n\n{MARK}").targets == TARGETS


def test_an_unreadable_last_mark_does_not_bring_back_an_older_one():
    assert parse_mark(f"{MARK}\n<!-- basebump:1 {{}} -->") == NOTHING


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[]",
        "{",
        "{}",
        '{"targets": ["a"], "report": null}',
        '{"targets": "a", "report": null, "withdrawn": false}',
        '{"targets": [1], "report": null, "withdrawn": false}',
        '{"targets": [], "report": 5, "withdrawn": false}',
        '{"targets": [], "report": "0123456789ABCDEF", "withdrawn": false}',
        '{"targets": [], "report": "0", "withdrawn": false}',
        '{"targets": ["a"], "report": null, "withdrawn": "true"}',
        '{"targets": ["a"], "report": null, "withdrawn": 1}',
        '{"targets": ["%s"], "report": null, "withdrawn": true}' % ("a" * (MAX_TARGET_LENGTH + 1)),
        "[" * 20_000,
        '{"targets": [], "report": null, "withdrawn": true, "more": %s}' % ("9" * 5000),
    ],
)
def test_a_malformed_mark_knows_nothing(content):
    assert parse_mark(f"<!-- basebump:1 {content} -->") == NOTHING


def test_what_a_later_version_adds_does_not_make_a_mark_unreadable():
    assert parse_mark(MARK.replace('{"targets"', '{"more":{"a":[1]},"targets"')).targets == TARGETS


def test_a_mark_of_another_version_is_not_read():
    assert parse_mark(MARK.replace("basebump:1", "basebump:2")) == NOTHING


def test_a_mark_without_an_end_knows_nothing():
    assert parse_mark(MARK.removesuffix("-->")) == NOTHING


def test_a_mark_is_read_up_to_its_limit_and_not_beyond():
    def of_length(length):
        few = [f"{number:0{MAX_TARGET_LENGTH}}" for number in range(MAX_MARK_LENGTH // (MAX_TARGET_LENGTH + 3))]
        rest = length - len(render_mark(BodyMark((*few, ""))))
        return render_mark(BodyMark((*few, "x" * rest)))

    longest = of_length(MAX_MARK_LENGTH)
    assert len(longest) == MAX_MARK_LENGTH
    assert parse_mark(longest).targets
    assert parse_mark(of_length(MAX_MARK_LENGTH + 1)) == NOTHING


@given(st.text(max_size=60), targets, reports, st.booleans(), st.text(max_size=60))
def test_taking_back_changes_that_word_alone(before, wanted, report, withdrawn, after):
    body = before + render_mark(BodyMark(wanted, report, is_withdrawn=withdrawn)) + after
    back = mark_withdrawn(body)
    assert parse_mark(back) == BodyMark(wanted, report, is_withdrawn=True)
    assert back.startswith(before)
    assert mark_withdrawn(back) == back


@given(st.text(max_size=60) | st.just(f"{MARK}\n<!-- basebump:1 broken -->"))
def test_taking_back_a_body_without_a_readable_mark_adds_one(body):
    back = mark_withdrawn(body)
    assert parse_mark(back) == BodyMark(is_withdrawn=True)
    assert back.startswith(body)


# The due date


DUE = DueDate(datetime(2026, 12, 2, 12, tzinfo=UTC), DueClass.CRITICAL)
WRITTEN_DUE = '"due":{"at":"2026-12-02T12:00:00+00:00","fixes":"critical"}'


def test_due_date_stays_in_the_mark_whatever_else_is_recorded():
    body = f"text\n\n{render_mark(BodyMark(TARGETS, REPORT, due=DUE))}"
    assert WRITTEN_DUE in body
    private = replace(DUE, is_private=True)
    assert parse_mark(render_mark(BodyMark(TARGETS, REPORT, due=private))).due == private
    for changed in (body, mark_withdrawn(body), record_started_commit(body, "a" * 40)):
        assert parse_mark(changed).due == DUE


@pytest.mark.parametrize(
    "written",
    [
        '"due":null',
        '"due":"2026-12-02T12:00:00+00:00"',
        '"due":{"at":"2026-12-02T12:00:00+00:00"}',
        '"due":{"at":"2026-12-02T12:00:00+00:00","fixes":"low"}',
        '"due":{"at":"2026-12-02T12:00:00","fixes":"critical"}',
        '"due":{"at":"2026-12-02T12:00:00+02:00","fixes":"critical"}',
        '"due":{"at":"2026-02-31T12:00:00+00:00","fixes":"critical"}',
        '"due":{"at":"٢٠٢٦-12-02T12:00:00+00:00","fixes":"critical"}',
    ],
)
def test_invalid_due_date_is_none_and_the_rest_of_the_mark_counts(written):
    body = render_mark(BodyMark(TARGETS, REPORT, due=DUE)).replace(WRITTEN_DUE, written)
    assert parse_mark(body) == BodyMark(TARGETS, REPORT)
