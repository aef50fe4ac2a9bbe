"""Files that are read as Dockerfiles: by their names, by their contents, and because the config lists them."""

from __future__ import annotations

import dockerfile as buildkit
import pytest

from bot.formats import load_formats_with_globs
from bot.formats._syntax.dockerfile.complete_dockerfile import is_complete_dockerfile
from bot.formats._syntax.dockerfile.lexer import MAX_LINE_BYTES
from bot.formats.dockerfile import FORMAT
from bot.model.source import FilePath, SourceFile
from bot.model.vocabulary import Reason


def read(path, content, file_format=FORMAT):
    return list(file_format.extract(SourceFile(FilePath(path), content.encode())))


@pytest.mark.parametrize("keyword", ["FROM", "from", "ARG", "COPY", "RUN", "ONBUILD"])
def test_keyword_joined_to_argument_by_line_continuation_is_unparsable(keyword):
    content = f"FROM a:1\n{keyword}\\\nb:1\nFROM c:1\n"
    assert [each.cmd for each in buildkit.parse_string(content)][1] == f"{keyword}b:1"  # an instruction of that name
    assert [(each.line_number, each.reason) for each in read("Dockerfile", content)] == [(2, Reason.UNPARSABLE)]


@pytest.mark.parametrize("mark", ["{{ x }}", "{% x %}", "<%= x %>", "%%X%%", "@X@"])
def test_dockerfile_template_with_placeholders_is_not_read(mark):
    content = f"FROM a:1\nRUN echo {mark}\n"
    assert [each.written for each in read("Dockerfile", content)] == ["a:1"]
    assert read("Dockerfile.j2", content) == []
    assert [each.written for each in read("Dockerfile.j2", "FROM a:1\nRUN echo ${x}\n")] == ["a:1"]


def test_balena_template_is_read_despite_placeholders():
    found = read("Dockerfile.template", "FROM %%A%%:1\nFROM b:1\n")
    assert [getattr(each, "reason", None) for each in found] == [Reason.TEMPLATED, None]


def test_dockerfile_template_matched_by_config_glob_is_read():
    (dockerfile,) = (each for each in load_formats_with_globs({"dockerfile": ("t/**",)}) if each.name == "dockerfile")
    content = "FROM a:1\n{% if x %}\nRUN x\n{% endif %}\n"
    assert [each.written for each in read("t/Dockerfile.j2", content, dockerfile)] == ["a:1"]
    assert read("Dockerfile.j2", content, dockerfile) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("# syntax=docker/dockerfile:1\nARG A=1\nFROM a\nRUN <<E\nnot an instruction\nE\nONBUILD COPY . .\n", True),
        ("from a\nrun x \\\n# y\n  z\n", True),
        ("RUN x\nFROM a\n", False),
        ("FROM a\nINCLUDE b\n", False),
        ("ARG A\n", False),
        ("FROM\n", False),
        ("", False),
        (f"FROM a\nRUN {'x' * MAX_LINE_BYTES}\n", False),
        ("package main\n\nvar x = `\nFROM a\n`\n", False),
    ],
)
def test_dockerfile_is_complete_only_if_from_comes_first_and_instructions_are_known(content, expected):
    assert is_complete_dockerfile(content.encode()) is expected
