"""Shell completion of commands and options, set up as in docs/commands.md."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def complete_arguments(*arguments: str, **environment: str) -> str:
    known = {key: value for key, value in os.environ.items() if not key.startswith(("_BASEBUMP", "COMP_"))}
    command = [sys.executable, "-m", "bot", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=known | environment, capture_output=True, text=True, check=False
    ).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_script_for_every_documented_shell(shell):
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert f"basebump completion {shell}" in page
    script = complete_arguments("completion", shell)
    assert f"_BASEBUMP_COMPLETE={shell}_complete" in script
    assert script == complete_arguments(_BASEBUMP_COMPLETE=f"{shell}_source")


@pytest.mark.parametrize(
    ("words", "completed"),
    [("basebump ru", "run"), ("basebump run --le", "--level"), ("basebump run --level pu", "push")],
)
def test_completion_suggests_commands_options_and_values(words, completed):
    told = complete_arguments(_BASEBUMP_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(words.count(" ")))
    assert told.split() == [f"plain,{completed}"]
