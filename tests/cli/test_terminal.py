"""The progress bar, which is shown on a terminal but not in a log."""

import json
import sys

from bot.cli.terminal import NoProgress, ProgressBar, create_progress, log_line


def test_progress_bar_is_not_shown_if_stderr_is_not_a_terminal(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert isinstance(create_progress(), NoProgress)


def test_progress_bar_is_shown_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(create_progress(), ProgressBar)


def test_progress_bar_counts_steps_and_is_removed_at_the_end(capsys):
    bar = ProgressBar()
    bar.start_phase("Asking registries", 4)
    bar.advance()
    bar.advance()
    bar.finish_phase()
    out, err = capsys.readouterr()
    frames = err.split("\r\x1b[K")
    assert out == ""
    assert [frame.rpartition(" ")[2] for frame in frames if frame] == ["0/4", "1/4", "2/4"]
    assert frames[3].count("█") == frames[3].count("░")
    assert frames[-1] == ""


def test_phase_without_steps_shows_no_progress_bar(capsys):
    bar = ProgressBar()
    bar.start_phase("Scanning images", 0)
    assert capsys.readouterr().err == ""


def test_jsonl_log_contains_no_workflow_commands(capsys):
    log_line("failure", subject="##vso[task.x]y", error="##[command]x")
    line = capsys.readouterr().err
    assert json.loads(line)["subject"] == "##vso[task.x]y"
    assert "##" not in line


def test_disabled_progress_display_writes_no_output_to_stderr(capsys):
    silent = NoProgress()
    silent.start_phase("Scanning images", 3)
    silent.advance()
    silent.finish_phase()
    assert capsys.readouterr().err == ""
