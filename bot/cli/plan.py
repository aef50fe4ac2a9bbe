"""`basebump plan`: does everything that a run does before it writes to a forge."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from bot import wiring
from bot.cli import options
from bot.cli.export_files import check_writable, is_replaceable, replace_file
from bot.cli.messages import write_note
from bot.cli.outputs import FORMATS, ExportTarget, write_result
from bot.cli.run import FleetAnswers, render_run_report
from bot.cli.scope_options import add_scope_options
from bot.cli.screen import render_run_for_screen
from bot.cli.terminal import LogMode, create_progress, log_end
from bot.model.phases import RUN_PHASES
from bot.model.run_scope import RunScope
from bot.model.vocabulary import ExitCode, RunLevel
from bot.pipeline.references.reader_slots import ReaderSlots

_OWNER_ONLY = 0o600


def _parse_path(_context: click.Context, _option: click.Parameter, text: str) -> Path:
    path = check_writable(text)
    if not is_replaceable(path):
        raise click.BadParameter(f"{path} cannot be written: it is not a regular file; hint: name a file for the plan")
    return path


@click.command()
@options.required_config_option
@click.option(
    "--out",
    "plan_file",
    metavar="FILE",
    required=True,
    callback=_parse_path,
    help="The file for the plan. Only its owner can read it.",
)
@click.option(
    "--level",
    type=click.Choice([RunLevel.PUSH.word, RunLevel.PROPOSE.word]),
    default=RunLevel.PROPOSE.word,
    show_default=True,
    callback=options.parse_level,
    help="Only plan to push branches; also plan to open pull requests.",
)
@add_scope_options
@options.add_format_option(*FORMATS)
@options.add_export_option(*FORMATS)
@options.log_option
@options.jobs_option
@options.advisories_option
def command(  # noqa: PLR0913 - click passes one argument for each option
    config_file: Path,
    plan_file: Path,
    level: RunLevel,
    scope: RunScope,
    output_format: str,
    exports: tuple[ExportTarget, ...],
    *,
    log: LogMode,
    reader_slots: ReaderSlots,
    advisories: bool,
) -> int:
    """Plan what a run would write, and store the plan in a file for `basebump apply`.

    Nothing is written to a forge. The output is the same as that of `run --level report`.
    """
    from bot.pipeline.plans.plan_run import plan_run
    from bot.plan_file import render_plan
    from bot.wiring.plans import build_plan_origin

    if plan_file.exists() and plan_file.samefile(config_file):
        raise click.UsageError(f"--out names the config {config_file}; hint: name another file for the plan")
    fleet_run = wiring.build_fleet_context(
        config_file,
        level,
        scope,
        create_progress(RUN_PHASES, log),
        reader_slots=reader_slots,
        uses_public_lists=advisories,
    )
    origin = build_plan_origin(fleet_run.settings)
    planned_run = plan_run(fleet_run.fleets, fleet_run.context, fleet_run.options, origin)
    text, failures = render_plan(planned_run.plan)
    report = planned_run.report.add_failures(failures)
    replace_file(plan_file, text, _OWNER_ONLY)
    write_note(f"wrote the plan to {plan_file}; apply it with `basebump apply {plan_file}`")
    has_written_all = write_result(
        partial(render_run_report, report, FleetAnswers()),
        output_format,
        exports,
        partial(render_run_for_screen, report),
    )
    code = ExitCode.FAILED if report.failed or not has_written_all else ExitCode.DONE
    log_end(log, report.failed, code)
    return code
