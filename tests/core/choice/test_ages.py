"""Tests of the age of digests and of the earlier digests that may be proposed, against a simple model of days."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import digest

from bot.core.choice.ages import determine_known_since, find_matured_digests, find_withdrawn_digests, has_rolled_back
from bot.model.history import TagObservation
from bot.model.image import RegistryRecord
from bot.model.image_name import TagRef

LINE = TagRef("docker.io/library/nginx", "1")
START = datetime(2027, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def build_history(words: str) -> tuple[TagObservation, ...]:
    """Return the observations of daily runs from START on. Each letter is the digest of the tag on one day."""
    sightings: list[TagObservation] = []
    for day, word in enumerate(words):
        at = START + day * DAY
        if sightings and sightings[-1].digest == digest(word):
            sightings[-1] = TagObservation(LINE, digest(word), sightings[-1].first_seen, at)
        else:
            sightings.append(TagObservation(LINE, digest(word), at, at))
    return tuple(sightings)


def list_matured_words(words, current, held, days):
    """Return the letters of the digests that may be proposed on the day after `words`."""
    now = START + len(words) * DAY
    held_digest = digest(held) if held else None
    found = find_matured_digests(build_history(words), digest(current), held_digest, days * DAY, now)
    return "".join(word for each in found for word in sorted(set(words)) if digest(word) == each)


def test_tag_that_moves_daily_offers_digests_older_than_minimum_age():
    assert list_matured_words("abcdef", "f", "a", 3) == "dcb"
    assert list_matured_words("abcdef", "g", "a", 3) == "dcb"


@pytest.mark.parametrize(("held", "offered"), [("a", "dcb"), ("c", "d"), ("d", ""), ("e", ""), (None, "dcba")])
def test_only_digests_newer_than_digest_in_file_are_offered(held, offered):
    assert list_matured_words("abcdef", "f", held, 3) == offered


def test_no_earlier_digest_is_offered_when_digest_in_file_was_never_observed():
    assert list_matured_words("abcdef", "f", "x", 3) == ""


def test_rolled_back_tag_offers_no_earlier_digest():
    assert list_matured_words("abbba", "a", None, 1) == ""


def test_digest_to_which_tag_returned_is_known_since_first_observation():
    assert determine_known_since(digest("a"), build_history("aba"), {}, START + 9 * DAY) == START


def test_push_time_of_registry_takes_precedence_over_first_observation():
    recorded = {digest("a"): RegistryRecord(START - 40 * DAY)}
    assert determine_known_since(digest("a"), build_history("a"), recorded, START) == START - 40 * DAY
    assert (
        determine_known_since(digest("a"), build_history("a"), {digest("a"): RegistryRecord(None)}, START + DAY)
        == START
    )


@pytest.mark.parametrize("record", [None, RegistryRecord(START + 30 * DAY)])
def test_digest_is_never_known_since_a_time_after_now(record):
    records = {digest("a"): record} if record else {}
    assert determine_known_since(digest("a"), build_history("a"), records, START - 365 * DAY) == START - 365 * DAY


def test_digest_without_observation_counts_as_first_observed_now():
    assert determine_known_since(digest("z"), build_history("abc"), {}, START) == START


@pytest.mark.parametrize(
    ("words", "current", "back"),
    [
        *(("a", "a", False), ("aaa", "a", False), ("aab", "b", False), ("aab", "a", True), ("aba", "a", True)),
        *(("abab", "b", True), ("abc", "d", False), ("", "a", False), ("abaaa", "a", True)),
    ],
)
def test_tag_that_points_to_an_earlier_digest_again_is_rolled_back(words, current, back):
    assert has_rolled_back(build_history(words), digest(current)) is back


def test_digests_observed_after_the_restored_digest_are_withdrawn():
    assert find_withdrawn_digests(build_history("abca"), digest("a")) == {digest("b"), digest("c")}
    assert find_withdrawn_digests(build_history("abc"), digest("a")) == {digest("b"), digest("c")}
    assert find_withdrawn_digests(build_history("abc"), digest("z")) == frozenset()


@given(st.text("abcd", max_size=12), st.sampled_from("abcd"), st.sampled_from(["", *"abcd"]), st.integers(0, 5))
def test_offered_digests_are_old_enough_and_newer_than_digest_in_file(words, current, held, days):
    offered = list_matured_words(words, current, held, days)
    assert current not in offered
    for word in offered:
        assert words.index(word) <= len(words) - days
        assert not held or words.rindex(word) > words.rindex(held)
