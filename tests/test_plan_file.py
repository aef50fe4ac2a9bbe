"""The file of a plan: one text for one plan, and no other text is accepted."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.docs.plan_keys import list_documented_keys, list_plan_keys
from support.runs.forged_plans import seal_plan
from support.soon import soon
from support.values import reference

from bot.core.choice.verdict import build_verdict
from bot.core.references.report_slots import drop_slot_bytes
from bot.model.decision import SkippedReference
from bot.model.errors import PlanError
from bot.model.fleet_plan import FleetPlan, PlannedRepository
from bot.model.report import RepositoryReport
from bot.model.stuck_update import StuckUpdate
from bot.model.vocabulary import Reason
from bot.plan_file import MAX_KEYS, MAX_PLAN_BYTES, MAX_REPOSITORY_BYTES, parse_plan, render_plan

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
STUCK = StuckUpdate("Dockerfile", 1, "docker.io/library/python:3.12", "merged, not rebuilt", AT, "not-built")
REPORT = RepositoryReport("github", "acme/web", "main", stuck=(STUCK,))
REPOSITORY = PlannedRepository("github", "github.com", "acme/web", "main", "1" * 40, REPORT)
PLAN = FleetPlan("0.1.0", "a" * 32, "propose", AT, "basebump/", (REPOSITORY,))
TEXT, _ = render_plan(PLAN)


def test_parsed_plan_equals_the_plan_that_was_written():
    assert parse_plan(TEXT.encode()) == PLAN
    assert seal_plan(json.loads(TEXT)) == TEXT.encode()


@given(st.integers(0, len(TEXT) - 1), st.characters(max_codepoint=127))
def test_plan_with_any_changed_character_is_refused(position, character):
    changed = TEXT[:position] + character + TEXT[position + 1 :]
    if changed != TEXT:
        with pytest.raises(PlanError):
            parse_plan(changed.encode())


@given(st.binary(max_size=200))
def test_file_that_is_not_a_plan_is_refused(content):
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
def test_plan_with_wrong_keys_is_refused_even_with_valid_digest(change, sentence):
    with pytest.raises(PlanError, match=sentence):
        parse_plan(seal_plan({**json.loads(TEXT), **change}))


HOSTILE = "python\n##vso[task.setvariable variable=a]b"


def plan_verdict(**changes) -> bytes:
    """Return a plan with one verdict, whose image reference has these changes."""
    verdict = build_verdict(SkippedReference(reference("python:3.12-slim"), Reason.IGNORED))
    report = replace(REPORT, verdicts=(verdict,))
    text, failures = render_plan(replace(PLAN, repositories=(replace(REPOSITORY, report=drop_slot_bytes(report)),)))
    assert failures == ()
    document = json.loads(text)
    document["repositories"][0]["report"]["verdicts"][0]["reference"]["image"].update(changes)
    return seal_plan(document)


def test_plan_with_image_reference_is_parsed():
    (repository,) = parse_plan(plan_verdict()).repositories
    assert str(repository.report.verdicts[0].reference.image) == "python:3.12-slim"


@pytest.mark.parametrize("changes", [{"name": HOSTILE}, {"name": ""}, {"tag": HOSTILE}, {"digest": HOSTILE}])
def test_plan_with_invalid_image_reference_is_refused(changes):
    """Reports print references as they are, and CI services execute some lines of a log."""
    with pytest.raises(PlanError, match="the plan is not valid"):
        parse_plan(plan_verdict(**changes))


def test_plan_with_time_without_time_zone_is_refused():
    with pytest.raises(PlanError, match="the plan is not valid: '2026-11-25 12:00:00'"):
        parse_plan(seal_plan({**json.loads(TEXT), "planned_at": "2026-11-25T12:00:00"}))


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
def test_plan_with_other_whitespace_or_key_order_is_refused(text):
    with pytest.raises(PlanError, match="the plan was changed after it was made"):
        parse_plan(text.encode())


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 100_000, b"1" * 100_000, b"\xff", b"{}", b"[]"])
def test_deeply_nested_or_invalid_json_is_refused_quickly(content):
    with soon(5), pytest.raises(PlanError):
        parse_plan(content)


@pytest.mark.parametrize(
    "change",
    [
        {"evidence": [0] * 20_000},
        {"repositories": [{}] * 20_000},
        {f"k{number}": 0 for number in range(MAX_KEYS)},
    ],
    ids=["numbers", "objects", "keys"],
)
def test_plan_with_many_errors_is_refused_without_much_memory(change):
    """Each error would take about a thousand bytes, and be reported with all others."""
    plan = seal_plan({**json.loads(TEXT), **change})
    tracemalloc.start()
    try:
        with pytest.raises(PlanError, match="the plan is not valid"):
            parse_plan(plan)
        assert tracemalloc.get_traced_memory()[1] < 60 * len(plan)
    finally:
        tracemalloc.stop()


def test_plan_above_the_size_limit_is_refused():
    with pytest.raises(PlanError, match=f"more than {MAX_PLAN_BYTES} bytes"):
        parse_plan(b" " * (MAX_PLAN_BYTES + 1))


def test_plan_omits_repository_that_is_too_large_or_has_invalid_unicode():
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


def test_docs_describe_every_key_of_a_plan():
    assert list_documented_keys() == list_plan_keys()
