"""`basebump apply`: performs the writes of a plan."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import click

from bot.cli import options
from bot.cli.outputs import FORMATS, ExportTarget, write_result
from bot.cli.run import FleetAnswers, render_run_report
from bot.cli.screen import render_run_for_screen
from bot.cli.terminal import LogMode, create_progress, log_end
from bot.model.config_types.times import parse_age
from bot.model.errors import UsageError
from bot.model.fleet_plan import MAX_PLAN_AGE, FleetPlan
from bot.model.phases import APPLY_PHASES
from bot.model.report import RunReport
from bot.model.vocabulary import ExitCode
from bot.pipeline.references.reader_slots import ReaderSlots

NOTHING_TO_WRITE = "The plan contains nothing to write."


def _parse_age(_context: click.Context, _option: click.Parameter, text: str | None) -> timedelta:
    if text is None:
        return MAX_PLAN_AGE
    try:
        return parse_age(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("plan_file", metavar="PLAN", type=click.Path(path_type=Path))
@options.required_config_option
@click.option(
    "--max-age",
    metavar="TIME",
    callback=_parse_age,
    help=f"Refuse a plan that is older, such as `12h` or `3d`.  [default: {MAX_PLAN_AGE // timedelta(hours=1)}h]",
)
@options.add_format_option(*FORMATS)
@options.add_export_option(*FORMATS)
@options.log_option
@options.jobs_option
def command(
    plan_file: Path,
    config_file: Path,
    max_age: timedelta,
    output_format: str,
    exports: tuple[ExportTarget, ...],
    log: LogMode,
    reader_slots: ReaderSlots,
) -> int:
    """Perform the plan in the file PLAN, which `basebump plan` wrote.

    Only forges are contacted. A repository that changed since the plan was made is left unchanged.
    """
    from bot.pipeline.plans.apply_plan import apply_plan, check_plan
    from bot.plan_file import MAX_PLAN_BYTES, parse_plan
    from bot.wiring.plans import build_apply_run

    plan = parse_plan(_read_limited(plan_file, MAX_PLAN_BYTES + 1))
    apply_run = build_apply_run(config_file, plan.level, create_progress(APPLY_PHASES, log), reader_slots)
    now = apply_run.context.clock.now()
    check_plan(plan, apply_run.origin, apply_run.options.branch_prefix, now, max_age)
    report = apply_plan(plan, apply_run.fleets, apply_run.context, apply_run.options)
    has_written_all = write_result(
        partial(_render, plan, report), output_format, exports, partial(_render_for_screen, plan, report)
    )
    code = ExitCode.FAILED if report.failed or not has_written_all else ExitCode.DONE
    log_end(log, report.failed, code)
    return code


def _render(plan: FleetPlan, report: RunReport, output_format: str) -> str:
    is_empty_text = output_format == "text" and not plan.repositories
    return NOTHING_TO_WRITE if is_empty_text else render_run_report(report, FleetAnswers(), output_format)


def _render_for_screen(plan: FleetPlan, report: RunReport) -> str:
    return render_run_for_screen(report) if plan.repositories else NOTHING_TO_WRITE


def _read_limited(path: Path, limit: int) -> bytes:
    """Return at most `limit` bytes of a file. Raises UsageError if the file cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError as error:
        raise UsageError(
            f"the plan {path} cannot be read: {error.strerror}; hint: name the file that `plan --out` wrote"
        ) from None
