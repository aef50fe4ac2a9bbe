"""Perform: take one step of one proposal's life, as far up the ladder as the run may go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from bot.core.proposal.mark import read_mark, with_withdrawn
from bot.model.errors import GuardedError
from bot.model.extras import NO_EXTRAS, Extras
from bot.model.proposal import Close, Defer, Leave, LeaveReason, Open, Proposal, Refresh, Seen, Step, Sweep, Unwanted
from bot.model.report import ProposalReport
from bot.model.vocabulary import Level, ProposalOutcome
from bot.ports import Forge

HANDS_OFF = (
    "Somebody else committed to this branch, or pointed this to another base branch than the one it was made for, so "
    "basebump leaves it alone from now on: it neither pushes nor closes. What comes after it is proposed again once "
    "this is merged or closed."
)

_SWEEP_NOTE = "Its branch has no request and is not wanted."

_LEFT: dict[LeaveReason, tuple[ProposalOutcome, str]] = {
    LeaveReason.UNCHANGED: (ProposalOutcome.UNCHANGED, ""),
    LeaveReason.DECLINED: (ProposalOutcome.DECLINED, "A person closed exactly this."),
    LeaveReason.OPTED_OUT: (
        ProposalOutcome.DECLINED,
        "A person closed the first proposal of this repository, which opts it out.",
    ),
    LeaveReason.MUTED: (ProposalOutcome.DECLINED, "A person closed an earlier one, and the policy mutes what follows."),
    LeaveReason.EDITED: (
        ProposalOutcome.LEFT_ALONE,
        "Somebody else committed to its branch, or pointed it to another base branch.",
    ),
    LeaveReason.ACCEPTED: (ProposalOutcome.LEFT_ALONE, "A person accepted what it proposes; the next move waits."),
    LeaveReason.SLIDING: (
        ProposalOutcome.LEFT_ALONE,
        "All that is new is that a later digest is old enough now; that waits.",
    ),
    LeaveReason.UNKNOWN: (ProposalOutcome.LEFT_ALONE, "Not all that it depends on could be looked at in this run."),
    LeaveReason.TAKEN: (ProposalOutcome.LEFT_ALONE, "Its branch holds commits that are not basebump's."),
}


@dataclass(frozen=True, slots=True)
class Performer:
    """The verbs of one repository, up to one rung. Every verb's ForgeError passes through."""

    forge: Forge
    level: Level

    def perform(self, step: Step, wanted: Proposal | Unwanted) -> ProposalReport:
        """Take the step, and say what became of the proposal; what the forge keeps from the token is left out."""
        try:
            return self._take(step, wanted)
        except GuardedError as error:
            match step:
                case Open(proposal=Proposal(lesser=Proposal() as lesser)):
                    return self._open(replace(step, proposal=lesser))
                case Refresh(proposal=Proposal(lesser=Proposal() as lesser), extras=extras):
                    is_disarmed = extras.automerge is False
                    rest = replace(extras, automerge=None) if is_disarmed else extras
                    rest = replace(rest, status=lesser.extras.status)
                    return self._refresh(replace(step, proposal=lesser, amend=True, extras=rest))
                case Open(proposal=proposal) | Refresh(proposal=proposal):
                    return _of_wanted(proposal, ProposalOutcome.LEFT_ALONE, note=str(error))
                case _:
                    raise

    def _take(self, step: Step, wanted: Proposal | Unwanted) -> ProposalReport:
        match step:
            case Open():
                return self._open(step)
            case Refresh():
                return self._refresh(step)
            case Close():
                return self._close(step)
            case Sweep():
                return self._sweep(step)
            case Leave():
                return self._leave(step, wanted)
            case Defer():
                return _of_wanted(step.proposal, ProposalOutcome.DEFERRED, note=step.why.sentence)
        assert_never(step)

    def _open(self, step: Open) -> ProposalReport:
        proposal = step.proposal
        if self.level >= Level.PUSH and step.push:
            self._push(proposal, step.over)
        if self.level < Level.PROPOSE:
            return _of_wanted(proposal, ProposalOutcome.WOULD_OPEN, note=self._pushed(push=step.push))
        opened = self.forge.open(_following(proposal, step.withdrawn, self.forge.limits.sigil))
        return _of_wanted(proposal, ProposalOutcome.OPENED, opened.url, " ".join(opened.notes))

    def _refresh(self, step: Refresh) -> ProposalReport:
        """Move branch and text together or not at all: a text must not prove something else than what gets merged."""
        proposal = step.proposal
        if self.level < Level.PROPOSE:
            return _of_wanted(proposal, ProposalOutcome.WOULD_REFRESH, step.seen.url)
        seen, extras, notes = step.seen, step.extras, list[str]()
        if step.push and extras.automerge is False:  # else what comes might be merged before anybody looked
            notes += self.forge.amend(replace(seen, asks=frozenset()), seen.title, seen.body, Extras(automerge=False))
            extras = replace(extras, automerge=None)
        if step.push:
            self._push(proposal, seen)
            if self.forge.limits.disarms_by_push and seen.armed and proposal.extras.automerge:
                extras = replace(extras, automerge=True)
        if step.amend or extras != NO_EXTRAS:
            title, body = (proposal.title, proposal.body) if step.amend else (seen.title, seen.body)
            notes += self.forge.amend(seen, title, body, extras)
        return _of_wanted(proposal, ProposalOutcome.REFRESHED, seen.url, " ".join(notes))

    def _close(self, step: Close) -> ProposalReport:
        """The mark comes first: whatever happens then, the close is never read as a person's."""
        seen = step.seen
        if self.level < Level.PROPOSE:
            return _of_seen(seen, ProposalOutcome.WOULD_CLOSE, step.why)
        if not read_mark(seen.body).withdrawn:
            self.forge.amend(seen, seen.title, with_withdrawn(f"Taken back: {step.why}\n\n{seen.body}"))
        self.forge.close(seen)
        self.forge.drop(seen)
        return _of_seen(seen, ProposalOutcome.CLOSED, step.why)

    def _sweep(self, step: Sweep) -> ProposalReport:
        if self.level < Level.PUSH:
            return _of_seen(step.seen, ProposalOutcome.WOULD_CLOSE, _SWEEP_NOTE)
        self.forge.drop(step.seen)
        return _of_seen(step.seen, ProposalOutcome.SWEPT, _SWEEP_NOTE)

    def _leave(self, step: Leave, wanted: Proposal | Unwanted) -> ProposalReport:
        if step.tell and step.seen is not None and self.level >= Level.PROPOSE:
            self.forge.tell(step.seen, HANDS_OFF)
        outcome, note = _LEFT[step.reason]
        if step.extras != NO_EXTRAS and step.seen is not None and self.level >= Level.PROPOSE:
            note = " ".join((note, *self.forge.amend(step.seen, step.seen.title, step.seen.body, step.extras)))
        url = step.seen.url if step.seen is not None else None
        if isinstance(wanted, Proposal):
            return _of_wanted(wanted, outcome, url, note)
        title = step.seen.title if step.seen is not None else ""
        return ProposalReport(step.branch, outcome, title, url=url, note=note)

    def _pushed(self, *, push: bool) -> str:
        if self.level < Level.PUSH:
            return ""
        return "Its branch was pushed." if push else "Its branch is there already."

    def _push(self, proposal: Proposal, over: Seen | None) -> None:
        self.forge.push(proposal.branch, proposal.changes, proposal.message, over.head if over is not None else None)


