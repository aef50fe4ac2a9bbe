"""Follow: which lines each place may move to, by the tags that its repository has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil

from bot.core.endings import end_by_operator
from bot.core.tags import could_end
from bot.core.targets import targets, wants_tags
from bot.model.decision import Selected
from bot.model.errors import RegistryError
from bot.model.hosts import announces_ends, is_acr
from bot.model.policy import EndOfLife
from bot.model.reference import Line
from bot.model.report import Failed
from bot.pipeline.pool import Pool
from bot.pipeline.troubles import Troubles
from bot.ports import Progress, Registry

WATCHED_SHARE = 10
"""Of how many lines one is looked at in a run for whether it has ended, so that looking costs little where nothing
moved."""
GOLDEN_RATIO = (5**0.5 - 1) / 2
"""Multiples of it spread evenly, also every seventh or fourteenth of them: a turn that was counted in days would pass
some lines by for good where runs are weekly, or rest at weekends."""


@dataclass(frozen=True, slots=True)
class Shelves:
    """The tags of the repositories that were asked for them, or why they could not be had."""

    tags: Mapping[str, Sequence[str] | RegistryError]
    counted: frozenset[str]
    """Repositories of Azure's own, where continuous patching works; a cache has the tags of somebody else."""
    watched: tuple[Line, ...]
    """Whose turn it is to be looked at for an end."""
    known: tuple[EndOfLife, ...]
    """What the operator says of ends."""
    today: date
    failed: tuple[Failed, ...]

    def offered(self, line: Line) -> Sequence[str]:
        """Return the tags beside a line; none where nobody asked, or nobody answered."""
        found = self.tags.get(line.repository, ())
        return () if isinstance(found, RegistryError) else found

    def lines(self, selected: Selected) -> tuple[Line, ...] | RegistryError:
        """Return the lines that a place may move to, the farthest first; the written one is the last."""
        found = self.tags.get(selected.line.repository, ())
        if isinstance(found, RegistryError):
            return found if wants_tags(selected) else (selected.line,)
        line = selected.line
        over = end_by_operator(line, self.known, self.today)
        named = over.successor if over is not None else None
        return targets(selected, found, counted=line.repository in self.counted, named=named)


def follow(
    selected: Sequence[Selected],
    registry: Registry,
    pool: Pool,
    progress: Progress,
    known: tuple[EndOfLife, ...],
    today: date,
) -> Shelves:
    """Ask for the tags of every repository where a place may move to another tag, and of some where a line may end."""
    wanted = {place.line.repository for place in selected if wants_tags(place)}
    watched = tuple(_watched({place.line for place in selected}, today))
    repositories = sorted(wanted | {line.repository for line in watched if could_end(line.tag)})
    troubles = Troubles()
    progress.phase("Listing tags", len(repositories))

    def ask(repository: str) -> tuple[str, ...] | RegistryError:
        try:
            troubles.raise_if_silent(registry.origin(Line(repository, "")).host)
            return registry.tags(repository)
        except RegistryError as error:
            if repository in wanted:
                troubles.note(error.host, error)
            return error
        finally:
            progress.step()

    tags = dict(zip(repositories, pool.map(ask, repositories), strict=True))
    progress.done()
    counted = frozenset(each for each in wanted if is_acr(registry.origin(Line(each, "")).host))
    return Shelves(tags, counted, watched, known, today, tuple(troubles.failures()))


def _watched(lines: Iterable[Line], today: date) -> Iterable[Line]:
    """Return those lines whose turn it is today."""
    all_lines = sorted(lines)
    may_end = [line for line in all_lines if could_end(line.tag) or announces_ends(line.host)]
    share = min(ceil(len(all_lines) / WATCHED_SHARE), len(may_end))
    if not share:
        return ()
    first = int(today.toordinal() * GOLDEN_RATIO % 1 * len(may_end))
    return [*may_end, *may_end][first : first + share]
