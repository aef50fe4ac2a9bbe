"""`basebump run`: the repositories of the config, as far up the ladder as one says."""

from __future__ import annotations

from pathlib import Path

import click

from bot import wiring
from bot.cli import options
from bot.cli.terminal import progress
from bot.model.vocabulary import ExitCode, Level
from bot.pipeline.run import run
from bot.reports.json_document import run_document
from bot.reports.text import run_text


@click.command()
@options.required_config
@click.option(
    "--level",
    type=click.Choice([level.word for level in Level]),
    default=Level.REPORT.word,
    show_default=True,
    help="Only report; also push branches; also open requests.",
)
@click.option("--repo", "only", multiple=True, metavar="NAME", help="Only this repository; may be repeated.")
@options.output_format("text", "json")
def command(config_file: Path, level: str, only: tuple[str, ...], output_format: str) -> int:
    """Propose newer images to the repositories of a config."""
    wired = wiring.fleet_world(config_file, Level[level.upper()], frozenset(only), progress())
    report = run(wired.fleets, wired.world, wired.orders)
    click.echo(run_document(report) if output_format == "json" else run_text(report))
    return ExitCode.FAILED if report.failed else ExitCode.DONE
