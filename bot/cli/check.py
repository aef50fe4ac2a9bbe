"""`basebump check`: checks the images of a repository in the CI of this repository."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial, wraps
from pathlib import Path

import click

from bot import wiring
from bot.cli import options
from bot.cli.messages import render_error, write_message
from bot.cli.outputs import ExportTarget, write_result
from bot.cli.presentation import is_quiet, is_verbose
from bot.cli.terminal import create_progress
from bot.model.check import CheckReport
from bot.model.config_types.times import parse_age
from bot.model.due_date import DueClass
from bot.model.errors import UsageError
from bot.model.exposure import ExposurePeriods, FixPlace
from bot.model.phases import SCAN_PHASES
from bot.model.vocabulary import ExitCode
from bot.pipeline.check import check_tree
from bot.pipeline.checked_references import CheckOptions
from bot.pipeline.references.reader_slots import ReaderSlots
from bot.revision_tree import GitRevision
from bot.worktree import WorkTree

CHECK_FORMATS = ("text", "json", "sarif", "junit", "github", "codequality")


def _parse_age(_context: click.Context, _option: click.Parameter, text: str | None) -> timedelta | None:
    try:
        return parse_age(text) if text is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _parse_exposed(_context: click.Context, _option: click.Parameter, text: str | None) -> ExposurePeriods | None:
    if text is None:
        return None
    word, *places = text.split(",")
    if word not in set(DueClass) or places not in ([], [FixPlace.IN_DISTRIBUTION.value]):
        raise click.BadParameter(
            f"{text!r} is no class of vulnerabilities; hint: use one of {', '.join(DueClass)}, and append "
            f"`,{FixPlace.IN_DISTRIBUTION}` if fixes count that no digest contains"
        )
    return ExposurePeriods(**{word: timedelta()}, in_distribution=bool(places))


@dataclass(frozen=True, slots=True)
class _CheckArguments:
    """The options that select what is checked."""

    is_offline: bool
    since: str | None
    max_age: timedelta | None
    exposed: ExposurePeriods | None
    is_strict: bool
    is_gate: bool
    base: str | None


def _add_check_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that select what is checked. The command gets their values as its parameter `arguments`.

    Raises UsageError if the options contradict each other.
    """

    @click.option("--offline", is_flag=True, help="Contact no registry, and find only images that are not pinned.")
    @click.option(
        "--since", metavar="REV", help="Check only images that were added or changed since this git revision."
    )
    @click.option(
        "--max-age",
        metavar="AGE",
        callback=_parse_age,
        help="Also find images that are older than this and have a newer digest: `30d`.",
    )
    @click.option(
        "--exposed",
        metavar="CLASS",
        callback=_parse_exposed,
        help=(
            "Also find images that lack the fixes of a newer digest, if they are at least `exploited`, `critical`, "
            "`high` or `medium`. With `critical,in-distribution`, also find fixes that no digest contains."
        ),
    )
    @click.option("--strict", is_flag=True, help="Also find references that could not be evaluated.")
    @click.option(
        "--gate",
        is_flag=True,
        is_eager=True,
        help="Check a pull request: strict, and nothing in the folder can exclude an image.",
    )
    @click.option("--base", metavar="REV", help="With --gate, read a config in the repository from this git revision.")
    @wraps(command)
    def run_with_options(
        *,
        offline: bool,
        since: str | None,
        max_age: timedelta | None,
        exposed: ExposurePeriods | None,
        strict: bool,
        gate: bool,
        base: str | None,
        **others: object,
    ) -> int:
        if base is not None and not gate:
            raise UsageError("--base needs --gate; hint: add --gate, or remove --base")
        if offline and max_age is not None:
            raise UsageError(
                "--max-age cannot be combined with --offline, because it needs data from registries; hint: remove one "
                "of them"
            )
        if offline and exposed is not None:
            raise UsageError(
                "--exposed cannot be combined with --offline, because images are scanned; hint: remove one of them"
            )
        arguments = _CheckArguments(offline, since, max_age, exposed, strict or gate, gate, base or since)
        return command(arguments=arguments, **others)

    return run_with_options


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=".")
@options.config_option
@_add_check_options
@options.add_format_option(*CHECK_FORMATS)
@options.add_export_option(*CHECK_FORMATS)
@options.jobs_option
def command(
    path: Path,
    config_file: Path | None,
    arguments: _CheckArguments,
    output_format: str,
    exports: tuple[ExportTarget, ...],
    reader_slots: ReaderSlots,
) -> int:
    """Check in a CI that all images are pinned, exist and follow the policy.

    The exit code is 4 if an image is not pinned, is gone, or breaks a rule of the policy. An image that the policy
    excludes from updates is not a finding. An outdated image is a finding only with --max-age. References that could
    not be evaluated are counted, and are findings with --strict. Nothing is scanned unless the config lists `scanners`.
    For pull requests, use --gate: its result depends on the operator's config alone.
    """
    options.require_folder(path)
    revision = GitRevision.resolve(path, arguments.since) if arguments.since is not None else None
    check_options = CheckOptions(
        _build_fix_command(path, config_file),
        revision,
        arguments.max_age,
        arguments.exposed,
        is_strict=arguments.is_strict,
        is_gate=arguments.is_gate,
    )
    with ExitStack() as stack:  # the files of the base revision exist as long as the check runs
        if arguments.is_gate and config_file is not None:
            from bot.cli.gate_config import secure_config

            config_file = secure_config(config_file, path, arguments.base, stack)
        context, policy = wiring.build_scan_context(
            config_file,
            offline=arguments.is_offline,
            progress=create_progress(SCAN_PHASES),
            reader_slots=reader_slots,
            uses_default_scanner=False,
        )
        policy = policy if arguments.is_gate else options.add_enclosing_rules(policy, path)
        report = check_tree(WorkTree(path), str(path), context, policy, check_options)
    is_whole = write_result(partial(_render_report, report), output_format, exports, partial(_render_screen, report))
    if output_format == "codequality":  # the only format that cannot contain failures
        for failure in report.failed:
            write_message(render_error(f"{failure.subject}: {failure.error}"))
    if report.failed or not is_whole:
        return ExitCode.FAILED
    return ExitCode.FOUND if any(report.findings) else ExitCode.DONE


def _build_fix_command(path: Path, config_file: Path | None) -> str:
    """Return the `basebump scan` command that fixes findings under the same policy, as far as edits can fix them."""
    config = ["--config", str(config_file)] if config_file is not None else []
    return shlex.join(["basebump", "scan", str(path), *config, "--write"])


def _render_screen(report: CheckReport) -> str:
    """Return the text output for stdout, wrapped if stdout is a terminal."""
    from bot.cli.screen import show_lines
    from bot.reports.check.check_text import render_check_lines

    return show_lines(render_check_lines(report, is_brief=is_quiet(), is_verbose=is_verbose()), sys.stdout)


def _render_report(report: CheckReport, output_format: str) -> str:
    match output_format:
        case "text":
            from bot.reports.check.check_text import render_check_text

            return render_check_text(report)
        case "json":
            from bot.reports.check.check_document import render_check_document

            return render_check_document(report)
        case "sarif":
            from bot.reports.check.check_sarif import render_check_sarif

            return render_check_sarif(report)
        case "junit":
            from bot.reports.check.junit import render_check_junit

            return render_check_junit(report)
        case "github":
            from bot.reports.check.annotations import render_check_annotations

            return render_check_annotations(report)
        case "codequality":
            from bot.reports.check.code_quality import render_check_code_quality

            return render_check_code_quality(report)
        case _:
            raise ValueError(output_format)
