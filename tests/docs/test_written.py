"""Whatever commands, options, exit codes, keys and files are written of anywhere, they are there."""

from __future__ import annotations

import json
import re
import tomllib
from itertools import pairwise

import click
import pytest
from support.docs.written import (
    COMMANDS,
    FILES,
    OPTIONS,
    PAGES,
    list_anchors,
    list_code_blocks,
    list_code_spans,
    list_command_lines,
    parse_command_line,
    read_literal_text,
    read_page,
)
from support.parts import ROOT

from bot.cli.app import basebump
from bot.formats import load_all_formats
from bot.model.source import FilePath, Reference, SourceFile
from bot.model.vocabulary import ExitCode
from bot.settings.reading.validation import build_json_schema

BOTH = [*PAGES, *FILES]
LANGUAGES = {"console", "dockerfile", "groovy", "json", "sh", "text", "toml", "yaml"}
"""Of blocks; each is held to something here or in the tests of its page."""


def get_relative_name(path):
    return str(path.relative_to(ROOT))


WHOLE = [(get_relative_name(path), line) for path in BOTH for line in list_command_lines(read_literal_text(path))]
INLINE = [
    (get_relative_name(path), line)
    for path in BOTH
    for span in list_code_spans(read_page(path))
    for line in list_command_lines(span)
]


@pytest.fixture
def command_folder(tmp_path, monkeypatch):
    """A folder in which there is what command lines name."""
    monkeypatch.chdir(tmp_path)
    for each in ("basebump.yaml", "x.json", "shard-1.json", "shard-2.json"):
        (tmp_path / each).touch()


@pytest.mark.parametrize(("where", "line"), WHOLE, ids=[f"{where}: {line[:60]}" for where, line in WHOLE])
def test_every_command_line_in_docs_can_be_parsed(where, line, command_folder):
    parse_command_line(line)


@pytest.mark.parametrize(("where", "line"), INLINE, ids=[f"{where}: {line[:60]}" for where, line in INLINE])
def test_command_named_in_a_sentence_of_docs_exists_even_if_arguments_are_omitted(where, line, command_folder):
    try:
        parse_command_line(line)
    except click.MissingParameter:
        assert len(line.split()) <= 3, line


def test_check_of_command_lines_in_docs_rejects_invalid_command_lines(command_folder):
    assert len(WHOLE) > 20
    assert len(INLINE) > 30
    for wrong in ("resolve", "run --config x --levels propose", "run --config x --image 'no image'", "config x"):
        with pytest.raises((click.UsageError, AssertionError)):
            parse_command_line(wrong)
    assert list_command_lines("$ basebump run --config x > y\nthe basebump action, basebump scans") == [
        "run --config x"
    ]


def test_short_help_option_is_accepted_and_listed_in_the_help(capsys):
    """Click caches the names of the help option, so the generator of the man page must not remove `-h`."""
    with pytest.raises(click.exceptions.Exit):
        parse_command_line("scan -h")
    assert "-h, --help" in capsys.readouterr().out


def test_every_command_is_shown_in_docs():
    typed = {" ".join(words[1:]) for words in COMMANDS}
    lines = [line for _, line in (*WHOLE, *INLINE)]
    assert {each for each in typed if not any(f"{line} ".startswith(f"{each} ") for line in lines)} == set()


OF_OTHERS = {
    "--ignore-unfixed",
    "--env",
    "--from",
    "--from-env-file",
    "--from-file",
    "--from-literal",
    "--list-all-pkgs",
    "--mount",
    "--no-deps",
    "--platform",
    "--recursive",
    "--require-hashes",
    "--secret",
    "--label",
    "--show-suppressed",
    "--key",
    "--query",
    "--strict",
    "--durations",
    "--claims",
    "--out",
    "--repository",
    "--target",
}
"""Options of other programs that sentences speak of."""


def test_every_option_named_in_docs_exists():
    for path in BOTH:
        known = OPTIONS | {"--help", "--version"} | OF_OTHERS
        for span in list_code_spans(read_page(path)):
            assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", span)) <= known, span


def test_every_exit_code_named_in_docs_exists():
    for path in BOTH:
        named = re.findall(
            r"\b(?:exit codes?|ends? with|ended with|exits? with|exit code is|beats)\s+(\d+)\b", read_page(path)
        )
        assert {int(code) for code in named} <= {code.value for code in ExitCode}


def test_help_and_troubleshooting_page_list_every_exit_code():
    named = re.findall(r"(?:: |; )(\d+) ", basebump.help or "")
    assert {int(code) for code in named} == {code.value for code in ExitCode}
    table = read_page(ROOT / "docs" / "troubleshooting.md").partition("| exit code |")[2].partition("\n\n")[0]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == {code.value for code in ExitCode}


def list_parts(path):
    """Yield each paragraph, row and item of a page behind the title and the heading that it stands under."""
    title, _, text = read_page(path).partition("\n")
    heading = ""
    for part in re.split(r"\n\s*\n|\n(?=\| |- |#)", text):
        heading = part if part.startswith("#") else heading
        yield f"{title}\n{heading}\n{part}"


PARTS = [part for path in PAGES for part in list_parts(path)]
OF_COMMANDS = [
    (words, option)
    for words, command in COMMANDS.items()
    for each in command.params
    for option in each.opts
    if option.startswith("--")
]


@pytest.mark.parametrize(
    ("words", "option"), OF_COMMANDS, ids=[" ".join((*words, each)) for words, each in OF_COMMANDS]
)
def test_every_option_is_explained_in_docs_near_the_command(words, option):
    names = rf"\b{' '.join(words)}\b|`{words[-1]}`|^# {words[-1].title()}"
    wanted = re.compile(rf"(?<![\w-]){option}(?![\w-])")
    assert any(wanted.search(part) and re.search(names, part) for part in PARTS)


