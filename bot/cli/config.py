"""`basebump config`: check a config file, or print its schema."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from bot.cli import options
from bot.cli.messages import CommandGroup
from bot.cli.outputs import show
from bot.core.markdown import make_console_text
from bot.settings import Settings, load


@click.group("config", cls=CommandGroup)
def command() -> None:
    """Check a config file, or print its schema."""


@command.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
def check(file: Path | None) -> None:
    """Check a config FILE, and list all its problems.

    Without FILE, the `basebump.yaml` of the current folder is checked. The environment variables that the config names
    need not be set. An unset variable causes only a note, so CI can check a config without its secrets.
    """
    config = options.require_config(file)
    settings = load(config, requires_forges=False)
    show(f"{config} is valid: {_summarise_settings(settings)}")
    for note in settings.list_unset_variables(os.environ):
        click.echo(make_console_text(f"note: {note}"), err=True)


@command.command()
def schema() -> None:
    """Print the JSON Schema of the config file, for editors."""
    from bot.settings.reading.validation import build_json_schema

    show(json.dumps(build_json_schema(), indent=2))


def _summarise_settings(settings: Settings) -> str:
    return ", ".join(
        [
            _format_count(len(settings.forges), "forge", "forges"),
            _format_count(len(settings.registries), "registry", "registries"),
            _format_count(len(settings.policy), "rule", "rules"),
        ]
    )


def _format_count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
