"""`basebump compare`: shows the differences between two images."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from bot import resources, wiring
from bot.cli import options
from bot.cli.outputs import write_result
from bot.cli.screen import find_screen_width, show_lines
from bot.cli.terminal import create_progress
from bot.model.comparison import Comparison
from bot.model.errors import UsageError
from bot.model.image_name import ImageName
from bot.model.phases import COMPARE_PHASES
from bot.model.vocabulary import ExitCode
from bot.pipeline.compare import compare_images
from bot.reports.compare.comparison_document import render_comparison_document
from bot.reports.compare.comparison_text import render_comparison_lines, render_comparison_text

MARKDOWN_CHARACTERS = 65_000
"""The maximum number of characters of the Markdown.

GitHub allows 65,536 characters in a comment. The difference leaves space for a text before the Markdown.
"""
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9.]+)?", re.ASCII)


def _render_markdown(comparison: Comparison) -> str:
    from bot.core.markdown import strip_ci_commands
    from bot.core.proposal.render import render_comparison
    from bot.core.proposal.view.comparison import build_comparison_view

    template = resources.prepend_macros(resources.read_template("compare.md.j2"))
    text = render_comparison(template, partial(build_comparison_view, comparison), MARKDOWN_CHARACTERS)
    return strip_ci_commands(text).strip()


_FORMATS: dict[str, Callable[[Comparison], str]] = {
    "text": render_comparison_text,
    "markdown": _render_markdown,
    "json": render_comparison_document,
}


@click.command()
@click.argument("old", callback=options.parse_image)
@click.argument("new", callback=options.parse_image)
@click.option(
    "--platform",
    metavar="P",
    help="The platform to scan, such as `linux/arm64`.  [default: a platform that both images have]",
)
@options.config_option
@options.add_format_option(*_FORMATS)
def command(old: ImageName, new: ImageName, platform: str | None, config_file: Path | None, output_format: str) -> int:
    """Show which vulnerabilities an update from OLD to NEW fixes and introduces.

    OLD and NEW are image references with a tag or a digest. They can belong to different repositories. Both images are
    scanned with the same vulnerability database. If the config names a scanner, that scanner is used. If not, Trivy or
    Grype is used if one of them is installed.
    """
    if platform is not None and not _PLATFORM.fullmatch(platform):
        raise UsageError(f"{platform!r} is not a platform; hint: write `os/architecture[/variant]`")
    context, trusts = wiring.build_compare_context(config_file, [old.host, new.host], create_progress(COMPARE_PHASES))
    comparison = compare_images(old, new, platform, context, trusts)
    write_result(
        lambda chosen_format: _FORMATS[chosen_format](comparison),
        output_format,
        (),
        lambda: show_lines(render_comparison_lines(comparison, find_screen_width(sys.stdout)), sys.stdout),
    )
    return ExitCode.FAILED if comparison.failed else ExitCode.DONE
