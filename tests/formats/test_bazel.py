"""Bazel: the images of `rules_oci`, whose names, tags and digests are separate attributes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.references.edit import apply_edits, list_edits
from bot.formats._syntax.broken import BrokenAtError
from bot.formats._syntax.starlark import MAX_NESTING, MAX_TOKENS, StarlarkString, find_calls
from bot.formats.bazel import FORMAT
from bot.model.decision import UpdateCandidate
from bot.model.path_index import index_paths
from bot.model.source import FilePath, NotEditable, Reference, SourceFile
from bot.model.vocabulary import Reason, Role

DIGEST = f"sha256:{'a' * 64}"
EXTENSION = 'oci = use_extension("@rules_oci//oci:extensions.bzl", "oci")\n'


def read(text, path="MODULE.bazel"):
    return list(FORMAT.extract(SourceFile(FilePath(path), text.encode())))


def edited(text, tag=None):
    (found,) = read(text)
    return apply_edits(text.encode(), list_edits(found, UpdateCandidate(DIGEST, tag=tag))).decode()


def test_bazel_files_are_selected_by_name():
    chosen = [
        "MODULE.bazel",
        "a/app.MODULE.bazel",
        "WORKSPACE",
        "WORKSPACE.bazel",
        "a/WORKSPACE.bzlmod",
        "a/images.bzl",
    ]
    others = ["BUILD.bazel", "MODULE.bazel.lock", "MY_WORKSPACE", ".bzl", "a.bzl.tpl"]
    assert set(FORMAT.select_paths(index_paths([FilePath(path) for path in (*chosen, *others)]))) == set(chosen)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ('oci_pull(image = "a", tag = "1")', f'oci_pull(image = "a", tag = "1", digest = "{DIGEST}")'),
        ("oci_pull(tag='1', image='a')", f"oci_pull(tag='1', digest='{DIGEST}', image='a')"),
        (
            'oci_pull(\n  image = "a",\n\ttag = "1",  # c\n)',
            f'oci_pull(\n  image = "a",\n\ttag = "1",\n\tdigest = "{DIGEST}",  # c\n)',
        ),
        ('oci_pull(image = "a",\r\n  tag = "1")', f'oci_pull(image = "a",\r\n  tag = "1",\r\n  digest = "{DIGEST}")'),
        ('oci_pull(image = "a:1")', f'oci_pull(image = "a:1@{DIGEST}")'),
        ('oci_pull(image = "a", tag = "1", digest = "")', f'oci_pull(image = "a", tag = "1", digest = "{DIGEST}")'),
        (
            f'oci_pull(image = "a:1", digest = "sha256:{"b" * 64}")',
            f'oci_pull(image = "a:1", digest = "{DIGEST}")',
        ),
        (
            'oci_pull(registry = "b.c", repository = "a", tag = """1""")',
            f'oci_pull(registry = "b.c", repository = "a", tag = """1""", digest = """{DIGEST}""")',
        ),
    ],
)
def test_bazel_digest_is_inserted_next_to_the_tag_in_style_of_the_call(call, expected):
    assert edited(call) == expected
    (found,) = read(expected)
    assert (found.image.tag, found.image.digest, found.role) == ("1", DIGEST, Role.BASE)


def test_bazel_update_changes_tag_and_adds_missing_digest():
    expected = f'oci_pull(image = "a", tag = "2", digest = "{DIGEST}")'
    assert edited('oci_pull(image = "a", tag = "1")', tag="2") == expected


def test_tag_and_digest_in_bazel_image_override_the_attributes():
    (found,) = read(f'oci_pull(image = "a:1@{DIGEST}", tag = "2", digest = "sha256:{"b" * 64}")')
    assert found.written == f"a:1@{DIGEST}"


@pytest.mark.parametrize("tag", ["", ', tag = "1"'])
def test_bazel_image_with_registry_and_repository_gets_digest_only_if_tag_is_set(tag):
    (found,) = read(f'oci_pull(registry = "b.c", repository = "a"{tag})')
    assert isinstance(found.digest_slot, NotEditable) is not bool(tag)


@pytest.mark.parametrize("reproducible", ["True", "x", "not False"])
def test_bazel_image_is_pinned_unless_reproducible_is_false(reproducible):
    (open_one,) = read(f'oci_pull(image = "a:1", reproducible = {reproducible})')
    (locked,) = read('oci_pull(image = "a:1", reproducible = False)')
    assert not isinstance(open_one.digest_slot, NotEditable)
    assert locked.digest_slot.reason is Reason.PIN_OFF


def test_bazel_pull_calls_are_ignored_unless_made_on_the_loaded_oci_extension():
    calls = 'oci.pull(image = "evil:1")\nx.oci_pull(image = "evil:1")\npull(image = "evil:1")\n'
    assert read(f"# oci_pull\n{calls}") == []
    assert len(read(f"{EXTENSION}{calls}")) == 1


@pytest.mark.parametrize("value", ["TAG", '"{}".format(x)', '"1" + x', "f(x)", 'None or "1"', '["1"]'])
def test_bazel_image_with_computed_tag_is_reported_as_templated(value):
    (found,) = read(f'oci_pull(image = "a", tag = {value})')
    assert found.reason is Reason.TEMPLATED


@pytest.mark.parametrize("source", ['r"a"', '"""a"""', "'a'", '"a\\n"', '"\\\n"', "b'a'"])
def test_starlark_string_has_offset_and_is_literal_only_without_escapes(source):
    (call,) = find_calls(f"f(x = {source})".encode())
    (argument,) = call.arguments
    assert isinstance(argument.value, StarlarkString)
    assert f"f(x = {source})"[argument.value.start :].startswith(argument.value.value)
    assert argument.value.is_literal is (source in ('"""a"""', "'a'"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("oci_pull(" * (MAX_NESTING + 1), Reason.TOO_LARGE),
        ("oci_pull\n" * (MAX_TOKENS + 1), Reason.TOO_LARGE),
        ("oci_pull(", Reason.UNPARSABLE),
        ("oci_pull(]", Reason.UNPARSABLE),
        ("oci_pull)", Reason.UNPARSABLE),
        ('oci_pull("""', Reason.UNPARSABLE),
    ],
)
def test_invalid_or_too_large_bazel_file_is_reported(text, reason):
    (found,) = read(text)
    assert found.reason is reason


PIECES = [
    "oci_pull",
    "(",
    ")",
    "[",
    "]",
    "image",
    "tag",
    "digest",
    "=",
    ",",
    '"a:1"',
    "'b'",
    '"',
    "\\",
    "\n",
    ".",
    "#",
    "é",
    " ",
]


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=20))
def test_starlark_call_strings_have_exact_offsets(pieces):
    content = "".join(pieces).encode()
    try:
        calls = list(find_calls(content))
    except BrokenAtError:
        return
    for call in calls:
        for argument in call.arguments:
            if isinstance(argument.value, StarlarkString):
                assert content[argument.value.start : argument.value.end] == argument.value.value.encode()


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=12))
def test_pinned_bazel_image_is_read_back_with_new_digest(pieces):
    text = f"oci_pull({''.join(pieces)})"
    found = [each for each in read(text) if isinstance(each, Reference)]
    if len(found) == 1 and not isinstance(found[0].digest_slot, NotEditable):
        (again,) = [each for each in read(edited_only(text, found[0])) if isinstance(each, Reference)]
        assert str(again.image) == str(found[0].image.with_digest(DIGEST))


def edited_only(text, found):
    return apply_edits(text.encode(), list_edits(found, UpdateCandidate(DIGEST))).decode()
