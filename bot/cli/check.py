"""`basebump check`: a check for a repository's own CI."""

from __future__ import annotations

import shlex
from datetime import timedelta
from functools import partial
from pathlib import Path

import click

from bot import wiring
from bot.cli import options
from bot.cli.outputs import ExportTarget, write_result
from bot.cli.terminal import create_progress
from bot.core.durations import parse_duration
from bot.model.check import CheckReport
from bot.model.errors import UsageError
from bot.model.vocabulary import ExitCode
from bot.pipeline.check import CheckOptions, check_tree
from bot.revision_diff import GitRevisionDiff
from bot.worktree import WorkTree

CHECK_FORMATS = ("text", "json", "sarif", "junit", "github", "codequality")


def _parse_age(_context: click.Context, _option: click.Parameter, text: str | None) -> timedelta | None:
    try:
        return parse_duration(text) if text is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@options.config_option
@click.option("--offline", is_flag=True, help="Ask no registry, and look only for what is not pinned.")
@click.option("--since", metavar="REV", help="Look only at lines that changed since this revision of git.")
@click.option(
    "--max-age",
    metavar="AGE",
    callback=_parse_age,
    help="Find images, too, that are older than this and have a newer digest: `30d`.",
)
@options.add_format_option(*CHECK_FORMATS)
@options.add_export_option(*CHECK_FORMATS)
def command(
    path: Path,
    config_file: Path | None,
    since: str | None,
    max_age: timedelta | None,
    output_format: str,
    exports: tuple[ExportTarget, ...],
    *,
    offline: bool,
) -> int:
    """Fail a CI where an image must not stay as it is.

    Ends with 4 where an image is not pinned, is gone, or breaks a rule of the policy. What the policy leaves alone is
    no finding, nor is what is only out of date, unless --max-age says how old it may become.
    """
    if not path.is_dir():
        raise UsageError(f"{path} is not a folder; hint: name the folder that contains the files")
    if offline and max_age is not None:
        raise UsageError(
            "--max-age cannot be combined with --offline, because it needs data from registries; hint: remove one "
            "of them"
        )
    revision = GitRevisionDiff.resolve_revision(path, since) if since is not None else None
    context, policy = wiring.build_scan_context(config_file, offline=offline, progress=create_progress())
    check_options = CheckOptions(_build_fix_command(path, config_file), revision, max_age)
    report = check_tree(WorkTree(path), str(path), context, policy, check_options)
    is_whole = write_result(partial(_render_report, report), output_format, exports)
    if report.failed or not is_whole:
        return ExitCode.FAILED
    return ExitCode.FOUND if any(report.findings) else ExitCode.DONE


def _build_fix_command(path: Path, config_file: Path | None) -> str:
    """Return the command that fixes the findings that an edit can fix, under the same policy."""
    config = ["--config", str(config_file)] if config_file is not None else []
    return shlex.join(["basebump", "scan", str(path), *config, "--write"])


def _render_report(report: CheckReport, output_format: str) -> str:
    match output_format:
        case "text":
            from bot.reports.check_text import render_check_text

            return render_check_text(report)
        case "json":
            from bot.reports.check_document import render_check_document

            return render_check_document(report)
        case "sarif":
            from bot.reports.check_sarif import render_check_sarif

            return render_check_sarif(report)
        case "junit":
            from bot.reports.check_junit import render_check_junit

            return render_check_junit(report)
        case "github":
            from bot.reports.check_annotations import render_check_annotations

            return render_check_annotations(report)
        case "codequality":
            from bot.reports.check_code_quality import render_check_code_quality

            return render_check_code_quality(report)
        case _:
            raise ValueError(output_format)
