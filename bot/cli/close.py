"""`basebump close`: decline a proposal of the local forge, as a person would by closing a pull request."""

from __future__ import annotations

from pathlib import Path

import click

from bot import wiring
from bot.cli import options


@click.command()
@click.argument("name")
@click.argument("branch")
@options.required_config
def command(name: str, branch: str, config_file: Path) -> None:
    """Decline a proposal of the local forge.

    NAME is the repository, BRANCH the proposal's. Exactly this is not proposed again.
    """
    is_gone = wiring.decline(config_file, name, branch)
    click.echo(f"Declined {branch} of {name}: exactly this is not proposed again, the next digest is.")
    if not is_gone:
        click.echo("Its branch stays: somebody else committed to it, or has it checked out.", err=True)
