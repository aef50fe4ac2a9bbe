"""The search in lists of blocked digests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.core.decisions import build_index
from support.values import digest

from bot.core.choice.blocklist import (
    build_blocklist,
    concerns_repository,
    find_block,
    find_build_block,
    find_listed_digest,
    is_covered,
    merge_blocklists,
)
from bot.model.blocklist import Block, BlockedBuilds, BlockedDigest, Blocklist

NGINX, BLOCK = "docker.io/library/nginx", Block("malware")


def build_single_blocklist(word, image=None):
    return build_blocklist([BlockedDigest(digest(word), BLOCK, image)])


@pytest.mark.parametrize(
    ("listed", "image", "indexes", "is_blocked"),
    [
        ("index", None, (), True),
        ("amd64", None, (), True),
        ("other", None, (), False),
        ("outer", None, ("outer",), True),
        ("index", "docker.io/library/*", (), True),
        ("index", "ghcr.io/**", (), False),
    ],
)
def test_image_is_blocked_by_own_digest_or_digest_of_a_child_or_of_an_index(listed, image, indexes, is_blocked):
    manifest = build_index("index", "amd64", "arm64")
    found = find_block(build_single_blocklist(listed, image), NGINX, manifest, map(digest, indexes))
    assert found == (BLOCK if is_blocked else None)


def test_first_blocklist_entry_that_matches_image_gives_the_reason():
    entries = [BlockedDigest(digest("one"), Block(f"{image}"), image) for image in ("ghcr.io/**", "docker.io/**", None)]
    blocklist = build_blocklist(entries)
    assert find_listed_digest(blocklist, NGINX, digest("one")) == Block("docker.io/**")
    assert find_listed_digest(blocklist, "quay.io/a/b", digest("one")) == Block("None")
    assert find_listed_digest(blocklist, NGINX, None) is None


@pytest.mark.parametrize(
    ("day", "start", "end", "is_blocked"),
    [(5, 5, 6, True), (6, 5, 6, True), (4, 5, 6, False), (7, 5, 6, False), (1, None, 6, True), (9, 5, None, True)],
)
def test_build_time_range_of_block_includes_both_ends(day, start, end, is_blocked):
    first, last = (datetime(2027, 1, each, tzinfo=UTC) if each else None for each in (start, end))
    blocklist = build_blocklist([BlockedBuilds("docker.io/**", first, last, BLOCK)])
    built_at = datetime(2027, 1, day, tzinfo=UTC)
    assert find_build_block(blocklist, NGINX, built_at) == (BLOCK if is_blocked else None)
    assert find_build_block(blocklist, "ghcr.io/acme/web", built_at) is None


def test_blocklist_concerns_only_repositories_that_match_an_entry():
    assert not concerns_repository(Blocklist(), NGINX)
    assert concerns_repository(build_single_blocklist("one"), NGINX)
    assert concerns_repository(build_single_blocklist("one", "docker.io/**"), NGINX)
    assert not concerns_repository(build_single_blocklist("one", "ghcr.io/**"), NGINX)
    builds = build_blocklist([BlockedBuilds("docker.io/**", None, None, BLOCK)])
    assert concerns_repository(builds, NGINX)


def test_merged_blocklist_has_entries_and_errors_of_all_lists():
    builds = BlockedBuilds("docker.io/**", None, None, BLOCK)
    merged = merge_blocklists(
        [
            build_single_blocklist("one"),
            build_blocklist([builds]),
            Blocklist(unread=(("blocked[2]", "it answered 503"),)),
            build_single_blocklist("two"),
        ]
    )
    assert set(merged.by_digest) == {digest("one"), digest("two")}
    assert (merged.builds, merged.unread) == ((builds,), (("blocked[2]", "it answered 503"),))


@pytest.mark.parametrize(
    ("listed", "image", "expected"),
    [
        (None, "docker.io/**", True),
        (None, None, True),
        ("docker.io/**", "docker.io/**", True),
        ("docker.io/**", NGINX, True),
        ("docker.io/*", "docker.io/**", False),
        ("docker.io/**", None, False),
        ("ghcr.io/**", NGINX, False),
    ],
)
def test_blocklist_entry_is_covered_by_entry_for_same_or_more_repositories(listed, image, expected):
    entry = BlockedDigest(digest("one"), BLOCK, image)
    assert is_covered(entry, BlockedDigest(digest("one"), Block("worm"), listed)) is expected
    assert not is_covered(entry, BlockedDigest(digest("two"), BLOCK, listed))
    assert not is_covered(entry, BlockedBuilds("**", None, None, BLOCK))
