"""`basebump usage`: lists the files that use an image, or images with a vulnerability, from the state alone."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from bot.cli import options
from bot.cli.outputs import write_result
from bot.cli.screen import show_lines
from bot.core.evidence.finding_keys import parse_vulnerability_id
from bot.model.exposed_images import ExposureQuery
from bot.model.image_name import Digest, ImageName, parse_sha256
from bot.pipeline.inventory.exposed_images import find_exposed_images
from bot.reports.fleet.exposed_usage import (
    ExposedUsageAnswer,
    render_exposed_usage_csv,
    render_exposed_usage_document,
    render_exposed_usage_lines,
)
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


def _parse_subject(context: click.Context, argument: click.Parameter, text: str) -> ImageName | str | None:
    """Return the id of a vulnerability as a text, and an image reference as a value."""
    return parse_vulnerability_id(text) or options.parse_image(context, argument, text)


@click.command()
@click.argument("subject", metavar="IMAGE|VULNERABILITY", callback=_parse_subject)
@click.option(
    "--not-on",
    "excluded_digest",
    metavar="DIGEST",
    callback=_parse_digest,
    help="List only references without DIGEST. If DIGEST is the fixed image, these references still need the fix.",
)
@options.required_config_option
@options.add_format_option("text", "json", "csv")
def command(subject: ImageName | str, excluded_digest: Digest | None, config_file: Path, output_format: str) -> None:
    """List the files that use IMAGE, or images with VULNERABILITY, from the state alone.

    IMAGE is a repository with an optional tag and digest, such as `python:3.12`. For each file, the result shows since
    when the file contains the image, the pinned digest, and basebump's open pull request. It also shows whether own
    images were rebuilt on the image, and whether they run.

    VULNERABILITY is an id such as `CVE-2026-1234`. The result lists the exposed images, where a fix exists and since
    when, the files and containers that use them, and how many of the images in use are known.

    The data comes from the last `run`, and the result shows its age. Nothing is read from forges, registries or
    clusters.
    """
    fleet, now = open_fleet(config_file), datetime.now(UTC)
    if isinstance(subject, str):
        if excluded_digest is not None:
            raise click.UsageError("--not-on needs an image; hint: leave it out for a vulnerability")
        tags = find_exposed_images(ExposureQuery(subject), fleet.exposure)
        known, coverage = fleet.exposure.load_coverage(), fleet.inventory.load_coverage()
        exposed = ExposedUsageAnswer(subject, tags, known, coverage)
        lines = render_exposed_usage_lines(exposed, now)
        documents = {
            "json": lambda: render_exposed_usage_document(exposed),
            "csv": lambda: render_exposed_usage_csv(exposed),
        }
    else:
        usages = fleet.inventory.list_usages(subject)
        facts, coverage = fleet.stages.load_image_facts(subject), fleet.inventory.load_coverage()
        answer = answer_usage(subject, excluded_digest, usages, coverage, facts, now)
        lines = render_usage_lines(answer, now)
        documents = {"json": lambda: render_usage_document(answer), "csv": lambda: render_usage_csv(answer)}
    write_result(
        lambda chosen: documents[chosen]() if chosen in documents else join_lines(lines),
        output_format,
        (),
        lambda: show_lines(lines, sys.stdout),
    )
