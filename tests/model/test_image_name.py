"""Parsing of references, with the results of Go's distribution/reference and the spelling of the text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.model.errors import InvalidReferenceError
from bot.model.image_name import MAX_PATH_LENGTH, Digest, ImageName, TagRef, is_tag, parse_sha256

VECTORS = json.loads((Path(__file__).parent.parent / "contracts" / "image_references_go.json").read_text())
VALID = {text: parts for text, parts in VECTORS.items() if isinstance(parts, dict)}
INVALID = [text for text, parts in VECTORS.items() if isinstance(parts, str)]
SHA256 = "sha256:" + "a" * 64


def canonical(reference: ImageName) -> str:
    """Return the text of a reference as Go's String() returns it."""
    return str(ImageName(reference.repository, reference.tag, reference.digest))


def test_recorded_go_results_contain_valid_and_invalid_references():
    assert (len(VALID), len(INVALID)) == (32, 16)


@pytest.mark.parametrize("text", VALID)
def test_image_reference_is_parsed_with_same_result_as_in_go(text):
    parts = VALID[text]
    reference = ImageName.parse(text)
    assert (reference.host, reference.tag, reference.digest) == (parts["domain"], parts.get("tag"), parts.get("digest"))
    assert reference.repository == f"{parts['domain']}/{parts['path']}"
    assert canonical(reference) == parts["str"]
    assert str(reference) == text, "the spelling stays"


@pytest.mark.parametrize("text", INVALID)
def test_image_reference_that_go_refuses_is_refused(text):
    with pytest.raises(InvalidReferenceError):
        ImageName.parse(text)


# Cases that the tests of distribution/reference and go-containerregistry make, beside those above.
ALSO_VALID = {
    "docker.io/debian": ("docker.io/library/debian", None, None),
    "index.docker.io/debian": ("docker.io/library/debian", None, None),
    "Docker/docker": ("Docker/docker", None, None),
    "LOCALDOMAIN/debian": ("LOCALDOMAIN/debian", None, None),
    "localhost/x": ("localhost/x", None, None),
    "127.0.0.1:5000/debian": ("127.0.0.1:5000/debian", None, None),
    "[fc00::1]:5000/docker": ("[fc00::1]:5000/docker", None, None),
    "192.168.0.1": ("docker.io/library/192.168.0.1", None, None),
    "192.168.0.1:80": ("docker.io/library/192.168.0.1", "80", None),
    "test.com:5000": ("docker.io/library/test.com", "5000", None),
    f"test.com:5000/repo:tag@{SHA256}": ("test.com:5000/repo", "tag", SHA256),
    "foo/foo_bar.com:8080": ("docker.io/foo/foo_bar.com", "8080", None),
    "lowercase:Uppercase": ("docker.io/library/lowercase", "Uppercase", None),
    "xn--n3h.com/myimage:xn--n3h": ("xn--n3h.com/myimage", "xn--n3h", None),
    "docker---rules/docker": ("docker.io/docker---rules/docker", None, None),
    "dock__er/docker": ("docker.io/dock__er/docker", None, None),
    "doc/docker": ("docker.io/doc/docker", None, None),
    "a": ("docker.io/library/a", None, None),
    "a/" + "b" * (MAX_PATH_LENGTH - 2): ("docker.io/a/" + "b" * (MAX_PATH_LENGTH - 2), None, None),
}
ALSO_INVALID = [
    "docker/Docker",
    "Uppercase:tag",
    "-docker",
    "_docker/_docker",
    "____/____",
    "dock..er",
    "dock_.er",
    "docker///docker",
    "docker/",
    "/docker",
    "https://github.com/docker/docker",
    "[fc00::1]",
    "[fe80::1%eth0]:5000/debian",
    ":justtag",
    f"@{SHA256}",
    "library/ubuntu:",
    "library/nginx:@" + SHA256,
    "repo@sha256:" + "a" * 34,
    "repo@rot13:" + "a" * 64,
    "repo@" + SHA256 + "@" + SHA256,
    "aa/asdf$$^/aa",
    "a" * (MAX_PATH_LENGTH + 1),
    "a" * 64,
    "a\n",
    "a:1\n",
    "\u0660:1",
    "x" * 5000,
]


@pytest.mark.parametrize("text", ALSO_VALID)
def test_unusual_but_valid_image_reference_is_parsed(text):
    reference = ImageName.parse(text)
    assert (reference.repository, reference.tag, reference.digest) == ALSO_VALID[text]
    assert str(reference) == text


@pytest.mark.parametrize("text", ALSO_INVALID)
def test_text_that_is_not_a_valid_image_reference_is_refused(text):
    with pytest.raises(InvalidReferenceError):
        ImageName.parse(text)


HOSTS = st.sampled_from(["", "ghcr.io/", "localhost/", "127.0.0.1:5000/", "[::1]:5000/", "index.docker.io/", "ACME/"])
PATHS = st.from_regex(r"[a-z0-9]+((\.|_|__|-{1,3})[a-z0-9]+){0,2}(/[a-z0-9]+(-[a-z0-9]+)?){0,2}", fullmatch=True)
TAGS = st.from_regex(r"(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,20})?", fullmatch=True)
DIGESTS = st.from_regex(r"(@sha256:[0-9a-f]{64})?", fullmatch=True)


@given(HOSTS, PATHS, TAGS, DIGESTS)
def test_image_reference_round_trips_through_text(host, path, tag, digest):
    assume(host or "/" not in path or "." not in path.partition("/")[0])  # its first part would be a host
    text = host + path + tag + digest
    reference = ImageName.parse(text)
    assert str(reference) == text
    assert ImageName.parse(str(reference)) == reference
    again = ImageName.parse(canonical(reference))
    assert (again.repository, again.tag, again.digest) == (reference.repository, reference.tag, reference.digest)


@given(st.text(alphabet="abAB01:/@.-_[]\n sha256", max_size=40))
def test_arbitrary_text_is_parsed_as_written_or_refused(text):
    try:
        reference = ImageName.parse(text)
    except InvalidReferenceError:
        return
    assert str(reference) == text


def test_tag_ref_uses_tag_of_reference_or_otherwise_default_tag():
    assert ImageName.parse("node:22").to_tag_ref() == TagRef("docker.io/library/node", "22")
    assert ImageName.parse("node:22").to_tag_ref("20") == TagRef("docker.io/library/node", "22")
    assert ImageName.parse("node").to_tag_ref("20") == TagRef("docker.io/library/node", "20")
    assert ImageName.parse("node").to_tag_ref() is None


def test_tag_ref_is_split_into_host_and_path():
    line = TagRef("127.0.0.1:5000/team/base", "1")
    assert (line.host, line.path, str(line)) == ("127.0.0.1:5000", "team/base", "127.0.0.1:5000/team/base:1")


def test_replacing_the_digest_keeps_name_and_tag_of_reference():
    moved = ImageName.parse(f"node:22@{SHA256}").with_digest(Digest("sha256:" + "b" * 64))
    assert str(moved) == "node:22@sha256:" + "b" * 64


@pytest.mark.parametrize("text", [SHA256.upper(), SHA256 + "a", SHA256[:-1], SHA256 + "\n", "sha512:" + "a" * 128, ""])
def test_only_lowercase_sha256_digest_is_parsed(text):
    assert parse_sha256(text) is None
    assert parse_sha256(SHA256) == SHA256


@pytest.mark.parametrize(
    ("text", "is_one"), [("1.27-alpine", True), ("_a", True), ("-a", False), (".a", False), ("", False)]
)
def test_valid_tag_is_distinguished_from_invalid_tag(text, is_one):
    assert is_tag(text) is is_one
