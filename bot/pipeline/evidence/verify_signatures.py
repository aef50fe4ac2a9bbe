"""Verify the signatures of the old and the new image of transitions. Each distinct image is verified once per run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.core.evidence.signatures import combine_signatures
from bot.core.evidence.trust import find_trust
from bot.model.decision import Transition
from bot.model.image_name import Digest
from bot.model.phases import ProgressStep
from bot.model.signature import SignatureOutcome, SignatureUnknown, TransitionSignatures
from bot.model.trust import TrustEntry
from bot.pipeline.failures import build_assess_failures
from bot.pipeline.run_context import RunContext


@dataclass(frozen=True, slots=True)
class _TrustedImage:
    repository: str
    digest: Digest
    trust: TrustEntry


def verify_signatures(
    transitions: Iterable[Transition], trust_entries: Sequence[TrustEntry], context: RunContext
) -> Mapping[Transition, TransitionSignatures]:
    """Verify the signatures of the old and the new image of each transition.

    If none of `trust_entries` matches the repository of a transition, the transition is left out of the result, because
    it is unknown which signers to trust.
    """
    trusted = {
        transition: trust
        for transition in sorted(set(transitions), key=lambda transition: transition.sort_key)
        if (trust := find_trust(trust_entries, transition.tag_ref.repository)) is not None
    }
    images = list(
        dict.fromkeys(image for transition, trust in trusted.items() for image in _list_images(transition, trust))
    )
    if not images:
        return {}

    def verify_image(image: _TrustedImage) -> SignatureOutcome:
        outcomes = (each.verify(image.repository, image.digest, image.trust) for each in context.verifiers)
        return combine_signatures(each for each in outcomes if each is not None)

    results = context.registry_pool.run_phase(ProgressStep.VERIFY_SIGNATURES, verify_image, images, context.progress)
    outcomes = dict(zip(images, results, strict=True))
    signatures = {
        transition: TransitionSignatures(
            outcomes[_TrustedImage(transition.tag_ref.repository, transition.old, trust)] if transition.old else None,
            outcomes[_TrustedImage(transition.tag_ref.repository, transition.new, trust)],
        )
        for transition, trust in trusted.items()
    }
    context.failures.add(
        build_assess_failures(
            (f"{image.repository}@{image.digest}", outcome.detail)
            for image, outcome in outcomes.items()
            if isinstance(outcome, SignatureUnknown) and outcome.is_failure
        )
    )
    return signatures


def _list_images(transition: Transition, trust: TrustEntry) -> Iterable[_TrustedImage]:
    return [
        _TrustedImage(transition.tag_ref.repository, digest, trust)
        for digest in (transition.old, transition.new)
        if digest
    ]
