"""Contract of all forges for requests. Each test runs with every stand."""

from __future__ import annotations

import pytest
from support.forges.contract_scene import (
    BODY,
    BRANCH,
    INTENT,
    NEW,
    NEWER_CHANGES,
    OTHER,
    PREFIX,
    REPORT,
    TARGETS,
    look,
    message_of,
    one,
    open_one,
    proposal,
    propose,
    push,
)

from bot.core.proposal.marks import mark_withdrawn, parse_mark, render_mark
from bot.core.proposal.request_text import RequestText, split_text
from bot.model.errors import ForgeError
from bot.model.proposal import BodyMark, RequestState

pytestmark = pytest.mark.over_forges

# Requests


def test_opened_pull_request_is_listed_with_title_head_intent_and_mark(stand):
    head = push(stand)
    opened = stand.forge().open(proposal())
    seen = open_one(stand)
    assert (seen.title, seen.head, seen.intent) == (proposal().title, head, INTENT)
    assert (seen.number, seen.url) == (opened.number, opened.url)
    assert parse_mark(seen.body) == parse_mark(BODY)
    assert not seen.has_commented
    assert not seen.has_conflicts
    assert not seen.is_accepted


def test_open_pull_request_is_listed_even_if_caller_names_no_branches(stand):
    propose(stand)
    assert [each.state for each in stand.forge().list_requests(PREFIX, frozenset())] == [RequestState.OPEN]


def test_opening_pull_request_for_missing_branch_is_refused(stand):
    with pytest.raises(ForgeError):
        stand.forge().open(proposal())
    assert stand.requests() == []


def test_opening_pull_request_again_updates_title_and_body(stand):
    propose(stand)
    stand.forge().open(proposal(title="Other words", body="Other body\n"))
    (request,) = stand.requests()
    assert (request.title, request.body.rstrip("\n"), request.state) == ("Other words", "Other body", RequestState.OPEN)


def test_update_of_pull_request_changes_only_title_and_body(stand):
    seen = propose(stand)
    stand.forge().update_request(seen, "Other words", "Other body\n")
    after = open_one(stand)
    assert (after.title, after.body.rstrip("\n")) == ("Other words", "Other body")
    assert (after.head, after.number, after.intent) == (seen.head, seen.number, INTENT)
    assert len(stand.requests()) == 1


def test_push_of_new_commit_keeps_pull_request_open(stand):
    seen = propose(stand)
    head = push(stand, changes=NEWER_CHANGES, message=message_of("3" * 16), over=seen.head)
    after = open_one(stand)
    assert (after.head, after.intent, after.number) == (head, "3" * 16, seen.number)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("Größe → 東京 🚀 `x`", id="beyond-ascii"),
        pytest.param("\"quoted\" \\ <b> & 'x' ${x} %s", id="punctuation"),
    ],
)
def test_title_and_body_with_special_characters_are_returned_unchanged(stand, words):
    seen = propose(
        stand, title=words, body=f"{words}\n\n| a | b |\n|---|---|\n\n{render_mark(BodyMark((words,), REPORT))}"
    )
    assert seen.title == words
    assert seen.body.startswith(words)
    assert parse_mark(seen.body).targets == (words,)
    (request,) = stand.requests()
    assert (request.title, request.body) == (seen.title, seen.body)


def test_body_of_maximum_length_is_stored_and_longer_body_is_refused(stand):
    limits, remembered = stand.forge().limits, render_mark(BodyMark(TARGETS, REPORT))
    most = limits.body_characters
    is_whole = not limits.appendix_characters
    """Whether the mark is a part of the body."""
    words = "ü" * (most - len(remembered) if is_whole else most)
    seen = propose(stand, body=words + remembered if is_whole else RequestText(words, mark=remembered).join())
    assert len(seen.body if is_whole else split_text(seen.body).body) == most
    assert parse_mark(seen.body).targets == TARGETS
    with pytest.raises(ForgeError, match=r"character|long"):
        stand.forge().update_request(seen, seen.title, "x" * (most + 1))
    assert open_one(stand).body == seen.body


def test_title_of_maximum_length_is_stored_unchanged(stand):
    title = "ü" * stand.forge().limits.title_characters
    assert propose(stand, title=title).title == title


def test_closing_pull_request_does_not_change_another_pull_request(stand):
    first, second = propose(stand), propose(stand, OTHER, title="Update node")
    stand.forge().close(first)
    stand.forge().delete_branch(first)
    assert open_one(stand, OTHER) == second


# The end


def test_closed_pull_request_is_listed_only_if_caller_names_the_branch(stand):
    seen = propose(stand)
    stand.forge().update_request(seen, seen.title, mark_withdrawn(seen.body))
    stand.forge().close(seen)
    stand.forge().delete_branch(seen)
    (closed,) = look(stand)
    assert (closed.state, closed.number) == (RequestState.CLOSED, seen.number)
    assert parse_mark(closed.body).is_withdrawn
    assert parse_mark(closed.body).targets == TARGETS
    assert stand.forge().list_requests(PREFIX, frozenset({OTHER})) == ()
    assert BRANCH not in stand.branches()


