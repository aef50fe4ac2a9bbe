"""Verify the signatures of each distinct image once per run, if the config has a `trust` entry for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.core.evidence.signatures import combine_signatures
from bot.core.evidence.trust import find_trust
from bot.model.decision import Transition
from bot.model.reference import Digest
from bot.model.report import RunFailure
from bot.model.signature import SignatureOutcome, SignatureUnknown, TransitionSignatures
from bot.model.trust import TrustEntry
from bot.model.vocabulary import FailureStage
from bot.pipeline.registry_failures import deduplicate_failures
from bot.pipeline.worker_pool import WorkerPool
from bot.ports import ProgressReporter, SignatureVerifier


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """The results of verifying the transitions that match a `trust` entry, and the failures."""

    signatures: Mapping[Transition, TransitionSignatures]
    failures: tuple[RunFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class _TrustedImage:
    repository: str
    digest: Digest
    trust: TrustEntry


def verify_signatures(
    transitions: Iterable[Transition],
    trust_entries: Sequence[TrustEntry],
    verifiers: Sequence[SignatureVerifier],
    pool: WorkerPool,
    progress: ProgressReporter,
) -> VerifyResult:
    """Verify the signatures of old and new images; images that no `trust` entry matches are left out."""
    trusted = {
        transition: trust
        for transition in sorted(set(transitions), key=lambda transition: transition.sort_key)
        if (trust := find_trust(trust_entries, transition.tag_ref.repository)) is not None
    }
    images = list(
        dict.fromkeys(image for transition, trust in trusted.items() for image in _list_images(transition, trust))
    )
    if not images:
        return VerifyResult({})
    progress.start_phase("Verifying signatures", len(images))

    def verify_image(image: _TrustedImage) -> SignatureOutcome:
        outcomes = (each.verify(image.repository, image.digest, image.trust) for each in verifiers)
        outcome = combine_signatures(each for each in outcomes if each is not None)
        progress.advance()
        return outcome

    outcomes = dict(zip(images, pool.map(verify_image, images), strict=True))
    progress.finish_phase()
    signatures = {
        transition: TransitionSignatures(
            outcomes[_TrustedImage(transition.tag_ref.repository, transition.old, trust)] if transition.old else None,
            outcomes[_TrustedImage(transition.tag_ref.repository, transition.new, trust)],
        )
        for transition, trust in trusted.items()
    }
    return VerifyResult(signatures, tuple(_list_failures(outcomes)))


def _list_images(transition: Transition, trust: TrustEntry) -> Iterable[_TrustedImage]:
    return [
        _TrustedImage(transition.tag_ref.repository, digest, trust)
        for digest in (transition.old, transition.new)
        if digest
    ]


def _list_failures(outcomes: Mapping[_TrustedImage, SignatureOutcome]) -> Iterator[RunFailure]:
    return deduplicate_failures(
        RunFailure(f"{image.repository}@{image.digest}", FailureStage.ASSESS, outcome.detail)
        for image, outcome in outcomes.items()
        if isinstance(outcome, SignatureUnknown) and outcome.is_failure
    )
