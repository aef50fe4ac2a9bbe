"""`basebump scan`: the files of one folder, without proposals."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from bot import wiring
from bot.cli import options
from bot.cli.outputs import FORMATS, Export, deliver, html, rendered
from bot.cli.screen import coloured
from bot.cli.terminal import Log, log_end, progress
from bot.model.errors import TreeError, UsageError
from bot.model.report import RunFailure, RunReport
from bot.model.source import FilePath
from bot.model.vocabulary import ExitCode, FailureStage
from bot.pipeline.scan import TreeScanResult, scan_tree
from bot.worktree import WorkTree


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@options.config
@options.output_format(*FORMATS)
@options.exports(*FORMATS)
@options.log
@click.option("--offline", is_flag=True, help="Ask no registry; needs no config.")
@click.option("--write", is_flag=True, help="Write the proved edits into the files.")
def command(
    path: Path,
    config_file: Path | None,
    output_format: str,
    exports: tuple[Export, ...],
    log: Log,
    *,
    offline: bool,
    write: bool,
) -> int:
    """Find the images in a folder, and what is newer.

    In a git checkout untracked files are read and ignored ones are not. Nothing is written without --write.
    """
    if not path.is_dir():
        raise UsageError(f"{path} is not a folder; hint: name the folder that contains the files")
    if write and offline:
        raise UsageError("--write needs registries; hint: remove --offline")
    tree = WorkTree(path)
    world, rulebook = wiring.scan_world(config_file, offline=offline, progress=progress(log))
    scanned = scan_tree(tree, str(path), world, rulebook)
    written, failed = _write(tree, scanned) if write else (None, ())
    report = scanned.report.add_failures(failed)
    render = partial(_rendered, report, written, config_file is not None)
    is_whole = deliver(render, output_format, exports, lambda: coloured(render("text"), sys.stdout))
    code = ExitCode.FAILED if report.failed or not is_whole else ExitCode.DONE
    log_end(log, report.failed, code)
    return code


def _rendered(
    report: RunReport,
    written: Sequence[FilePath] | None,
    is_configured: bool,
    output_format: str,
) -> str:
    match output_format:
        case "json":
            from bot.reports.json_document import render_scan_document

            return render_scan_document(report)
        case "text":
            from bot.reports.text import render_scan_text

            return render_scan_text(report, written, is_configured=is_configured)
        case "html":
            from bot.reports.json_document import render_scan_document

            return html(render_scan_document(report))
        case _:
            return rendered(report, output_format)


def _write(tree: WorkTree, scanned: TreeScanResult) -> tuple[tuple[FilePath, ...], tuple[RunFailure, ...]]:
    """Write every proved change; a file that cannot be written does not stop the others."""
    contents = {reading.file.path: reading.file.content for reading in scanned.extract_result.readings}
    written: list[FilePath] = []
    failed: list[RunFailure] = []
    for change in scanned.changes:
        try:
            tree.write(change.path, contents[change.path], change.content)
            written.append(change.path)
        except TreeError as error:
            failed.append(RunFailure(change.path, FailureStage.EDIT, str(error)))
    return tuple(written), tuple(failed)
