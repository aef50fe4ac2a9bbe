"""Plan: put the proved edits that belong together into proposals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.evidence.compare import exploited_in
from bot.core.evidence.withheld import published
from bot.core.markdown import one_line
from bot.core.proposal.automerge import is_merge_unknown, may_merge
from bot.core.proposal.fingerprint import fingerprint
from bot.core.proposal.group import Bundle, group, images_of, intent_of, targets_of
from bot.core.proposal.handling import extras_of, on_close_of, rebase_of, schedules_of, slides, worth_of
from bot.core.proposal.mark import Remembered, mark, signed
from bot.core.proposal.opening import is_unproven, opens_at
from bot.core.proposal.render import render_body, render_line, render_message
from bot.core.proposal.status import status_of
from bot.core.proposal.view.proposal import ProposalView, build_view
from bot.core.proposal.words import build_head
from bot.core.transition import transition_of
from bot.model.decision import Cause, Decision, Skip, Transition, Update
from bot.model.evidence import Evidence
from bot.model.forge import ForgeLimits
from bot.model.proposal import Proposal, Target
from bot.model.source import FilePath
from bot.pipeline.edit import Edited, edit
from bot.pipeline.survey import Survey

BODY_RESERVE = 900
"""Characters of a body that stay free for what is known only when it is written: the request that it follows, and the
status of its commit, and what has not run for it."""
MANY_ROWS = 10_000
"""Rows of the view that the fingerprint is made over: never cut, so that it does not depend on the forge's limit."""


@dataclass(frozen=True, slots=True)
class Templates:
    """The sources of what basebump writes."""

    title: str
    body: str
    message: str
    dashboard: str


@dataclass(frozen=True, slots=True)
class Wording:
    """What proposals are called and how they read."""

    branch_prefix: str
    templates: Templates
    trailers: tuple[str, ...]
    """Of every commit, besides ours."""
    limits: ForgeLimits
    has_status: bool = False
    """Whether what is known of a proposal is a status of its commit, where the forge has such."""
    is_public: bool = False
    """Whether everybody can read them."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One proposal, and the updates that it is made of."""

    proposal: Proposal
    updates: tuple[Update, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wanted of one repository."""

    decisions: tuple[Decision, ...]
    """Those it was made from, with what could not be proved turned into skips."""
    proposals: tuple[Planned, ...]


def plan(
    survey: Survey,
    decisions: Sequence[Decision],
    evidence: Mapping[Transition, Evidence],
    wording: Wording,
    *,
    all_at_once: bool = False,
) -> Plan:
    """Return one proposal per bundle, all its files together; or one for everything."""
    updates = [decision for decision in decisions if isinstance(decision, Update)]
    skips: dict[Update, Skip] = {}
    proposals: list[Planned] = []
    for bundle, together in group(updates, survey.repository.other_base, all_at_once=all_at_once).items():
        edited = edit(survey, together)
        for skip in edited.unproved:
            skips |= {update: skip for update in together if update.occurrence == skip.occurrence}
        if edited.made:
            proposal = _propose(bundle, edited, evidence, wording)
            lesser = _without_guarded(survey, bundle, edited.made, evidence, wording)
            proposals.append(Planned(replace(proposal, lesser=lesser), edited.made))
    settled = tuple(skips.get(each, each) if isinstance(each, Update) else each for each in decisions)
    return Plan(settled, tuple(proposals))


def _without_guarded(
    survey: Survey,
    bundle: Bundle,
    updates: Sequence[Update],
    evidence: Mapping[Transition, Evidence],
    wording: Wording,
) -> Proposal | None:
    """Return what is left without files that the forge may keep from the token; None where it is all, or nothing."""
    guarded = wording.limits.guarded
    kept = {update.occurrence.path for update in updates if guarded and update.occurrence.path.startswith(guarded)}
    rest = [update for update in updates if update.occurrence.path not in kept]
    if not kept or not rest:
        return None
    return _propose(bundle, edit(survey, rest), evidence, wording, left_out=sorted(kept))


def _propose(
    bundle: Bundle,
    edited: Edited,
    evidence: Mapping[Transition, Evidence],
    wording: Wording,
    *,
    left_out: Sequence[FilePath] = (),
) -> Proposal:
    updates = edited.made
    moves = sorted({transition_of(update) for update in updates}, key=lambda move: move.order)
    shown = {move: published(evidence[move]) if wording.is_public else evidence[move] for move in moves}
    known = [(update, evidence[transition_of(update)]) for update in updates]
    is_draft = any(update.doubt or update.selected.policy.draft for update in updates)
    needs_people = is_draft or bundle.is_first
    automerge = not needs_people and all(may_merge(*each) for each in known)
    is_open_to_merge = not needs_people and all(may_merge(*each) or is_merge_unknown(*each) for each in known)
    status = None
    if wording.has_status and wording.limits.has_statuses:
        status = status_of(list(shown.values()), is_doubted=any(update.doubt for update in updates))
    said = _said(bundle, updates, shown, wording, left_out, automerge=automerge)
    return Proposal(
        branch=bundle.branch(wording.branch_prefix),
        title=said.title,
        body=said.body,
        message=said.message,
        changes=edited.changes,
        images=images_of(updates),
        targets=said.targets,
        intent=said.intent,
        report=said.report,
        extras=replace(
            extras_of(updates), automerge=automerge or None, status=status, workflows=wording.limits.workflows
        ),
        rebase=rebase_of(updates),
        refresh_every=max(update.selected.policy.refresh_every for update in updates),
        slides=all(map(slides, updates)),
        schedules=schedules_of(updates),
        opens_at=opens_at(known),
        is_unproven=is_unproven(known),
        worth=worth_of([evidence[move] for move in moves]),
        is_overdue=any(update.cause is Cause.GONE for update in updates),
        on_close=on_close_of(updates),
        is_first=bundle.is_first,
        is_draft=is_draft,
        is_merge_unknown=is_open_to_merge and not automerge,
        left_out=tuple(left_out),
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """What a proposal says, and by what it is remembered that it does."""

    title: str
    body: str
    message: str
    targets: tuple[Target, ...]
    intent: str
    report: str


def _said(
    bundle: Bundle,
    updates: Sequence[Update],
    shown: Mapping[Transition, Evidence],
    wording: Wording,
    left_out: Sequence[FilePath],
    *,
    automerge: bool,
) -> _Said:
    """Render a proposal; `shown` is what may be told of each move, in their order."""

    def view_with(rows: int) -> ProposalView:
        return build_view(updates, shown, rows, is_first=bundle.is_first, left_out=left_out)

    targets, intent = targets_of(updates), intent_of(updates)
    report = fingerprint(view_with(MANY_ROWS), shown.values())
    remembered = mark(Remembered(targets, report, automerge=automerge))
    space = wording.limits.body_characters - len(remembered) - BODY_RESERVE
    body = render_body(wording.templates.body, view_with, space)
    head = build_head(bundle, updates, [each.delta for each in shown.values()], exploited_in(shown.values()))
    return _Said(
        title=one_line(render_line(wording.templates.title, head), wording.limits.title_characters),
        body=f"{body.rstrip()}\n\n{remembered}\n",
        message=signed(render_message(wording.templates.message, head), intent, wording.trailers, bundle.base),
        targets=targets,
        intent=intent,
        report=report,
    )
