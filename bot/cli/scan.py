"""`basebump scan`: finds updates for the files of one folder, without proposals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path

import click

from bot import wiring
from bot.cli import options
from bot.cli.outputs import FORMATS, ExportTarget, render_html, render_report, write_result
from bot.cli.screen import render_scan_for_screen
from bot.cli.terminal import LogMode, create_progress, log_end
from bot.model.errors import TreeError, UsageError
from bot.model.phases import SCAN_PHASES
from bot.model.report import RunFailure, RunReport
from bot.model.source import FilePath
from bot.model.vocabulary import ExitCode, FailureStage
from bot.pipeline.references.reader_slots import ReaderSlots
from bot.pipeline.scan import TreeScanResult, scan_tree
from bot.worktree import WorkTree


@dataclass(frozen=True, slots=True)
class _ScanArguments:
    """The options that only scans have."""

    is_offline: bool
    should_write: bool
    lists_exposure: bool
    reader_slots: ReaderSlots


def _add_scan_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that only scans have. The command gets their values as its parameter `arguments`.

    Raises UsageError if the options contradict each other.
    """

    @click.option("--offline", is_flag=True, help="Contact no registry. No config is needed.")
    @click.option("--write", is_flag=True, help="Write the updates into the files, after each edit was verified.")
    @click.option("--exposure", is_flag=True, help="List the vulnerabilities of all images in use that have a fix.")
    @options.jobs_option
    @wraps(command)
    def run_with_options(
        *, offline: bool, write: bool, exposure: bool, reader_slots: ReaderSlots, **others: object
    ) -> int:
        if write and offline:
            raise UsageError(
                "--write cannot be combined with --offline, because it needs digests from registries; hint: remove one "
                "of them"
            )
        return command(arguments=_ScanArguments(offline, write, exposure, reader_slots), **others)

    return run_with_options


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=".")
@options.config_option
@options.add_format_option(*FORMATS)
@options.add_export_option(*FORMATS)
@options.log_option
@_add_scan_options
def command(
    path: Path,
    config_file: Path | None,
    output_format: str,
    exports: tuple[ExportTarget, ...],
    log: LogMode,
    arguments: _ScanArguments,
) -> int:
    """Find the images in a folder, and newer digests for them.

    In a git checkout, untracked files are read, and ignored files are not. Nothing is written without --write.
    """
    options.require_folder(path)
    tree = WorkTree(path)
    context, policy = wiring.build_scan_context(
        config_file,
        offline=arguments.is_offline,
        progress=create_progress(SCAN_PHASES, log),
        reader_slots=arguments.reader_slots,
    )
    scan_result = scan_tree(tree, str(path), context, options.add_enclosing_rules(policy, path))
    written, failures = _write_changes(tree, scan_result) if arguments.should_write else (None, ())
    report = scan_result.report.add_failures(failures)
    render = partial(_render_report, report, written, lists_exposure=arguments.lists_exposure)
    show = partial(render_scan_for_screen, report, written, lists_exposure=arguments.lists_exposure)
    has_written_all = write_result(render, output_format, exports, show)
    code = ExitCode.FAILED if report.failed or not has_written_all else ExitCode.DONE
    log_end(log, report.failed, code)
    return code


def _render_report(
    report: RunReport,
    written_files: Sequence[FilePath] | None,
    output_format: str,
    *,
    lists_exposure: bool,
) -> str:
    match output_format:
        case "json":
            from bot.reports.run.report_document import render_scan_document

            return render_scan_document(report, lists_exposure=lists_exposure)
        case "text":
            from bot.reports.run.report_text import ScanDetails, render_scan_text

            return render_scan_text(report, written_files, ScanDetails(lists_exposure=lists_exposure))
        case "html":
            from bot.reports.run.report_document import render_scan_document

            return render_html(render_scan_document(report))
        case _:
            return render_report(report, output_format)


def _write_changes(tree: WorkTree, scan_result: TreeScanResult) -> tuple[tuple[FilePath, ...], tuple[RunFailure, ...]]:
    """Write all changes to the files. If a file cannot be written, the other files are still written.

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
