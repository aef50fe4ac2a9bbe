"""Propose: bring what is wanted of one repository and what its forge remembers together, branch by branch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.core.group import branch_for
from bot.core.lifecycle import next_step
from bot.core.mark import memory
from bot.model.decision import Decision, Held, Refused, Skip, Unknown, UpToDate
from bot.model.errors import ForgeError
from bot.model.proposal import Proposal, Seen, Unwanted
from bot.model.reference import Line
from bot.model.report import Failed, ProposalReport
from bot.model.source import Closed
from bot.model.vocabulary import Level, Reason, Stage
from bot.pipeline.perform import Performer, failed
from bot.pipeline.plan import Plan
from bot.pipeline.survey import Survey
from bot.ports import Clock, Forge


@dataclass(frozen=True, slots=True)
class Proposed:
    """What became of the proposals of one repository."""

    reports: tuple[ProposalReport, ...] = ()
    failed: tuple[Failed, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposing:
    """One repository's proposals, wanted and remembered."""

    forge: Forge
    survey: Survey
    plan: Plan
    branch_prefix: str
    level: Level
    clock: Clock

    def proceed(self) -> Proposed:
        """Take the next step of every branch; one that breaks costs no other."""
        if self.survey.repository.base_branch is None:
            return Proposed()
        subject = self.survey.repository.name
        wanted = {proposal.branch: proposal for proposal in self.plan.proposals}
        try:
            seen = self._seen(frozenset(wanted))
        except ForgeError as error:
            return Proposed(failed=(Failed(subject, Stage.PROPOSE, str(error)),))
        places = self._places_by_branch()
        reports: list[ProposalReport] = []
        failures: list[Failed] = []
        for branch in sorted(wanted.keys() | seen.keys()):
            try:
                report = self._step(wanted.get(branch), places.get(branch, ()), seen.get(branch, ()))
            except ForgeError as error:
                report = failed(wanted.get(branch) or Unwanted(""), branch, str(error))
                failures.append(Failed(f"{subject} {branch}", Stage.PROPOSE, str(error)))
            if report is not None:
                reports.append(report)
        return Proposed(tuple(reports), tuple(failures))

    def _seen(self, wanted: frozenset[str]) -> Mapping[str, Sequence[Seen]]:
        by_branch: dict[str, list[Seen]] = defaultdict(list)
        for each in self.forge.seen(self.branch_prefix, wanted):
            by_branch[each.branch].append(each)
        return by_branch

    def _step(
        self, proposal: Proposal | None, places: Sequence[Decision], seen: Sequence[Seen]
    ) -> ProposalReport | None:
        wanted = proposal or Unwanted(_why_not(places))
        known = self._is_known(proposal, places, seen)
        step = next_step(wanted, seen, known=known, now=self.clock.now())
        return None if step is None else Performer(self.forge, self.level).perform(step, wanted)

    def _places_by_branch(self) -> Mapping[str, Sequence[Decision]]:
        places: dict[Line, list[Decision]] = defaultdict(list)
        for decision in self.plan.decisions:
            line = _line_of(decision)
            if line is not None:
                places[line].append(decision)
        return {branch_for(self.branch_prefix, line): decisions for line, decisions in places.items()}

    def _is_known(self, proposal: Proposal | None, places: Sequence[Decision], seen: Sequence[Seen]) -> bool:
        """Say whether all that the branch depends on was looked at: its registry, and every file that may name it."""
        if any(map(_is_unknown, places)):
            return False
        if proposal is not None:
            return not self.survey.failed
        repositories = {place.occurrence.reference.repository for place in places}
        for each in seen:
            repositories |= {target.rpartition("@")[0].rpartition(":")[0] for target in memory(each.body).targets}
        return not any(self.survey.may_hide(repository) for repository in repositories or {""})


def _line_of(decision: Decision) -> Line | None:
    match decision:
        case Skip(line=line):
            return line
        case Refused(update=update):
            return update.selected.line
        case _:
            return decision.selected.line


def _is_unknown(place: Decision) -> bool:
    """Say whether somebody who was asked could not say what is to be done at a place: a registry, a scanner, Azure."""
    match place:
        case Unknown():
            return True
        case Refused(reason=reason):
            return reason is Reason.NOT_SCANNED
        case Skip(occurrence=occurrence, reason=reason):
            closed = occurrence.digest
            return isinstance(closed, Closed) and closed.reason is reason and not closed.is_certain
        case _:
            return False


def _why_not(places: Sequence[Decision]) -> str:
    """Say why nothing is wanted where the image stands now."""
    reasons = [place.reason.sentence for place in places if isinstance(place, Skip | Refused | Held)]
    if reasons:
        return reasons[0]
    if any(isinstance(place, UpToDate) for place in places):
        return "The base branch already has what the tag points to."
    return "No file names this image any more."
