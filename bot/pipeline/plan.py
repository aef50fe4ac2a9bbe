"""Plan: edit the files, prove the edits, and put what belongs together into proposals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.core.edit import apply_edits, is_proved, write_digest
from bot.core.group import branch_for, group, images_of, intent_of, labels_of, message, targets_of, title
from bot.core.mark import mark
from bot.core.render import render_body
from bot.core.view import ProposalView, build_view, fingerprint, transition_of
from bot.model.decision import Decision, Skip, Transition, Update
from bot.model.errors import EditError
from bot.model.evidence import Evidence
from bot.model.proposal import Change, Proposal
from bot.model.reference import Digest
from bot.model.source import FilePath, Slot, SourceFile
from bot.model.vocabulary import Reason
from bot.pipeline.survey import Reading, Survey
from bot.ports import ForgeLimits

BODY_RESERVE = 500
"""Characters of a body that stay free for what is known only when it is written: the request that it follows."""
MANY_ROWS = 10_000
"""Rows of the view that the fingerprint is made over: never cut, so that it does not depend on the forge's limit."""


@dataclass(frozen=True, slots=True)
class Edited:
    """Changes that were proved, and the updates that could not be."""

    changes: tuple[Change, ...]
    made: tuple[Update, ...]
    unproved: tuple[Skip, ...]


def edit(survey: Survey, updates: Iterable[Update]) -> Edited:
    """Make the edits of `updates`, file by file; a file whose edits cannot be proved stays as it is."""
    by_path: dict[FilePath, list[Update]] = defaultdict(list)
    for update in updates:
        by_path[update.occurrence.path].append(update)
    changes: list[Change] = []
    made: list[Update] = []
    unproved: list[Skip] = []
    for path in sorted(by_path):
        readings = [reading for reading in survey.readings if reading.file.path == path]
        try:
            content = _edited(readings, by_path[path])
        except EditError as error:
            unproved += [Skip(each.occurrence, Reason.NOT_PROVED, str(error)) for each in by_path[path]]
            continue
        changes.append(Change(path, content))
        made += by_path[path]
    return Edited(tuple(changes), tuple(made), tuple(unproved))


def _edited(readings: Sequence[Reading], updates: Sequence[Update]) -> bytes:
    """Return the edited content of one file. Raises EditError when it does not show exactly what was planned."""
    file = readings[0].file
    edits = [
        write_digest(update.occurrence.digest, update.candidates[0].digest)
        for update in updates
        if isinstance(update.occurrence.digest, Slot)
    ]
    content = apply_edits(file.content, edits)
    for reading in readings:
        planned = _planned(reading, updates)
        found = tuple(reading.file_format.extract(SourceFile(file.path, content)))
        if not is_proved(reading.found, found, planned):
            raise EditError("reading the edited file again did not show exactly the planned change")
    return content


def _planned(reading: Reading, updates: Iterable[Update]) -> Mapping[str, Digest]:
    return {
        update.occurrence.locator: update.candidates[0].digest
        for update in updates
        if update.occurrence.format == reading.file_format.name
    }


@dataclass(frozen=True, slots=True)
class Wording:
    """What proposals are called and how they read."""

    branch_prefix: str
    body_template: str
    limits: ForgeLimits


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wanted of one repository."""

    decisions: tuple[Decision, ...]
    """Those it was made from, with what could not be proved turned into skips."""
    proposals: tuple[Proposal, ...]


def plan(
    survey: Survey, decisions: Sequence[Decision], evidence: Mapping[Transition, Evidence], wording: Wording
) -> Plan:
    """Return one proposal per line, all its files together."""
    updates = [decision for decision in decisions if isinstance(decision, Update)]
    skips: dict[Update, Skip] = {}
    proposals: list[Proposal] = []
    for line, together in group(updates).items():
        edited = edit(survey, together)
        for skip in edited.unproved:
            skips |= {update: skip for update in together if update.occurrence == skip.occurrence}
        if edited.made:
            proposals.append(_propose(branch_for(wording.branch_prefix, line), edited, evidence, wording))
    settled = tuple(skips.get(each, each) if isinstance(each, Update) else each for each in decisions)
    return Plan(settled, tuple(proposals))


def _propose(branch: str, edited: Edited, evidence: Mapping[Transition, Evidence], wording: Wording) -> Proposal:
    updates = edited.made
    targets = targets_of(updates)
    report = fingerprint(build_view(updates, evidence, MANY_ROWS))
    remembered = mark(targets, report, withdrawn=False)

    def view_with(rows: int) -> ProposalView:
        return build_view(updates, evidence, rows)

    space = wording.limits.body_characters - len(remembered) - BODY_RESERVE
    body = render_body(wording.body_template, view_with, space)
    moves = {transition_of(update) for update in updates}
    return Proposal(
        branch=branch,
        title=title(updates, (evidence[move].delta for move in moves))[: wording.limits.title_characters],
        body=f"{body.rstrip()}\n\n{remembered}\n",
        message=message(updates),
        changes=edited.changes,
        images=images_of(updates),
        targets=targets,
        intent=intent_of(updates),
        report=report,
        labels=labels_of(updates),
    )
