"""`basebump resolve`: what basebump sees of one image."""

from __future__ import annotations

from pathlib import Path

import click

from bot import wiring
from bot.cli import options
from bot.cli.outputs import show
from bot.model.image import ImageFacts
from bot.model.reference import DEFAULT_TAG, ImageReference, TagRef
from bot.reports.image import render_image_document, render_image_text


@click.command()
@click.argument("reference", metavar="IMAGE", callback=options.parse_image)
@options.config
@options.output_format("text", "json")
def command(reference: ImageReference, config_file: Path | None, output_format: str) -> None:
    """Show what the registry has for IMAGE now."""
    facts = _facts(reference, config_file)
    show(render_image_document(reference, facts) if output_format == "json" else render_image_text(reference, facts))


def _facts(reference: ImageReference, config_file: Path | None) -> ImageFacts:
    registry = wiring.registry_for(config_file, reference.host)
    line = TagRef(reference.repository, reference.tag or DEFAULT_TAG)
    is_pin_alone = reference.tag is None and reference.digest is not None
    digest = reference.digest if is_pin_alone and reference.digest else registry.fetch_descriptor(line).digest
    return registry.describe_image(line, registry.fetch_manifest(line, digest))
