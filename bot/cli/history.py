"""`basebump history`: shows which digests a repository or an image had at which times, from the state alone."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from bot.cli import options
from bot.cli.outputs import write_result
from bot.cli.screen import show_lines
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import ImageName
from bot.reports.fleet.history import HistoryAnswer, render_history_csv, render_history_document, render_history_lines
from bot.reports.fleet.stored_answers import answer_image_history, answer_repository_history, answer_stages
from bot.reports.parts.styled_lines import join_lines
from bot.wiring.inventory import StoredFleet, open_fleet


@click.command()
@click.argument("name", metavar="NAME")
@options.required_config_option
@options.add_format_option("text", "json", "csv")
def command(name: str, config_file: Path, output_format: str) -> None:
    """Show which digests a repository or an image had, who changed them and how long it took, from the state alone.

    For the current digests, the result also shows whether images were built on them, and whether these images run.

    NAME is the name of a repository on a forge, such as `acme/web`, or an image, such as `python:3.12`. If a repository
    and an image have this name, the repository is shown. The full name of an image, such as `docker.io/acme/web`,
    always selects the image.
    """
    now = datetime.now(UTC)
    answer = _find_history(open_fleet(config_file), name, now)
    lines = render_history_lines(answer, now)
    renderers = {"json": render_history_document, "csv": render_history_csv}
    write_result(
        lambda chosen: renderers[chosen](answer) if chosen in renderers else join_lines(lines),
        output_format,
        (),
        lambda: show_lines(lines, sys.stdout),
    )


def _find_history(fleet: StoredFleet, name: str, now: datetime) -> HistoryAnswer:
    """Return the history of the repository `name`, or of the image `name` if the state has no such repository."""
    inventory = fleet.inventory
    coverage = inventory.load_coverage()
    history = inventory.load_repository_history(name)
    if history.held:
        stages = answer_stages(fleet.stages.load_repository_facts(name), now)
        return answer_repository_history(name, history, coverage, stages)
    try:
        image = ImageName.parse(name)
    except InvalidReferenceError as error:
        raise click.BadParameter(f"this is not a repository in the state, and not an image either: {error}") from error
    stages = answer_stages(fleet.stages.load_image_facts(image), now)
    return answer_image_history(name, image, inventory.load_image_history(image), coverage, stages)
