"""The table of images, and the page that lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.model.fleet_overview import ImageOrder, ImageSummary
from bot.serve.http import HttpRequest
from bot.serve.pages.cells import build_cell, link_image, show_count, show_fixes
from bot.serve.pages.content import Cell, CellStyle, Column, PageContent, PageLink, Pager, Part, Tab, Table
from bot.serve.pages.ports import ListPage, PagePorts, build_address, build_filter, parse_words

_COLUMNS = (
    *(Column("Image"), Column("Fixes that wait"), Column("Blocked", is_number=True)),
    *(Column("Base branches", is_number=True), Column("References", is_number=True)),
    *(Column("Can be updated", is_number=True), Column("Not pinned", is_number=True)),
)
HEADINGS: Mapping[ImageOrder, str] = {
    ImageOrder.RISK: "Images, blocked ones first, then the most severe fixes that wait",
    ImageOrder.USE: "Images, blocked ones first, then the most used",
    ImageOrder.NAME: "Images by name",
}
_TITLES: Mapping[ImageOrder, str] = {
    ImageOrder.RISK: "By risk",
    ImageOrder.USE: "By use",
    ImageOrder.NAME: "By name",
}


def build_images(ports: PagePorts, request: HttpRequest, _parts: Mapping[str, str]) -> PageContent:
    """Return the page that lists the images of the fleet."""
    words, page, order = parse_words(request), ListPage.parse(request), _parse_order(request)
    found = ports.fleet.find_images(words, page.section, order)
    table = build_image_list(
        ports, found.entries, name="images", heading=HEADINGS[order], pager=page.build_pager(request, found.total)
    )
    return PageContent(
        title="Images",
        link=PageLink.IMAGES,
        tabs=tuple(
            Tab(title, build_address(request, sort=each.value, page=""), each is order)
            for each, title in _TITLES.items()
        ),
        filter=build_filter(request),
        tables=(table,),
    )


def _parse_order(request: HttpRequest) -> ImageOrder:
    """Return the order in the query parameter `sort`; by risk if the parameter is missing or unknown."""
    word = request.query.get("sort")
    return ImageOrder(word) if word in set(ImageOrder) else ImageOrder.RISK


def build_image_list(
    ports: PagePorts,
    images: Sequence[ImageSummary],
    *,
    name: str,
    heading: str,
    more: Part | None = None,
    pager: Pager | None = None,
) -> Table:
    """Return a table with a row for each image. `more` and `pager` link to the rest of the list."""
    is_shown = ports.can_show_fixes(is_public=False)
    return Table(
        name=name,
        heading=heading,
        columns=_COLUMNS,
        rows=[
            (
                build_cell(link_image(each.name)),
                show_fixes(each.fixes, is_shown=is_shown) if each.has_proposals else Cell(),
                show_count(each.blocked, CellStyle.ALARM),
                show_count(each.branches),
                show_count(each.references),
                show_count(each.outdated),
                show_count(each.unpinned, CellStyle.WARNING),
            )
            for each in images
        ],
        empty="No base branch uses such an image.",
        more=more if images else None,
        pager=pager,
    )
