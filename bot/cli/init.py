"""`basebump init`: writes a first config for a folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot import wiring
from bot.cli import options
from bot.cli.outputs import show
from bot.cli.screen import show_text
from bot.cli.terminal import NoProgress
from bot.core.markdown import make_console_text
from bot.local_git import run_git
from bot.model.errors import UsageError
from bot.pipeline.scan import scan_tree
from bot.worktree import WorkTree

if TYPE_CHECKING:
    from bot.starter.config_text import FolderFindings

CONFIG_NAME = "basebump.yaml"


@click.command("init")
@click.argument("path", type=click.Path(path_type=Path), default=".")
@click.option(
    "--workflow",
    type=click.Choice(["github", "azure"]),
    help="Also write a workflow for GitHub Actions, or a pipeline for Azure Pipelines.",
)
def command(path: Path, workflow: str | None) -> None:
    """Write a first config for a folder, which is the current folder by default.

    basebump scans the folder without network access. It writes basebump.yaml with comments, the forge and the
    registries of the folder, and a translation of Renovate's and Dependabot's rules about images. It prints the rules
    that it could not translate. Existing files are never overwritten.
    """
    from bot.starter.config_text import STATE_IGNORE_PATH, STATE_IGNORE_TEXT, needs_state, write_config_text
    from bot.starter.examine_folder import examine_folder
    from bot.starter.summary import summarise_start
    from bot.starter.workflow_text import WORKFLOWS

    options.require_folder(path)
    tree = WorkTree(path)
    context, policy = wiring.build_scan_context(None, offline=True, progress=NoProgress())
    report = scan_tree(tree, str(path), context, policy).report
    findings = examine_folder(tree, report, _read_remote(path), workflow)
    _check_site(findings)
    files = {CONFIG_NAME: write_config_text(findings)}
    if workflow:
        files[WORKFLOWS[workflow].path] = WORKFLOWS[workflow].write_text(
            CONFIG_NAME, findings.list_schedules(), has_dispatch=bool(findings.dispatched_workflows)
        )
    if needs_state(findings) and not os.path.lexists(path / STATE_IGNORE_PATH):
        files[STATE_IGNORE_PATH] = STATE_IGNORE_TEXT
    _create_files(path, files)
    show(show_text(make_console_text(summarise_start(report, findings, list(files))), sys.stdout))


def _check_site(findings: FolderFindings) -> None:
    """Raise UsageError if the requested workflow is for another site than that of the folder's repository."""
    from bot.starter.workflow_text import WORKFLOWS

    forge, workflow = findings.forge, findings.workflow
    if forge is None or forge.kind is None or workflow is None or forge.kind == workflow:
        return
    fitting = f"use `--workflow {forge.kind}`" if forge.kind in WORKFLOWS else "omit `--workflow`"
    raise UsageError(
        f"the remote `origin` is not on {WORKFLOWS[workflow].site}, so `--workflow {workflow}` does not fit; "
        f"hint: {fitting}"
    )


def _read_remote(folder: Path) -> str:
    """Return the URL of the git remote `origin`; empty if there is none."""
    result = run_git(folder, "config", "--get", "remote.origin.url", failure=f"read the remote of {folder}")
    return result.output.decode(errors="replace").strip() if result is not None and result.status == 0 else ""


def _create_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write new files. If one of them exists, write nothing and raise UsageError."""
    for name in files:
        if os.path.lexists(folder / name):
            raise UsageError(f"{folder / name} exists, and is never overwritten; hint: rename or delete it first")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("x", encoding="utf-8") as file:
            file.write(text)
