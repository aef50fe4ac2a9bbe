"""Tests of the selection of the tag to update to, with tag lists of real repositories."""

from __future__ import annotations

import pytest
from support.core.tag_lists import LISTS, read_rows

from bot.core.choice.tags import families, find_newest_patch, find_successor, find_tag_ending, is_same_family, patches
from bot.model.modes import UpdateMode


def find_successor_or_dot(repository: str, tag: str, mode: UpdateMode, *, variants: bool = False) -> str:
    return find_successor(tag, LISTS[repository], mode, allow_os_variants=variants) or "."


@pytest.mark.parametrize(("repository", "tag", "patch", "minor", "major"), read_rows("moves.txt"))
def test_successor_stays_in_family_and_update_mode(repository, tag, patch, minor, major):
    modes = (UpdateMode.PATCH, UpdateMode.MINOR, UpdateMode.MAJOR)
    assert [find_successor_or_dot(repository, tag, mode) for mode in modes] == [patch, minor, major]


@pytest.mark.parametrize(("repository", "tag", "patch", "major"), read_rows("variants.txt"))
def test_successor_may_have_newer_operating_system_when_policy_allows_variants(repository, tag, patch, major):
    modes = (UpdateMode.PATCH, UpdateMode.MAJOR)
    assert [find_successor_or_dot(repository, tag, mode, variants=True) for mode in modes] == [patch, major]


def test_digest_only_mode_has_no_successor():
    assert find_successor_or_dot("python", "3.12.1", UpdateMode.DIGEST) == "."


@pytest.mark.parametrize(
    ("tag", "offered"),
    [
        ("1.2.3", "v1.2.4"),
        ("v1.2.3", "V1.2.4"),
        ("2.1", "2.2.1"),
        ("2.1.1", "2.2"),
        ("1.2.3", "1.2.4-slim"),
        ("1.2.3-slim", "1.2.4"),
        ("1.2.3-jdk17", "1.2.4-jdk21"),
        ("0.5.1-pg15", "0.5.1-pg16"),
        ("1.2.3", "20240530.1.1"),
        ("16", "20240530"),
        ("16", "123456789"),
        ("16", "202405"),
        ("1.2-alpine", "48213.1-alpine"),
        ("5.0.2", "20.04.1"),
        ("0.118.5", "2024.1.0"),
        ("1.2.3_1", "1.2.4-1"),
        ("3.19", "3.20-rc1"),
        ("1.2.3", "1.2.4beta1"),
        ("1.2.3", "1.2.4-pre"),
        ("1.2.3-amd64", "1.2.4-arm64"),
        ("3.12-bookworm", "3.13-jammy"),
        ("3.12-alpine3.19", "3.13-bookworm"),
        ("3.12-ubi8", "3.13-el9"),
    ],
)
def test_tag_of_other_family_is_not_a_successor(tag, offered):
    assert find_successor(tag, [offered], UpdateMode.MAJOR, allow_os_variants=True) is None


def test_choice_among_tags_of_equal_version_does_not_depend_on_order():
    offered = ["1.2.10-rc1", "1.2.04", "1.2.4", "1.2.4-RC2"]
    assert find_successor("1.2.3", offered, UpdateMode.MAJOR) == find_successor(
        "1.2.3", offered[::-1], UpdateMode.MAJOR
    )


@pytest.mark.parametrize("tag", ["3.12.8", "3.13.1", "3.13.1-slim"])
def test_tag_deleted_from_repository_still_has_a_successor(tag):
    remaining = [each for each in LISTS["python"] if each != tag]
    assert find_successor("3.12.3", remaining, UpdateMode.MAJOR)


@pytest.mark.parametrize(
    ("tag", "other", "expected"),
    [
        ("3.8", "3.13", True),
        ("3.8.20", "3.13", True),
        ("3.8-slim", "3.13-slim", True),
        ("3.8-bookworm", "3.13-trixie", True),
        ("buster-slim", "bookworm-slim", True),
        ("3.8-slim", "3.13", False),
        ("v3.8", "3.13", False),
        ("3.8-alpine3.19", "3.13-bookworm", False),
        ("3.8", "2024-10-07", False),
        ("latest", "3.13", False),
        ("latest", "latest", False),
    ],
)
def test_tags_are_of_same_family_if_prefix_and_suffix_are_equal(tag, other, expected):
    assert is_same_family(tag, other) is is_same_family(other, tag) is expected


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ("3.2-20 3.2-22 3.3-20", None),
        ("3.2-20 3.2-22 3.2-9", None),
        ("3.2-20 3.2-1", "3.2-20"),
        ("3.2-20 3.1-0", "3.2-20"),
        ("3.2-20 3.1-100", "3.2-20"),
        ("3.2-20 3.2-1-slim", None),
        ("3.2-20 v3.2-1", None),
    ],
)
def test_two_digit_suffix_is_a_build_number_if_other_tags_of_family_prove_this(others, found):
    assert find_successor("3.2-18", others.split(), UpdateMode.PATCH) == found


def test_available_tags_are_parsed_once_for_all_references_to_a_repository(monkeypatch):
    parsed_tags, parse_tag, parse_patch = [], families.parse_tag, patches._parse_patch
    monkeypatch.setattr(families, "parse_tag", lambda tag, **more: parsed_tags.append(tag) or parse_tag(tag, **more))
    monkeypatch.setattr(patches, "_parse_patch", lambda tag: parsed_tags.append(tag) or parse_patch(tag))
    available_tags = tuple(f"8.{number // 100}.{number % 100}" for number in range(1000))
    for number in range(100):
        for tag in (f"8.1.{number}", f"8.1.{number + 2000}"):
            assert find_successor(tag, available_tags, UpdateMode.MINOR) == "8.9.99"
            find_tag_ending(tag, available_tags)
            find_newest_patch(tag, available_tags, has_patch_numbers=True)
    assert len(parsed_tags) <= 2 * len(available_tags) + 4 * 200
