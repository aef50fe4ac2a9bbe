"""Propose: take the next step of every branch of one repository; one that breaks costs no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.model.errors import ForgeError
from bot.model.report import Failed, ProposalReport
from bot.model.vocabulary import Level, Stage
from bot.pipeline.perform import Performer, failed
from bot.pipeline.recall import Prospect
from bot.ports import Forge


@dataclass(frozen=True, slots=True)
class Proposed:
    """What became of the proposals of one repository."""

    reports: tuple[ProposalReport, ...] = ()
    failed: tuple[Failed, ...] = ()


def propose(subject: str, forge: Forge, prospects: Sequence[Prospect], level: Level) -> Proposed:
    """Take the steps of one repository, which reports call `subject`."""
    performer = Performer(forge, level)
    reports: list[ProposalReport] = []
    failures: list[Failed] = []
    for prospect in prospects:
        try:
            reports.append(performer.perform(prospect.step, prospect.wanted))
        except ForgeError as error:
            reports.append(failed(prospect.wanted, prospect.branch, str(error)))
            failures.append(Failed(f"{subject} {prospect.branch}", Stage.PROPOSE, str(error)))
    return Proposed(tuple(reports), tuple(failures))
