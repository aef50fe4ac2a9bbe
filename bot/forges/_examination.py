"""What trying a forge has in common: which repositories the config selects there, and which of them are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from bot.model.diagnosis import Check, ok, problem
from bot.model.forge import GitRepository
from bot.model.report import Failed

MAX_LOOKED_AT = 50
"""Repositories of one forge on which rights are tried, at some requests each."""
SELECT = "select repositories"


def selected(subject: str, found: Iterable[GitRepository | Failed]) -> Iterator[GitRepository | Check]:
    """Yield the repositories that a config selects, each once, and what came of looking for them."""
    seen: dict[str, GitRepository] = {}
    failures = 0
    for each in found:
        if isinstance(each, Failed):
            failures += 1
            yield problem(each.subject, SELECT, each.error)
        elif each.name not in seen:
            seen[each.name] = each
            yield each
            if each.known_as is not None:
                yield ok(each.known_as, SELECT, f"it is called {each.name} now; write its new name in the config")
    if seen:
        yield ok(subject, SELECT, f"{len(seen)} selected{_unborn(seen.values())}")
    elif not failures:
        yield problem(subject, SELECT, "none is selected; see whether the names, globs and topics of the config fit")


def examined(
    subject: str,
    found: Iterable[GitRepository | Failed],
    rights: Callable[[GitRepository], Iterable[Check]],
) -> Iterator[Check]:
    """Yield what came of looking for repositories, and of trying `rights` on some of them."""
    repositories: list[GitRepository] = []
    for each in selected(subject, found):
        if isinstance(each, Check):
            yield each
        else:
            repositories.append(each)
    sample = _sample(repositories)
    if len(sample) < len(repositories):
        of_these = f"{len(sample)} of {len(repositories)}"
        yield ok(subject, "try rights", f"on {of_these}: what is named, and the first of each owner")
    for repository in sample:
        yield from rights(repository)


def _sample(repositories: Sequence[GitRepository]) -> Sequence[GitRepository]:
    """Return every repository that is named, and the first of each owner; no more than MAX_LOOKED_AT."""
    owners: set[str] = set()
    chosen: list[GitRepository] = []
    for each in repositories:
        owner = each.name.rpartition("/")[0].lower()
        if not each.is_selected or owner not in owners:
            chosen.append(each)
        if each.is_selected:
            owners.add(owner)
    return chosen[:MAX_LOOKED_AT]


def _unborn(repositories: Iterable[GitRepository]) -> str:
    """Say how many have nothing to propose to."""
    count = sum(each.base_branch is None for each in repositories)
    return f", {count} without a base branch, to which nothing is proposed" if count else ""
