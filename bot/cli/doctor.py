"""`basebump doctor`: whether everything that a run will need works."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli import options
from bot.cli.outputs import show
from bot.cli.terminal import progress
from bot.model.reference import ImageReference
from bot.model.vocabulary import ExitCode, Level
from bot.pipeline.doctor import diagnose
from bot.reports.diagnosis import diagnosis_document, diagnosis_text
from bot.wiring.doctor import parts_of


@click.command()
@options.required_config
@click.option(
    "--level",
    type=click.Choice([level.word for level in Level]),
    default=Level.PROPOSE.word,
    show_default=True,
    help="For runs that go so far.",
)
@click.option(
    "--image",
    "images",
    metavar="IMAGE",
    callback=options.parse_images,
    multiple=True,
    help="Ask what this image points to; may be repeated.  [default: one of Docker Hub]",
)
@options.output_format("text", "json")
def command(config_file: Path, level: str, images: tuple[ImageReference, ...], output_format: str) -> int:
    """Try everything that a run of a config needs, and change nothing.

    One line says what was tried and what came of it, and for a problem what to do next.
    """
    aim, parts = parts_of(config_file, Level[level.upper()], images)
    diagnosis = diagnose(parts, aim, progress())
    show(diagnosis_document(diagnosis) if output_format == "json" else diagnosis_text(diagnosis))
    return ExitCode.DONE if diagnosis.is_well else ExitCode.FAILED
