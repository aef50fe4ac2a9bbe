"""`basebump plan` and `apply` on the command line: two processes, of which the second needs only the forge."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.forges.github.stand import GitHubStand
from support.git import DiskRepository
from support.phase_lines import drop_phase_lines
from support.values import digest

from bot.settings.reading import reader
from bot.settings.reading.yaml_file import read_document

pytestmark = pytest.mark.real("git")

BRANCH = "basebump/python-3.12-slim-06e5bb43"
FILES = {"Dockerfile": f"FROM python:3.12-slim@{digest('old')}\n"}
GUARD = """
import sys

allowed_port = int(sys.argv.pop(1))
programs = {"git"}


def refuse(event, arguments):
    if event == "socket.connect" and arguments[1][1] != allowed_port:
        raise SystemExit(f"connected to {arguments[1]}")
    if event in {"socket.getaddrinfo", "socket.gethostbyname"} and arguments[0] not in ("127.0.0.1", "localhost", None):
        raise SystemExit(f"looked up {arguments[0]}")
    if event == "subprocess.Popen" and str(arguments[1][0]).rpartition("/")[2] not in programs:
        raise SystemExit(f"started {arguments[1]}")
    if event == "os.system" or event == "sqlite3.connect":
        raise SystemExit(event)


sys.addaudithook(refuse)
from bot.cli.app import main

