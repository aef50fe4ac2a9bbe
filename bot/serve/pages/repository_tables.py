"""The table of base branches, and the page that lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.core.markdown import describe_rest, make_one_line
from bot.model.fleet_overview import BranchSummary
from bot.serve.http import HttpRequest
from bot.serve.pages.cells import build_cell, link_repository, show_count, show_text, show_time
from bot.serve.pages.content import Cell, CellStyle, Column, PageContent, PageLink, Pager, Part, Table
from bot.serve.pages.ports import ListPage, PagePorts, build_filter, parse_words

MAX_OWNERS = 3
"""The maximum number of owners of one base branch that are shown."""
_COLUMNS = (
    *(Column("Repository"), Column("Owners"), Column("Forge"), Column("References", is_number=True)),
    *(Column("Can be updated", is_number=True), Column("Not pinned", is_number=True)),
    *(Column("Open proposals", is_number=True), Column("Last read"), Column("State")),
)


def build_repositories(ports: PagePorts, request: HttpRequest, _parts: Mapping[str, str]) -> PageContent:
    """Return the page that lists the base branches of the fleet."""
    words, page = parse_words(request), ListPage.parse(request)
    found = ports.fleet.find_branches(words, page.section)
    table = build_branch_list(
        found.entries,
        ports.clock.now(),
        name="repositories",
        heading="Base branches by name",
        pager=page.build_pager(request, found.total),
    )
    return PageContent(title="Repositories", link=PageLink.REPOSITORIES, filter=build_filter(request), tables=(table,))


def build_branch_list(
    branches: Sequence[BranchSummary],
    now: datetime,
    *,
    name: str,
    heading: str,
    more: Part | None = None,
    pager: Pager | None = None,
) -> Table:
    """Return a table with a row for each base branch. `more` and `pager` link to the rest of the list."""
    return Table(
        name=name,
        heading=heading,
        columns=_COLUMNS,
        rows=[
            (
                build_cell(link_repository(each.key)),
                _show_owners(each.owners),
                show_text(each.key.host or each.key.forge),
                show_count(each.references),
                show_count(each.outdated),
                show_count(each.unpinned, CellStyle.WARNING),
                show_count(each.open_requests),
                show_time(each.read_at, now),
                show_branch_state(each),
            )
            for each in branches
        ],
        empty="No base branch has such a name.",
        more=more if branches else None,
        pager=pager,
    )


def _show_owners(owners: Sequence[str]) -> Cell:
    shown = ", ".join(map(make_one_line, owners[:MAX_OWNERS]))
    return Cell((Part(shown),), describe_rest(len(owners), MAX_OWNERS)) if owners else Cell()


def show_branch_state(branch: BranchSummary) -> Cell:
    """Return the status of a base branch: up to date, outdated, or to be read again."""
    state = Part("nothing to do", CellStyle.GOOD) if branch.is_settled else Part("to be read again")
    return Cell(
        (state, *((Part("unread files", CellStyle.WARNING, is_badge=True),) if branch.has_unread_files else ()))
    )
