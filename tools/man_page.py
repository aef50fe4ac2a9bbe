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


def page() -> str:
    """Return the manual page in man(7) format; it describes all commands."""
    summary, *paragraphs = basebump.help.split("\n\n")
    top = click.Context(basebump, info_name="basebump", **basebump.context_settings)
    described = [*prose(paragraphs), *options(top), ".SH COMMANDS", *commands(top)]
    return "\n".join([f"{NAME} {roff(summary.rstrip('.'))}", SYNOPSIS, *described, ""])


def commands(above: click.Context) -> Iterator[str]:
    """Yield a section for every subcommand: usage, description and options."""
    for name in above.command.list_commands(above):
        command = above.command.get_command(above, name)
        context = click.Context(command, info_name=name, parent=above)
        if isinstance(command, click.Group):
            yield from commands(context)
        else:
            usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
            yield from (f".SS {roff(usage)}", *prose(command.help.split("\n\n")), *options(context))


def options(context: click.Context) -> Iterator[str]:
    known = (each for each in context.command.get_params(context) if isinstance(each, click.Option))
    for spelled, described in (option.get_help_record(context) for option in known):
        yield from (".TP", rf"\fB{roff(spelled)}\fP", roff(described))


def prose(paragraphs: list[str]) -> Iterator[str]:
    for paragraph in paragraphs:
        yield from (".PP", roff(paragraph))


def roff(text: str) -> str:
    """Return a text as one line, escaped so that roff does not interpret any of it."""
    line = " ".join(text.split()).replace("\\", r"\e").replace("-", r"\-")
    plain = "".join(each if each.isascii() else rf"\[u{ord(each):04X}]" for each in line)
    return r"\&" + plain if plain.startswith((".", "'")) else plain


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
