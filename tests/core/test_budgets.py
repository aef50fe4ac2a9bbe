"""Tests of the budgets that bound the work which one repository can cause."""

from __future__ import annotations

import pytest

from bot.core.budgets import RunBudget, TreeBudget, WorkLimitError
from bot.model.cost_limits import COMPARED_BYTES, MIN_PATTERN_BYTES


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (TreeBudget(references=4), "50000 image references in one repository"),
        (TreeBudget(facts=3), "200000 facts about image references in one repository"),
        (TreeBudget(content_bytes=9), "268435456 bytes of files with images in one repository"),
        (TreeBudget(RunBudget(4)), "500000 image references in all repositories of a run"),
    ],
)
def test_file_that_exceeds_budget_is_refused_with_the_limit_in_the_message(budget, limit):
    assert budget.take_file(2, 2, 5) == ""
    assert budget.take_file(3, 2, 5) == limit
    assert budget.take_file(0, 0, 0) == ""


def test_all_repositories_of_a_run_share_the_budget_of_references():
    run_budget = RunBudget(5)
    assert TreeBudget(run_budget).take_file(3, 0, 10) == ""
    assert TreeBudget(run_budget).take_file(3, 0, 10) != ""
    assert TreeBudget(run_budget).take_file(2, 0, 10) == ""


def test_refused_file_uses_no_budget_of_the_run():
    run_budget = RunBudget(5)
    assert TreeBudget(run_budget, references=4).take_file(5, 0, 10) != ""
    assert TreeBudget(run_budget).take_file(5, 0, 10) == ""


def test_error_names_the_file_that_needs_too_many_steps():
    budget = TreeBudget(steps=3)
    budget.spend_steps(3, "a.json")
    with pytest.raises(WorkLimitError, match=r"^renovate\.json: .* more than 1000000 steps, .*; hint: reduce"):
        budget.spend_steps(1, "renovate.json")


def test_comparison_costs_more_steps_if_pattern_and_value_are_long():
    budget = TreeBudget(steps=10)
    budget.spend_comparison(COMPARED_BYTES - 1, "a", "x")
    assert budget.steps == 9
    budget.spend_comparison(COMPARED_BYTES, "ab", "x")
    assert budget.steps == 6


def test_even_a_short_pattern_uses_a_minimum_of_the_byte_budget():
    budget = TreeBudget(pattern_bytes=2 * MIN_PATTERN_BYTES + 1)
    budget.spend_pattern("a*", "x")
    budget.spend_pattern("b" * (MIN_PATTERN_BYTES + 1), "x")
    with pytest.raises(WorkLimitError, match="x: the patterns of the repository exceed the limit of 131072 bytes"):
        budget.spend_pattern("c*", "x")
