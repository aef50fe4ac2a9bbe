"""`basebump close`: decline a proposal on the local forge, like closing a pull request on other forges."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bot.cli import options
from bot.cli.messages import write_note
from bot.cli.screen import show_text
from bot.core.markdown import make_console_line
from bot.wiring.local_proposals import open_local_repository


@click.command()
@click.argument("name")
@click.argument("branch")
@options.required_config_option
def command(name: str, branch: str, config_file: Path) -> None:
    """Decline a proposal on the local forge.

    NAME is the name of the repository, and BRANCH the branch of the proposal, as `run` and `show` print them. basebump
    does not propose the same digests again.
    """
    repository = open_local_repository(config_file, name)
    declined, is_branch_deleted = repository.decline_proposal(branch)
    text = (
        f"Declined {make_console_line(declined)} of {make_console_line(repository.name)}. basebump does not propose "
        "the same digests again, but proposes newer digests."
    )
    click.echo(show_text(text, sys.stdout))
    if not is_branch_deleted:
        write_note(
            "the branch was not deleted, because it is checked out or contains commits that basebump did not write"
        )
