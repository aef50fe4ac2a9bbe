"""`basebump run`: updates the repositories of a config, up to the given level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot import wiring
from bot.cli import options
from bot.cli.outputs import FORMATS, ExportTarget, render_html, render_report, write_result
from bot.cli.scope_options import add_scope_options
from bot.cli.screen import render_run_for_screen
from bot.cli.terminal import LogMode, create_progress, log_end
from bot.model.phases import RUN_PHASES
from bot.model.report import RunReport
from bot.model.run_scope import RunScope
from bot.model.vocabulary import ExitCode, FailureStage, RunLevel
from bot.pipeline.failures import FailureLog
from bot.pipeline.references.reader_slots import ReaderSlots
from bot.pipeline.run import run_fleets
from bot.reports.run.report_document import render_run_document
from bot.reports.run.report_text import render_run_text

if TYPE_CHECKING:
    from bot.model.patch_times import PatchSummary
    from bot.reports.parts.stage_section import StageReport
    from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class FleetAnswers:
    """Facts about the whole fleet from the state, which only some formats need."""

    patches: Sequence[PatchSummary] | None = None
    """The times to patch by severity; None if the times are not known."""
    stages: StageReport | None = None
    """How far updates got; None if the config has neither clusters nor builds."""


@click.command()
@options.required_config_option
@options.level_option
@add_scope_options
@options.add_format_option(*FORMATS)
@options.add_export_option(*FORMATS)
@options.log_option
@options.jobs_option
@options.advisories_option
def command(  # noqa: PLR0913 - click passes one argument for each option
    config_file: Path,
    level: RunLevel,
    scope: RunScope,
    output_format: str,
    exports: tuple[ExportTarget, ...],
    log: LogMode,
    reader_slots: ReaderSlots,
    *,
    advisories: bool,
) -> int:
    """Propose newer images to the repositories of a config."""
    fleet_run = wiring.build_fleet_context(
        config_file,
        level,
        scope,
        create_progress(RUN_PHASES, log),
        reader_slots=reader_slots,
        uses_public_lists=advisories,
    )
    report = run_fleets(fleet_run.fleets, fleet_run.context, fleet_run.options)
    formats = {output_format, *(each.output_format for each in exports)}
    answers = FleetAnswers()
    if fleet_run.context.state.has_state and formats & {"metrics", "html"}:
        report, answers = load_answers(report, fleet_run.settings, has_metrics="metrics" in formats)
    has_written_all = write_result(
        partial(render_run_report, report, answers), output_format, exports, partial(render_run_for_screen, report)
    )
    code = ExitCode.FAILED if report.failed or not has_written_all else ExitCode.DONE
    log_end(log, report.failed, code)
    return code


def load_answers(report: RunReport, settings: Settings, *, has_metrics: bool) -> tuple[RunReport, FleetAnswers]:
    """Return the report of a run, and the facts about the whole fleet that some formats need.

    If the state cannot be read, the facts are empty, and the report contains the failure.
    """
    from bot.cli.patch_report import load_patch_report, load_stages
    from bot.model.patch_times import PatchGrouping
    from bot.reports.run.report_metrics import PATCH_PERIOD
    from bot.wiring.inventory import open_fleet_of

    failures = FailureLog()
    with failures.note_state_error(FailureStage.PROPOSE):
        if not has_metrics:
            return report, FleetAnswers(stages=load_stages(open_fleet_of(settings)))
        known = load_patch_report(open_fleet_of(settings), PATCH_PERIOD)
        return report, FleetAnswers(known.summaries[PatchGrouping.SEVERITY], known.stages)
    return report.add_failures(failures.list_all()), FleetAnswers()


def render_run_report(report: RunReport, answers: FleetAnswers, output_format: str) -> str:
    """Render the report of a run, with the facts about the whole fleet from the state."""
    match output_format:
        case "metrics":
            from bot.reports.run.report_metrics import render_metrics

            return render_metrics(report, answers.patches, answers.stages)
        case "json":
            return render_run_document(report)
        case "text":
            return render_run_text(report)
        case "html":
            return render_html(render_run_document(report), answers.stages)
        case _:
            return render_report(report, output_format)
