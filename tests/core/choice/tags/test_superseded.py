"""Tests of the detection of superseded tags from tag names, which must not claim more than the names prove."""

from __future__ import annotations

import pytest
from support.core.tag_lists import LISTS, read_rows

from bot.core.choice.tags import TagEnding, can_be_superseded, find_tag_ending
from bot.model.vocabulary import Reason


@pytest.mark.parametrize(("repository", "tag", "end", "goes_on"), read_rows("ended.txt"))
def test_superseded_tag_is_detected_with_reason_and_successor(repository, tag, end, goes_on):
    assert find_tag_ending(tag, LISTS[repository]) == TagEnding(Reason(end), goes_on)


@pytest.mark.parametrize(
    ("repository", "tag"),
    [(words[0], tag) for words in read_rows("going_on.txt") for tag in words[1:]],
)
def test_tag_that_may_still_move_is_not_superseded(repository, tag):
    assert find_tag_ending(tag, LISTS[repository]) is None


def test_release_supported_in_parallel_with_successor_is_not_superseded():
    """A missing `9.0-jammy` proves nothing about `8.0-jammy`, which is rebuilt as long as 8.0 is supported."""
    offered = ["8.0-jammy", "8.0.10-jammy", "8.0.11-jammy", "8.0.11-noble", "9.0-noble", "9.0.0-noble"]
    assert find_tag_ending("8.0-jammy", offered) is None
    assert find_tag_ending("8.0-jammy", [*offered, "8.0.12-noble"]) == TagEnding(Reason.VARIANT_DROPPED, "8.0.12-noble")


def test_tag_is_not_superseded_by_older_system_or_other_distribution():
    offered = ["1.2-alpine3.19", "1.2.3-alpine3.19", "1.2.4-alpine3.18", "1.2.4-bookworm", "1.2.4-slim", "1.2.4-jammy"]
    assert find_tag_ending("1.2-alpine3.19", offered) is None


def test_floating_tags_alone_do_not_prove_that_a_tag_is_superseded():
    assert find_tag_ending("3.12-alpine3.17", ["3.12-alpine3.17", "3.12-alpine3.20", "3.13-alpine3.20"]) is None


def test_tag_with_only_two_version_numbers_is_not_superseded():
    """PostgreSQL stops rebuilding `16.1` at 16.2. Python still rebuilds 3.11, and a mirror may lack longer tags."""
    assert find_tag_ending("16.1", ["16", "16.1", "16.2"]) is None
    assert find_tag_ending("3.11", ["3", "3.11", "3.12"]) is None


@pytest.mark.parametrize("offered", [[], ["3.12.1"], ["3.12.1", "latest"]])
def test_tag_is_not_superseded_when_repository_has_no_other_versions(offered):
    assert find_tag_ending("3.12.1", offered) is None


@pytest.mark.parametrize("words", read_rows("ended.txt"), ids=lambda words: words[1])
def test_quick_check_accepts_every_tag_that_is_superseded(words):
    assert can_be_superseded(words[1])


@pytest.mark.parametrize("tag", ["latest", "3.12", "3.12-slim", "13", "18-alpine", "bookworm-slim", "abcdef0"])
def test_quick_check_excludes_floating_tags_from_superseded_tags(tag):
    assert not can_be_superseded(tag)
