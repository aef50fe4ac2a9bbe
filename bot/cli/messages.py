"""Messages on stderr: every error has a line `error: WHAT: WHY` and a line `hint: NEXT STEP`."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from difflib import get_close_matches

import click

from bot.cli.presentation import has_colors, is_quiet, is_terminal
from bot.model.errors import HINT_SEPARATOR, ConfigError, UsageError

_COLOURS = {"error": "1;31", "hint": "36", "note": "2"}
_FIRST_WORD = re.compile(r"^( *)(error|hint|note):", re.MULTILINE)


class CommandGroup(click.Group):
    """A group of commands. The error for an unknown command has a hint that names the most similar command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, commands = args[0], self.list_commands(ctx)
        if name not in commands and not name.startswith("-") and not ctx.resilient_parsing:
            hint = _suggest_command(name, commands, ctx.command_path)
            raise UsageError(f"there is no command '{name}'{HINT_SEPARATOR}{hint}")
        return super().resolve_command(ctx, args)


def write_message(text: str) -> None:
    """Write a message to stderr on its own lines, without control characters and CI commands from quoted texts.

    If the terminal shows a progress bar, the bar is removed first. If stderr cannot be written, nothing happens.
    """
    from bot.cli.terminal import remove_progress_bar
    from bot.core.markdown import make_console_text

    with suppress(OSError):
        remove_progress_bar()
        shown = _wrap_for_terminal(make_console_text(text))
        click.echo(_paint_words(shown) if has_colors(sys.stderr) else shown, err=True, color=True)


def _wrap_for_terminal(text: str) -> str:
    """Return the text wrapped to the width of the terminal; unchanged if stderr is not a terminal."""
    if not is_terminal(sys.stderr):
        return text
    from bot.cli.screen import show_text

    return show_text(text, sys.stderr)


def _paint_words(text: str) -> str:
    """Return a message with colours for the words `error:`, `hint:` and `note:` at the beginning of its lines."""
    return _FIRST_WORD.sub(lambda match: f"{match[1]}\x1b[{_COLOURS[match[2]]}m{match[2]}:\x1b[0m", text)


def write_note(text: str) -> None:
    """Write a note to stderr, unless the user chose `-q` or a `--log` for programs."""
    context = click.get_current_context(silent=True)
    if not is_quiet() and (context is None or context.params.get("log", "auto") == "auto"):
        write_message(f"note: {text}")


def render_error(error: Exception | str) -> str:
    """Return the lines of an error: `error: …`, and `hint: …` if the message has a hint.

    An error of a config file has a line for each problem, followed by the problem's hint.
    """
    if isinstance(error, ConfigError) and len(error.problems) > 1:
        heading = f"error: {error.source} cannot be used, because it has {len(error.problems)} problems"
        return "\n".join([heading, *(_split_hint(each, "  ", "    hint: ") for each in error.describe_problems())])
    message = error.describe_problems()[0] if isinstance(error, ConfigError) else str(error)
    return _split_hint(message, "error: ", "hint: ")


def render_click_error(error: click.ClickException) -> str:
    """Return the lines of an error that click found in the command line.

    If the message contains no hint, the hint names a similar option, or the help of the command.
    """
    message = error.format_message()
    if HINT_SEPARATOR in message:
        return _split_hint(_begin_in_lower_case(message), "error: ", "hint: ")
    context = error.ctx if isinstance(error, click.UsageError) else None
    similar = error.possibilities if isinstance(error, click.NoSuchOption) else None
    if similar:
        message = error.message if isinstance(error, click.NoSuchOption) else message
        hint = f"did you mean {similar[0]}?"
    else:
        hint = f"see `{context.command_path if context is not None else 'basebump'} --help`"
    return f"error: {_begin_in_lower_case(message.rstrip('.'))}\nhint: {hint}"


def _suggest_command(word: str, commands: list[str], path: str) -> str:
    """Return the hint for an unknown command: the most similar command, or `--help` if no command is similar."""
    similar = get_close_matches(word.lower(), commands, n=1)
    return f"did you mean {similar[0]}?" if similar else f"`{path} --help` lists all commands"


def _split_hint(message: str, start: str, hint_start: str) -> str:
    text, *hints = message.split(HINT_SEPARATOR)
    return "\n".join([f"{start}{text}", *(f"{hint_start}{each}" for each in hints)])


def _begin_in_lower_case(text: str) -> str:
    return text[:1].lower() + text[1:]
