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
    format_intent_trailer,
    mark_withdrawn,
    parse_intent,
    parse_mark,
    record_started_commit,
    render_mark,
)
from bot.model.due_date import DueClass, DueDate
from bot.model.proposal import BodyMark

INTENT, REPORT = "0123456789abcdef", "fedcba9876543210"
TARGETS = ("docker.io/library/python:3.12-slim@sha256:" + "a" * 64, "ghcr.io/acme/web:1@sha256:" + "b" * 64)
MARK = render_mark(BodyMark(TARGETS, REPORT))
NOTHING = BodyMark()

targets = st.lists(st.text(max_size=40) | st.text(alphabet="<>-! &\"\\{}'", max_size=20), max_size=4).map(tuple)
reports = st.none() | st.text(alphabet="0123456789abcdef", min_size=16, max_size=16)


# Commits


def test_intent_trailer_has_fixed_format():
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
def test_intent_trailer_is_parsed_from_last_paragraph_of_message(message):
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
def test_invalid_intent_trailer_is_not_parsed(message):
    assert parse_intent(message) is None


@given(st.text(max_size=80), st.text(alphabet="0123456789abcdef", min_size=16, max_size=16))
def test_intent_trailer_at_end_of_message_round_trips(text, intent):
    assert parse_intent(f"Subject {text}\n\n{format_intent_trailer(intent)}\n") == intent


# Bodies


def test_mark_has_fixed_format():
    (content,) = re.fullmatch(r"<!-- basebump:1 (.*) -->", MARK).groups()
    assert json.loads(content) == {"targets": list(TARGETS), "report": REPORT, "withdrawn": False}


@given(st.text(max_size=60), targets, reports, st.booleans(), st.text(max_size=60))
def test_mark_round_trips_at_any_position_in_body(before, wanted, report, withdrawn, after):
    body = before + render_mark(BodyMark(wanted, report, is_withdrawn=withdrawn)) + after
    assert parse_mark(body) == BodyMark(wanted, report, withdrawn)


@given(targets, reports, st.booleans())
def test_mark_content_cannot_end_or_begin_an_html_comment(wanted, report, withdrawn):
    inside = render_mark(BodyMark(wanted, report, is_withdrawn=withdrawn))[len("<!--") : -len("-->")]
    assert not re.search(r"--|[<>\n]", inside)
    assert inside.isascii()


def test_body_without_mark_is_parsed_as_empty_mark():
    assert parse_mark("Moves python.") == NOTHING


def test_only_the_last_mark_in_body_is_parsed():
    assert parse_mark(f"{render_mark(BodyMark(('old',), None, is_withdrawn=True))}\n{MARK}") == BodyMark(
        TARGETS, REPORT
    )


def test_mark_is_parsed_after_text_that_resembles_start_of_mark():
    assert parse_mark(f"`<!-- basebump:1 {{` and more\n\n{MARK}").targets == TARGETS


def test_older_mark_is_not_used_if_last_mark_is_unreadable():
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
def test_malformed_mark_is_parsed_as_empty_mark(content):
    assert parse_mark(f"<!-- basebump:1 {content} -->") == NOTHING


def test_unknown_keys_of_mark_are_ignored():
    assert parse_mark(MARK.replace('{"targets"', '{"more":{"a":[1]},"targets"')).targets == TARGETS


def test_mark_of_other_version_is_ignored():
    assert parse_mark(MARK.replace("basebump:1", "basebump:2")) == NOTHING


def test_mark_without_end_is_ignored():
    assert parse_mark(MARK.removesuffix("-->")) == NOTHING


def test_mark_longer_than_limit_is_ignored():
    def of_length(length):
        few = [f"{number:0{MAX_TARGET_LENGTH}}" for number in range(MAX_MARK_LENGTH // (MAX_TARGET_LENGTH + 3))]
        rest = length - len(render_mark(BodyMark((*few, ""))))
        return render_mark(BodyMark((*few, "x" * rest)))

    longest = of_length(MAX_MARK_LENGTH)
    assert len(longest) == MAX_MARK_LENGTH
    assert parse_mark(longest).targets
    assert parse_mark(of_length(MAX_MARK_LENGTH + 1)) == NOTHING


@given(st.text(max_size=60), targets, reports, st.booleans(), st.text(max_size=60))
def test_marking_a_proposal_as_withdrawn_changes_only_key_withdrawn(before, wanted, report, withdrawn, after):
    body = before + render_mark(BodyMark(wanted, report, is_withdrawn=withdrawn)) + after
    back = mark_withdrawn(body)
    assert parse_mark(back) == BodyMark(wanted, report, is_withdrawn=True)
    assert back.startswith(before)
    assert mark_withdrawn(back) == back


@given(st.text(max_size=60) | st.just(f"{MARK}\n<!-- basebump:1 broken -->"))
def test_marking_a_proposal_as_withdrawn_adds_mark_when_no_mark_is_readable(body):
    back = mark_withdrawn(body)
    assert parse_mark(back) == BodyMark(is_withdrawn=True)
    assert back.startswith(body)


# The due date


DUE = DueDate(datetime(2026, 12, 2, 12, tzinfo=UTC), DueClass.CRITICAL)
WRITTEN_DUE = '"due":{"at":"2026-12-02T12:00:00+00:00","fixes":"critical"}'


def test_due_date_in_mark_is_kept_when_other_values_are_recorded():
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
def test_invalid_due_date_in_mark_is_ignored_and_rest_is_parsed(written):
    body = render_mark(BodyMark(TARGETS, REPORT, due=DUE)).replace(WRITTEN_DUE, written)
    assert parse_mark(body) == BodyMark(TARGETS, REPORT)