def failed(wanted: Proposal | Unwanted, branch: str, note: str) -> ProposalReport:
    """Return the report of a step that broke."""
    if isinstance(wanted, Proposal):
        return _of_wanted(wanted, ProposalOutcome.FAILED, note=note)
    return ProposalReport(branch, ProposalOutcome.FAILED, "", note=note)


def _following(proposal: Proposal, before: Seen | None, sigil: str) -> Proposal:
    """Return the proposal with a first sentence that names the request which it follows."""
    if before is None or before.number is None:
        return proposal
    said = f"This was proposed before in {sigil}{before.number} and taken back."
    return replace(proposal, body=f"{said}\n\n{proposal.body}")


def _of_wanted(proposal: Proposal, outcome: ProposalOutcome, url: str | None = None, note: str = "") -> ProposalReport:
    left_out = (
        f"Left out, since the token may not change it: {', '.join(proposal.left_out)}." if proposal.left_out else ""
    )
    return ProposalReport(
        branch=proposal.branch,
        outcome=outcome,
        title=proposal.title,
        images=proposal.images,
        files=tuple(change.path for change in proposal.changes),
        url=url,
        note=" ".join(filter(None, (note, left_out))),
        body=proposal.body,
    )


def _of_seen(seen: Seen, outcome: ProposalOutcome, note: str) -> ProposalReport:
    return ProposalReport(seen.branch, outcome, seen.title, url=seen.url, note=note)
