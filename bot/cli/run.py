"""`basebump run`: the repositories of the config, as far up the ladder as one says."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from bot import wiring
from bot.cli import options
from bot.cli.outputs import FORMATS, Export, deliver, html, rendered
from bot.cli.scope import parse_image, parse_shard
from bot.cli.terminal import progress
from bot.model.reference import ImageReference
from bot.model.report import RunReport
from bot.model.scope import Scope, Shard
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
@click.option("--image", metavar="IMAGE", callback=parse_image, help="Only repositories that use this image.")
@click.option(
    "--shard",
    metavar="I/N",
    callback=parse_shard,
    help="Only the I-th of N parts of the repositories; `auto/N` and `auto` ask the environment of a CI.",
)
@options.output_format(*FORMATS)
@options.exports(*FORMATS)
def command(
    config_file: Path,
    level: str,
    only: tuple[str, ...],
    image: ImageReference | None,
    shard: Shard | None,
    output_format: str,
    exports: tuple[Export, ...],
) -> int:
    """Propose newer images to the repositories of a config."""
    scope = Scope(frozenset(only), shard, image)
    wired = wiring.fleet_world(config_file, Level[level.upper()], scope, progress())
    report = run(wired.fleets, wired.world, wired.orders)
    is_whole = deliver(partial(_rendered, report), output_format, exports)
    return ExitCode.FAILED if report.failed or not is_whole else ExitCode.DONE


def _rendered(report: RunReport, output_format: str) -> str:
    match output_format:
        case "json":
            return run_document(report)
        case "text":
            return run_text(report)
        case "html":
            return html(run_document(report))
        case _:
            return rendered(report, output_format)
