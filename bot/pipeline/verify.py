"""Verify: look for the signatures of each distinct image once in a run, where somebody is trusted to sign it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.core.evidence.signatures import together
from bot.core.evidence.trust import trust_for
from bot.model.decision import Transition
from bot.model.reference import Digest
from bot.model.report import Failed
from bot.model.signature import SignatureOutcome, Signatures, SignatureUnknown
from bot.model.trust import Trust
from bot.model.vocabulary import Stage
from bot.pipeline.pool import Pool
from bot.pipeline.troubles import each_once
from bot.ports import Progress, Verifier


@dataclass(frozen=True, slots=True)
class Verification:
    """The signatures of the transitions whose images somebody is trusted to sign, and what could not be asked."""

    signatures: Mapping[Transition, Signatures]
    failed: tuple[Failed, ...] = ()


@dataclass(frozen=True, slots=True)
class _Image:
    repository: str
    digest: Digest
    trust: Trust


def verify(
    transitions: Iterable[Transition],
    trusts: Sequence[Trust],
    verifiers: Sequence[Verifier],
    pool: Pool,
    progress: Progress,
) -> Verification:
    """Look for the signatures of old and new; images that no entry of `trusts` is about are not asked for."""
    trusted = {
        move: trust
        for move in sorted(set(transitions), key=lambda move: move.order)
        if (trust := trust_for(trusts, move.line.repository)) is not None
    }
    images = list(dict.fromkeys(image for move, trust in trusted.items() for image in _images(move, trust)))
    if not images:
        return Verification({})
    progress.phase("Verifying signatures", len(images))

    def of(image: _Image) -> SignatureOutcome:
        found = (each.verify(image.repository, image.digest, image.trust) for each in verifiers)
        outcome = together(each for each in found if each is not None)
        progress.step()
        return outcome

    outcomes = dict(zip(images, pool.map(of, images), strict=True))
    progress.done()
    signatures = {
        move: Signatures(
            outcomes[_Image(move.line.repository, move.old, trust)] if move.old else None,
            outcomes[_Image(move.line.repository, move.new, trust)],
        )
        for move, trust in trusted.items()
    }
    return Verification(signatures, tuple(_failures(outcomes)))


def _images(move: Transition, trust: Trust) -> Iterable[_Image]:
    return [_Image(move.line.repository, digest, trust) for digest in (move.old, move.new) if digest]


def _failures(outcomes: Mapping[_Image, SignatureOutcome]) -> Iterator[Failed]:
    return each_once(
        Failed(f"{image.repository}@{image.digest}", Stage.ASSESS, outcome.detail)
        for image, outcome in outcomes.items()
        if isinstance(outcome, SignatureUnknown) and outcome.is_failure
    )
