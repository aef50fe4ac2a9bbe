"""`demo`: the whole job on loopback, nothing left behind, nothing done twice."""

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from support.git import Git

pytestmark = pytest.mark.real("git")


def test_the_demo_proposes_and_a_second_run_does_nothing(basebump, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code, out, _ = basebump("demo")
    assert code == 0
    assert "6 proposals: 6 opened." in out
    assert "6 proposals: 6 unchanged." in out
    assert "The second run had nothing to do" in out
    assert re.search(r"^\+FROM python:3\.12-slim@sha256:[0-9a-f]{64}$", out, re.MULTILINE)
    assert "made up" in out
    assert not list(Path(tmp_path).glob("basebump-demo-*"))


def test_a_demo_that_is_kept_can_be_looked_at(basebump, tmp_path):
    code, out, _ = basebump("demo", "--keep", tmp_path / "kept")
    assert code == 0
    assert "Everything but the registry is in" in out
    api = Git(tmp_path / "kept" / "repositories" / "api")
    assert len(api.branches()) == 3
    assert (tmp_path / "kept" / "basebump.yaml").exists()


def test_hints_after_a_kept_demo_are_commands_that_work(basebump, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(Path(sys.executable).with_name("basebump"))])
    _, out, _ = basebump("demo", "--keep", tmp_path / "kept demo")
    see, accept, decline = re.findall("`(.*)`", out.partition("Everything but the registry is in")[2])
    first, second = [
        branch for branch in Git(tmp_path / "kept demo" / "repositories" / "api").branches() if branch != "main"
    ]
    assert "commit" in _output_of(see)
    assert "Fast-forward" in _output_of(accept.replace("BRANCH", first))
    assert f"Declined {second}" in _output_of(decline.replace("BRANCH", second))


def test_hint_after_a_demo_starts_a_program_that_is_not_on_path(basebump, tmp_path, monkeypatch):
    program = tmp_path / "my tools" / "basebump"
    program.parent.mkdir()
    program.symlink_to(Path(sys.executable).with_name("basebump"))
    monkeypatch.setattr(sys, "argv", [str(program.relative_to(tmp_path))])
    monkeypatch.chdir(tmp_path)
    _, out, _ = basebump("demo")
    (command,) = re.findall("`(.*) demo --keep FOLDER`", out)
    monkeypatch.chdir("/")
    assert _output_of(f"{command} --version").startswith("basebump, version ")


def _output_of(command: str) -> str:
    return subprocess.run(shlex.split(command), check=True, capture_output=True, text=True).stdout


@pytest.mark.real("trivy")
def test_the_demo_shows_a_real_comparison(basebump):
    _, out, _ = basebump("demo")
    assert "3 known vulnerabilities go away (1 critical), none are new, 1 remains." in out
    assert "Scanned for `linux/amd64` by `trivy`" in out


def test_without_a_scanner_the_demo_says_not_scanned(basebump, monkeypatch):
    monkeypatch.setattr("bot.wiring.scanners.TRIVY_ENVIRONMENTS", ())
    monkeypatch.setattr("bot.scanners.trivy.find_trivy", lambda *_: None)
    monkeypatch.setattr("bot.scanners.grype.find_grype", lambda *_: None)
    code, out, _ = basebump("demo")
    assert code == 0
    assert "**Not scanned:** `python:3.12-slim`: no scanner is configured or installed." in out
