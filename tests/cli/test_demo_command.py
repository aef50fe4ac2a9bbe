"""`basebump demo`: it does everything on loopback, leaves nothing behind, and a second run changes nothing."""

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from support.git import DiskRepository
from support.parts import find_trivy

pytestmark = pytest.mark.real("git")


def test_demo_opens_proposals_and_second_run_leaves_proposals_unchanged(basebump, tmp_path, monkeypatch):
    program = tmp_path / "my tools" / "basebump"
    program.parent.mkdir()
    program.symlink_to(Path(sys.executable).with_name("basebump"))
    monkeypatch.setattr(sys, "argv", [str(program.relative_to(tmp_path))])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    code, out, _ = basebump("demo")
    assert code == 0
    assert "6 proposals: 6 opened." in out
    assert "6 proposals: 6 unchanged." in out
    assert re.search(r"^\+FROM python:3\.12-slim@sha256:[0-9a-f]{64}$", out, re.MULTILINE)
    assert not list(tmp_path.glob("basebump-demo-*"))
    (command,) = re.findall("`(.*) demo --keep FOLDER`", out)
    monkeypatch.chdir("/")
    assert run_command(f"{command} --version").startswith("basebump, version "), "a program that is not on PATH"


@pytest.mark.slow
def test_demo_with_keep_prints_commands_that_work_afterwards(basebump, tmp_path, monkeypatch, installed_scanners):
    monkeypatch.setattr(sys, "argv", [str(Path(sys.executable).with_name("basebump"))])
    kept = tmp_path / "kept demo"
    code, out, _ = basebump("demo", "--keep", kept)
    assert code == 0
    if find_trivy() is not None:
        assert re.search(r"fixes 3 known .* \(1 critical\) and adds none. 1 stays unfixed", out)
        assert re.search("trivy [0-9.]+ on `linux/amd64`", out)
        assert "✓ haproxy:3.0  up-to-date  1 critical, fixed in Debian, not in the image\n" in out
    assert (kept / "basebump.yaml").exists()
    assert "The registry has stopped" in out
    see, accept, decline = re.findall("`(.*)`", out)[-3:]
    first, second = [branch for branch in DiskRepository(kept / "repositories" / "api").branches() if branch != "main"]
    assert "commit" in run_command(see)
    assert "Fast-forward" in run_command(accept.replace("BRANCH", first))
    assert f"Declined {second}" in run_command(decline.replace("BRANCH", second))


def run_command(command: str) -> str:
    return subprocess.run(shlex.split(command), check=True, capture_output=True, text=True).stdout


def test_demo_without_a_scanner_states_that_effects_are_unknown(basebump, monkeypatch):
    monkeypatch.setattr("bot.wiring.scanners.TRIVY_ENVIRONMENTS", ())
    monkeypatch.setattr("bot.scanners.trivy.find_trivy", lambda *_: None)
    monkeypatch.setattr("bot.scanners.grype.find_grype", lambda *_: None)
    code, out, _ = basebump("demo")
    assert code == 0
    assert "What that changes is not known: " in out
