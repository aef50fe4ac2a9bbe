"""`basebump usage`: lists the repositories and files that use an image, from the state alone."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from bot.cli import options
from bot.cli.outputs import write_result
from bot.cli.screen import show_lines
from bot.model.image_name import Digest, ImageName, parse_sha256
from bot.reports.fleet.stored_answers import answer_usage
from bot.reports.fleet.usage import render_usage_csv, render_usage_document, render_usage_lines
from bot.reports.parts.styled_lines import join_lines
from bot.wiring.inventory import open_fleet


def _parse_digest(_context: click.Context, _option: click.Parameter, text: str | None) -> Digest | None:
    if text is None:
        return None
    digest = parse_sha256(text.rpartition("@")[2])
    if digest is None:
        raise click.BadParameter(f"{text!r} is not a digest; hint: write `sha256:` and 64 hexadecimal digits")
    return digest


@click.command()
@click.argument("image", metavar="IMAGE", callback=options.parse_image)
@click.option(
    "--not-on",
    "excluded_digest",
    metavar="DIGEST",
    callback=_parse_digest,
    help="List only references without DIGEST. If DIGEST is the fixed image, these references still need the fix.",
)
@options.required_config_option
@options.add_format_option("text", "json", "csv")
def command(image: ImageName, excluded_digest: Digest | None, config_file: Path, output_format: str) -> None:
    """List the repositories and files that use IMAGE, from the state alone.

    IMAGE is a repository with an optional tag and digest, such as `python:3.12`. For each file, the result shows since
    when the file contains the image, the pinned digest, and basebump's open pull request. It also shows whether own
    images were rebuilt on the image, and whether they run. The data comes from the last `run`, and the result shows its
    age. Nothing is read from forges, registries or clusters.
    """
    fleet, now = open_fleet(config_file), datetime.now(UTC)
    usages = fleet.inventory.list_usages(image)
    facts, coverage = fleet.stages.load_image_facts(image), fleet.inventory.load_coverage()
    answer = answer_usage(image, excluded_digest, usages, coverage, facts, now)
    lines = render_usage_lines(answer, now)
    renderers = {"json": render_usage_document, "csv": render_usage_csv}
    write_result(
        lambda chosen: renderers[chosen](answer) if chosen in renderers else join_lines(lines),
        output_format,
        (),
        lambda: show_lines(lines, sys.stdout),
    )
