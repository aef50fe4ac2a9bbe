"""Tests of the comparison of versions, against dpkg, and with hostile versions."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.evidence.package_versions import MAX_VERSION_LENGTH, is_later_version, sort_versions

DEBIAN = st.from_regex(r"\A(?:[0-9]:)?[0-9][0-9a-z.+~]{0,6}(?:-[0-9a-z.+~]{1,4})?\Z")


@given(DEBIAN, DEBIAN)
@settings(max_examples=60, deadline=None)
def test_debian_version_order_matches_dpkg(one, other):
    asked = ("gt", True), ("lt", False), ("eq", None)
    (said,) = [ours for word, ours in asked if _is_true_for_dpkg(one, word, other)]
    assert is_later_version("debian", one, other) is said


def _is_true_for_dpkg(one: str, relation: str, other: str) -> bool:
    return subprocess.run(["dpkg", "--compare-versions", one, relation, other], check=False).returncode == 0


@pytest.mark.parametrize(
    ("package_type", "older", "newer"),
    [
        ("alpine", "3.0.9-r1", "3.0.12-r0"),
        ("apk", "1.2.5_rc1-r0", "1.2.5-r0"),
        ("redhat", "1:1.1.1k-9.el8", "1:1.1.1k-12.el8"),
        ("azurelinux", "3.3.0-2.azl3", "3.3.3-1.azl3"),
        ("python-pkg", "2.0rc1", "2.0"),
        ("node-pkg", "9.9.9", "10.0.0"),
        ("gobinary", "v0.9.0", "v0.10.0"),
        ("jar", "2.9-alpha-1", "2.9"),
        ("gemspec", "1.9.0", "1.10.0"),
        ("dotnet-core", "8.0.9", "8.0.10"),
    ],
)
def test_versions_are_ordered_by_rules_of_package_type(package_type, older, newer):
    assert is_later_version(package_type, newer, older) is True
    assert is_later_version(package_type, older, newer) is False
    assert sort_versions(package_type, [newer, older]) == (older, newer)


@given(
    st.sampled_from(["debian", "alpine", "rpm", "npm", "pypi", "golang", "maven", "gem", "nuget", "what"]), st.text()
)
def test_comparison_of_arbitrary_versions_raises_no_error(package_type, version):
    assert is_later_version(package_type, version, "1.0.0") in {True, False, None}
    assert set(sort_versions(package_type, [version, "1.0.0"])) == {version, "1.0.0"}


def test_spellings_of_same_version_are_equal():
    assert is_later_version("debian", "1.0-1", "0:1.0-1") is None
    assert is_later_version("python-pkg", "1.0", "1.0.0") is None


def test_overlong_versions_and_versions_of_unknown_package_types_have_no_order():
    assert is_later_version("conan", "2", "1") is None
    assert is_later_version("debian", "1" * (MAX_VERSION_LENGTH + 1), "1") is None
    assert sort_versions("conan", ["2", "10", "1"]) == ("1", "10", "2")
