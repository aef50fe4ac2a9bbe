"""Development containers: cases that the golden files cannot show."""

from __future__ import annotations

import pytest
from support.builds import list_arguments

from bot.formats.devcontainer import FORMAT
from bot.model.source import FilePath, SourceFile

PATH = FilePath("web/.devcontainer/devcontainer.json")


def read(content, path=PATH):
    return list(FORMAT.extract(SourceFile(path, content)))


@pytest.mark.parametrize(
    ("content", "dockerfile"),
    [
        (b'{"build": {"dockerfile": "Dockerfile", "args": {"V": "1"}}}', "web/.devcontainer/Dockerfile"),
        (b'{"build": {"dockerfile": "../Dockerfile.dev", "args": {"V": "1"}}}', "web/Dockerfile.dev"),
        (b'{"build": {"dockerfile": "x", "context": "../..", "args": {"V": "1"}}}', "web/.devcontainer/x"),
        (b'{"dockerFile": "x", "build": {"args": {"V": "1"}}}', "web/.devcontainer/x"),
        (b'{"build": {"dockerfile": "x", "args": {"V": "${localEnv:V}"}}}', "web/.devcontainer/x"),
        (b'{"build": {"args": {"V": "1"}, "dockerfile": "y", "dockerfile": "x"}}', "web/.devcontainer/x"),
    ],
)
def test_devcontainer_arguments_are_assigned_to_dockerfile_of_the_build(content, dockerfile):
    assert list_arguments(read(content)) == [(dockerfile, "V", 1, None if b"localEnv" in content else "1")]


def test_devcontainer_build_arguments_keep_their_line_numbers():
    content = b'{"build": {\n"dockerfile": "D",\n"args": {\n"A": "1", // why\n"B": "2",\n}}}'
    assert list_arguments(read(content)) == [
        ("web/.devcontainer/D", "A", 4, "1"),
        ("web/.devcontainer/D", "B", 5, "2"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b'{"build": {"args": {"V": "1"}}}',
        b'{"build": {"dockerfile": "../../../x", "args": {"V": "1"}}}',
        b'{"build": {"dockerfile": "${localWorkspaceFolder}/x", "args": {"V": "1"}}}',
        b'{"build": {"dockerfile": ["x"], "args": {"V": "1"}}}',
        b'{"build": {"dockerfile": "x", "args": ["V=1"]}}',
        b'{"build": {"dockerfile": "x"}}',
        b'{"build": "x"}',
        b'{"other": {"build": {"dockerfile": "x", "args": {"V": "1"}}}}',
    ],
)
def test_devcontainer_build_without_known_dockerfile_sets_no_arguments(content):
    assert list_arguments(read(content)) == []


def test_devcontainer_image_key_with_unicode_escape_is_read():
    (found,) = read(b'{"im\\u0061ge": "node:22"}')
    assert str(found.image) == "node:22"


def test_devcontainer_file_without_image_is_never_parsed():
    assert read(b'{"name": ') == []
