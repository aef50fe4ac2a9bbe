"""Tests of finding the newest patch that continuous patching has pushed for a tag."""

from __future__ import annotations

import pytest

from bot.core.choice.tags import find_newest_patch


@pytest.mark.parametrize(
    ("tag", "offered", "found"),
    [
        ("3.11", "3.11 3.11-1 3.11-2", "3.11-2"),
        ("3.11", "3.11-9 3.11-10 3.11-2", "3.11-10"),
        ("3.11", "3.11-999 3.11-1000", "3.11-999"),
        ("3.11", "3.11 3.12-1 3x11-1 3.11.1-1 13.11-1", None),
        ("3.11", "3.11-0 3.11-01 3.11-1a 3.11-a1", None),
        ("3.11", "3.11-slim 3.11-slim-1", None),
        ("3.11-slim", "3.11-slim 3.11-slim-1 3.11-1", "3.11-slim-1"),
        ("3.11", "3.11 3.11-patched", "3.11-patched"),
        ("3.11", "3.11-patched 3.11-patched-2 3.11-patched-10", "3.11-patched-10"),
        ("3.11", "3.11-patched 3.11-4", "3.11-4"),
        ("3.11-3", "3.11 3.11-2 3.11-3 3.11-4", "3.11-4"),
        ("3.11-3", "3.11 3.11-2 3.11-3", None),
        ("3.11-3", "3.11-3 3.11-patched", None),
        ("3.11-9", "3.11-9 3.11-10", "3.11-10"),
        ("3.11-patched", "3.11 3.11-patched", None),
        ("3.11-patched", "3.11-patched 3.11-7", None),
        ("3.11-patched", "3.11-patched 3.11-patched-1", "3.11-patched-1"),
        ("3.11-patched-1", "3.11-patched 3.11-patched-1 3.11-patched-2", "3.11-patched-2"),
        ("8.0.4-1", "8.0.4-1 8.0.4-1-patched", "8.0.4-1-patched"),
        ("jammy", "jammy jammy-20240530 jammy-20240627", None),
        ("jammy-20240530", "jammy-20240530 jammy-20240530-1 jammy-20240530-2", "jammy-20240530-2"),
        ("jammy-20240530", "jammy-20240627 jammy-20240627-1", None),
        ("latest", "latest latest-1", "latest-1"),
        ("v1.2+build", "v1.2+build-1", "v1.2+build-1"),
        ("(.*)", "3.11-1", None),
        ("", "-1 -patched", None),
    ],
)
def test_newest_patch_of_tag_in_file_is_found_regardless_of_tag_order(tag, offered, found):
    assert find_newest_patch(tag, offered.split(), has_patch_numbers=True) == found
    assert find_newest_patch(tag, offered.split()[::-1], has_patch_numbers=True) == found


def test_only_patched_suffix_marks_a_patch_when_repository_has_no_patch_numbers():
    assert find_newest_patch("3.11", ["3.11", "3.11-1"], has_patch_numbers=False) is None
    assert (
        find_newest_patch("3.11", ["3.11", "3.11-1", "3.11-patched", "3.11-patched-2"], has_patch_numbers=False)
        == "3.11-patched-2"
    )
