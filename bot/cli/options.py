"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from bot.cli.outputs import build_export_parser
from bot.cli.terminal import LogMode
from bot.model.errors import InvalidReferenceError
from bot.model.reference import ImageReference

Function = TypeVar("Function", bound=Callable[..., Any])


_FILE = click.Path(path_type=Path)
_HELP = "The config file (YAML)."

config_option = click.option("--config", "config_file", metavar="F", type=_FILE, help=_HELP)
required_config_option = click.option("--config", "config_file", metavar="F", type=_FILE, required=True, help=_HELP)


def add_format_option(*formats: str) -> Callable[[Function], Function]:
    """Return a decorator that adds `--format`, the format of the result on stdout. The first format is the default."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="The format of the result on stdout.",
    )


def add_export_option(*formats: str) -> Callable[[Function], Function]:
    """Return a decorator that adds `--export`, which names additional files for the result in one of `formats`."""
    return click.option(
        "--export",
        "exports",
        metavar="FORMAT=FILE",
        callback=build_export_parser(formats),
        multiple=True,
        help="Write the result to FILE as well, in any FORMAT that --format knows; may be repeated.",
    )


log_option = click.option(
    "--log",
    type=click.Choice(LogMode, case_sensitive=False),
    default="auto",
    show_default=True,
    help="What stderr gets meanwhile: a bar on a terminal, lines of JSON, or nothing.",
)


def parse_image(_context: click.Context, _parameter: click.Parameter, text: str | None) -> ImageReference | None:
    """Parse an image reference on the command line. Return None if the user gave none.

    Raises click.BadParameter if the reference is invalid.
    """
    return _parse_reference(text) if text is not None else None


def parse_images(
    _context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]
) -> tuple[ImageReference, ...]:
    """Parse the image references of an option that may be repeated. Raises click.BadParameter if one is invalid."""
    return tuple(map(_parse_reference, texts))


def _parse_reference(text: str) -> ImageReference:
    try:
        return ImageReference.parse(text)
    except InvalidReferenceError as error:
        raise click.BadParameter(str(error)) from error