def test_pull_request_closed_by_user_keeps_body_and_is_not_withdrawn(stand):
    seen = propose(stand)
    stand.close_request(BRANCH)
    closed = one(stand, RequestState.CLOSED)
    assert closed.body == seen.body
    assert not parse_mark(closed.body).is_withdrawn


def test_closed_pull_request_and_remaining_branch_are_both_listed(stand):
    propose(stand)
    head = stand.commit(BRANCH, {"README.md": "Mine.\n"})
    stand.close_request(BRANCH)
    assert {each.state for each in look(stand)} == {RequestState.CLOSED, RequestState.BRANCH}
    branch = one(stand, RequestState.BRANCH)
    assert (branch.head, branch.intent) == (head, None)


def test_branch_can_be_proposed_again_after_pull_request_was_closed(stand):
    seen = propose(stand)
    stand.forge().close(seen)
    stand.forge().delete_branch(seen)
    again = _propose_again(stand)
    assert again.intent == INTENT
    assert next(request.state for request in stand.requests()) is RequestState.OPEN


def _propose_again(stand):
    push(stand)
    stand.forge().open(proposal(title="Once more"))
    return one(stand, RequestState.OPEN)


def test_merged_pull_request_is_neither_open_nor_declined(stand):
    propose(stand)
    stand.merge_request(BRANCH)
    states = {each.state for each in look(stand)}
    assert states <= {RequestState.MERGED, RequestState.BRANCH}
    assert stand.files("main")["Dockerfile"].content == NEW


def test_merged_branch_can_be_deleted(stand):
    propose(stand)
    stand.merge_request(BRANCH)
    stand.forge().delete_branch(one(stand, RequestState.BRANCH))
    assert list(stand.branches()) == ["main"]
    assert {each.state for each in look(stand)} <= {RequestState.MERGED}


def test_merged_branch_can_be_proposed_again(stand):
    propose(stand)
    stand.merge_request(BRANCH)
    branch = one(stand, RequestState.BRANCH)
    push(stand, changes=NEWER_CHANGES, over=branch.head)
    stand.forge().open(proposal(title="Update python again"))
    assert one(stand, RequestState.OPEN).title == "Update python again"


def test_deleted_branch_can_be_proposed_again(stand):
    propose(stand)
    stand.delete_branch(BRANCH)
    assert all(each.state is not RequestState.OPEN or each.head is None for each in look(stand))
    assert _propose_again(stand).title == "Once more"


def test_deleted_branch_is_gone_and_no_longer_listed(stand):
    push(stand)
    stand.forge().delete_branch(one(stand, RequestState.BRANCH))
    assert list(stand.branches()) == ["main"]
    assert look(stand) == []


def test_branch_moved_since_last_read_is_not_deleted(stand):
    push(stand)
    seen = one(stand, RequestState.BRANCH)
    moved = stand.commit(BRANCH, {"README.md": "A person was here.\n"})
    with pytest.raises(ForgeError, match="rerun basebump"):
        stand.forge().delete_branch(seen)
    assert stand.branches()[BRANCH] == moved


def test_deletion_of_already_deleted_branch_succeeds(stand):
    push(stand)
    seen = one(stand, RequestState.BRANCH)
    stand.delete_branch(BRANCH)
    stand.forge().delete_branch(seen)
    assert list(stand.branches()) == ["main"]


# Comments


def test_comment_by_basebump_is_recognised_on_listed_pull_request(stand):
    propose(stand)
    stand.commit(BRANCH, {"README.md": "A person was here.\n"})
    seen = open_one(stand)
    assert not seen.has_commented
    stand.forge().add_comment(seen, "Hands off: größer")
    assert open_one(stand).has_commented
    (request,) = stand.requests()
    assert len(request.comments) == 1
    assert "Hands off: größer" in request.comments[0]


def test_new_pull_request_does_not_inherit_comment_of_closed_pull_request(stand):
    seen = propose(stand)
    stand.forge().add_comment(seen, "Hands off.")
    stand.forge().close(seen)
    stand.forge().delete_branch(seen)
    assert not _propose_again(stand).has_commented


def test_new_pull_request_does_not_inherit_comment_after_branch_deletion(stand):
    seen = propose(stand)
    stand.forge().add_comment(seen, "Hands off.")
    stand.delete_branch(BRANCH)
    assert not _propose_again(stand).has_commented


# Conflicts


def test_change_of_another_file_on_base_branch_is_not_a_conflict(stand):
    propose(stand)
    stand.commit("main", {"README.md": "Elsewhere.\n"})
    assert not open_one(stand).has_conflicts


def test_change_of_same_line_on_base_branch_is_conflict_until_next_push(stand):
    propose(stand)
    stand.commit("main", {"Dockerfile": "FROM python:3.13-slim\n"})
    seen = open_one(stand)
    assert seen.has_conflicts
    push(stand, over=seen.head)
    assert not open_one(stand).has_conflicts
