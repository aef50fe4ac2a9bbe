"""Repositories as a server lists them."""

from __future__ import annotations

from dataclasses import dataclass


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
