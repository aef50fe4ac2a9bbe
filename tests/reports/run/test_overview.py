"""The table of repositories at the end of a run on a terminal."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from support.runs.reports import (
    HOSTILE,
    build_hostile_report,
    build_proposal,
    build_repository,
    build_run_report,
    build_update,
    build_verdict,
)

from bot.model.vocabulary import ProposalOutcome, Reason, ReferenceStatus
from bot.reports.parts.styled_lines import join_lines
from bot.reports.run.overview import MAX_ROWS, render_overview


def show_overview(report, columns):
    return join_lines(render_overview(report, columns))


def test_overview_has_a_line_for_each_repository_and_omits_unused_columns():
    held = build_verdict(ReferenceStatus.HELD, Reason.TOO_YOUNG, written="redis:7")
    waits = build_proposal(outcome=ProposalOutcome.DEFERRED)
    trees = [
        build_repository(build_update(), held, proposals=(build_proposal(), waits)),
        build_repository(name="acme/api"),
    ]
    assert show_overview(build_run_report(*trees), 100).splitlines() == [
        "repository       references  updatable  not updated  pinned  open  waiting",
        "─" * 74,
        "acme/web (main)           2          1            1       1     1        1",
        "acme/api (main)           ·          ·            ·       ·     ·        ·",
        "all                       2          1            1       1     1        1",
    ]


def test_overview_counts_add_up_to_number_of_references():
    tree = build_repository(*(build_verdict(each, None) for each in ReferenceStatus))
    heading, _, row = show_overview(build_run_report(tree), 200).splitlines()
    numbers = dict(
        zip(heading.replace("not updated", "not-updated").split()[1:], map(int, row.split()[2:]), strict=True)
    )
    assert numbers["references"] == len(ReferenceStatus)
    assert sum(numbers[each] for each in ("updatable", "current", "not-updated", "skipped")) == numbers["references"]


def test_overview_omits_columns_on_narrow_terminal():
    tree = build_repository(*(build_verdict(each, None) for each in ReferenceStatus), proposals=(build_proposal(),))
    table = show_overview(build_run_report(tree), 40)
    assert max(map(len, table.splitlines())) <= 40
    assert table.split()[:4] == ["repository", "updatable", "open", "─" * len(table.splitlines()[1])]


def test_overview_omits_columns_before_shortening_repository_names():
    tree = build_repository(*(build_verdict(each, None) for each in ReferenceStatus), name="acme/a-rather-long-name")
    table = show_overview(build_run_report(tree), 80)
    assert "acme/a-rather-long-name (main)" in table
    assert "skipped" not in table
    assert "skipped" in show_overview(build_run_report(tree), 90)


def test_overview_of_run_without_repositories_is_empty():
    assert show_overview(build_run_report(), 80) == ""


def test_overview_of_large_fleet_omits_rows_and_shows_sum_of_all_rows():
    lines = show_overview(
        build_run_report(*(build_repository(build_update(), name=f"acme/{n}") for n in range(100))), 80
    ).splitlines()
    assert len(lines) == MAX_ROWS + 4
    assert lines[-2] == "60 more"
    assert lines[-1].split() == ["all", "100", "100", "100"]


@given(st.text(), st.integers(40, 200))
def test_overview_escapes_names_and_shortens_long_names_to_terminal_width(word, columns):
    for report in (
        build_hostile_report(word),
        build_hostile_report(HOSTILE),
        build_run_report(build_repository(build_update(), name="x" * 500)),
    ):
        table = show_overview(report, columns)
        assert max(map(len, table.split("\n"))) <= columns
        assert {unicodedata.category(each) for each in table if each != "\n"} & {"Cc", "Cf", "Cs"} == set()
