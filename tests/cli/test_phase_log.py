"""The lines about phases in logs and pipes, and the numbers of the phases."""

import re
import subprocess
import sys
import threading

import pytest
from support.parts import ROOT
from support.runs.worlds import write_tree
from support.waiting import wait_until

from bot.cli.phase_log import PhaseLog, estimate_rest, format_minutes
from bot.model import phases
from bot.model.phases import RUN_PHASES, SCAN_PHASES, Phases, ProgressStep


class ManualClock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


def test_each_phase_starts_with_a_line_that_has_its_number_and_its_steps(capsys):
    log = PhaseLog(RUN_PHASES)
    for step, total in [("Reading repositories", 1), ("Looking up tags", 1204), ("Reading CI", 2)]:
        log.start_phase(step, total)
        log.finish_phase()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "phase 2 of 7: reading repositories",
        "phase 3 of 7: looking up tags (1,204)",
        "phase 7 of 7: reading CI (2)",
    ]


def test_step_of_two_phases_belongs_to_the_first_until_a_later_phase_has_begun(capsys):
    log = PhaseLog(RUN_PHASES)
    for step in ["Comparing repositories", "Looking up tags", "Reading repositories", "Looking up tags", "Proposing"]:
        log.start_phase(step, 1)
    log.start_phase("Comparing repositories", 1)  # the next run of the same process
    log.finish_phase()
    numbers = re.findall(r"^phase (\d)", capsys.readouterr().err, re.MULTILINE)
    assert numbers == ["1", "1", "2", "3", "7", "1"]


def test_phase_without_steps_writes_no_line(capsys):
    PhaseLog(SCAN_PHASES).start_phase("Scanning images", 0)
    assert capsys.readouterr().err == ""


def test_state_of_a_phase_has_its_steps_its_duration_and_the_estimated_rest():
    clock = ManualClock()
    log = PhaseLog(SCAN_PHASES, read_clock=clock)
    log.start_phase("Looking up tags", 1200)
    clock.seconds = 60
    assert log.describe_state() == "phase 2 of 4: looking up tags: 0 of 1,200 after 1 min"
    for _ in range(300):
        log.advance()
    assert log.describe_state() == "phase 2 of 4: looking up tags: 300 of 1,200 after 1 min, about 3 min left"
    log.finish_phase()


def test_line_is_repeated_while_a_phase_goes_on_and_not_afterwards(capsys):
    log, lines = PhaseLog(SCAN_PHASES, interval=0.01), []
    others = set(threading.enumerate())  # of commands in other tests, which ended with an error

    def has_repeated():
        lines.extend(capsys.readouterr().err.splitlines())
        return sum("0 of 7" in line for line in lines) >= 2

    log.start_phase("Scanning images", 7)
    wait_until(has_repeated)
    log.finish_phase()
    wait_until(lambda: set(threading.enumerate()) <= others)


@pytest.mark.parametrize(
    ("count", "total", "seconds", "rest"),
    [(2, 100, 60, None), (50, 100, 4, None), (50, 100, 60, 60), (25, 100, 60, 180), (100, 100, 60, None)],
)
def test_rest_is_estimated_after_some_steps_and_seconds(count, total, seconds, rest):
    assert estimate_rest(count, total, seconds) == rest


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "1 s"), (40.4, "40 s"), (60, "1 min"), (3540, "59 min"), (7500, "2 h 5 min")]
)
def test_durations_are_short(seconds, text):
    assert format_minutes(seconds) == text


def test_every_step_belongs_to_a_phase_of_a_command():
    commands: list[Phases] = [each for name, each in vars(phases).items() if name.endswith("_PHASES")]
    assert {step for command in commands for phase in command for step in phase} == set(ProgressStep)


def test_scan_in_a_pipe_writes_phases_to_stderr_and_only_the_document_to_stdout(tmp_path, config, loopback):
    digest = loopback.move("python", "3.12", "content")
    folder = write_tree(tmp_path / "tree", {"Dockerfile": f"FROM python:3.12@{digest}\n"})
    options = ["--config", config("scanners: [{kind: none}]\n"), "--format", "json"]
    command = [sys.executable, "-m", "bot", "scan", folder, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("{")
    assert "phase" not in done.stdout
    steps = ["reading the folder", "looking up tags", "scanning images"]
    assert done.stderr.splitlines() == [f"phase {number} of 4: {step}" for number, step in enumerate(steps, start=1)]
    quiet = subprocess.run([*command, "--quiet"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (quiet.stdout, quiet.stderr) == (done.stdout, "")


def test_run_in_a_pipe_starts_with_the_list_of_repositories(tmp_path):
    (tmp_path / "repositories").mkdir()
    config = tmp_path / "basebump.yaml"
    config.write_text(f"schema: 1\nforges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\n", encoding="utf-8")
    command = [sys.executable, "-m", "bot", "run", "--config", config, "--format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[0] == "phase 1 of 7: listing repositories"
