"""Check: one tree as a gate sees it: the decisions of a scan, and what does not pass by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.core.choice.objections import objections
from bot.core.choice.verdict import verdict
from bot.core.places.reconcile import shares_with_others
from bot.core.places.select import Home, select, unless_unknown
from bot.core.places.touched import Change, ChangedFile
from bot.model.check import CheckedPlace, CheckReport
from bot.model.decision import Decision, NotChecked, Skip
from bot.model.forge import GitRepository
from bot.model.policy import Rulebook
from bot.model.vocabulary import Reason
from bot.pipeline.scan import Offline
from bot.pipeline.survey import Survey, survey
from bot.ports import Since, Tree

if TYPE_CHECKING:  # what nobody is asked about costs no start
    from bot.pipeline.judge import World


@dataclass(frozen=True, slots=True)
class Terms:
    """What a check is to be, beside the policy."""

    fix: str
    """The command that writes what can be written."""
    since: Since | None = None
    """Looks only at lines that changed; None for all."""
    max_age: timedelta | None = None
    """How old an image may be for which there is a newer one; None for any age."""


def check(tree: Tree, root: str, world: World | Offline, rulebook: Rulebook, terms: Terms) -> CheckReport:
    """Look at the places of one tree.

    Raises TreeError when it cannot be listed or nobody can say what changed, and ConfigError where its own file is
    wrong.
    """
    surveyed = survey(GitRepository("", "", None, None, is_public=False), tree, world.formats, world.read_rules)
    looked_at = surveyed if terms.since is None else _changed(surveyed, terms.since)
    rulebook = replace(rulebook, inner=surveyed.rules)
    report = CheckReport(
        root=root,
        is_offline=isinstance(world, Offline),
        since=terms.since.revision if terms.since is not None else None,
        places=(),
        unsupported=looked_at.unsupported,
        failed=surveyed.failed,
    )
    if isinstance(world, Offline):
        return replace(report, places=tuple(_untold(looked_at, world, rulebook, terms)))
    from bot.pipeline.check_asked import asked

    places, failed = asked(surveyed, looked_at, world, rulebook, terms.fix, terms.max_age)
    return replace(report, places=places, failed=(*surveyed.failed, *failed))


def _untold(looked_at: Survey, world: Offline, rulebook: Rulebook, terms: Terms) -> Sequence[CheckedPlace]:
    """Return what can be said of places without asking anybody: which of them are not pinned."""
    today = world.clock.now().date()
    selected = (select(rulebook, Home("", ""), place, today) for place in looked_at.occurrences)
    known = (unless_unknown(rulebook, place) for place in selected)
    decisions: list[Decision] = [place if isinstance(place, Skip) else NotChecked(place) for place in known]
    shared = shares_with_others(decisions)
    return [
        CheckedPlace(verdict(each), tuple(objections(each, terms.fix, (), today)))
        for each in (
            Skip(each.occurrence, Reason.CONFLICTING_EDITS) if each.occurrence in shared else each for each in decisions
        )
    ]


def _changed(surveyed: Survey, since: Since) -> Survey:
    """Return the survey with the places alone that were touched, and files among them that nobody could read."""
    paths = {place.path for place in (*surveyed.places, *surveyed.unread)}
    paths |= {path for place in surveyed.occurrences for path, _ in place.used_at}
    files = {
        path: ChangedFile(readings[0].file.content if (readings := surveyed.readings_of(path)) else b"", lines)
        for path, lines in since.changed(paths).items()
        if lines
    }
    change = Change(files)
    return replace(
        surveyed,
        places=tuple(filter(change.touches, surveyed.places)),
        unread=tuple(filter(change.touches, surveyed.unread)),
    )
