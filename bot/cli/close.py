"""`basebump close`: decline a proposal on the local forge, like closing a pull request on other forges."""

from __future__ import annotations

from pathlib import Path

import click

from bot import wiring
from bot.cli import options


@click.command()
@click.argument("name")
@click.argument("branch")
@options.required_config_option
def command(name: str, branch: str, config_file: Path) -> None:
    """Decline a proposal on the local forge.

    NAME is the name of the repository, and BRANCH the branch of the proposal. basebump does not propose the same
    digests again.
    """
    is_branch_deleted = wiring.decline_proposal(config_file, name, branch)
    click.echo(f"Declined {branch} of {name}. The same digests are not proposed again; newer digests are.")
    if not is_branch_deleted:
        click.echo("The branch was not deleted, because it has commits of other people or is checked out.", err=True)
