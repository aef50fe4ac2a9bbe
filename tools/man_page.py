"""Write the manual page from the help of the commands: `python -m tools.man_page`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from bot import __version__
from bot.cli.app import basebump
from tools.checkout import ROOT

PAGE = ROOT / "docs" / "basebump.1"
NAME = rf'.TH BASEBUMP 1 "" "basebump {__version__}"' + "\n.SH NAME\nbasebump \\-"
SYNOPSIS = ".SH SYNOPSIS\n\\fBbasebump\\fP COMMAND [OPTIONS] [ARGUMENTS]\n.SH DESCRIPTION"


def render_page() -> str:
    """Return the manual page of all commands in the format man(7)."""
    summary, *paragraphs = basebump.help.split("\n\n")
    top = click.Context(basebump, info_name="basebump", **basebump.context_settings)
    description = [*render_paragraphs(paragraphs), *render_options(top), ".SH COMMANDS", *render_commands(top)]
    return "\n".join([f"{NAME} {escape_roff(summary.rstrip('.'))}", SYNOPSIS, *description, ""])


def render_commands(parent: click.Context) -> Iterator[str]:
    """Yield a section for every subcommand: usage, description and options."""
    for name in parent.command.list_commands(parent):
        command = parent.command.get_command(parent, name)
        context = click.Context(command, info_name=name, parent=parent)
        if isinstance(command, click.Group):
            yield from render_commands(context)
        else:
            usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
            yield f".SS {escape_roff(usage)}"
            yield from (*render_paragraphs(command.help.split("\n\n")), *render_options(context))


def render_options(context: click.Context) -> Iterator[str]:
    """Yield the options of a command, each with its help."""
    context.command._help_option = None  # noqa: SLF001 - click caches the names of the first context
    options = (each for each in context.command.get_params(context) if isinstance(each, click.Option))
    for names, description in (option.get_help_record(context) for option in options):
        yield from (".TP", rf"\fB{escape_roff(names)}\fP", escape_roff(description))


def render_paragraphs(paragraphs: list[str]) -> Iterator[str]:
    for paragraph in paragraphs:
        yield from (".PP", escape_roff(paragraph))


def escape_roff(text: str) -> str:
    """Return a text as one line, escaped so that roff does not interpret any of it."""
    line = " ".join(text.split()).replace("\\", r"\e").replace("-", r"\-")
    plain = "".join(each if each.isascii() else rf"\[u{ord(each):04X}]" for each in line)
    return r"\&" + plain if plain.startswith((".", "'")) else plain


if __name__ == "__main__":
    PAGE.write_text(render_page(), encoding="utf-8")
