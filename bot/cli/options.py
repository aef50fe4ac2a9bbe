"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

_FILE = click.Path(path_type=Path)
_HELP = "The config file (YAML)."

config = click.option("--config", "config_file", metavar="F", type=_FILE, help=_HELP)
required_config = click.option("--config", "config_file", metavar="F", type=_FILE, required=True, help=_HELP)
output_format = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or one JSON document for scripts.",
)
