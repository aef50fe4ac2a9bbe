"""The examples of the pages on operations and on the loop are commands, configs and files that can be used."""

from __future__ import annotations

import re
import shlex
from textwrap import dedent

import click
import pytest
import yaml
from support.parts import ROOT

from bot.cli.app import basebump
from bot.settings import load

LOOP = (ROOT / "docs" / "loop.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
DEPLOY = sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file() and path.suffix != ".lock")


def blocks(page, language):
    return [dedent(text) for text in re.findall(rf"^ *```{language}\n(.*?)^ *```$", page, re.DOTALL | re.MULTILINE)]


def commands(text):
    """Return every command line of basebump's in a text, without what is around it."""
    text = text.replace("\\\n", " ")
    found = re.findall(r"(?:^|[\s'\"`/])basebump ((?:run|scan|check|resolve|compare|close|config) [^'`\n|>]*)", text)
    return [line.strip() for line in found]


def parse(line):
    """Let click parse a command line, and run nothing. Raises click.UsageError."""
    words = [re.sub(r"\$\{?\w+\}?|^IMAGE$", "registry.example.com/x", word) for word in shlex.split(line)]
    words = ["1/2" if before == "--shard" else word for before, word in zip(["", *words], words, strict=False)]
    context = click.Context(basebump)
    command = basebump.get_command(context, words.pop(0))
    while isinstance(command, click.Group):
        command = command.get_command(context, words.pop(0))
    command.make_context(command.name, words)


SAID = [(name, line) for name, page in (("loop", LOOP), ("operations", OPERATIONS)) for line in commands(page)]
SAID += [(path.name, line) for path in DEPLOY for line in commands(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("page", "line"), SAID, ids=[f"{page}: {line[:60]}" for page, line in SAID])
def test_every_command_line_can_be_parsed(page, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "basebump.yaml").touch()
    parse(line)


def test_there_are_such_lines_and_wrong_ones_are_found():
    assert len(SAID) > 10
    for wrong in ("run", "run --config x --levels propose", "run --config x --image 'no image'"):
        with pytest.raises(click.UsageError):
            parse(wrong)


@pytest.mark.parametrize("page", [LOOP, OPERATIONS], ids=["loop", "operations"])
def test_every_example_in_yaml_is_yaml_and_every_config_can_be_used(page, tmp_path):
    configs = 0
    for text in blocks(page, "yaml"):
        document = yaml.safe_load(text)
        assert isinstance(document, dict)
        if "schema" in document:
            configs += 1
            path = tmp_path / "basebump.yaml"
            path.write_text(text, encoding="utf-8")
            load(path, need_forges="forges" in document)
    assert configs == (2 if page is LOOP else 0)


def test_every_kind_of_pipeline_ends_in_a_run_for_the_image_that_was_pushed():
    for heading in ("azure-pipelines.yml", ".gitlab-ci.yml", "Jenkinsfile", "workflow"):
        (example,) = (
            text for text in re.findall(r"```\w+\n(.*?)```", LOOP, re.DOTALL) if heading in text.partition("\n")[0]
        )
        (line,) = commands(example)
        assert re.search(r"^run .*--level propose --image \S+$", line), heading


@pytest.mark.parametrize("page", [LOOP, OPERATIONS], ids=["loop", "operations"])
def test_no_page_invents_a_digest(page):
    assert not re.search("sha256:[0-9a-f]", page)
