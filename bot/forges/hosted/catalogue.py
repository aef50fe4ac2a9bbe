"""Lists of a server's repositories, in which one response contains many repositories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.forges.hosted.refusal import RefusedError, ServerErrors, is_query_too_large

PAGE = 100
"""The largest page size that servers support."""
MIN_PAGE = 10
"""The smallest page size that basebump requests. If the server is too slow even for this size, callers use REST."""
MAX_PAGES = 1_000
"""The largest number of pages of one owner's repositories; 1,000 pages are 100,000 repositories."""


@dataclass(frozen=True, slots=True)
class ListedRepository:
    """A repository in a list that the server returned."""

    name: str
    server_id: str | None
    """The server's id of the repository, which stays the same if the repository is renamed; None if it is not known."""
    default_branch: str | None
    topics: tuple[str, ...] = ()
    is_excluded: bool = False
    """True if the repository gets no proposals: it is a fork, archived, disabled, empty, or marked for deletion."""
    head_commit: str | None = None
    """The commit of the default branch; None if the list does not contain it."""
    is_public: bool | None = None
    """True if everybody can read the repository. Internal repositories of an organisation or a server are not public.
    None if the server does not report the visibility."""
    tree: str | None = None
    """The git tree of `head_commit`; None if the list does not contain it."""
    activity: str | None = None
    """The hash of the activity in the repository; None if the list does not contain all of it."""
    listed_requests: frozenset[int] | None = None
    """The numbers of the open pull requests on which `activity` is based. None if `activity` is based on all pull
    requests and branches of basebump instead."""


@dataclass(frozen=True, slots=True)
class CataloguePage:
    """One page of the list of an owner's repositories."""

    repositories: Sequence[ListedRepository]
    has_next: bool
    end_cursor: str | None
    """The cursor at which the next page begins; None if this is the last page."""


def list_by_pages(query_page: Callable[[int, str | None], CataloguePage]) -> list[ListedRepository]:
    """Return the repositories of all pages of a list.

    `query_page` requests one page. Its parameters are the page size and the cursor of the page; the cursor of the first
    page is None. If the server is too slow for a page, a smaller page is requested. Any other exception of `query_page`
    is raised.
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


def find_each(
    names: Iterable[str], errors: ServerErrors, find: Callable[[str], ListedRepository]
) -> Iterator[tuple[str, ListedRepository | RefusedError]]:
    """Look up repositories one by one. Yield each name with its repository, or with the error if it cannot be read.

    `find` looks up one repository and raises RefusedError. `errors` explains the server's errors.
    """
    for name in names:
        try:
            with errors.translate(name):
                yield name, find(name)
        except RefusedError as refusal:
            yield name, refusal
