"""`--jobs N` limits the processes that read a large folder, and changes nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.git import DiskRepository
from support.runs.worlds import write_tree
from support.values import digest

from bot.pipeline.references import reader_processes, reader_slots
from bot.pipeline.references.reader_processes import read_in_processes

FILES = {
    **{f"{number:02}/Dockerfile": f"FROM python:3.{number}\n" for number in range(30)},
    **{f"{number:02}/compose.yaml": "services: {web: {image: 'nginx:${TAG}'}}\n" for number in range(30)},
    "broken/Dockerfile": "FROM\n",
}


@pytest.fixture
def worker_counts(monkeypatch):
    """Let basebump start processes for small folders, and return the list of the numbers of workers."""
    counts: list[int] = []

    def count_workers(tree, files, workers, *waiting):
        counts.append(workers)
        return read_in_processes(tree, files, workers, *waiting)

    monkeypatch.setattr(reader_slots, "PROCESS_WORK", 1)
    monkeypatch.setattr(reader_processes, "MIN_PART_WORK", 10_000)
    monkeypatch.setattr(reader_processes, "read_in_processes", count_workers)
    return counts


@pytest.mark.parametrize("command", ["scan", "check"])
def test_scan_and_check_output_does_not_depend_on_number_of_worker_processes(
    tmp_path, basebump, worker_counts, command
):
    folder = write_tree(tmp_path, FILES)
    results = [
        basebump(command, folder, "--offline", "--format", "json", "--jobs", str(processes)) for processes in (1, 2, 4)
    ]
    assert worker_counts == [1, 3]
    assert "python:3.29" in results[0][1]
    assert results[1:] == results[:1] * 2


@pytest.mark.real("git")
def test_run_output_does_not_depend_on_number_of_worker_processes(tmp_path, basebump, config, worker_counts, loopback):
    loopback.move("python", "3.12-slim", "now")
    pinned = f"FROM python:3.12-slim@{digest('old')}\n"
    for name in ("api", "web"):
        DiskRepository.create(
            tmp_path / "repositories" / f"{name}.git", {f"{number}/Dockerfile": pinned for number in range(20)}
        )
    fleet = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\n")
    (one, several) = (
        basebump("run", "--config", fleet, "--format", "text", "--jobs", str(processes)) for processes in (1, 3)
    )
    assert worker_counts
    assert "python:3.12-slim" in one[1]
    assert several == one


@pytest.mark.parametrize("number", ["0", "-1", "65", "two"])
@pytest.mark.parametrize(
    "command", [("scan", "."), ("check", "."), ("run", "--config", "x.yaml")], ids=lambda it: it[0]
)
def test_invalid_number_of_jobs_is_wrong_usage(basebump, command, number):
    code, out, err = basebump(*command, "--jobs", number)
    assert (code, out) == (2, "")
    assert err.startswith("error: invalid value for '--jobs'")


def test_default_number_of_jobs_is_the_number_of_cores(tmp_path, basebump, worker_counts, monkeypatch):
    monkeypatch.setattr("bot.process.count_usable_cores", lambda: 3)
    basebump("scan", write_tree(tmp_path, FILES), "--offline")
    monkeypatch.setattr("bot.process.count_usable_cores", lambda: 1)
    basebump("scan", tmp_path, "--offline")
    assert worker_counts == [2]


def test_scan_of_a_small_folder_starts_no_worker_process(tmp_path, basebump, monkeypatch):
    monkeypatch.setattr(reader_processes, "read_in_processes", None)
    monkeypatch.setattr(reader_processes, "start_workers", None)
    code, _, _ = basebump("scan", write_tree(tmp_path, FILES), "--offline", "--jobs", "4")
    assert code == 0


def test_worker_process_exits_with_0_when_stdin_is_closed():
    command = reader_processes._build_command()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert command[0] == sys.executable
