"""`basebump resolve`: the facts about one image in its registry."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bot import wiring
from bot.cli import options
from bot.cli.outputs import write_result
from bot.cli.screen import show_text
from bot.model.image import ImageFacts
from bot.model.reference import DEFAULT_TAG, ImageReference, TagRef
from bot.reports.image import render_image_document, render_image_text


@click.command()
@click.argument("reference", metavar="IMAGE", callback=options.parse_image)
@options.config_option
@options.add_format_option("text", "json")
def command(reference: ImageReference, config_file: Path | None, output_format: str) -> None:
    """Show the current digest, the platforms and other facts about IMAGE from its registry."""
    facts = _fetch_facts(reference, config_file)
    write_result(
        lambda chosen: (render_image_document if chosen == "json" else render_image_text)(reference, facts),
        output_format,
        (),
        lambda: show_text(render_image_text(reference, facts), sys.stdout),
    )


def _fetch_facts(reference: ImageReference, config_file: Path | None) -> ImageFacts:
    registry = wiring.build_registry_for_host(config_file, reference.host)
    tag_ref = TagRef(reference.repository, reference.tag or DEFAULT_TAG)
    has_only_digest = reference.tag is None and reference.digest is not None
    digest = reference.digest if has_only_digest and reference.digest else registry.fetch_descriptor(tag_ref).digest
    return registry.describe_image(tag_ref, registry.fetch_manifest(tag_ref, digest))
