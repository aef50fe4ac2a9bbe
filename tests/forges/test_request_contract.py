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

from bot.core.proposal.marks import BodyMark, mark_withdrawn, parse_mark, render_mark
from bot.core.proposal.request_text import RequestText, split_text
from bot.model.errors import ForgeError
from bot.model.proposal import RequestState

pytestmark = pytest.mark.over_forges

# Requests


def test_an_opened_request_is_seen_as_it_was_proposed(stand):
    head = push(stand)
    opened = stand.forge().open(proposal())
    seen = open_one(stand)
    assert (seen.title, seen.head, seen.intent) == (proposal().title, head, INTENT)
    assert (seen.number, seen.url) == (opened.number, opened.url)
    assert parse_mark(seen.body) == parse_mark(BODY)
    assert not seen.has_commented
    assert not seen.has_conflicts
    assert not seen.is_accepted


def test_an_open_request_is_seen_whether_wanted_or_not(stand):
    propose(stand)
    assert [each.state for each in stand.forge().list_requests(PREFIX, frozenset())] == [RequestState.OPEN]


def test_a_request_for_a_branch_that_is_not_there_is_refused(stand):
    with pytest.raises(ForgeError):
        stand.forge().open(proposal())
    assert stand.requests() == []


def test_opening_twice_is_one_request_with_the_last_words(stand):
    propose(stand)
    stand.forge().open(proposal(title="Other words", body="Other body\n"))
    (request,) = stand.requests()
    assert (request.title, request.body.rstrip("\n"), request.state) == ("Other words", "Other body", RequestState.OPEN)


def test_amending_changes_the_words_and_nothing_else(stand):
    seen = propose(stand)
    stand.forge().update_request(seen, "Other words", "Other body\n")
    after = open_one(stand)
    assert (after.title, after.body.rstrip("\n")) == ("Other words", "Other body")
    assert (after.head, after.number, after.intent) == (seen.head, seen.number, INTENT)
    assert len(stand.requests()) == 1


def test_a_push_to_an_open_request_keeps_it_open(stand):
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
def test_titles_and_bodies_come_back_as_they_were(stand, words):
    seen = propose(
        stand, title=words, body=f"{words}\n\n| a | b |\n|---|---|\n\n{render_mark(BodyMark((words,), REPORT))}"
    )
    assert seen.title == words
    assert seen.body.startswith(words)
    assert parse_mark(seen.body).targets == (words,)
    (request,) = stand.requests()
    assert (request.title, request.body) == (seen.title, seen.body)


def test_a_body_may_be_as_long_as_the_limit_and_no_longer(stand):
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


def test_a_title_may_be_as_long_as_the_limit(stand):
    title = "ü" * stand.forge().limits.title_characters
    assert propose(stand, title=title).title == title


def test_two_requests_do_not_disturb_each_other(stand):
    first, second = propose(stand), propose(stand, OTHER, title="Update node")
    stand.forge().close(first)
    stand.forge().delete_branch(first)
    assert open_one(stand, OTHER) == second


# The end


def test_a_closed_request_is_seen_as_closed_with_its_body_when_wanted(stand):
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


def test_a_request_that_a_person_closed_keeps_its_mark(stand):
    seen = propose(stand)
    stand.close_request(BRANCH)
    closed = one(stand, RequestState.CLOSED)
    assert closed.body == seen.body
    assert not parse_mark(closed.body).is_withdrawn


def test_a_branch_that_outlives_its_request_is_seen_beside_it(stand):
    propose(stand)
    head = stand.commit(BRANCH, {"README.md": "Mine.\n"})
    stand.close_request(BRANCH)
    assert {each.state for each in look(stand)} == {RequestState.CLOSED, RequestState.BRANCH}
    branch = one(stand, RequestState.BRANCH)
    assert (branch.head, branch.intent) == (head, None)


def test_after_the_end_there_can_be_a_new_request(stand):
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


def test_a_merged_request_is_not_open_and_does_not_look_declined(stand):
    propose(stand)
    stand.merge_request(BRANCH)
    states = {each.state for each in look(stand)}
    assert states <= {RequestState.MERGED, RequestState.BRANCH}
    assert stand.files("main")["Dockerfile"].content == NEW


def test_a_merged_branch_that_stands_can_be_dropped(stand):
    propose(stand)
    stand.merge_request(BRANCH)
    stand.forge().delete_branch(one(stand, RequestState.BRANCH))
    assert list(stand.branches()) == ["main"]
    assert {each.state for each in look(stand)} <= {RequestState.MERGED}


def test_a_merged_branch_that_stands_can_be_proposed_anew(stand):
    propose(stand)
    stand.merge_request(BRANCH)
    branch = one(stand, RequestState.BRANCH)
    push(stand, changes=NEWER_CHANGES, over=branch.head)
    stand.forge().open(proposal(title="Update python again"))
    assert one(stand, RequestState.OPEN).title == "Update python again"


def test_a_deleted_branch_is_no_open_request_and_can_be_made_anew(stand):
    propose(stand)
    stand.delete_branch(BRANCH)
    assert all(each.state is not RequestState.OPEN or each.head is None for each in look(stand))
    assert _propose_again(stand).title == "Once more"


def test_dropping_deletes_the_branch(stand):
    push(stand)
    stand.forge().delete_branch(one(stand, RequestState.BRANCH))
    assert list(stand.branches()) == ["main"]
    assert look(stand) == []


def test_a_branch_that_moved_is_not_dropped(stand):
    push(stand)
    seen = one(stand, RequestState.BRANCH)
    moved = stand.commit(BRANCH, {"README.md": "A person was here.\n"})
    with pytest.raises(ForgeError, match="rerun basebump"):
        stand.forge().delete_branch(seen)
    assert stand.branches()[BRANCH] == moved


def test_dropping_a_branch_that_is_gone_is_done(stand):
    push(stand)
    seen = one(stand, RequestState.BRANCH)
    stand.delete_branch(BRANCH)
    stand.forge().delete_branch(seen)
    assert list(stand.branches()) == ["main"]


# Comments


def test_what_was_told_is_seen_and_read(stand):
    propose(stand)
    stand.commit(BRANCH, {"README.md": "A person was here.\n"})
    seen = open_one(stand)
    assert not seen.has_commented
    stand.forge().add_comment(seen, "Hands off: größer")
    assert open_one(stand).has_commented
    (request,) = stand.requests()
    assert len(request.comments) == 1
    assert "Hands off: größer" in request.comments[0]


def test_a_new_request_was_told_nothing(stand):
    seen = propose(stand)
    stand.forge().add_comment(seen, "Hands off.")
    stand.forge().close(seen)
    stand.forge().delete_branch(seen)
    assert not _propose_again(stand).has_commented


def test_a_request_made_anew_for_a_deleted_branch_was_told_nothing(stand):
    seen = propose(stand)
    stand.forge().add_comment(seen, "Hands off.")
    stand.delete_branch(BRANCH)
    assert not _propose_again(stand).has_commented


# Conflicts


def test_a_base_that_moved_elsewhere_is_no_conflict(stand):
    propose(stand)
    stand.commit("main", {"README.md": "Elsewhere.\n"})
    assert not open_one(stand).has_conflicts


def test_a_base_that_moved_in_the_same_line_is_a_conflict_until_it_is_pushed_anew(stand):
    propose(stand)
    stand.commit("main", {"Dockerfile": "FROM python:3.13-slim\n"})
    seen = open_one(stand)
    assert seen.has_conflicts
    push(stand, over=seen.head)
    assert not open_one(stand).has_conflicts
