"""One run over one tree, stopped after the proof: what `scan` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.core.choice.verdict import verdict
from bot.core.places.select import Home, select
from bot.model.decision import Decision, NotChecked, Selected, Update
from bot.model.forge import GitRepository
from bot.model.policy import Rulebook
from bot.model.report import RepositoryReport, RunReport, Verdict
from bot.model.source import Change
from bot.model.vocabulary import Level
from bot.pipeline.survey import Survey, survey
from bot.ports import Clock, FileFormat, RulesReader, Tree

if TYPE_CHECKING:  # what nobody is asked about costs no start
    from bot.pipeline.judge import Judged, World


@dataclass(frozen=True, slots=True)
class Offline:
    """All of the world that a scan needs which asks nobody."""

    formats: Sequence[FileFormat]
    clock: Clock
    read_rules: RulesReader


@dataclass(frozen=True, slots=True)
class Scanned:
    """What `scan` found, and the proved changes that `scan --write` may write."""

    report: RunReport
    survey: Survey
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """What is to be done at places, on what evidence, and the changes of files that were proved."""

    decisions: tuple[Decision, ...]
    judged: Judged
    changes: tuple[Change, ...]


def scan(tree: Tree, root: str, world: World | Offline, rulebook: Rulebook) -> Scanned:
    """Run over one tree and stop after the proof.

    Raises TreeError when it cannot be listed, and ConfigError where its own file is wrong.
    """
    surveyed = survey(GitRepository("", "", None, None, is_public=False), tree, world.formats, world.read_rules)
    rulebook = replace(rulebook, inner=surveyed.rules)
    if isinstance(world, Offline):
        report = RunReport(Level.REPORT, (_of_tree(root, surveyed, _selected(surveyed, world, rulebook)),))
        return Scanned(report.with_failures(surveyed.failed), surveyed)
    return _asked(surveyed, root, world, rulebook)


def _selected(surveyed: Survey, world: Offline, rulebook: Rulebook) -> list[Verdict]:
    """Return what can be said of every place without asking anybody."""
    today = world.clock.now().date()
    selected = [select(rulebook, Home("", ""), occurrence, today) for occurrence in surveyed.occurrences]
    return [verdict(NotChecked(place) if isinstance(place, Selected) else place) for place in selected]


def _asked(surveyed: Survey, root: str, world: World, rulebook: Rulebook) -> Scanned:
    """Ask the world what is newer, and prove the edits."""
    decided = decide_all(surveyed, surveyed, world, rulebook)
    verdicts = list(map(verdict, decided.decisions))
    failures = (*surveyed.failed, *decided.judged.failed)
    report = RunReport(Level.REPORT, (_of_tree(root, surveyed, verdicts),), dict(decided.judged.evidence), failures)
    return Scanned(report, surveyed, decided.changes)


def decide_all(
    surveyed: Survey,
    looked_at: Survey,
    world: World,
    rulebook: Rulebook,
    needs_evidence: Callable[[Update], bool] = lambda _: True,
) -> Decided:
    """Return what is to be done at the places of `looked_at`, which are some of those of `surveyed`.

    `needs_evidence` is as for `judge`.
    """
    from bot.pipeline.edit import edit
    from bot.pipeline.judge import judge

    judged = judge([looked_at], world, rulebook, needs_evidence)
    (decisions,) = judged.decisions
    edited = edit(surveyed, [each for each in decisions if isinstance(each, Update)])
    unproved = {skip.occurrence: skip for skip in edited.unproved}
    return Decided(tuple(unproved.get(each.occurrence, each) for each in decisions), judged, edited.changes)


def _of_tree(root: str, surveyed: Survey, verdicts: Sequence[Verdict]) -> RepositoryReport:
    return RepositoryReport("", root, None, tuple(verdicts), surveyed.unsupported)
