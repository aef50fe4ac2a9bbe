"""Repositories as a server lists them, many in one request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.forges.hosted.refusal import RefusedError, is_query_too_large

PAGE = 100
"""The largest page that servers return."""
MIN_PAGE = 10
"""The smallest page; a server that is too slow for it is read by REST."""
MAX_PAGES = 1_000
"""Pages of one owner's repositories, which are a hundred thousand repositories."""


@dataclass(frozen=True, slots=True)
class ListedRepository:
    """A repository as its server describes it."""

    name: str
    server_id: str | None
    """The id that the server gave it, which stays when it is renamed; None if it is not known."""
    default_branch: str | None
    topics: tuple[str, ...] = ()
    is_excluded: bool = False
    """True for repositories that get no proposals: archived ones, forks, and those that the server disabled, that are
    empty, or that are marked for deletion."""
    head_commit: str | None = None
    """The commit of its default branch; None if the list does not have it."""
    is_public: bool | None = None
    """True if everybody can read it; internal repositories of an organisation or a server are not public. None if the
    server does not say."""


@dataclass(frozen=True, slots=True)
class CataloguePage:
    """Some of the repositories of an owner."""

    repositories: Sequence[ListedRepository]
    has_next: bool
    end_cursor: str | None
    """The place in the list at which the next page begins."""


def list_by_pages(query_page: Callable[[int, str | None], CataloguePage]) -> list[ListedRepository]:
    """List repositories page by page, with smaller pages if the server is slow. Raises RefusedError.

    `query_page` queries a page of a given size that begins at a cursor; its other exceptions are passed on.
    """
    repositories: list[ListedRepository] = []
    cursor: str | None = None
    size = PAGE
    for _ in range(MAX_PAGES):
        try:
            page = query_page(size, cursor)
        except RefusedError as refusal:
            if not is_query_too_large(refusal) or size // 2 < MIN_PAGE:
                raise
            size //= 2
            continue
        repositories += page.repositories
        if not page.has_next:
            break
        cursor = page.end_cursor
    return repositories
