"""The command in hints, which starts the same program again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from support.parts import ROOT

from bot.cli.demo import get_own_command


@pytest.fixture
def program(tmp_path) -> Path:
    """Return an executable file that is called like an installed basebump."""
    path = tmp_path / "bin" / "basebump"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_printed_command_is_basebump_if_the_program_is_on_path(program, monkeypatch):
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(sys, "argv", [str(program)])
    assert get_own_command() == "basebump"


def test_printed_command_is_the_absolute_path_if_the_program_is_not_on_path(program, monkeypatch):
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.chdir(program.parent.parent)
    monkeypatch.setattr(sys, "argv", ["bin/basebump"])
    assert get_own_command() == str(program)


def test_printed_command_is_the_absolute_path_if_another_basebump_is_on_path(program, tmp_path, monkeypatch):
    other = tmp_path / "other" / "basebump"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(other.parent))
    monkeypatch.setattr(sys, "argv", [str(program)])
    assert get_own_command() == str(program)


def test_printed_command_is_python_m_bot_if_started_by_python_m_bot(monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(ROOT / "bot" / "__main__.py")])
    assert get_own_command() == f"{sys.executable} -m bot"
