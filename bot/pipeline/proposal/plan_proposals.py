"""Group updates into proposals, edit the files of each proposal, and render its texts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.core.budgets import EditBudget
from bot.core.evidence.private_evidence import remove_private_evidence
from bot.core.markdown import Plain
from bot.core.proposal.automerge import (
    can_automerge,
    describe_automerge_refusal,
    is_automerge_configured,
    is_automerge_unknown,
)
from bot.core.proposal.commit_status import build_status
from bot.core.proposal.due_dates import FixTimes, compute_due_date, compute_waiting_limit, is_due_date_unknown
from bot.core.proposal.fingerprint import compute_fingerprint
from bot.core.proposal.marks import append_trailers, render_mark
from bot.core.proposal.merged_options import (
    collect_schedules,
    compute_priority,
    determine_on_close,
    determine_rebase,
    is_only_aged,
    merge_attributes,
)
from bot.core.proposal.opening import compute_opening_time, is_awaiting_evidence
from bot.core.proposal.render import render_body, render_message, render_title
from bot.core.proposal.request_text import RequestText
from bot.core.proposal.titles import build_title_view
from bot.core.proposal.update_groups import (
    UpdateGroup,
    build_update_groups,
    compute_intent,
    list_proposed_images,
    list_targets,
)
from bot.core.proposal.view.due_dates import build_due_view
from bot.core.proposal.view.proposal import ProposalView, build_proposal_view
from bot.core.proposal.view.rebuild import build_rebuild_view
from bot.core.transition import get_first_transition
from bot.model.cost_limits import MAX_TREE_EDITED_BYTES
from bot.model.decision import (
    Decision,
    ImageUpdate,
    SkippedReference,
    Transition,
    UnresolvedReference,
    UpdateCause,
)
from bot.model.due_date import DueDate
from bot.model.evidence import Evidence
from bot.model.proposal import BodyMark, Proposal, Target
from bot.model.rebuild_effect import RebuildEffect
from bot.model.report import RunFailure
from bot.model.request_attributes import OVERDUE_LABEL, RequestAttributes
from bot.model.source import FilePath
from bot.model.vocabulary import FailureStage, Reason
from bot.pipeline.references.edit import EditResult, edit_files
from bot.pipeline.references.extract import ExtractResult
from bot.pipeline.run_context import ProposalStyle

RESERVED_BODY_CHARACTERS = 900
"""Characters of a body that are reserved for text that is added when the pull request is written. This text mentions
the earlier pull request, the status of the commit, and workflows that did not run for the commit.
"""


_UNPLANNED = (
    f"not all updates are proposed, because all proposals together edit files of more than {MAX_TREE_EDITED_BYTES} "
    "bytes, the limit for one repository; hint: merge the open proposals, or combine proposals with `group`"
)


RebuildLookup = Callable[[Collection[FilePath]], RebuildEffect | None]
"""Returns the own images that are rebuilt after a change of some files is merged; None if unknown."""


def _find_nothing(_: Collection[FilePath]) -> None:
    return None


@dataclass(frozen=True, slots=True)
class PlannedProposal:
    """A proposal and the updates that it contains."""

    proposal: Proposal
    updates: tuple[ImageUpdate, ...]
    build: Callable[[DueDate], Proposal] | None = field(default=None, compare=False, repr=False)
    """Rebuilds the proposal for a pull request that already has this due date; None if no policy sets `due`."""

    def keep_due_date(self, recorded: DueDate | None) -> PlannedProposal:
        """Return the planned proposal for a pull request whose mark contains the due date `recorded`."""
        if recorded is None or self.build is None:
            return self
        return replace(self, proposal=self.build(recorded))


@dataclass(frozen=True, slots=True)
class ProposalPlan:
    """The desired proposals for one repository, and the decisions on its image references."""

    decisions: tuple[Decision, ...]
    """The given decisions. If the edit for an update could not be verified, a SkippedReference replaces the update. If
    the update was not edited, because the earlier proposals exhausted the budget, an UnresolvedReference replaces
    it."""
    proposals: tuple[PlannedProposal, ...]
    failures: tuple[RunFailure, ...] = ()


def plan_proposals(
    extract_result: ExtractResult,
    decisions: Sequence[Decision],
    evidence: Mapping[Transition, Evidence],
    style: ProposalStyle,
    fix_times: FixTimes,
    *,
    all_at_once: bool = False,
    find_rebuild: RebuildLookup = _find_nothing,
) -> ProposalPlan:
    """Group the updates, and return one proposal for each group.

    A proposal edits all files that the updates in its group affect. A group has no proposal if none of its edits could
    be verified. If `all_at_once` is True, all updates are in one group. The proposals of a repository have a common
    budget for verifying edits. If it is exhausted, the remaining groups have no proposal, and a failure is returned.
    """
    updates = [decision for decision in decisions if isinstance(decision, ImageUpdate)]
    edit_budget = EditBudget()
    replaced: dict[ImageUpdate, SkippedReference | UnresolvedReference] = {}
    has_unplanned = False
    proposals: list[PlannedProposal] = []
    for update_group, group_updates in build_update_groups(
        updates, extract_result.repository.non_default_base, all_at_once=all_at_once
    ).items():
        if edit_budget.is_exhausted:
            has_unplanned = True
            replaced |= {each: _leave_unplanned(each) for each in group_updates}
            continue
        edit_result = edit_files(extract_result, group_updates, edit_budget)
        skips = {skip.reference: skip for skip in edit_result.unproved_skips}
        replaced |= {each: skips[each.reference] for each in group_updates if each.reference in skips}
        if edit_result.applied_updates:
            builder = _ProposalBuilder(update_group, edit_result, evidence, style, fix_times, find_rebuild)
            builder = replace(builder, without_protected=_plan_without_protected(builder, extract_result, edit_budget))
            has_due_dates = any(each.tracked_image.policy.due is not None for each in edit_result.applied_updates)
            proposals.append(
                PlannedProposal(builder.build(), edit_result.applied_updates, builder.build if has_due_dates else None)
            )
    final_decisions = tuple(replaced.get(each, each) if isinstance(each, ImageUpdate) else each for each in decisions)
    failure = RunFailure(extract_result.repository.name, FailureStage.EDIT, _UNPLANNED)
    return ProposalPlan(final_decisions, tuple(proposals), (failure,) if has_unplanned else ())


def _leave_unplanned(update: ImageUpdate) -> UnresolvedReference:
    """Return the decision on an update for which no proposal is planned, because the budget is exhausted."""
    return UnresolvedReference(update.tracked_image, Reason.TOO_MANY_IMAGES, _UNPLANNED)


@dataclass(frozen=True, slots=True)
class _ProposalBuilder:
    """The data from which a proposal is built as soon as its due date is known."""

    update_group: UpdateGroup
    edit_result: EditResult
    evidence: Mapping[Transition, Evidence]
    style: ProposalStyle
    fix_times: FixTimes
    find_rebuild: RebuildLookup
    protected_files: tuple[FilePath, ...] = ()
    """Files that the proposal leaves out, because the forge does not allow the token to change them."""
    without_protected: _ProposalBuilder | None = None
    """The same proposal without files in the protected folder; see `Proposal.without_protected`."""

    def build(self, recorded: DueDate | None = None) -> Proposal:
        """Return the proposal. `recorded` is the due date in the mark of the pull request; None if there is none."""
        updates, style = self.edit_result.applied_updates, self.style
        transitions = sorted({get_first_transition(update) for update in updates}, key=lambda each: each.sort_key)
        shown = {
            each: remove_private_evidence(self.evidence[each]) if style.is_public else self.evidence[each]
            for each in transitions
        }
        with_evidence = [(update, self.evidence[get_first_transition(update)]) for update in updates]
        with_shown_evidence = [(update, shown[get_first_transition(update)]) for update in updates]
        due = compute_due_date(with_evidence, recorded, self.fix_times)
        shown_recorded = None if recorded is not None and recorded.is_private and style.is_public else recorded
        shown_due = compute_due_date(with_shown_evidence, shown_recorded, self.fix_times)
        is_draft = any(update.needs_review or update.tracked_image.policy.draft for update in updates)
        needs_people = is_draft or self.update_group.is_onboarding
        automerge = not needs_people and all(can_automerge(*each) for each in with_evidence)
        is_open_to_merge = not needs_people and all(
            can_automerge(*each) or is_automerge_unknown(*each) for each in with_evidence
        )
        refusal = "" if automerge else self._describe_refusal(with_shown_evidence, is_draft=is_draft)
        rendered = self._render(shown, shown_due, automerge=automerge, refusal=refusal)
        return Proposal(
            branch=self.update_group.get_branch(style.branch_prefix),
            title=rendered.title,
            body=rendered.body,
            commit_message=rendered.commit_message,
            changes=self.edit_result.changes,
            images=list_proposed_images(updates),
            targets=rendered.targets,
            intent=rendered.intent,
            report_fingerprint=rendered.report_fingerprint,
            attributes=self._build_attributes(list(shown.values()), shown_due, automerge=automerge),
            rebase=determine_rebase(updates),
            refresh_every=max(update.tracked_image.policy.refresh_every for update in updates),
            is_only_aged=all(map(is_only_aged, updates)),
            schedules=collect_schedules(updates),
            opens_at=compute_opening_time(with_evidence),
            awaits_evidence=is_awaiting_evidence(with_evidence),
            priority=compute_priority([self.evidence[transition] for transition in transitions]),
            replaces_unusable_digest=any(update.cause in {UpdateCause.GONE, UpdateCause.BLOCKED} for update in updates),
            is_urgent=any(update.cause is UpdateCause.BLOCKED for update in updates),
            due=due,
            is_due_unknown=due is None and is_due_date_unknown(with_evidence),
            shown_due=shown_due,
            waits_until=compute_waiting_limit(with_evidence, self.fix_times),
            on_close=determine_on_close(updates),
            is_onboarding=self.update_group.is_onboarding,
            is_draft=is_draft,
            is_merge_unknown=is_open_to_merge and not automerge,
            without_protected=self.without_protected.build(recorded) if self.without_protected is not None else None,
            protected_files=self.protected_files,
        )

    def _describe_refusal(self, with_shown_evidence: Sequence[tuple[ImageUpdate, Evidence]], *, is_draft: bool) -> str:
        """Return why the proposal is not merged automatically; empty if automerge is not configured."""
        configured = [is_automerge_configured(update) for update, _ in with_shown_evidence]
        if not any(configured):
            return ""
        if self.update_group.is_onboarding:
            return "the first request needs a person"
        if is_draft:
            return "this is a draft"
        if not all(configured):
            return "not every image allows it"
        return next(filter(None, (describe_automerge_refusal(*each) for each in with_shown_evidence)), "")

    def _render(
        self,
        shown_evidence: Mapping[Transition, Evidence],
        shown_due: DueDate | None,
        *,
        automerge: bool,
        refusal: str,
    ) -> _RenderedProposal:
        """Render the title, body and commit message of the proposal.

        The fingerprint leaves out the rebuilt own images, because one more repository in the fleet is no reason to
        rewrite the pull request.

        Args:
            shown_evidence: The evidence that readers of the pull request may see.
            shown_due: The due date that readers of the pull request may see.
            automerge: True if the pull request is to be merged automatically. The body states this.
            refusal: Why it is not merged automatically, although the policy allows automerge for other updates.
        """
        updates, style, update_group = self.edit_result.applied_updates, self.style, self.update_group
        rebuild = self.find_rebuild({update.reference.path for update in updates})

        def build_limited_view(rows: int) -> ProposalView:
            view = build_proposal_view(
                updates,
                shown_evidence,
                rows,
                is_first=update_group.is_onboarding,
                protected_files=self.protected_files,
                has_alerts=style.limits.has_alerts,
                workflows=style.limits.workflows,
            )
            due_view, rebuild_view = build_due_view(shown_due), build_rebuild_view(rebuild)
            reason = Plain(refusal) if refusal else None
            return replace(view, due=due_view, rebuild=rebuild_view, merges_itself=automerge, automerge_refusal=reason)

        targets, intent = list_targets(updates), compute_intent(updates)
        report = compute_fingerprint(
            updates,
            shown_evidence,
            is_first=update_group.is_onboarding,
            protected_files=self.protected_files,
            due=shown_due,
        )
        mark = render_mark(BodyMark(targets, report, has_automerge=automerge, due=shown_due))
        title_view = build_title_view(update_group, updates, list(shown_evidence.values()))
        return _RenderedProposal(
            title=render_title(style.templates.title, title_view, style.limits.title_characters),
            body=_render_text(style, build_limited_view, mark),
            commit_message=append_trailers(
                render_message(style.templates.message, title_view), intent, style.trailers, update_group.base
            ),
            targets=targets,
            intent=intent,
            report_fingerprint=report,
        )

    def _build_attributes(
        self, shown: Sequence[Evidence], shown_due: DueDate | None, *, automerge: bool
    ) -> RequestAttributes:
        updates, limits = self.edit_result.applied_updates, self.style.limits
        merged = merge_attributes(updates)
        overdue_labels = (OVERDUE_LABEL,) if shown_due is not None and shown_due.is_overdue else ()
        status = None
        if self.style.has_status and limits.has_statuses:
            status = build_status(shown, needs_review=any(update.needs_review for update in updates))
        return replace(
            merged,
            labels=(*merged.labels, *overdue_labels),
            automerge=automerge or None,
            status=status,
            workflows=limits.workflows,
        )


def _plan_without_protected(
    builder: _ProposalBuilder, extract_result: ExtractResult, edit_budget: EditBudget
) -> _ProposalBuilder | None:
    """Return a variant of the proposal that changes no file in a protected folder, such as `.github/workflows/`.

    The variant is used if the forge does not allow the token to change files in this folder. If the proposal changes no
    file in such a folder, no variant is needed, and None is returned. If the proposal changes only files in such a
    folder, nothing would remain, and None is returned, too.
    """
    updates, protected_folder = builder.edit_result.applied_updates, builder.style.limits.protected_folder
    protected_files = {
        update.reference.path
        for update in updates
        if protected_folder and update.reference.path.startswith(protected_folder)
    }
    remaining_updates = [update for update in updates if update.reference.path not in protected_files]
    if not protected_files or not remaining_updates:
        return None
    return replace(
        builder,
        edit_result=edit_files(extract_result, remaining_updates, edit_budget),
        protected_files=tuple(sorted(protected_files)),
    )


@dataclass(frozen=True, slots=True)
class _RenderedProposal:
    """The rendered title, body and commit message of a proposal.

    Later runs read three values from the pull request: `targets` and `report_fingerprint`, which a hidden comment in
    the body contains, and `intent`, which a trailer of the commit message contains.
    """

    title: str
    body: str
    commit_message: str
    targets: tuple[Target, ...]
    intent: str
    report_fingerprint: str


def _render_text(style: ProposalStyle, view_builder: Callable[[int], ProposalView], mark: str) -> str:
    """Render the text of a proposal: its body with the mark, and an appendix if the forge has short bodies."""
    limits, templates = style.limits, style.templates
    space = limits.body_characters - RESERVED_BODY_CHARACTERS
    if limits.appendix_characters:
        summary = render_body(templates.summary, view_builder, space)
        appendix = render_body(templates.appendix, view_builder, limits.appendix_characters)
        return RequestText(summary.strip(), appendix.strip(), mark).join()
    return RequestText(render_body(templates.body, view_builder, space - len(mark)).rstrip(), mark=mark).join()