sys.exit(main())
"""
"""Runs basebump, and ends it as soon as it connects to anything but one port of this machine, or starts anything but
git. The audit hook is called by Python itself, so that no library can avoid it."""
ROOT = Path(__file__).parents[2]


def run_guarded(port: int, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run basebump in a process of its own, which can connect to `port` alone."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", GUARD, str(port), *map(str, arguments)],
        cwd=ROOT,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def local(tmp_path, config):
    """Create a folder with one repository, and return the path of a config."""
    DiskRepository.create(tmp_path / "repositories" / "web.git", FILES)
    return config(
        f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\nstate: sqlite:///{tmp_path}/state.db\n"
    )


def test_plan_prints_the_report_and_writes_a_file_that_only_the_owner_can_read(tmp_path, basebump, local, loopback):
    loopback.move("python", "3.12-slim", "now")
    plan = tmp_path / "plan.json"
    plan.write_text("an earlier plan")
    plan.chmod(0o644)
    code, out, err = basebump("plan", "--config", local, "--out", plan)
    assert (code, err) == (0, f"note: wrote the plan to {plan}; apply it with `basebump apply {plan}`\n")
    assert basebump("run", "--config", local) == (0, out, "")
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert list(tmp_path.glob(".plan.json.*")) == []
    assert list(DiskRepository(tmp_path / "repositories" / "web.git").branches()) == ["main"]


@pytest.mark.parametrize("command", [["plan", "--out", "plan.json"], ["run", "--format", "html"]])
def test_plan_and_run_read_the_config_only_once(tmp_path, basebump, local, loopback, monkeypatch, command):
    """If the file changes during a run, the plan and the page are about the config of the run."""
    reads = []

    def read_once(path):
        reads.append(path)
        return read_document(path)

    monkeypatch.setattr(reader, "read_document", read_once)
    monkeypatch.chdir(tmp_path)
    loopback.move("python", "3.12-slim", "now")
    assert basebump(*command, "--config", local)[0] == 0
    assert reads == [Path(local)]


def test_apply_command_needs_neither_registry_nor_scanner_nor_state(tmp_path, basebump, local, loopback):
    """The guard allows only a port on which no program listens, so `apply` can make no connection."""
    now = loopback.move("python", "3.12-slim", "now")
    basebump("plan", "--config", local, "--out", tmp_path / "plan.json")
    ended = run_guarded(1, "apply", tmp_path / "plan.json", "--config", local)
    assert (ended.returncode, drop_phase_lines(ended.stderr)) == (0, "")
    assert "1 proposal: 1 opened." in ended.stdout
    files = DiskRepository(tmp_path / "repositories" / "web.git").files(f"refs/heads/{BRANCH}")
    assert files["Dockerfile"].content == f"FROM python:3.12-slim@{now}\n".encode()


def test_connection_guard_used_by_tests_ends_command_that_contacts_a_registry(local, loopback):
    loopback.move("python", "3.12-slim", "now")
    ended = run_guarded(1, "resolve", "python:3.12-slim", "--config", local)
    assert ended.stderr.strip().startswith("connected to ('127.0.0.1'")


def test_apply_command_connects_only_to_the_forge(tmp_path, basebump, configure, serve, loopback, monkeypatch):
    """Secrets of registries are unset during `apply`, and a tag that moves after `plan` has no effect."""
    stand = serve(GitHubStand, FILES)
    secret = "registries:\n  - {host: ghcr.io, username_env: PULL_USER, password_env: PULL_PASSWORD}\n"
    config_file = Path(configure(stand))
    config_file.write_text(config_file.read_text().replace("registries:\n", secret))
    for name in ("PULL_USER", "PULL_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    now = loopback.move("python", "3.12-slim", "now")
    plan = tmp_path / "plan.json"
    code, _, _ = basebump("plan", "--config", config_file, "--out", plan)
    assert (code, stand.writes) == (0, [])
    loopback.move("python", "3.12-slim", "later")
    port = int(stand.server.url.rpartition(":")[2].partition("/")[0])
    asked = loopback.registry.served_requests
    ended = run_guarded(port, "apply", plan, "--config", config_file, "--format", "json", ACME_TOKEN=stand.secret)
    assert (ended.returncode, drop_phase_lines(ended.stderr)) == (0, "")
    (repository,) = json.loads(ended.stdout)["repositories"]
    assert [(each["outcome"], each["url"] is None) for each in repository["proposals"]] == [("opened", False)]
    assert stand.files(BRANCH)["Dockerfile"].content == f"FROM python:3.12-slim@{now}\n".encode()
    assert loopback.registry.served_requests == asked


def test_apply_command_refuses_plan_if_config_changed_or_plan_is_too_old(tmp_path, basebump, local, loopback):
    loopback.move("python", "3.12-slim", "now")
    plan = tmp_path / "plan.json"
    basebump("plan", "--config", local, "--out", plan)
    code, _, err = basebump("apply", plan, "--config", local, "--max-age", "0h")
    assert (code, err.splitlines()[0]) == (1, "error: the plan is 0 hours old, but at most 0 hours are allowed")
    Path(local).write_text(Path(local).read_text() + "proposals: {branch_prefix: bot/}\n")
    code, out, err = basebump("apply", plan, "--config", local)
    assert (code, out) == (1, "")
    assert err.startswith("error: the plan was made with another config\nhint: ")
    assert list(DiskRepository(tmp_path / "repositories" / "web.git").branches()) == ["main"]


def test_apply_command_states_if_the_plan_contains_no_writes(tmp_path, basebump, local, loopback):
    loopback.move("python", "3.12-slim", "now")
    basebump("run", "--config", local, "--level", "propose")
    plan = tmp_path / "plan.json"
    basebump("plan", "--config", local, "--out", plan)
    assert basebump("apply", plan, "--config", local) == (0, "The plan contains nothing to write.\n", "")
    code, out, _ = basebump("apply", plan, "--config", local, "--format", "json")
    assert (code, json.loads(out)["repositories"]) == (0, [])


def test_apply_command_refuses_missing_or_edited_plan_file(tmp_path, basebump, local, loopback):
    loopback.move("python", "3.12-slim", "now")
    plan = tmp_path / "plan.json"
    code, _, err = basebump("apply", plan, "--config", local)
    assert (code, err.splitlines()[0]) == (2, f"error: the plan {plan} cannot be read: No such file or directory")
    basebump("plan", "--config", local, "--out", plan)
    plan.write_text(plan.read_text().replace("Update python", "Update Python"))
    code, _, err = basebump("apply", plan, "--config", local)
    assert (code, err.splitlines()[0]) == (
        1,
        "error: the plan was changed after it was made: its digest does not match",
    )


def test_apply_command_exits_with_1_and_names_repository_with_new_commits(tmp_path, basebump, local, loopback):
    loopback.move("python", "3.12-slim", "now")
    plan = tmp_path / "plan.json"
    basebump("plan", "--config", local, "--out", plan)
    DiskRepository(tmp_path / "repositories" / "web.git").commit("main", {"README.md": "Elsewhere.\n"})
    code, out, _ = basebump("apply", plan, "--config", local)
    assert code == 1
    assert "web" in out
    assert "the base branch moved since the plan was made" in out


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_plan_does_not_replace_a_pipe_or_socket(kind, tmp_path, basebump, local):
    """A user can name `/dev/null`, and in a container as root basebump could replace the device."""
    path = tmp_path / "node"
    with socket.socket(socket.AF_UNIX) as listener:
        if kind == "pipe":
            os.mkfifo(path)
        else:
            listener.bind(str(path))
        before = path.lstat()
        code, _, err = basebump("plan", "--config", local, "--out", path)
    assert (code, "is not a regular file" in err) == (2, True)
    assert (path.lstat().st_ino, path.lstat().st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.parametrize("arguments", [(), ("--out", "/no/such/folder/plan.json"), ("--out", "p", "--level", "report")])
def test_wrong_usage_of_plan_exits_with_2(arguments, basebump, local):
    assert basebump("plan", "--config", local, *arguments)[0] == 2


def test_plan_refuses_to_overwrite_the_config_with_the_plan(basebump, local):
    config = Path(local)
    before = config.read_text()
    code, _, err = basebump("plan", "--config", local, "--out", local)
    assert (code, "hint: name another file for the plan" in err, config.read_text()) == (2, True, before)
