"""`basebump doctor`: checks everything that a run needs."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from bot.cli import options
from bot.cli.outputs import write_result
from bot.cli.presentation import is_quiet
from bot.cli.screen import show_lines
from bot.cli.terminal import create_progress
from bot.model.diagnosis import Diagnosis
from bot.model.errors import UsageError
from bot.model.image_name import ImageName
from bot.model.phases import DOCTOR_PHASES
from bot.model.vocabulary import ExitCode, RunLevel
from bot.pipeline.doctor import diagnose
from bot.reports.diagnosis import render_diagnosis_document, render_diagnosis_lines, render_diagnosis_text
from bot.wiring.doctor import build_parts


@click.command()
@options.required_config_option
@click.option(
    "--level",
    type=click.Choice([level.word for level in RunLevel]),
    default=RunLevel.PROPOSE.word,
    show_default=True,
    help="Check what a run with this level needs.",
)
@click.option(
    "--image",
    "images",
    metavar="IMAGE",
    callback=options.parse_images,
    multiple=True,
    help="An image to look up in its registry; may be repeated.  [default: an image on Docker Hub]",
)
@click.option(
    "--try-writes",
    "trial_repository",
    metavar="NAME",
    help="Also try all writes on this repository: create a branch and a pull request, and remove both.",
)
@options.add_format_option("text", "json")
def command(
    config_file: Path,
    level: str,
    images: tuple[ImageName, ...],
    trial_repository: str | None,
    output_format: str,
) -> int:
    """Check everything that a run with this config needs. Nothing is changed without `--try-writes`.

    The output has one line for each check and its result. A problem has a hint.
    """
    target, parts = build_parts(config_file, RunLevel[level.upper()], images, trial_repository)
    diagnosis = diagnose(parts, target, create_progress(DOCTOR_PHASES))
    if trial_repository is not None and not diagnosis.has_trial:
        raise UsageError(f"no server in the config has a repository '{trial_repository}'; hint: check the name")
    write_result(
        partial(_render_diagnosis, diagnosis),
        output_format,
        (),
        lambda: show_lines(render_diagnosis_lines(diagnosis, is_brief=is_quiet()), sys.stdout),
    )
    return ExitCode.DONE if diagnosis.is_healthy else ExitCode.FAILED


def _render_diagnosis(diagnosis: Diagnosis, output_format: str) -> str:
    return render_diagnosis_document(diagnosis) if output_format == "json" else render_diagnosis_text(diagnosis)
