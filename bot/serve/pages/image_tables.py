"""The table of images, and the page that lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.model.fleet_overview import ImageSummary
from bot.serve.http import HttpRequest
from bot.serve.pages.cells import build_cell, link_image, show_count
from bot.serve.pages.content import CellStyle, Column, PageContent, PageLink, Pager, Part, SearchField, Table
from bot.serve.pages.ports import ListPage, PagePorts, parse_words

_COLUMNS = (
    *(Column("Image"), Column("Base branches", is_number=True), Column("References", is_number=True)),
    *(Column("Blocked", is_number=True), Column("Can be updated", is_number=True)),
    Column("Not pinned", is_number=True),
)


def build_images(ports: PagePorts, request: HttpRequest, _parts: Mapping[str, str]) -> PageContent:
    """Return the page that lists the images of the fleet."""
    words, page = parse_words(request), ListPage.parse(request)
    found = ports.fleet.find_images(words, page.section)
    table = build_image_list(
        found.entries,
        name="images",
        heading="Images, blocked ones first, then the most used",
        pager=page.build_pager(request, found.total),
    )
    return PageContent(
        title="Images", link=PageLink.IMAGES, filter=SearchField("Name contains", words), tables=(table,)
    )


def build_image_list(
    images: Sequence[ImageSummary], *, name: str, heading: str, more: Part | None = None, pager: Pager | None = None
) -> Table:
    """Return a table with a row for each image. `more` and `pager` link to the rest of the list."""
    return Table(
        name=name,
        heading=heading,
        columns=_COLUMNS,
        rows=[
            (
                build_cell(link_image(each.name)),
                show_count(each.branches),
                show_count(each.references),
                show_count(each.blocked, CellStyle.ALARM),
                show_count(each.outdated),
                show_count(each.unpinned, CellStyle.WARNING),
            )
            for each in images
        ],
        empty="No base branch uses such an image.",
        more=more if images else None,
        pager=pager,
    )
