"""Commands, options, files and keys that the docs, the jobs and the action mention."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import click
from support.parts import ROOT

from bot.cli.app import basebump

_TOP = (ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "SECURITY.md"))
PAGES = sorted([*_TOP, *(ROOT / "docs").glob("*.md"), *(ROOT / ".github").glob("*.md")])
DEPLOY_FILES = sorted(
    path for path in (ROOT / "deploy").rglob("*") if path.is_file() and path.suffix not in {".lock", ".pyc"}
)
FILES = sorted(
    [
        *(ROOT / name for name in ("action.yml", "Dockerfile", ".basebump.yaml", ".pre-commit-hooks.yaml")),
        *(ROOT / "config").rglob("*.yaml"),
        *DEPLOY_FILES,
    ]
)
"""Whose comments, descriptions and scripts speak of basebump."""
_STAND_INS = {
    "IMAGE": "registry.example.com/x",
    "DIGEST": f"sha256:{'0' * 64}",
    "OLD": "registry.example.com/x:1",
    "NEW": "registry.example.com/x:2",
    "I/N": "1/2",
    "FORMAT=FILE": "json=x.json",
    "RUN.json…": "x.json",
    "AGE": "30d",
}
"""What words of pages stand for, where any text will not do."""


Named = tuple[tuple[str, ...], click.Command]


def _commands(group: click.Group, words: tuple[str, ...] = ("basebump",)) -> Iterator[Named]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _commands(command, (*words, name))
        elif command is not None:
            yield (*words, name), command


COMMANDS = dict(_commands(basebump))
OPTIONS = {option for command in COMMANDS.values() for each in command.params for option in each.opts}
_FIRST = "|".join(sorted({words[1] for words in COMMANDS}))


def read_page(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def list_code_blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of a language, those in lists without their indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", page, re.DOTALL | re.MULTILINE)
    return [dedent(text) for _, text in found]


def list_code_spans(page: str) -> list[str]:
    """Return the texts between single backticks outside of blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```$", "", page, flags=re.DOTALL | re.MULTILINE))


def list_anchors(page: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    text = re.sub(r"^ *```.*?^ *```$", "", page, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def read_literal_text(path: Path) -> str:
    """Return the literal text of a file: code blocks of a page, or everything outside backticks."""
    text = read_page(path)
    return extract_literal_text(text) if path in PAGES else re.sub(r"`[^`\n]+`", "", text)


def extract_literal_text(text: str) -> str:
    """Return the literal text of a page, which users can copy."""
    shown = re.findall(r"^\$ (.*)$", "\n".join(list_code_blocks(text, "console")), re.MULTILINE)
    return "\n".join([*shown, *(each for kind in ("groovy", "sh", "yaml") for each in list_code_blocks(text, kind))])


def list_command_lines(text: str) -> list[str]:
    """Return every basebump command line in a text, without the text around it."""
    text = text.replace("\\\n", " ")
    found = re.findall(
        rf"(?:^|[\s'\"`/(])basebump ((?:{_FIRST})\b(?!:)(?:\$\([^)]*\)|[^'`\n|>;#)])*)", text, re.MULTILINE
    )
    return [line.strip() for line in found]


def parse_command_line(line: str) -> None:
    """Let click parse a command line, and run nothing. Raises click.UsageError."""
    line = re.sub(r'"?\$\([^)]*\)"?|\$\{\{.*?\}\}|\$\{?\w+\}?', "IMAGE", line)
    words = [_STAND_INS.get(word, re.sub(r"@sha256:DIGEST\b", "", word)) for word in shlex.split(line)]
    words = ["1/2" if before == "--shard" else word for before, word in zip(["", *words], words, strict=False)]
    context = click.Context(basebump, **basebump.context_settings)
    command = basebump.get_command(context, words.pop(0))
    while isinstance(command, click.Group):
        command = command.get_command(context, words.pop(0))
    assert command is not None
    command.make_context(command.name, words, parent=context)
