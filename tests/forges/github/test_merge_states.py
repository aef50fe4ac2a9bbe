"""Whether GitHub requires branches to be up to date: rulesets, branch protection, and merge states."""

from __future__ import annotations

import pytest
from support.forges.github.scene import BRANCH, look, propose

from bot.model.errors import ForgeError


@pytest.fixture
def outdated_github(github):
    """Return a GitHub with a request of ours whose base moved on."""
    propose(github)
    github.commit("main", {"README.md": "Elsewhere.\n"})
    return github


def requires_current_base(stand) -> bool:
    (seen,) = look(stand)
    assert seen.is_behind
    return seen.must_be_current


def test_branch_need_not_be_up_to_date_if_no_rule_requires_that(outdated_github):
    assert not requires_current_base(outdated_github)


@pytest.mark.parametrize("rule", ["strict_rules", "strict_protection"])
def test_ruleset_or_branch_protection_requires_up_to_date_branch(outdated_github, rule):
    setattr(outdated_github.repository, rule, True)
    outdated_github.repository.is_blocked = True
    assert requires_current_base(outdated_github)


def test_merge_state_shows_up_to_date_requirement_if_protection_is_hidden(outdated_github):
    outdated_github.repository.strict_protection = True
    outdated_github.token.can_see_rules = False
    assert requires_current_base(outdated_github)
    outdated_github.repository.is_blocked = True
    assert not requires_current_base(outdated_github)


def test_branch_rules_are_read_once_and_only_if_branch_is_behind(github):
    github.repository.strict_rules = True
    propose(github)
    with github.server.watched() as lines:
        (seen,) = look(github)
    assert not seen.must_be_current
    assert not any("/rules/" in line or "/protection/" in line for line in lines)
    github.commit("main", {"README.md": "Elsewhere.\n"})
    with github.server.watched() as lines:
        assert requires_current_base(github)
    assert [line for line in lines if "/rules/" in line or "/protection/" in line] == [
        "GET /repos/acme/web/rules/branches/main"
    ]


def test_unreadable_branch_rules_raise_error(outdated_github):
    outdated_github.server.fail("GET .*/rules/", outdated_github.server.problem(502, "Server Error"), times=10)
    with pytest.raises(ForgeError, match="502"):
        look(outdated_github)


def test_branch_with_merged_base_is_not_behind(outdated_github):
    outdated_github.repository.strict_rules = True
    outdated_github.update_branch(BRANCH)
    (seen,) = look(outdated_github)
    assert (seen.is_behind, seen.must_be_current) == (False, False)
