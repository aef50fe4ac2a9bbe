"""Tests of the comparison of platforms."""

from __future__ import annotations

import pytest

from bot.core.choice.platforms import is_same_platform


@pytest.mark.parametrize(
    ("scanned", "wanted"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64", "linux/arm64/v8"),
        ("linux/arm/v7", "linux/arm/v7"),
    ],
)
def test_platform_without_variant_matches_platform_with_variant(scanned, wanted):
    assert is_same_platform(scanned, wanted)


@pytest.mark.parametrize(
    ("scanned", "wanted"),
    [
        ("linux/amd64", "linux/arm64"),
        ("windows/amd64", "linux/amd64"),
        ("linux/arm/v6", "linux/arm/v7"),
        ("linux", "linux/amd64"),
        ("", "linux/amd64"),
    ],
)
def test_platforms_differ_by_system_architecture_or_variant(scanned, wanted):
    assert not is_same_platform(scanned, wanted)
