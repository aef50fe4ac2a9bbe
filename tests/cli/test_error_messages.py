"""Every error on stderr has the same shape: `error: WHAT: WHY`, and then `hint: NEXT STEP`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from support.parts import ROOT

from bot.cli import terminal
from bot.cli.app import COMMANDS, basebump
from bot.cli.messages import write_message
from bot.model.phases import RUN_PHASES


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["scna"], "there is no command 'scna'", "did you mean scan?"),
        (["chekc", "."], "there is no command 'chekc'", "did you mean check?"),
        (["zzz"], "there is no command 'zzz'", "`basebump --help` lists all commands"),
        (["scan", "--exprt", "x"], "no such option '--exprt'", "did you mean --export?"),
        (["scan", "--format"], "option '--format' requires an argument", "see `basebump"),
        (["compare", "a"], "missing argument 'NEW'", "see `basebump compare --help`"),
        (["config", "chek"], "there is no command 'chek'", "did you mean check?"),
        (["scan", "nowhere"], "nowhere is not a folder", "name the folder that contains the files"),
        (
            ["scan", "https://x.org/acme/web"],
            "https:/x.org/acme/web is a URL, not a folder",
            "clone the repository and name its folder",
        ),
        (["scan", __file__], f"{__file__} is a file, not a folder", f"name its folder, {Path(__file__).parent}"),
        (
            ["check", "git@x.org:acme/web"],
            "git@x.org:acme/web is a URL, not a folder",
            "clone the repository and name its folder",
        ),
        (["scan", ".", "--export", "x"], "invalid value for '--export': 'x' does not", "use one of the formats"),
    ],
)
def test_error_message_has_one_line_for_the_problem_and_one_for_the_hint(
    arguments, error, hint, basebump, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, out, err = basebump(*arguments)
    error_line, hint_line = err.splitlines()
    assert (code, out) == (2, "")
    assert error_line.startswith(f"error: {error}")
    assert hint_line.startswith(f"hint: {hint}")


def test_config_error_has_a_line_and_a_hint_for_each_problem(basebump, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "basebump.yaml").write_text("schema: 1\nregistrys: []\npolcy: []\n", encoding="utf-8")
    code, _, err = basebump("config", "check", "basebump.yaml")
    heading, *lines = err.splitlines()
    assert (code, heading) == (2, "error: basebump.yaml cannot be used, because it has 2 problems")
    assert [line.partition("did")[0] for line in lines[1::2]] == ["    hint: "] * 2
    assert all(line.startswith("  basebump.yaml") for line in lines[::2])


def test_config_check_without_file_checks_the_config_of_the_current_folder(basebump, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "there is no config: the current folder contains no basebump.yaml" in basebump("config", "check")[2]
    (tmp_path / "basebump.yaml").write_text("schema: 1\npolcy: []\n", encoding="utf-8")
    code, _, err = basebump("config", "check")
    assert (code, "policy" in err) == (2, True)


def test_error_message_permanently_removes_the_progress_bar(capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    bar = terminal.create_progress(RUN_PHASES)
    bar.start_phase("Asking registries", 4)
    bar.advance()
    write_message("error: no network")
    bar.advance()  # a thread that still works
    shown = capsys.readouterr().err.rpartition("\r\x1b[K")[2]
    assert shown == "\x1b[1;31merror:\x1b[0m no network\n"


def test_help_that_lists_commands_imports_no_command_modules():
    code = "import sys; from bot.cli.app import main; main(['--help']); print(*sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = {name for name in done.stderr.split() if name.startswith("bot.")}
    assert imported <= {"bot.cli", "bot.model", "bot.model.errors", "bot.model.vocabulary"} | {
        f"bot.cli.{each}" for each in ("app", "export_files", "interrupt_signals", "messages", "presentation")
    }
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_summary_of_command_equals_first_paragraph_of_the_help_of_the_command(name):
    context = click.Context(basebump)
    command = basebump.get_command(context, name)
    assert COMMANDS[name].summary == " ".join(command.help.partition("\n\n")[0].split())


def test_only_the_labels_error_and_hint_are_coloured_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    write_message("error: it failed: no error: x\nhint: do it")
    assert capsys.readouterr().err == "\x1b[1;31merror:\x1b[0m it failed: no error: x\n\x1b[36mhint:\x1b[0m do it\n"


def test_terminal_wraps_error_message_between_words(capsys, monkeypatch):
    for name, value in (("TERM", "xterm"), ("COLUMNS", "40"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    write_message(f"error: {'word ' * 20}\nhint: short")
    *rows, hint = capsys.readouterr().err.splitlines()
    assert max(map(len, rows)) <= 40
    assert all(row.startswith("  word") for row in rows[1:])
    assert hint == "hint: short"
