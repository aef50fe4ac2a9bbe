"""Whether GitHub requires branches to be up to date: rulesets, branch protection, and merge states."""

from __future__ import annotations

import pytest
from support.forges.github.scene import BRANCH, look, propose

from bot.model.errors import ForgeError


@pytest.fixture
def behind(github):
    """Return a GitHub with a request of ours whose base moved on."""
    propose(github)
    github.commit("main", {"README.md": "Elsewhere.\n"})
    return github


def strict(stand) -> bool:
    (seen,) = look(stand)
    assert seen.is_behind
    return seen.must_be_current


def test_without_rules_what_is_behind_may_be_merged(behind):
    assert not strict(behind)


@pytest.mark.parametrize("rule", ["strict_rules", "strict_protection"])
def test_a_ruleset_or_a_protection_asks_for_what_is_up_to_date(behind, rule):
    setattr(behind.repository, rule, True)
    behind.repository.is_blocked = True
    assert strict(behind)


def test_who_may_not_see_the_protection_is_told_by_the_request_itself(behind):
    behind.repository.strict_protection = True
    behind.token.can_see_rules = False
    assert strict(behind)
    behind.repository.is_blocked = True
    assert not strict(behind)


def test_the_rules_are_asked_for_only_where_something_is_behind_and_then_once(github):
    github.repository.strict_rules = True
    propose(github)
    with github.server.watched() as lines:
        (seen,) = look(github)
    assert not seen.must_be_current
    assert not any("/rules/" in line or "/protection/" in line for line in lines)
    github.commit("main", {"README.md": "Elsewhere.\n"})
    with github.server.watched() as lines:
        assert strict(github)
    assert [line for line in lines if "/rules/" in line or "/protection/" in line] == [
        "GET /repos/acme/web/rules/branches/main"
    ]


def test_rules_that_cannot_be_read_for_another_reason_are_an_error(behind):
    behind.server.fail("GET .*/rules/", behind.server.problem(502, "Server Error"), times=10)
    with pytest.raises(ForgeError, match="502"):
        look(behind)


def test_after_an_update_of_the_branch_it_is_not_behind(behind):
    behind.repository.strict_rules = True
    behind.update_branch(BRANCH)
    (seen,) = look(behind)
    assert (seen.is_behind, seen.must_be_current) == (False, False)
