"""Recall: what the forge remembers of the branches of one repository, and the next step of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.proposal.group import Bundle, bundle_of, first
from bot.core.proposal.lifecycle import as_it_stands, next_step
from bot.core.proposal.mark import read_mark
from bot.model.dashboard import Ask
from bot.model.decision import Decision, Held, Refused, Skip, Unknown, Update, UpToDate, selected_of
from bot.model.proposal import Leave, LeaveReason, Proposal, Seen, Step, Unwanted
from bot.model.source import Closed
from bot.model.vocabulary import Reason
from bot.pipeline.plan import Plan, Planned
from bot.pipeline.survey import Survey

Asks = frozenset[tuple[Ask, str]]
"""What people ask for, and the branch that it is about."""

_WAITING = frozenset({LeaveReason.ACCEPTED, LeaveReason.SLIDING})


@dataclass(frozen=True, slots=True)
class Prospect:
    """One branch: what is wanted of it, what the forge shows of it, and the step between the two."""

    branch: str
    wanted: Proposal | Unwanted
    seen: tuple[Seen, ...]
    """Newest request first."""
    known: bool
    """Whether everything that it depends on was looked at in this run."""
    step: Step
    updates: tuple[Update, ...] = ()
    """What the wanted proposal is made of."""

    @property
    def waiting(self) -> Seen | None:
        """The open request that is left as it is, though there is something newer."""
        step = self.step
        return step.seen if isinstance(step, Leave) and step.reason in _WAITING else None

    @property
    def muted(self) -> Seen | None:
        """The request that a person closed, so that nothing newer is proposed."""
        step = self.step
        return step.seen if isinstance(step, Leave) and step.reason is LeaveReason.MUTED else None

    def hurried(self, now: datetime) -> Prospect:
        """Return the same branch where people must not wait for what is wanted."""
        if not isinstance(self.wanted, Proposal):
            return self
        urgent = replace(self.wanted, is_urgent=True)
        return replace(self, wanted=urgent, step=next_step(urgent, self.seen, known=self.known, now=now) or self.step)


def recall(
    shown: Iterable[Seen], surveyed: Survey, planned: Plan, asks: Asks, prefix: str, now: datetime
) -> tuple[Prospect, ...]:
    """Return every branch about which there is something to do or to say, by name; `shown` is what the forge shows."""
    wanted = {each.proposal.branch: _asked(each, asks) for each in planned.proposals}
    seen: dict[str, list[Seen]] = defaultdict(list)
    for each in shown:
        seen[each.branch].append(each)
    places = _places_by_branch(planned.decisions, surveyed.repository.other_base, prefix)
    prospects: list[Prospect] = []
    for branch in sorted(wanted.keys() | seen.keys()):
        about = places.get(branch) or _places_of(_lines_in(seen[branch]), planned.decisions)
        prospects += _prospect(branch, wanted.get(branch), about, tuple(seen[branch]), surveyed, now)
    return tuple(prospects)


def _asked(planned: Planned, asks: Asks) -> Planned:
    """Return a planned proposal with what people ask of it."""
    own = frozenset(ask for ask, branch in asks if branch == planned.proposal.branch)
    return replace(planned, proposal=replace(planned.proposal, asks=own)) if own else planned


def _prospect(
    branch: str,
    planned: Planned | None,
    places: Sequence[Decision],
    seen: tuple[Seen, ...],
    surveyed: Survey,
    now: datetime,
) -> Iterator[Prospect]:
    """Yield the branch if there is anything to do or to say about it."""
    wanted = as_it_stands(planned.proposal, seen) if planned is not None else Unwanted(_why_not(places))
    known = _is_known(planned, places, seen, surveyed)
    step = next_step(wanted, seen, known=known, now=now)
    if step is not None:
        yield Prospect(branch, wanted, seen, known, step, planned.updates if planned is not None else ())


def _places_by_branch(decisions: Sequence[Decision], base: str | None, prefix: str) -> Mapping[str, Sequence[Decision]]:
    places: dict[Bundle, list[Decision]] = defaultdict(list)
    for decision in decisions:
        selected = selected_of(decision)
        if selected is not None:
            places[bundle_of(selected, base)].append(decision)
    everything = [decision for decided in places.values() for decision in decided]
    of_bundles = {bundle.branch(prefix): decided for bundle, decided in places.items()}
    return of_bundles | {first(base).branch(prefix): everything}


def _lines_in(seen: Iterable[Seen]) -> frozenset[str]:
    """Return the lines that requests are about, as `repository:tag`."""
    return frozenset(target.rpartition("@")[0] for each in seen for target in read_mark(each.body).targets)


def _places_of(lines: Collection[str], decisions: Sequence[Decision]) -> Sequence[Decision]:
    """Return the places that follow one of some lines, for a branch that none is proposed on any more."""
    followed = ((decision, selected_of(decision)) for decision in decisions)
    return [decision for decision, selected in followed if selected is not None and str(selected.line) in lines]


def _is_known(planned: Planned | None, places: Sequence[Decision], seen: Sequence[Seen], surveyed: Survey) -> bool:
    """Say whether all that the branch depends on was looked at: its registry, and every file that may name it."""
    if any(map(_is_unknown, places)):
        return False
    if planned is not None:
        return not surveyed.failed
    proposed = _lines_in(seen)
    if any(_is_to_another_tag(place, proposed) for place in places):
        return False
    repositories = {place.occurrence.reference.repository for place in places}
    repositories |= {line.rpartition(":")[0] for line in proposed}
    return not any(surveyed.may_hide(repository) for repository in repositories or {""})


def _is_unknown(place: Decision) -> bool:
    """Say whether it was not found out what is to be done at a place: nobody could say, or nobody was to be asked."""
    match place:
        case Unknown() | Refused(reason=Reason.NOT_SCANNED) | Skip(reason=Reason.PAUSED):
            return True
        case Skip(reason=reason):
            closed = place.occurrence.digest
            return isinstance(closed, Closed) and closed.reason is reason and not closed.is_certain
        case _:
            return False


def _is_to_another_tag(place: Decision, proposed: Collection[str]) -> bool:
    """Say whether a place is proposed to move to another tag, and nobody could look in this run whether it still may.

    `proposed` are lines, as `repository:tag`.
    """
    selected = selected_of(place)
    if selected is None or not selected.unlisted:
        return False
    line = selected.line
    return any(each != str(line) and each.rpartition(":")[0] == line.repository for each in proposed)


def _why_not(places: Sequence[Decision]) -> str:
    """Say why nothing is wanted where the image stands now."""
    if any(isinstance(place, Update) for place in places):
        return "It is part of another proposal now."
    reasons = [place.reason.sentence for place in places if isinstance(place, Skip | Refused | Held)]
    if reasons:
        return reasons[0]
    if any(isinstance(place, UpToDate) for place in places):
        return "The base branch already has what the tag points to."
    return "No file names this image any more."
