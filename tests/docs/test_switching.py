"""The page about switching from another bot shows what `basebump init` writes."""

from __future__ import annotations

import re

import pytest
from support.parts import ROOT
from support.runs.worlds import write_tree

from bot.cli.app import main
from bot.starter.renovate import HANDOVER_RULE

PAGE = (ROOT / "docs" / "switching.md").read_text(encoding="utf-8")


def list_blocks(heading):
    """Return the code blocks of a section."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```\w+\n(.*?)```", section, re.DOTALL)


@pytest.mark.parametrize(("heading", "path"), [("Renovate", "renovate.json"), ("Dependabot", ".github/dependabot.yml")])
def test_init_converts_bot_configs_on_the_switching_page_into_documented_policies(tmp_path, capsys, heading, path):
    config, policy, *_ = list_blocks(heading)
    folder = write_tree(tmp_path, {"Dockerfile": "FROM node:22\nFROM ghcr.io/acme/base:1\n", path: config})
    assert main(["init", str(folder)]) == 0
    written = (folder / "basebump.yaml").read_text(encoding="utf-8")
    assert policy in written
    assert main(["config", "check", str(folder / "basebump.yaml")]) == 0
    capsys.readouterr()


def test_switching_page_shows_the_renovate_rule_printed_by_the_init_command():
    assert list_blocks("Renovate")[-1].strip() == HANDOVER_RULE


def test_switching_page_shows_the_dependabot_lines_printed_by_the_init_command(tmp_path, capsys):
    folder = write_tree(tmp_path, {".github/dependabot.yml": list_blocks("Dependabot")[0]})
    assert main(["init", str(folder)]) == 0
    assert capsys.readouterr().out.endswith(list_blocks("Dependabot")[-1])
