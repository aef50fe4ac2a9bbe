"""`basebump completion`: prints the script with which a shell completes commands, options and values."""

from __future__ import annotations

import click

from bot.cli.outputs import show

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_BASEBUMP_COMPLETE"
"""The environment variable with which the script requests completions from basebump."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print a script that completes commands and options in a SHELL.

    Add `eval "$(basebump completion bash)"` to `~/.bashrc`, or the same line with `zsh` to `~/.zshrc`. For fish, write
    the output to `~/.config/fish/completions/basebump.fish`.
    """
    from click.shell_completion import ShellComplete, get_completion_class

    completer = get_completion_class(shell)
    if completer is None:
        raise ValueError(shell)
    program = click.get_current_context().find_root().command
    show(ShellComplete.source(completer(program, {}, "basebump", _VARIABLE)).strip())
