"""Tests of the parser of package URLs, which is strict."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.evidence.purl import MAX_PURL_LENGTH, parse_purl
from bot.model.vex import Purl

TYPES = st.from_regex(r"[a-z][a-z0-9.+-]{0,9}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
KEYS = st.from_regex(r"[a-z][a-z0-9._-]{0,9}", fullmatch=True)


def format_purl(purl: Purl) -> str:
    """Return a package URL in the form that the specification defines."""
    namespace = "".join(f"{quote(each, safe='')}/" for each in purl.namespace.split("/") if each)
    version = f"@{quote(purl.version, safe='')}" if purl.version else ""
    qualifiers = "&".join(f"{key}={quote(value, safe='')}" for key, value in purl.qualifiers)
    return f"pkg:{purl.type}/{namespace}{quote(purl.name, safe='')}{version}" + (f"?{qualifiers}" if qualifiers else "")


@given(
    TYPES,
    st.lists(TEXTS.filter(lambda text: "/" not in text), max_size=3),
    TEXTS,
    st.one_of(st.just(""), TEXTS),
    st.dictionaries(KEYS, TEXTS, max_size=3),
)
def test_parsing_a_formatted_purl_returns_the_same_purl(kind, namespace, name, version, qualifiers):
    purl = Purl(kind, "/".join(namespace), name, version, tuple(sorted(qualifiers.items())))
    assert parse_purl(format_purl(purl)) == purl


@given(st.text())
def test_parsing_arbitrary_text_as_purl_raises_no_error(text):
    for each in (text, f"pkg:{text}", f"pkg:oci/{text}", f"pkg:oci/a?{text}"):
        found = parse_purl(each)
        assert found is None or found.name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pkg:npm/%40angular/core@1.0", Purl("npm", "@angular", "core", "1.0")),
        ("PKG:DEB/debian/curl", Purl("deb", "debian", "curl", "")),
        ("pkg://golang/github.com/a/b@v1", Purl("golang", "github.com/a", "b", "v1")),
        ("pkg:npm/acme/a@b@1.0", Purl("npm", "acme", "a@b", "1.0")),
        ("pkg:npm/@angular/core", Purl("npm", "@angular", "core", "")),
        ("pkg:oci/a@sha256:00?arch=&Tag=1", Purl("oci", "", "a", "sha256:00", (("tag", "1"),))),
    ],
)
def test_alternative_spellings_of_a_purl_are_normalised(text, expected):
    assert parse_purl(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pkg:",
        "pkg:oci",
        "pkg:oci/",
        "pkg:oci/@sha256:00",
        "http://oci/a",
        "oci/a",
        "pkg:o_i/a",
        "pkg:oci/a#some/file",
        "pkg:oci/a?arch=amd64&arch=arm64",
        "pkg:oci/a?arch=amd64&ARCH=arm64",
        "pkg:oci/a?=amd64",
        f"pkg:oci/{'a' * MAX_PURL_LENGTH}",
    ],
)
def test_invalid_or_ambiguous_purl_is_parsed_as_none(text):
    assert parse_purl(text) is None
