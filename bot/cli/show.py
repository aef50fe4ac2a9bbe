"""`basebump show`: prints the proposals of a repository on a local forge, as their reviewers read them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli import options
from bot.cli.outputs import write_result
from bot.cli.presentation import output_option
from bot.cli.screen import show_lines
from bot.reports.parts.styled_lines import Line, join_lines
from bot.reports.run.proposal_text import render_proposal_lines, render_proposal_list
from bot.wiring.local_proposals import open_local_repository

if TYPE_CHECKING:
    from bot.wiring.local_proposals import LocalRepository


@click.command()
@click.argument("name")
@click.argument("branch", required=False)
@options.required_config_option
@output_option
def command(name: str, branch: str | None, config_file: Path) -> None:
    """Show the proposals of a repository on the local forge.

    NAME is the name of the repository. Without BRANCH, all proposals are listed. With BRANCH, the title, the text and
    the changes of this proposal are printed. BRANCH can also be the end of the branch's name, the number (#3), or the
    title.
    """
    lines = _render(open_local_repository(config_file, name), branch)
    write_result(lambda _: join_lines(lines), "text", (), lambda: show_lines(lines, sys.stdout))


def _render(repository: LocalRepository, branch: str | None) -> list[Line]:
    reader = repository.proposals
    if branch is None:
        rows = [(each.branch, f"#{each.number}", each.state.value, each.title) for each in reader.list_proposals()]
        return render_proposal_list(repository.name, rows)
    proposal = reader.find_proposal(branch)
    heading = f"{proposal.branch} → {proposal.base} ({proposal.state})"
    return render_proposal_lines(proposal.title, heading, proposal.body, reader.read_changes(proposal))
