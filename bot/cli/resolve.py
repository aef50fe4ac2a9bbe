"""`basebump resolve`: shows the facts about one image in its registry."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bot import wiring
from bot.cli import options
from bot.cli.outputs import write_result
from bot.cli.screen import show_text
from bot.model.image import ImageFacts
from bot.model.image_name import DEFAULT_TAG, ImageName, TagRef
from bot.reports.image import render_image_document, render_image_text


@click.command()
@click.argument("image", metavar="IMAGE", callback=options.parse_image)
@options.config_option
@options.add_format_option("text", "json")
def command(image: ImageName, config_file: Path | None, output_format: str) -> None:
    """Show the current digest, the platforms and other facts about IMAGE from its registry."""
    facts = _fetch_facts(image, config_file)
    write_result(
        lambda chosen: (render_image_document if chosen == "json" else render_image_text)(image, facts),
        output_format,
        (),
        lambda: show_text(render_image_text(image, facts), sys.stdout),
    )


def _fetch_facts(image: ImageName, config_file: Path | None) -> ImageFacts:
    registry = wiring.build_registry_for_host(config_file, image.host)
    tag_ref = TagRef(image.repository, image.tag or DEFAULT_TAG)
    has_only_digest = image.tag is None and image.digest is not None
    digest = image.digest if has_only_digest and image.digest else registry.fetch_descriptor(tag_ref).digest
    return registry.describe_image(tag_ref, registry.fetch_manifest(tag_ref, digest))
