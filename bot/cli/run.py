"""`basebump run`: the repositories of a config, up to the given level."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from bot import wiring
from bot.cli import options
from bot.cli.outputs import FORMATS, Export, deliver, html, rendered
from bot.cli.scope import scoped
from bot.cli.screen import run_on_screen
from bot.cli.terminal import Log, log_end, progress
from bot.model.report import RunReport
from bot.model.scope import RunScope
from bot.model.vocabulary import ExitCode, RunLevel
from bot.pipeline.run import run_fleets
from bot.reports.json_document import render_run_document
from bot.reports.text import render_run_text


@click.command()
@options.required_config
@click.option(
    "--level",
    type=click.Choice([level.word for level in RunLevel]),
    default=RunLevel.REPORT.word,
    show_default=True,
    help="Only report; also push branches; also open requests.",
)
@scoped
@options.output_format(*FORMATS)
@options.exports(*FORMATS)
@options.log
def command(
    config_file: Path,
    level: str,
    scope: RunScope,
    output_format: str,
    exports: tuple[Export, ...],
    log: Log,
) -> int:
    """Propose newer images to the repositories of a config."""
    wired = wiring.fleet_world(config_file, RunLevel[level.upper()], scope, progress(log))
    report = run_fleets(wired.fleets, wired.world, wired.orders)
    is_whole = deliver(partial(_rendered, report), output_format, exports, partial(run_on_screen, report))
    code = ExitCode.FAILED if report.failed or not is_whole else ExitCode.DONE
    log_end(log, report.failed, code)
    return code


def _rendered(report: RunReport, output_format: str) -> str:
    match output_format:
        case "json":
            return render_run_document(report)
        case "text":
            return render_run_text(report)
        case "html":
            return html(render_run_document(report))
        case _:
            return rendered(report, output_format)
