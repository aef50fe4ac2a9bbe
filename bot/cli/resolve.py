"""`basebump resolve`: what the bot sees of one image."""

from __future__ import annotations

from pathlib import Path

import click

from bot import wiring
from bot.cli import options
from bot.model.errors import InvalidReferenceError, UsageError
from bot.model.image import ImageFacts
from bot.model.reference import ImageReference, Line
from bot.reports.image import image_document, image_text

DEFAULT_TAG = "latest"
"""What registries take an image without tag and digest for."""


@click.command()
@click.argument("image")
@options.config
@options.output_format
def command(image: str, config_file: Path | None, output_format: str) -> None:
    """Ask the registry what IMAGE is now: its digest, platforms, age and source."""
    try:
        reference = ImageReference.parse(image)
    except InvalidReferenceError as error:
        raise UsageError(str(error)) from error
    facts = _facts(reference, config_file)
    click.echo(image_document(reference, facts) if output_format == "json" else image_text(reference, facts))


def _facts(reference: ImageReference, config_file: Path | None) -> ImageFacts:
    with wiring.registry(config_file, reference.host) as registry:
        line = Line(reference.repository, reference.tag or DEFAULT_TAG)
        follows_tag = reference.tag is not None or reference.digest is None
        digest = registry.head(line).digest if follows_tag or not reference.digest else reference.digest
        return registry.describe(line, registry.fetch(line, digest))
