"""Locators are unique, even if a mapping contains a key twice, or a key looks like the number of another one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from support.formats.cases import CASE_FORMATS
from support.formats.samples import SAMPLES

from bot.model.source import FilePath, Reference, SourceFile
from bot.pipeline.references.file_reading import read_file

MAX_LINES = 40
"""Lines of the samples that are used. Longer samples contain nothing new for this test."""
_KEY = re.compile(rb'^(?P<indentation>\s*(?:- )?)"?(?P<key>[A-Za-z][\w.-]*)"?(?P<rest>\s*[:=].*)$', re.DOTALL)
FORMATS = [each for each in CASE_FORMATS if each.name != "text"]


def _double_keys(content: bytes) -> Iterator[bytes]:
    """Yield the content with each key in turn twice, and once more with `#1` or `~1` at its end."""
    lines = content.split(b"\n")
    for start, line in enumerate(lines if len(lines) <= MAX_LINES else ()):
        match = _KEY.match(line)
        if match is None:
            continue
        depth = len(line) - len(line.lstrip())
        end = start + 1
        while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > depth):
            end += 1
        suffix = b"#1" if start % 2 else b"~1"
        other = match["indentation"] + b'"' + match["key"] + suffix + b'"' + match["rest"]
        block = lines[start:end]
        yield b"\n".join([*lines[:end], *block, other, *block[1:], *lines[end:]])
        yield b"\n".join([*lines[:start], other, *block[1:], *block, *lines[start:]])


def _list_repeated_locators(file_format, path, content):
    reading = read_file(SourceFile(FilePath(path), content), file_format)
    counts = Counter(each.locator for each in reading.extracted if isinstance(each, Reference))
    return [locator for locator, count in counts.items() if count > 1]


@pytest.mark.parametrize("file_format", FORMATS, ids=lambda file_format: file_format.name)
def test_references_have_unique_locators_despite_duplicate_keys(file_format):
    for sample in SAMPLES[file_format.name]:
        for content in _double_keys(sample.content):
            assert _list_repeated_locators(file_format, sample.path, content) == [], content


@pytest.mark.parametrize(
    ("name", "path", "content"),
    [
        ("compose", "compose.yaml", "services: {a: {image: x:1}}\nservices: {a: {image: x:2}}\n"),
        ("compose", "compose.yaml", '{"services": {"a": {"image": "x:1"}}, "services": {"a": {"image": "x:2"}}}'),
        ("compose", "compose.yaml", "services: {a: {image: x:1}, a: {image: x:2}, 'a#1': {image: x:3}}\n"),
        ("devcontainer", ".devcontainer.json", '{"image": "x:1", "image": "x:2"}'),
        (
            "kubernetes",
            "a.json",
            """{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "x:1", "image": "x:2"}]},
            "spec": {"containers": [{"image": "x:3"}]}}""",
        ),
    ],
)
def test_images_under_a_duplicate_key_have_different_locators(name, path, content):
    (file_format,) = (each for each in FORMATS if each.name == name)
    reading = read_file(SourceFile(FilePath(path), content.encode()), file_format)
    locators = [each.locator for each in reading.extracted if isinstance(each, Reference)]
    assert len(set(locators)) == len(locators) == content.count("x:")
