"""The progress bar, which is shown on a terminal but not in a log, and the log for programs."""

import json
import sys

from bot.cli.phase_log import PhaseLog
from bot.cli.terminal import NoProgress, ProgressBar, create_progress, log_line
from bot.model.phases import RUN_PHASES, ProgressStep


def test_lines_are_written_if_stderr_is_not_a_terminal(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert isinstance(create_progress(RUN_PHASES), PhaseLog)


def test_progress_bar_is_shown_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(create_progress(RUN_PHASES), ProgressBar)


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


def test_progress_bar_shows_the_remaining_time_and_fits_80_columns(capsys):
    seconds = iter([0.0, 0.0, 1.0, 2.0, 60.0])
    bar = ProgressBar(lambda: next(seconds))
    bar.start_phase(max(ProgressStep, key=len), 100_000)
    for _ in range(3):
        bar.advance()
    frames = capsys.readouterr().err.split("\r\x1b[K")[1:]
    assert ["left" in frame for frame in frames] == [False, False, False, True]
    assert frames[-1].endswith("3/100000, 555 h 32 min left")
    assert max(map(len, frames)) <= 80


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
