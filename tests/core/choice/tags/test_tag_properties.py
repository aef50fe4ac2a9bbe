"""Properties that hold for all tags, in whatever order a registry lists them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.core.tag_lists import LISTS
from support.soon import soon

from bot.core.choice.tags import find_newest_patch, find_successor, find_tag_ending, parse_tag
from bot.core.choice.tags.operating_systems import DOTTED_SYSTEMS, NUMBERED_SYSTEMS, NUMBERED_SYSTEMS_WITHOUT_HYPHEN
from bot.model.modes import UpdateMode

MOVING = [UpdateMode.PATCH, UpdateMode.MINOR, UpdateMode.MAJOR]
WORDS = [
    *(
        "1",
        "2",
        "1.2",
        "18",
        "22",
        "1.3",
        "1.2.3",
        "1.2.4",
        "1.10.0",
        "2.0.1",
        "04",
        "20.04",
        "20.10",
        "2024.5",
        "20240530",
        "22.04",
    ),
    *("rc1", "rc2", "beta", "r1", "r2", "k3s1", "1809", "slim", "fpm", "alpine3.9", "alpine3.10", "bookworm", "trixie"),
    *(
        "jammy",
        "noble",
        "mantic",
        "nanoserver-ltsc2022",
        "KB5034129",
        "2024-05-30",
        "security-01",
        "patched",
        "0a1b2c3",
    ),
    *("lts", "current", "mainline", "stable", "v1.2.3", "8u402-b06", "10.0.17763.1", "debian-12", "latest", "dev"),
]
tag = st.one_of(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map("-".join),
    st.tuples(st.sampled_from(["", "v"]), st.lists(st.integers(0, 30), min_size=1, max_size=4)).map(
        lambda parts: parts[0] + ".".join(map(str, parts[1]))
    ),
    st.sampled_from([each for tags in LISTS.values() for each in tags]),
    st.text("0123456789abrcv.-_u", min_size=1, max_size=12),
    st.tuples(
        st.sampled_from([*NUMBERED_SYSTEMS, *NUMBERED_SYSTEMS_WITHOUT_HYPHEN, *DOTTED_SYSTEMS]),
        st.text("0123456789.-", min_size=1, max_size=6),
    ).map("".join),
)
mixed = st.tuples(tag, st.lists(tag, max_size=25))
as_published = st.sampled_from(list(LISTS.values())).flatmap(
    lambda tags: st.tuples(st.sampled_from(tags), st.lists(st.sampled_from(tags), min_size=10, max_size=40))
)
repository = mixed | as_published
"""A written tag, and what its repository has."""
mode = st.sampled_from(MOVING)


@given(repository, mode, st.booleans())
def test_successor_is_newer_tag_of_same_family_within_update_mode(repository, mode, variants):
    written, others = repository
    found = find_successor(written, others, mode, allow_os_variants=variants)
    if found is None:
        return
    assert found in others
    old, new = parse_tag(written), parse_tag(found)
    assert old
    assert new
    assert new.sort_key > old.sort_key
    assert (new.skeleton, len(new.numbers)) == (old.skeleton, len(old.numbers))
    assert variants or new.system_words == old.system_words
    assert all(before.order <= after.order for before, after in zip(old.systems, new.systems, strict=True))
    assert not new.is_pre_release or (old.is_pre_release and new.numbers == old.numbers)
    kept = 0 if old.is_stream else {UpdateMode.PATCH: 2, UpdateMode.MINOR: 1, UpdateMode.MAJOR: 0}[mode]
    assert new.numbers[:kept] == old.numbers[:kept]


@given(repository, mode, st.booleans(), st.randoms())
def test_tag_choices_do_not_depend_on_order_of_available_tags(repository, mode, variants, order):
    written, others = repository
    shuffled = [*others, *others]
    order.shuffle(shuffled)
    assert find_successor(written, shuffled, mode, allow_os_variants=variants) == find_successor(
        written, others, mode, allow_os_variants=variants
    )
    assert find_tag_ending(written, shuffled) == find_tag_ending(written, others)
    assert find_newest_patch(written, shuffled, has_patch_numbers=True) == find_newest_patch(
        written, others, has_patch_numbers=True
    )


@given(repository, mode, st.booleans())
def test_successor_has_no_further_successor(repository, mode, variants):
    written, others = repository
    offered = [*others, written]
    found = find_successor(written, offered, mode, allow_os_variants=variants)
    assert found is None or find_successor(found, offered, mode, allow_os_variants=variants) is None
    patch = find_newest_patch(written, offered, has_patch_numbers=True)
    assert patch is None or patch != written


@given(repository)
def test_superseded_tag_names_newer_successor(repository):
    written, others = repository
    ending = find_tag_ending(written, others)
    if ending is not None:
        old, new = parse_tag(written), parse_tag(ending.successor)
        assert old
        assert new
        assert ending.successor in others
        assert (new.numbers, new.sort_key) > (old.numbers, old.sort_key) or new.systems > old.systems


@pytest.mark.parametrize("repository", LISTS)
def test_successors_of_real_tags_have_no_further_successor(repository):
    offered = LISTS[repository]
    for written in offered:
        for each in MOVING:
            for variants in (False, True):
                found = find_successor(written, offered, each, allow_os_variants=variants)
                assert found is None or find_successor(found, offered, each, allow_os_variants=variants) is None


@given(st.text(), st.lists(st.text()))
def test_arbitrary_tag_texts_raise_no_error(written, others):
    for each in MOVING:
        find_successor(written, others, each, allow_os_variants=True)
    find_tag_ending(written, others)
    find_newest_patch(written, others, has_patch_numbers=True)


@pytest.mark.parametrize("written", ["1.2.3-alpine3.19", "v1.2.3", "1.2-slim", "20240530"])
def test_successor_among_ten_thousand_tags_is_found_fast(written):
    suffixes = ["", "-slim", "-alpine3.19", "-alpine3.20", "-bookworm", "-debian-12-r3", "-rc1"]
    offered = [f"1.{minor}.{patch}{suffix}" for minor in range(36) for patch in range(40) for suffix in suffixes]
    random.Random(7).shuffle(offered)
    parse_tag.cache_clear()
    with soon(4.0):
        find_successor(written, offered, UpdateMode.MAJOR, allow_os_variants=True)
        find_tag_ending(written, offered)
        find_newest_patch(written, offered, has_patch_numbers=True)


@pytest.mark.parametrize("tail", ["", "x", "-", "_x"])
@pytest.mark.parametrize("word", ["1", "1.", "1-", "a", "a1", "0a", "20240530.", "alpine3.", "rc.", "debian-"])
def test_tags_of_maximum_length_are_parsed_fast(word, tail):
    text = (word * 128)[: 128 - len(tail)] + tail
    parse_tag.cache_clear()
    with soon(0.05):
        parse_tag(text)
