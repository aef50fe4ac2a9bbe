"""The options that choose how each command shows its result: `--color`, `-q`, `-v` and `-o`."""

from __future__ import annotations

import click
import pytest
from support.runs.worlds import write_tree

from bot.cli.app import COMMANDS, basebump

UPDATE = "\x1b[36m"


@pytest.fixture
def scan(tmp_path, basebump, config, loopback):
    """Scan a folder with an outdated image, and return the result of the command."""
    old, _ = (loopback.move("python", "3.12", content) for content in ("old", "now"))
    folder = write_tree(tmp_path / "tree", {"Dockerfile": f"FROM python:3.12@{old}\n"})
    return lambda *arguments: basebump("scan", folder, "--config", config(), *arguments)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_options_color_quiet_and_verbose_exactly_once(name):
    group = basebump.get_command(click.Context(basebump), name)
    for command in group.commands.values() if isinstance(group, click.Group) else [group]:
        names = [each.name for each in command.params]
        assert [names.count(each) for each in ("color", "quiet", "verbose")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("environment", "arguments", "has_colours"),
    [
        ({}, [], False),
        ({}, ["--color", "always"], True),
        ({"FORCE_COLOR": "1"}, [], True),
        ({"FORCE_COLOR": "0"}, [], False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
        ({"FORCE_COLOR": "1"}, ["--color", "never"], False),
        ({"NO_COLOR": "1"}, ["--color", "always"], True),
    ],
)
def test_color_option_takes_precedence_over_environment_variables(
    scan, monkeypatch, environment, arguments, has_colours
):
    for each in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(each, raising=False)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    assert (UPDATE in scan(*arguments)[1]) is has_colours


def test_markdown_and_output_files_have_no_colours(scan, tmp_path):
    assert "\x1b" not in scan("--color", "always", "--format", "markdown")[1]
    scan("--color", "always", "-o", tmp_path / "result", "--export", f"text={tmp_path / 'export'}")
    assert (tmp_path / "result").read_text(encoding="utf-8") == (tmp_path / "export").read_text(encoding="utf-8")
    assert "\x1b" not in (tmp_path / "result").read_text(encoding="utf-8")


def test_output_option_writes_result_to_a_file_and_prints_a_note(scan, tmp_path):
    expected = scan("--format", "json")[1]
    code, out, err = scan("--format", "json", "-o", tmp_path / "result")
    assert (code, out, err) == (0, "", f"note: wrote the result to {tmp_path / 'result'}\n")
    assert (tmp_path / "result").read_text(encoding="utf-8") == expected
    assert scan("-o", "-", "--format", "json")[1] == expected


def test_unusable_output_file_is_refused_before_any_request(scan, tmp_path, loopback):
    before = len(loopback.registry.served_requests)
    code, out, err = scan("-o", tmp_path / "nowhere" / "result")
    assert (code, out) == (2, "")
    assert "is not a folder" in err
    assert len(loopback.registry.served_requests) == before


def test_verbose_option_shows_each_step_on_stderr(scan):
    code, _, err = scan("-v")
    assert code == 0
    assert "Looking up tags: 1 in " in err


def test_quiet_option_suppresses_notes_on_stderr(scan, tmp_path):
    assert scan("-q", "--export", f"json={tmp_path / 'export'}")[2] == ""


def test_quiet_scan_prints_only_results_that_need_an_action(basebump, tmp_path):
    folder = write_tree(tmp_path, {"Dockerfile": "FROM python:3.12\nFROM $X\n# basebump: ignore\nFROM node:22\n"})
    assert "node:22" in basebump("scan", folder, "--offline")[1]
    assert basebump("scan", folder, "--offline", "-q") == (0, "", "")


def test_color_and_quiet_options_do_not_affect_the_next_command(scan):
    assert UPDATE in scan("--color", "always", "-q")[1]
    assert UPDATE not in scan()[1]
