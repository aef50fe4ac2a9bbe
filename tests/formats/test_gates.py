"""The prefilters of formats skip no image: a comment that satisfies all of them does not change the result."""

from __future__ import annotations

import gc
import re
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.formats.cases import CASE_FORMATS
from support.formats.samples import SAMPLES

from bot.model.source import Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason

WITHOUT_A_GATE = {"codeowners", "dependabot", "dockerfile", "env", "renovate", "text"}
NO_YAML = {"arm-template", "bake", "bazel", "bicep", "devcontainer", "jib", "msbuild", "quadlet", "terraform"}
WITH_XML = {"jib", "msbuild"}
WITH_SLASHES = {"arm-template", "bicep", "devcontainer", "jib"}
GATED = [each for each in CASE_FORMATS if each.name not in WITHOUT_A_GATE]
IN_YAML = [each for each in GATED if each.name not in NO_YAML]
KEY = re.compile(rb"(?<![\w.$-])(\"?)([A-Za-z][A-Za-z_]+)\1(?=[ \t]*:[ \t\r\n])")


def by_name(formats):
    return pytest.mark.parametrize("file_format", formats, ids=lambda file_format: file_format.name)


@cache
def documents_of(file_format):
    """Return single documents that may contain comments, from the cases of a format, as files."""
    return [
        (sample.path, document)
        for sample in SAMPLES[file_format.name]
        if "templates/" not in sample.path and not (file_format.name == "bake" and sample.path.endswith(".json"))
        for document in re.split(rb"^---\s", sample.content, flags=re.MULTILINE)
    ]


@st.composite
def respelled(draw, document):
    """Return a document in which some keys are spelled in another way."""
    for _ in range(draw(st.integers(1, 3))):
        keys = list(KEY.finditer(document))
        if not keys:
            return document
        key = draw(st.sampled_from(keys))
        at = draw(st.integers(0, len(key[2]) - 1))
        first, letter, rest = key[2][:at], key[2][at], key[2][at + 1 :]
        escapes = [b"\\x%02x" % letter, b"\\u%04x" % letter, b"\\u%04X" % letter, b"\\U%08x" % letter]
        escaped = [b'"%b%b%b"' % (first, escape, rest) for escape in escapes]
        others = [b'"%b"', b"'%b'", b"!!str %b", b"! %b", b"&key %b", b"%b ", b"? %b\n"]
        spelling = draw(st.sampled_from([*escaped, *(other % key[2] for other in others)]))
        document = document[: key.start()] + spelling + document[key.end() :]
    return document


def commented(file_format, path, text):
    """Return a comment with the given text in the syntax of the file."""
    if file_format.name in WITH_XML and not path.endswith((".gradle", ".kts")):
        return f"<!-- {text.replace('--', '')} -->"
    return f"// {text}" if file_format.name in WITH_SLASHES else f"# {text}"


def extract(file_format, path, content):
    return list(file_format.extract(SourceFile(path, content)))


def seen(file_format, path, content):
    """Return the items, without those for whole files that cannot be read. A prefilter may skip such a file."""
    found = extract(file_format, path, content)
    return [each for each in found if not (isinstance(each, UnsupportedText) and each.reason.facts.is_whole_file)]


@by_name(GATED)
@given(data=st.data())
def test_prefilters_find_images_with_any_spelling_of_the_key(file_format, data):
    path, document = data.draw(st.sampled_from(documents_of(file_format)))
    content = data.draw(respelled(document)).rstrip(b"\r\n") + b"\n"
    words = document.decode(
        errors="replace"
    ).split()  # split as text, because Unicode's line separator also ends a comment
    opened = content + commented(file_format, path, " ".join(words)).encode() + b"\n"
    assert seen(file_format, path, content) == seen(file_format, path, opened)


@by_name(IN_YAML)
def test_utf_16_yaml_files_with_images_are_reported_as_unparsable(file_format):
    with_images = [
        (path, document)
        for path, document in documents_of(file_format)
        if b"\\" not in document and any(isinstance(found, Reference) for found in extract(file_format, path, document))
    ]
    assert with_images
    for path, document in with_images:
        for encoding, mark in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")):
            found = extract(file_format, path, mark + document.decode().encode(encoding))
            assert found == [UnsupportedText(path, 1, "", Reason.UNPARSABLE)], path


@by_name(CASE_FORMATS)
def test_reading_a_file_creates_no_reference_cycles(file_format):
    for sample in SAMPLES[file_format.name]:  # imports create objects that are not part of this test
        extract(file_format, sample.path, sample.content)
    gc.disable()
    gc.freeze()  # earlier objects are not part of this test either
    try:
        for sample in SAMPLES[file_format.name]:
            if b"*" not in sample.content:  # an alias may create a cycle
                extract(file_format, sample.path, sample.content)
        assert gc.collect() == 0
    finally:
        gc.unfreeze()
        gc.enable()
