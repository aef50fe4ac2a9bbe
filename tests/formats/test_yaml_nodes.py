"""YAML files that cannot be parsed, or that are larger than any real file and so are read only up to a limit."""

from __future__ import annotations

import pytest
from support.soon import soon

from bot.formats._syntax.yaml.nodes import MAX_DOCUMENTS, MAX_INDICATORS, BrokenSection, YamlDocument, read_documents
from bot.model.vocabulary import Reason

MEBIBYTE = 1024 * 1024


def read(content):
    return list(read_documents(content, lambda _: True))


def test_yaml_documents_beyond_the_limit_are_reported_as_too_large():
    found = read(b"a: b\n---\n" * (MAX_DOCUMENTS + 5))
    assert [type(each) for each in found] == [YamlDocument] * MAX_DOCUMENTS + [BrokenSection]
    assert (found[-1].reason, found[-1].line_number) == (Reason.TOO_LARGE, 2 * MAX_DOCUMENTS)


def test_yaml_document_with_text_after_the_root_is_broken():
    (found,) = read(b"echo done\nHOST: a\n")
    assert isinstance(found, BrokenSection)


def test_yaml_file_with_maximum_number_of_documents_is_read():
    found = read(b"---\na: b\n" * MAX_DOCUMENTS)
    assert [type(each) for each in found] == [YamlDocument] * MAX_DOCUMENTS


def test_yaml_file_with_too_many_items_is_not_parsed():
    (found,) = read(b"[" + b"a," * MAX_INDICATORS + b"]")
    assert (found.reason, found.line_number) == (Reason.TOO_LARGE, 1)


def test_only_items_in_parsed_yaml_documents_count_toward_the_limit():
    many = b"a: [" + b"x," * MAX_INDICATORS + b"]\n"
    file = many + b"---\nb: 1\n---\n" + many + b"---\nb: 2\n"
    found = list(read_documents(file, lambda raw: raw != many))
    assert [type(each) for each in found] == [YamlDocument, BrokenSection]
    assert [each.source.first_line_number for each in found] == [2, 4]


def test_long_yaml_file_with_few_items_is_parsed():
    (found,) = read(b"a: |\n" + b"  text\n" * (MEBIBYTE // 4))
    assert isinstance(found, YamlDocument)


@pytest.mark.parametrize(
    "unit", [b"a:\n", b"- ", b"[", b"{", b"---\n", b"? ", b"&a ", b"*a ", b"- &a [*a]\n", b"a: {}\n"]
)
def test_eight_megabytes_of_any_yaml_are_read_in_seconds(unit):
    with soon(6):
        read(unit * (8 * MEBIBYTE // len(unit)))
