"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

config = click.option(
    "--config", "config_file", metavar="F", type=click.Path(path_type=Path), help="The config file (YAML)."
)
required_config = click.option(
    "--config", "config_file", metavar="F", type=click.Path(path_type=Path), required=True, help="The config file (YAML)."
)
output_format = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or one JSON document for scripts.",
)
