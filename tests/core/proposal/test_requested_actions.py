"""Tests of checkboxes: only those that users tick are parsed as requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.core.proposal.requested_actions import Box, parse_checkboxes, parse_dashboard
from bot.model.dashboard import RequestedAction

BRANCHES = st.from_regex(r"[a-z0-9/._-]{1,60}", fullmatch=True)


@given(st.lists(st.tuples(st.sampled_from(RequestedAction), BRANCHES)))
def test_only_ticked_checkboxes_are_parsed_as_actions(asks):
    lines = [f"{Box(ask, branch)} words" for ask, branch in asks]
    assert parse_checkboxes("\n".join(lines)) == frozenset()
    assert parse_checkboxes("\r\n".join(line.replace("[ ]", "[x]", 1) for line in lines)) == frozenset(asks)


@pytest.mark.parametrize(
    "line",
    [
        "- [x] basebump:open a",
        "text - [x] <!-- basebump:open a -->",
        "- [x] <!-- basebump:delete a -->",
        "- [x] <!-- basebump:open a b -->",
        "- [y] <!-- basebump:open a -->",
        f"- [x] <!-- basebump:open {'a' * 256} -->",
    ],
)
def test_text_that_only_resembles_a_checkbox_is_not_parsed_as_action(line):
    assert parse_checkboxes(line) == frozenset()


def test_checkbox_without_branch_is_parsed_with_empty_branch():
    assert parse_checkboxes("* [X] <!-- basebump:rebase --> Rebuild") == {(RequestedAction.REBASE, "")}


def test_action_of_checkbox_is_hidden_in_html_comment():
    shown = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(
        f"{Box(RequestedAction.OPEN, 'basebump/x-1')} words"
    )
    assert "<!-- basebump:open basebump/x-1 -->" in shown


@given(st.sets(st.tuples(st.sampled_from(RequestedAction), BRANCHES)), st.sets(st.sampled_from(RequestedAction)))
def test_bulk_checkbox_selects_all_listed_checkboxes_except_those_with_action_again(boxes, ticked):
    lines = [f"{Box(ask)} all".replace("[ ]", "[x]" if ask in ticked else "[ ]") for ask in RequestedAction]
    requests = parse_dashboard("\n".join([*lines, *(f"{Box(ask, branch)} words" for ask, branch in boxes)]))
    assert requests.single == frozenset()
    assert requests.bulk == {each for each in boxes if each[0] in ticked - {RequestedAction.AGAIN}}


@given(st.sets(st.tuples(st.sampled_from(RequestedAction), BRANCHES)), BRANCHES, st.booleans())
def test_ticked_checkbox_of_branch_is_selected_even_if_bulk_box_is_ticked(boxes, branch, is_accepted):
    lines = [f"{Box(ask, each)} words".replace("[ ]", "[x]") for ask, each in boxes]
    for bulk in ("", f"{Box(RequestedAction.REBASE)} all\n".replace("[ ]", "[x]")):
        requests = parse_dashboard(bulk + "\n".join(lines))
        assert requests.select_for_branch(branch, is_accepted=is_accepted) == {
            ask for ask, each in boxes if each == branch
        }


def test_bulk_rebase_checkbox_does_not_rebuild_approved_pull_request():
    requests = parse_dashboard(f"- [x] <!-- basebump:rebase -->\n{Box(RequestedAction.REBASE, 'basebump/x-1')}")
    assert requests.select_for_branch("basebump/x-1", is_accepted=False) == {RequestedAction.REBASE}
    assert requests.select_for_branch("basebump/x-1", is_accepted=True) == frozenset()
