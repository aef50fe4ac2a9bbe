"""Decide on all image references; each phase ends for all extract results before the next one begins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.evidence.gates import apply_gates
from bot.core.references.reconcile import reconcile_decisions
from bot.core.references.select import RepositoryBranch, select_reference, skip_unknown_registry
from bot.core.transition import build_transition
from bot.model.decision import Decision, ImageUpdate, SkippedReference, TrackedImage, Transition
from bot.model.evidence import Evidence
from bot.model.image import Resolution
from bot.model.policy import PolicyConfig
from bot.model.reference import TagRef
from bot.model.report import RunFailure
from bot.pipeline.assess import assess
from bot.pipeline.extract import ExtractResult
from bot.pipeline.inspect_images import inspect_images
from bot.pipeline.lookup import run_lookups
from bot.pipeline.resolve_tags import LookupClients
from bot.pipeline.verify_signatures import verify_signatures
from bot.pipeline.worker_pool import REGISTRY_POOL, SCAN_POOL
from bot.ports import (
    AdvisorySource,
    Clock,
    FileFormat,
    ImageBuilder,
    ProgressReporter,
    Registry,
    RegistryFacts,
    RulesReader,
    ScannerSelector,
    SignatureVerifier,
    StateStore,
    SupersededStore,
)


def _return_false(_: TagRef) -> bool:
    return False


def _return_true(_: ImageUpdate) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class RunContext:
    """The services that a run uses."""

    formats: Sequence[FileFormat]
    registry: Registry
    select_scanner: ScannerSelector
    clock: Clock
    progress: ProgressReporter
    state_store: StateStore
    superseded_store: SupersededStore
    registry_facts: RegistryFacts
    read_rules: RulesReader
    builders: Sequence[ImageBuilder] = ()
    """Used by runs over repositories that can be cloned from a host, not by a scan of a folder."""
    verifiers: Sequence[SignatureVerifier] = ()
    advisories: AdvisorySource | None = None
    """None if the config has no lists and no VEX documents."""
    is_private: Callable[[TagRef], bool] = _return_false
    """Returns True if findings for the images of a tag must not be shown where everyone can read them."""


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """The decisions, the evidence that they are based on, and the failures."""

    decisions: tuple[tuple[Decision, ...], ...]
    """One tuple for each extract result, in the given order."""
    evidence: Mapping[Transition, Evidence]
    resolutions: Mapping[TagRef, Resolution]
    """The result of the lookup of every tag."""
    failures: tuple[RunFailure, ...]


def decide_updates(
    extract_results: Sequence[ExtractResult],
    context: RunContext,
    policy_config: PolicyConfig,
    needs_evidence: Callable[[ImageUpdate], bool] = _return_true,
) -> DecisionResult:
    """Decide on every image reference of `extract_results`, and return the evidence for the decisions.

    An update for which `needs_evidence` returns False is neither assessed nor checked by gates.
    """
    selections = [
        _select_images(extract_result, replace(policy_config, repository_rules=extract_result.rules), context)
        for extract_result in extract_results
    ]
    clients = LookupClients(
        context.registry,
        context.registry_facts,
        context.state_store,
        context.superseded_store,
        policy_config.purging_hosts,
    )
    tracked_images = [
        item for repository_items in selections for item in repository_items if isinstance(item, TrackedImage)
    ]
    lookup_result = run_lookups(tracked_images, clients, policy_config, context.progress, context.clock.now())
    decisions = [
        reconcile_decisions(
            [item if isinstance(item, SkippedReference) else lookup_result.decide(item) for item in repository_items]
        )
        for repository_items in selections
    ]
    updates = [each for repository_items in decisions for each in repository_items if isinstance(each, ImageUpdate)]
    transitions = {
        build_transition(update, candidate)
        for update in filter(needs_evidence, updates)
        for candidate in update.candidates
    }
    evidence, evidence_failures = _collect_evidence(transitions, policy_config, context)
    now = context.clock.now()
    gated_decisions = [
        reconcile_decisions(
            [
                apply_gates(each, evidence, now, is_public=extract_result.repository.may_be_public)
                if isinstance(each, ImageUpdate) and needs_evidence(each)
                else each
                for each in repository_items
            ]
        )
        for extract_result, repository_items in zip(extract_results, decisions, strict=True)
    ]
    failures = (*lookup_result.failures, *evidence_failures)
    return DecisionResult(tuple(gated_decisions), evidence, lookup_result.resolutions, failures)


def _collect_evidence(
    transitions: Collection[Transition], policy_config: PolicyConfig, context: RunContext
) -> tuple[Mapping[Transition, Evidence], tuple[RunFailure, ...]]:
    """Scan, inspect and verify the images of all transitions; return the evidence and what failed."""
    assessed = assess(
        transitions, context.select_scanner, context.state_store, SCAN_POOL, context.progress, context.advisories
    )
    inspected = inspect_images(
        assessed.evidence, context.registry, context.state_store, REGISTRY_POOL, context.progress
    )
    verified = verify_signatures(transitions, policy_config.trust, context.verifiers, REGISTRY_POOL, context.progress)
    evidence = {
        transition: replace(
            found, signatures=verified.signatures.get(transition), is_private=context.is_private(transition.tag_ref)
        )
        for transition, found in inspected.evidence.items()
    }
    return evidence, (*assessed.failures, *inspected.failures, *verified.failures)


def _select_images(
    extract_result: ExtractResult, policy_config: PolicyConfig, context: RunContext
) -> list[TrackedImage | SkippedReference]:
    repository_branch = RepositoryBranch(extract_result.repository.name, extract_result.repository.base_branch or "")
    today = context.clock.now().date()
    return [
        skip_unknown_registry(policy_config, select_reference(policy_config, repository_branch, occurrence, today))
        for occurrence in extract_result.occurrences
    ]
