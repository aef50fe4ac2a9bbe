"""Propose urgent updates at once, although basebump would normally wait or propose nothing.

In two situations, basebump normally does not propose a newer digest at once. After a user approved a pull request, it
stays unchanged for some days. After a user closed a pull request, no later digest of its tags is proposed if the policy
sets `on_close: line`. If the digest in such a pull request is dangerous, this module marks the newer update as urgent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bot.core.choice.ages import find_withdrawn_digests
from bot.core.evidence.compare import is_urgent_fix
from bot.core.transition import get_first_transition
from bot.model.decision import Transition
from bot.model.errors import RegistryError
from bot.model.image import Resolution, ResolvedTag
from bot.model.image_name import Digest, TagRef, parse_sha256
from bot.model.proposal import RemoteRequest
from bot.model.vocabulary import Reason
from bot.pipeline.evidence.collect_evidence import assess
from bot.pipeline.proposal.repository_plan import BranchPlan, RepositoryPlan
from bot.pipeline.run_context import RunContext


def expedite_urgent(
    repository_plans: Sequence[RepositoryPlan], resolutions: Mapping[TagRef, Resolution], context: RunContext
) -> tuple[RepositoryPlan, ...]:
    """Return all plans, after marking the proposals that must not wait as urgent.

    The newer digest is proposed at once in these cases:

    - The publisher rolled the tag back to an older digest, because the proposed digest was faulty.
    - The registry no longer has the proposed digest.
    - The newer digest fixes an urgent vulnerability of the proposed digest. This is the only case that also applies to
      a pull request that a user closed.

    Raises:
        StateError: If the state cannot be read.
    """
    branch_plans = [each for repository_plan in repository_plans for each in repository_plan.branch_plans]
    waiting_transitions = {
        transition for each in branch_plans for transition in _list_transitions(each, each.waiting_request)
    }
    muted_transitions = {
        transition for each in branch_plans for transition in _list_transitions(each, each.muted_request)
    }
    if not waiting_transitions and not muted_transitions:
        return tuple(repository_plans)
    unusable = _find_unusable(waiting_transitions, resolutions, context)
    assessable = (waiting_transitions | muted_transitions) - unusable
    assessing = context.with_new_log()
    evidence = assess(assessable, assessing)
    context.failures.add_new(assessing.failures.list_all())  # a list that cannot be read fails in earlier phases, too
    pressing = {transition for transition in assessable if is_urgent_fix(evidence[transition])}

    def is_urgent(branch_plan: BranchPlan) -> bool:
        return bool(
            (unusable | pressing).intersection(_list_transitions(branch_plan, branch_plan.waiting_request))
        ) or bool(pressing.intersection(_list_transitions(branch_plan, branch_plan.muted_request)))

    def expedite(branch_plan: BranchPlan) -> BranchPlan:
        return branch_plan.expedite(context.now) if is_urgent(branch_plan) else branch_plan

    return tuple(each.replace_branch_plans(expedite) for each in repository_plans)


def _find_unusable(
    transitions: Iterable[Transition], resolutions: Mapping[TagRef, Resolution], context: RunContext
) -> set[Transition]:
    """Return the transitions whose old digest is unusable. An open pull request proposes this old digest.

    The old digest is unusable if the publisher withdrew it by rolling the tag back to an older digest, or if the
    registry no longer has the old digest.
    """
    rolled_back = {
        transition for transition in transitions if _is_rolled_back(transition, resolutions.get(transition.tag_ref))
    }
    remaining = sorted(set(transitions) - rolled_back, key=lambda transition: transition.sort_key)
    is_gone = context.registry_pool.map(lambda transition: _is_gone(transition, context), remaining)
    return rolled_back | {transition for transition, gone in zip(remaining, is_gone, strict=True) if gone}


def _list_transitions(branch_plan: BranchPlan, request: RemoteRequest | None) -> Iterator[Transition]:
    """Yield a transition for each tag for which the plan has another digest than the pull request `request`.

    The transition leads from the proposed digest to the digest in the plan. Tags that are not in `request` are left
    out. Yield nothing if `request` is None.
    """
    if request is None:
        return
    proposed_digests = _parse_targets(request.mark.targets)
    for transition in {get_first_transition(update) for update in branch_plan.updates}:
        old = proposed_digests.get(str(transition.new_tag_ref))
        if old is not None and old != transition.new:
            yield Transition(transition.new_tag_ref, old, transition.new, transition.platforms)


def _parse_targets(targets: Iterable[str]) -> Mapping[str, Digest]:
    parts = (target.rpartition("@") for target in targets)
    return {tag_ref: digest for tag_ref, _, word in parts if (digest := parse_sha256(word)) is not None}


def _is_rolled_back(transition: Transition, resolution: Resolution | None) -> bool:
    """Return True if the publisher rolled the tag back, away from the old digest of the transition."""
    return isinstance(resolution, ResolvedTag) and transition.old in find_withdrawn_digests(
        resolution.observations, resolution.digest
    )


def _is_gone(transition: Transition, context: RunContext) -> bool:
    if transition.old is None:
        return False
    try:
        context.registry.fetch_manifest(transition.tag_ref, transition.old)
    except RegistryError as error:
        return error.reason is Reason.NOT_FOUND_OR_DENIED
    return False
