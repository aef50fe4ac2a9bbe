"""The options with which users choose how every command shows its result: `--color`, `-q`, `-v` and `-o`.

The values are stored in click's context, so that they need not be passed through every function. They affect only how
results are shown, and never what a command does.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO, assert_never

import click

from bot.cli.export_files import check_writable

_COLOR, _QUIET, _VERBOSE, _OUTPUT = (f"bot.cli.{name}" for name in ("color", "quiet", "verbose", "output"))


class ColorMode(StrEnum):
    """The value of `--color`."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def add_shared_options(command: click.Command) -> click.Command:
    """Add the options that every command has to `command` and its subcommands, and return `command`.

    A command that already has these options is not changed.
    """
    if isinstance(command, click.Group):
        for each in command.commands.values():
            add_shared_options(each)
    elif not any(each.name == "color" for each in command.params):
        command.params += [
            click.Option(
                ["--color"],
                type=click.Choice([each.value for each in ColorMode]),
                default=ColorMode.AUTO.value,
                show_default=True,
                help="When texts have colours; `auto` means only on a terminal.",
                **_build_hidden_storage(_COLOR),
            ),
            click.Option(
                ["-q", "--quiet"],
                is_flag=True,
                help="Write only errors to stderr, and limit texts to entries that need an action.",
                **_build_hidden_storage(_QUIET),
            ),
            click.Option(
                ["-v", "--verbose"],
                is_flag=True,
                help="Show each finished step on stderr.",
                **_build_hidden_storage(_VERBOSE),
            ),
        ]
    return command


def _build_hidden_storage(key: str) -> dict[str, Any]:
    """Return the arguments of an option whose value is stored in the context instead of passed to the command."""

    def store(context: click.Context, _option: click.Parameter, value: object) -> None:
        context.meta[key] = value

    return {"callback": store, "expose_value": False, "is_eager": True}


def _store_output(context: click.Context, _option: click.Parameter, text: str | None) -> None:
    context.meta[_OUTPUT] = check_writable(text) if text is not None and text != "-" else None


output_option = click.option(
    "-o",
    "--output",
    metavar="FILE",
    callback=_store_output,
    expose_value=False,
    help="Write the result to FILE instead of stdout.",
)


def is_quiet() -> bool:
    """Return True if the user wants to see only errors on stderr (`-q`)."""
    return bool(_get_value(_QUIET))


def is_verbose() -> bool:
    """Return True if the user wants to see all steps on stderr (`-v`)."""
    return bool(_get_value(_VERBOSE))


def get_output_path() -> Path | None:
    """Return the file to which the result is written instead of stdout (`-o`); None for stdout."""
    path: Path | None = _get_value(_OUTPUT)
    return path


def has_colors(stream: TextIO) -> bool:
    """Return True if texts for the stream have colours.

    `--color` takes precedence over the variables NO_COLOR (https://no-color.org/) and FORCE_COLOR
    (https://force-color.org/), and these variables take precedence over the check for a terminal.
    """
    mode = ColorMode(_get_value(_COLOR) or ColorMode.AUTO)
    match mode:
        case ColorMode.ALWAYS:
            return True
        case ColorMode.NEVER:
            return False
        case ColorMode.AUTO:
            is_forced = os.environ.get("FORCE_COLOR", "") not in {"", "0"}
            return not os.environ.get("NO_COLOR") and (is_forced or is_terminal(stream))
    assert_never(mode)


def is_terminal(stream: TextIO) -> bool:
    """Return True if the stream is a terminal that understands escape sequences."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _get_value(key: str) -> Any:
    context = click.get_current_context(silent=True)
    return context.meta.get(key) if context is not None else None
