"""One run over one tree, stopped after the proof: what `scan` does."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.verdict import verdict
from bot.model.decision import Update
from bot.model.policy import Rulebook
from bot.model.report import RepositoryReport, RunReport
from bot.model.vocabulary import Level
from bot.pipeline.edit import Edited, edit
from bot.pipeline.judge import World, judge
from bot.pipeline.survey import Survey, survey
from bot.ports import GitRepository, Tree


@dataclass(frozen=True, slots=True)
class Scanned:
    """What `scan` found, and the proved edits that `scan --write` may write."""

    report: RunReport
    survey: Survey
    edited: Edited


def scan(tree: Tree, root: str, world: World, rulebook: Rulebook) -> Scanned:
    """Run over one tree and stop after the proof. Raises TreeError when it cannot be listed."""
    surveyed = survey(GitRepository("", "", None, None), tree, world.formats)
    judged = judge([surveyed], world, rulebook)
    (decisions,) = judged.decisions
    edited = edit(surveyed, [each for each in decisions if isinstance(each, Update)])
    unproved = {skip.occurrence: skip for skip in edited.unproved}
    verdicts = tuple(verdict(unproved.get(each.occurrence, each)) for each in decisions)
    repository = RepositoryReport("", root, None, verdicts, surveyed.unsupported)
    failures = (*surveyed.failed, *judged.failed)
    return Scanned(RunReport(Level.REPORT, (repository,), dict(judged.evidence), failures), surveyed, edited)
