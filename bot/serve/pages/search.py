"""The search page for images and repositories, the page of trends, and the page for unknown names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

from bot.model.fleet_overview import ListSection
from bot.serve.http import HttpRequest
from bot.serve.pages.content import PageContent, PageLink, Part
from bot.serve.pages.image_tables import build_image_list
from bot.serve.pages.overview import NOT_COMPUTED
from bot.serve.pages.ports import PagePorts, link_rest, parse_words
from bot.serve.pages.repository_tables import build_branch_list

FOUND_ROWS = 20
"""The maximum number of images and of base branches that the search shows."""
TRENDS_WAIT = timedelta(seconds=20)
"""How long the page of trends waits for the computation of the trends."""
_VULNERABILITY_PREFIXES = ("CVE-", "GHSA-")
_NO_VULNERABILITIES = (
    "The search finds images and repositories by their names, but no vulnerabilities. It cannot show whether an image "
    "is affected."
)
_NOT_FOUND = 404


def build_search(ports: PagePorts, request: HttpRequest, _parts: Mapping[str, str]) -> PageContent:
    words, section = parse_words(request), ListSection(0, FOUND_ROWS)
    if words.upper().startswith(_VULNERABILITY_PREFIXES):
        return PageContent(title=f"Search: {words}", notices=(_NO_VULNERABILITIES,))
    images, branches = ports.fleet.find_images(words, section), ports.fleet.find_branches(words, section)
    query = urlencode({"q": words})
    return PageContent(
        title=f"Search: {words}" if words else "Search",
        tables=(
            build_image_list(
                ports,
                images.entries,
                name="images",
                heading="Images",
                more=link_rest(images, f"{PageLink.IMAGES.address}?{query}"),
            ),
            build_branch_list(
                branches.entries,
                ports.clock.now(),
                name="repositories",
                heading="Repositories",
                more=link_rest(branches, f"{PageLink.REPOSITORIES.address}?{query}"),
            ),
        ),
    )


def build_trends(ports: PagePorts, _request: HttpRequest, _parts: Mapping[str, str]) -> PageContent:
    report = ports.trends.load(TRENDS_WAIT)
    return PageContent(
        title="Trends",
        link=PageLink.TRENDS,
        notices=() if report is not None else (NOT_COMPUTED,),
        trends=report.trends if report is not None else None,
        has_all_trends=True,
    )


def build_missing_page(sentence: str, link: PageLink | None = None) -> PageContent:
    """Return the page that is shown if the URL names nothing that exists, with the reason."""
    return PageContent(title="Not found", link=link, lead=(Part(sentence),), status=_NOT_FOUND)
