"""The search page for images, repositories and vulnerabilities, and the page of trends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

from bot.core.evidence.finding_keys import parse_vulnerability_id
from bot.model.fleet_overview import ListSection
from bot.serve.http import HttpRequest
from bot.serve.pages.content import PageContent, PageLink
from bot.serve.pages.image_tables import build_image_list
from bot.serve.pages.overview import NOT_COMPUTED
from bot.serve.pages.ports import PagePorts, link_rest, parse_words
from bot.serve.pages.repository_tables import build_branch_list
from bot.serve.pages.vulnerability import build_vulnerability

FOUND_ROWS = 20
"""The maximum number of images and of base branches that the search shows."""
TRENDS_WAIT = timedelta(seconds=20)
"""How long the page of trends waits for the computation of the trends."""


def build_search(ports: PagePorts, request: HttpRequest, _parts: Mapping[str, str]) -> PageContent:
    """Return the images and repositories with a name, or the page of a vulnerability."""
    words, section = parse_words(request), ListSection(0, FOUND_ROWS)
    if (vulnerability := parse_vulnerability_id(words)) is not None:
        return build_vulnerability(ports, request, {"id": vulnerability})
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
