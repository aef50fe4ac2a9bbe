"""The file of a plan: one text for one plan, and no other text is accepted."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.docs.plan_keys import list_documented_keys, list_plan_keys
from support.runs.forged_plans import seal_plan
from support.soon import soon

from bot.model.errors import PlanError
from bot.model.fleet_plan import FleetPlan, PlannedRepository
from bot.model.report import RepositoryReport
from bot.plan_file import MAX_PLAN_BYTES, MAX_REPOSITORY_BYTES, parse_plan, render_plan

REPORT = RepositoryReport("github", "acme/web", "main")
REPOSITORY = PlannedRepository("github", "github.com", "acme/web", "main", "1" * 40, REPORT)
PLAN = FleetPlan("0.1.0", "a" * 32, "propose", datetime(2026, 11, 25, 12, tzinfo=UTC), "basebump/", (REPOSITORY,))
TEXT, _ = render_plan(PLAN)


def test_plan_is_read_as_it_was_written():
    assert parse_plan(TEXT.encode()) == PLAN
    assert seal_plan(json.loads(TEXT)) == TEXT.encode()


@given(st.integers(0, len(TEXT) - 1), st.characters(max_codepoint=127))
def test_refuses_every_changed_character(position, character):
    changed = TEXT[:position] + character + TEXT[position + 1 :]
    if changed != TEXT:
        with pytest.raises(PlanError):
            parse_plan(changed.encode())


@given(st.binary(max_size=200))
def test_refuses_every_other_file(content):
    with pytest.raises(PlanError):
        parse_plan(content)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema": 2}, "the plan has the schema '2', but this basebump reads only 1"),
        ({"schema": None}, "the plan has the schema 'None'"),
        ({"extra": 1}, "the plan is not valid: extra"),
        ({"level_word": "report"}, "the plan is not valid: level_word"),
        ({"planned_at": "tomorrow"}, "the plan is not valid: planned_at"),
        ({"repositories": [{"name": "acme/web"}]}, "the plan is not valid: repositories.0"),
        ({"repositories": {}}, "the plan is not valid: repositories"),
        ({"version": 1}, "the plan is not valid: version"),
    ],
)
def test_refuses_plan_of_another_form_even_with_its_digest(change, sentence):
    with pytest.raises(PlanError, match=sentence):
        parse_plan(seal_plan({**json.loads(TEXT), **change}))


@pytest.mark.parametrize(
    "text",
    [
        TEXT.rstrip("\n"),
        TEXT + "\n",
        TEXT.replace(":", ": ", 1),
        TEXT[:-2] + ',"version":"0.1.0"}\n',
        json.dumps(json.loads(TEXT), indent=1),
    ],
)
def test_refuses_another_text_for_the_same_plan(text):
    with pytest.raises(PlanError, match="the plan was changed after it was made"):
        parse_plan(text.encode())


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 100_000, b"1" * 100_000, b"\xff", b"{}", b"[]"])
def test_refuses_hostile_json_soon(content):
    with soon(5), pytest.raises(PlanError):
        parse_plan(content)


def test_refuses_plan_that_is_too_large():
    with pytest.raises(PlanError, match=f"more than {MAX_PLAN_BYTES} bytes"):
        parse_plan(b" " * (MAX_PLAN_BYTES + 1))


def test_repository_that_does_not_fit_is_left_out():
    large = PlannedRepository(
        "github",
        "github.com",
        "acme/large",
        "main",
        "1" * 40,
        RepositoryReport("", "", "", note="x" * MAX_REPOSITORY_BYTES),
    )
    broken = PlannedRepository(
        "github", "github.com", "acme/broken", "main", "1" * 40, RepositoryReport("", "", "", note="\udcff")
    )
    text, failures = render_plan(
        FleetPlan(PLAN.version, PLAN.config, "push", PLAN.planned_at, "basebump/", (large, REPOSITORY, broken))
    )
    assert [each.name for each in parse_plan(text.encode()).repositories] == ["acme/web"]
    assert [(each.subject, each.error.partition(", because ")[2].partition(";")[0]) for each in failures] == [
        ("acme/large", "the plan would be too large"),
        ("acme/broken", "a text in it is not valid Unicode"),
    ]


def test_page_describes_every_key_of_a_plan():
    assert list_documented_keys() == list_plan_keys()