# ---- keys of configs -------------------------------------------------------------------------------------------------

SHAPES = build_json_schema()
OF_SHAPES = [SHAPES, *SHAPES["$defs"].values()]
KEYS = {key for shape in OF_SHAPES for key in shape.get("properties", {})}
KEYS_OF_OTHERS = {
    ".pre-commit-hooks.yaml": {"args"},
    "README.md": {"basebump"},
    "action.yml": {"actions"},
    "azure-pipelines.md": {"always"},
    "check.md": {"with"},
    "doctor.md": {"checks"},
    "files.md": {"additional_contexts", "basebump", "name", "db", "enabled", "pre_build_image", "renovate", "digest"},
    "forge-github.md": {"contents", "metadata", "permissions", "pull_requests"},
    "forges.md": {"known", "merge"},
    "github-action.md": {"level", "shard", "extras", "scanner"},
    "loop.md": {"pr"},
    "proposals.md": {"issues"},
    "reviewing.md": {"basebump"},
    "service-monitoring.md": {"config"},
    "switching.md": {"enabled"},
}
"""Words before a colon that are no key of a config: of comments, forges, workflows, charts, and of what is printed."""


def test_every_config_key_named_in_docs_exists():
    for path in BOTH:
        known = KEYS | KEYS_OF_OTHERS.get(path.name, set())
        for span in list_code_spans(read_page(path)):
            assert set(re.findall(r"(?:^|[{\[, ])([a-z_]{2,}):(?: |$)", span)) <= known, span


def test_every_dotted_config_key_named_in_docs_exists():
    for path in BOTH:
        for span in list_code_spans(read_page(path)):
            is_other_name = span.endswith((".json", ".yaml", ".py", ".com")) or span in {"oci.pull", "dockerfile.ci"}
            if re.fullmatch(r"[a-z_]+(?:\.[a-z_]+)+", span) and span.partition(".")[0] in KEYS and not is_other_name:
                assert all(inner in list_keys_below(outer) for outer, inner in pairwise(span.split("."))), span


def list_keys_below(key):
    """Return what may stand below a key, wherever that may stand."""
    holders = [str(shape["properties"][key]) for shape in OF_SHAPES if key in shape.get("properties", {})]
    named = {each for holder in holders for each in re.findall(r"#/\$defs/(\w+)", holder)}
    return {inner for each in named for inner in SHAPES["$defs"][each].get("properties", {})}


# ---- files and links -------------------------------------------------------------------------------------------------


def test_every_relative_link_in_docs_has_a_target():
    for path in [*PAGES, ROOT / "CHANGELOG.md"]:
        text = read_page(path)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if not re.match(r"https?://", target):
                file, _, anchor = target.partition("#")
                there = path.parent / file if file else path
                assert there.exists(), target
                assert not anchor or anchor in list_anchors(read_page(there)), target


FOLDERS = r"(?:bot|config|docs|templates|tests|bench|deploy|\.ci)/"


def test_every_file_of_the_project_named_in_docs_exists():
    """Names of files are checked with and without backticks."""
    for path in BOTH:
        text = read_page(path)
        paths = re.findall(rf"(?<![\w/.:-])({FOLDERS}[\w./-]*[\w/])", text)
        for each in paths:
            is_a_folder_of_others = each.startswith("deploy/") and not (ROOT / "/".join(each.split("/")[:2])).exists()
            if not is_a_folder_of_others:
                assert (ROOT / each).exists(), each
        if path in PAGES:
            for each in list_code_spans(text):
                module = re.fullmatch(r"([\w/]+/\w+\.py)(?:::\w+)?", each)
                assert module is None or any((ROOT / base / module[1]).exists() for base in ("", "bot", "tests")), each


def test_make_targets_named_in_docs_exist():
    for path in PAGES:
        goals = set(re.findall(r"^([a-z]+):", read_page(ROOT / "Makefile"), re.MULTILINE))
        text = read_page(path)
        named = {word for span in list_code_spans(text) for word in re.findall(r"^make ([a-z]+)\b", span)}
        named |= {
            word
            for each in list_code_blocks(text, "sh")
            for word in re.findall(r"^make ([a-z]+)\b", each, re.MULTILINE)
        }
        assert named <= goals


# ---- what is in blocks -----------------------------------------------------------------------------------------------


def test_every_code_block_in_docs_has_a_checked_language():
    for path in PAGES:
        fences = re.findall(r"^ *```(.*)$", read_page(path), re.MULTILINE)
        assert set(fences[1::2]) <= {""}
        assert set(fences[::2]) <= LANGUAGES


@pytest.mark.parametrize("text", [text for path in PAGES for text in list_code_blocks(read_page(path), "toml")])
def test_every_toml_block_in_docs_is_valid(text):
    assert tomllib.loads(text)


@pytest.mark.parametrize("text", [text for path in PAGES for text in list_code_blocks(read_page(path), "json")])
def test_every_json_block_in_docs_is_valid(text):
    assert json.loads(text)


DOCKERFILES = [
    (get_relative_name(path), text) for path in PAGES for text in list_code_blocks(read_page(path), "dockerfile")
]


@pytest.mark.parametrize(("where", "text"), DOCKERFILES, ids=[where for where, _ in DOCKERFILES])
def test_dockerfiles_in_docs_can_be_parsed(where, text):
    (dockerfile,) = [each for each in load_all_formats() if each.name == "dockerfile"]
    found = list(dockerfile.extract(SourceFile(FilePath("Dockerfile"), text.encode())))
    assert found
    assert all(isinstance(each, Reference) for each in found)
