"""`basebump scan`: the files of one folder, without proposals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from bot import wiring
from bot.cli import options
from bot.cli.outputs import FORMATS, ExportTarget, render_html, render_report, write_result
from bot.cli.screen import render_scan_for_screen
from bot.cli.terminal import LogMode, create_progress, log_end
from bot.model.errors import TreeError, UsageError
from bot.model.report import RunFailure, RunReport
from bot.model.source import FilePath
from bot.model.vocabulary import ExitCode, FailureStage
from bot.pipeline.scan import TreeScanResult, scan_tree
from bot.worktree import WorkTree


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=".")
@options.config_option
@options.add_format_option(*FORMATS)
@options.add_export_option(*FORMATS)
@options.log_option
@click.option("--offline", is_flag=True, help="Ask no registry; needs no config.")
@click.option("--write", is_flag=True, help="Write the proved edits into the files.")
def command(
    path: Path,
    config_file: Path | None,
    output_format: str,
    exports: tuple[ExportTarget, ...],
    log: LogMode,
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
        raise UsageError(
            "--write cannot be combined with --offline, because it needs digests from registries; hint: remove one "
            "of them"
        )
    tree = WorkTree(path)
    context, policy = wiring.build_scan_context(config_file, offline=offline, progress=create_progress(log))
    scan_result = scan_tree(tree, str(path), context, options.add_enclosing_rules(policy, path))
    written, failures = _write_changes(tree, scan_result) if write else (None, ())
    report = scan_result.report.add_failures(failures)
    render = partial(_render_report, report, written, config_file is not None)
    show = partial(render_scan_for_screen, report, written, is_configured=config_file is not None)
    has_written_all = write_result(render, output_format, exports, show)
    code = ExitCode.FAILED if report.failed or not has_written_all else ExitCode.DONE
    log_end(log, report.failed, code)
    return code


def _render_report(
    report: RunReport,
    written_files: Sequence[FilePath] | None,
    is_configured: bool,
    output_format: str,
) -> str:
    match output_format:
        case "json":
            from bot.reports.json_document import render_scan_document

            return render_scan_document(report)
        case "text":
            from bot.reports.text import render_scan_text

            return render_scan_text(report, written_files, is_configured=is_configured)
        case "html":
            from bot.reports.json_document import render_scan_document

            return render_html(render_scan_document(report))
        case _:
            return render_report(report, output_format)


def _write_changes(tree: WorkTree, scan_result: TreeScanResult) -> tuple[tuple[FilePath, ...], tuple[RunFailure, ...]]:
    """Write all changes to the files. A file that cannot be written does not stop the others.

    Return the paths of the written files, and a failure for each file that could not be written.
    """
    contents = {reading.file.path: reading.file.content for reading in scan_result.extract_result.readings}
    written: list[FilePath] = []
    failures: list[RunFailure] = []
    for change in scan_result.changes:
        try:
            tree.write(change.path, contents[change.path], change.content)
            written.append(change.path)
        except TreeError as error:
            failures.append(RunFailure(change.path, FailureStage.EDIT, str(error)))
    return tuple(written), tuple(failures)
