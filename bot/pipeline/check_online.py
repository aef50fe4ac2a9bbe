"""The part of a check that needs network access: available updates, signatures and ages of images."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from bot.core.choice.violations import (
    build_signature_violation,
    check_build_age,
    find_violations,
    format_short_reference,
    get_update_cause,
)
from bot.core.evidence.exposure_violations import describe_unknown_exposure, find_exposure_violations
from bot.core.evidence.trust import describe_signature, find_trust
from bot.core.references.policy import RuleTarget, evaluate_policy
from bot.core.references.select import is_known_registry
from bot.core.transition import DEFAULT_PLATFORM, get_first_transition
from bot.model.check import CheckedReference, Violation
from bot.model.decision import (
    Decision,
    ImageUpdate,
    SkippedReference,
    Transition,
    UnresolvedReference,
    UpdateCause,
    get_tracked_image,
)
from bot.model.due_date import select_shorter_periods
from bot.model.evidence import Evidence, ScanSubject
from bot.model.image import Resolution, ResolvedTag
from bot.model.image_name import Digest, ImageName, TagRef
from bot.model.policy import PolicyConfig
from bot.model.signature import SignatureOutcome, SignatureUnknown, VerifiedSignature
from bot.model.source import Reference
from bot.model.vocabulary import Reason, ViolationKind
from bot.pipeline.checked_references import CheckOptions, build_checked_reference, build_fix_command
from bot.pipeline.choice.decide_updates import DecisionResult
from bot.pipeline.evidence.collect_evidence import fetch_contents
from bot.pipeline.evidence.verify_signatures import verify_signatures
from bot.pipeline.references.extract import ExtractResult
from bot.pipeline.run_context import RunContext
from bot.pipeline.scan import decide_tree

_Image = tuple[TagRef, Digest]
UNKNOWN_TAG = "latest"
"""The tag with which an image without a tag is named. Signatures are looked up by the digest."""


def check_online(
    extract_result: ExtractResult,
    checked: ExtractResult,
    context: RunContext,
    policy_config: PolicyConfig,
    options: CheckOptions,
) -> tuple[CheckedReference, ...]:
    """Check image references with network access, and return the result for each reference.

    Args:
        extract_result: All references of the tree. Some are not checked, but an edit must not change them by accident.
        checked: The extract result with only the references to check, such as those on changed lines.
        context: The services of the run.
        policy_config: The policy.
        options: The options of the check.
    """
    max_age = options.max_age

    def needs_evidence(update: ImageUpdate) -> bool:
        """Return True if checking a reference needs evidence about its update, such as scans.

        No evidence is needed if `max_age` is None and the only fact is that the tag of a pinned reference points to a
        newer digest. Such a reference is never a violation, whatever the evidence is.
        """
        is_pinned = update.reference.image.digest is not None
        return max_age is not None or update.cause is not UpdateCause.MOVED or not is_pinned

    needs_exposure = _needs_exposure(policy_config, options)
    tree_decisions = decide_tree(
        extract_result, checked, context, policy_config, needs_evidence, needs_exposure=needs_exposure
    )
    reported_errors = frozenset(each.error for each in context.failures.list_all())
    images = {
        each.reference: image
        for each in tree_decisions.decisions
        if (image := _get_image_to_verify(each, tree_decisions.decision_result.resolutions)) is not None
    }
    if options.is_strict:
        images |= _list_excluded_images(tree_decisions.decisions, policy_config)
    signatures = _verify_signatures(images.values(), tree_decisions.decision_result, context, policy_config)
    build_times = _fetch_build_times(tree_decisions.decisions, context) if max_age is not None else {}
    checked_references: list[CheckedReference] = []
    for decision in tree_decisions.decisions:
        fix_command = build_fix_command(decision, options)
        violations = list(
            find_violations(
                decision, fix_command, policy_config.end_of_life, context.now.date(), policy_config.blocklist
            )
        )
        if (image := images.get(decision.reference)) is not None:
            violations += _check_signature(decision.reference.image, image, signatures, policy_config)
        notes = [] if options.is_strict else _explain_unchecked(decision, reported_errors)
        for found, unknown in (
            _check_age(decision, build_times, context, options),
            _check_exposure(decision, tree_decisions.decision_result, context, options),
        ):
            violations += found
            notes += unknown
        checked_references.append(build_checked_reference(decision, violations, options, is_offline=False, notes=notes))
    return tuple(checked_references)


def _explain_unchecked(decision: Decision, reported_errors: Collection[str]) -> list[str]:
    """Return one sentence that says why the reference was not checked; empty if it was checked.

    The result is also empty for a reference without a digest, because its violation already says that the lookup
    failed. The sentence ends with the error, such as `: timeout`. The sentence omits an error in `reported_errors`,
    because the report shows each of these errors once, below all references.
    """
    if not isinstance(decision, UnresolvedReference) or decision.reference.image.digest is None:
        return []
    is_reported = decision.detail in reported_errors or (
        bool(reported_errors) and decision.reason is Reason.UNREACHABLE
    )
    detail = f": {decision.detail}" if decision.detail and not is_reported else ""
    return [f"{format_short_reference(decision.reference.image)} was not checked ({decision.reason}){detail}"]


def _check_age(
    decision: Decision, build_times: Mapping[ScanSubject, datetime | None], context: RunContext, options: CheckOptions
) -> tuple[list[Violation], list[str]]:
    """Return the violation of a pinned image that is too old, or a sentence if its build time is unknown."""
    outdated = _get_pinned_update(decision)
    if outdated is None or options.max_age is None:
        return [], []
    built_at = build_times.get(_get_pinned_subject(outdated))
    if built_at is None:
        return [], [f"build time of {format_short_reference(outdated.reference.image)} is unknown"]
    stale = check_build_age(outdated, built_at, options.max_age, context.now, build_fix_command(decision, options))
    return [stale] if stale is not None else [], []


# ---- exposure ----------------------------------------------------------------------------------------------------


def _needs_exposure(policy_config: PolicyConfig, options: CheckOptions) -> bool:
    """Return True if an option or a rule makes vulnerabilities of the images in use violations."""
    rules = (*policy_config.rules, *policy_config.repository_rules)
    return options.exposed is not None or any("exposed" in rule.keys for rule in rules)


def _check_exposure(
    decision: Decision, decision_result: DecisionResult, context: RunContext, options: CheckOptions
) -> tuple[list[Violation], list[str]]:
    """Return the violations of the image in use, and sentences about what could not be checked.

    In a strict check, these sentences are violations.
    """
    tracked_image = get_tracked_image(decision)
    exposure = decision_result.find_exposure(decision)
    periods = select_shorter_periods(options.exposed, tracked_image.policy.exposed if tracked_image else None)
    if periods is None or exposure is None:
        return [], []
    fix_command = build_fix_command(decision, options)
    violations = list(find_exposure_violations(decision, exposure, periods, context.now, fix_command))
    unknown = describe_unknown_exposure(decision, exposure, periods, context.now)
    if not unknown:
        return violations, []
    if not options.is_strict:
        return violations, [unknown]
    not_evaluated = Violation(ViolationKind.NOT_EVALUATED, unknown, unevaluated_reason=Reason.NOT_SCANNED)
    return [*violations, not_evaluated], []


# ---- signatures --------------------------------------------------------------------------------------------------


def _verify_signatures(
    images: Iterable[_Image], decision_result: DecisionResult, context: RunContext, policy_config: PolicyConfig
) -> Mapping[_Image, SignatureOutcome]:
    """Return the signature outcome of every image, unless its registry is not known.

    Images whose signatures were already verified in this run are not verified again.
    """
    known_outcomes = dict(_list_known_outcomes(decision_result.evidence))
    transitions = {
        image: Transition(image[0], None, image[1], (DEFAULT_PLATFORM,))
        for image in images
        if image not in known_outcomes and is_known_registry(policy_config, image[0].host)
    }
    verified = verify_signatures(transitions.values(), policy_config.trust, context)
    new_outcomes = {
        image: verified[transition].new for image, transition in transitions.items() if transition in verified
    }
    return {**known_outcomes, **new_outcomes}


def _list_known_outcomes(evidence: Mapping[Transition, Evidence]) -> Iterator[tuple[_Image, SignatureOutcome]]:
    for transition, move_evidence in evidence.items():
        if move_evidence.signatures is None:
            continue
        yield (transition.tag_ref, transition.new), move_evidence.signatures.new
        if transition.old is not None and move_evidence.signatures.old is not None:
            yield (transition.tag_ref, transition.old), move_evidence.signatures.old


def _get_image_to_verify(decision: Decision, resolutions: Mapping[TagRef, Resolution]) -> _Image | None:
    """Return the image whose signature must be verified to check a reference.

    This is the image with the digest in the file or, if the file has no digest, the image that the tag points to.
    Return None if no rule requires a signature for the reference, or if the tag could not be looked up. Also return
    None if the registry no longer has the digest in the file, because this is a violation of its own.
    """
    tracked_image = get_tracked_image(decision)
    if isinstance(decision, SkippedReference) or tracked_image is None or not tracked_image.policy.require.signature:
        return None
    if get_update_cause(decision) is UpdateCause.GONE:
        return None
    resolution = resolutions.get(tracked_image.tag_ref)
    tag_digest = resolution.digest if isinstance(resolution, ResolvedTag) else None
    digest = tracked_image.reference.image.digest or tag_digest
    return (tracked_image.tag_ref, digest) if digest is not None else None


def _list_excluded_images(decisions: Iterable[Decision], policy_config: PolicyConfig) -> Mapping[Reference, _Image]:
    """Return the image of each pinned reference that is excluded from updates, but for which a signature is required.

    A strict check verifies these images, because the author of a pull request can choose most of the reasons, such as a
    file in the folder `vendor`. Images that the operator excludes, with a rule or as own images, are left out.
    """
    operator_config = replace(policy_config, repository_rules=())
    images: dict[Reference, _Image] = {}
    for decision in decisions:
        reference = decision.reference
        if not isinstance(decision, SkippedReference) or reference.image.digest is None:
            continue
        target = RuleTarget(reference, reference.role, "", "")
        if decision.reason is Reason.OWN or evaluate_policy(operator_config, target).ignore:
            continue
        tag_ref = reference.image.to_tag_ref(UNKNOWN_TAG)
        if tag_ref is not None and evaluate_policy(policy_config, target).require.signature:
            images[reference] = tag_ref, reference.image.digest
    return images


def _check_signature(
    reference: ImageName, image: _Image, signatures: Mapping[_Image, SignatureOutcome], policy_config: PolicyConfig
) -> list[Violation]:
    outcome = signatures.get(image)
    if find_trust(policy_config.trust, image[0].repository) is None:
        return [build_signature_violation(reference, "no entry of `trust` is about this image")]
    if not is_known_registry(policy_config, image[0].host):
        return [build_signature_violation(reference, f"{image[0].host} is not listed under `registries`")]
    if isinstance(outcome, VerifiedSignature) or (isinstance(outcome, SignatureUnknown) and outcome.is_failure):
        return []  # an error during the verification is reported as a failure instead
    return [build_signature_violation(reference, describe_signature(outcome))]


# ---- ages --------------------------------------------------------------------------------------------------------


def _fetch_build_times(decisions: Iterable[Decision], context: RunContext) -> Mapping[ScanSubject, datetime | None]:
    """Return the build time of each pinned image for which an update is available; None if it is unknown."""
    subjects = [
        _get_pinned_subject(outdated) for each in decisions if (outdated := _get_pinned_update(each)) is not None
    ]
    return {
        subject: image_contents.created if image_contents is not None else None
        for subject, image_contents in fetch_contents(subjects, context).items()
    }


def _get_pinned_update(decision: Decision) -> ImageUpdate | None:
    """Return the update of a pinned digest that the registry still has; None for other decisions."""
    if not isinstance(decision, ImageUpdate) or decision.cause is UpdateCause.GONE:
        return None
    return decision if decision.reference.image.digest is not None else None


def _get_pinned_subject(update: ImageUpdate) -> ScanSubject:
    transition = get_first_transition(update)
    return ScanSubject(transition.tag_ref, transition.old or transition.new, transition.platforms[0])
