"""The part of a check that asks: what is newer, who signed what stands in the files, and how old it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from bot.core.choice.objections import cause_of, named, not_verified, objections, stale
from bot.core.choice.verdict import verdict
from bot.core.evidence.trust import spoken, trust_for
from bot.core.transition import DEFAULT_PLATFORM, transition_of
from bot.model.check import CheckedPlace, Objection
from bot.model.decision import Cause, Decision, Skip, Transition, Unknown, Update, selected_of
from bot.model.evidence import Evidence, Subject
from bot.model.image import Resolution, Resolved
from bot.model.policy import Rulebook
from bot.model.reference import Digest, Line
from bot.model.report import Failed
from bot.model.signature import SignatureOutcome, SignatureUnknown, Signed
from bot.model.vocabulary import Reason
from bot.pipeline.judge import Judged, World
from bot.pipeline.look import look_into
from bot.pipeline.pool import REGISTRIES
from bot.pipeline.scan import decide_all
from bot.pipeline.survey import Survey
from bot.pipeline.verify import verify

_Image = tuple[Line, Digest]


def asked(
    surveyed: Survey, looked_at: Survey, world: World, rulebook: Rulebook, fix: str, max_age: timedelta | None
) -> tuple[tuple[CheckedPlace, ...], tuple[Failed, ...]]:
    """Return what there is to say of the places of `looked_at`, and what could not be done.

    `fix` and `max_age` are those of `Terms`.
    """

    def decides(update: Update) -> bool:
        """Say whether anything depends on what moving changes: nothing does where being out of date is no finding."""
        is_pinned = update.occurrence.reference.digest is not None
        return max_age is not None or update.cause is not Cause.MOVED or not is_pinned

    decided = decide_all(surveyed, looked_at, world, rulebook, decides)
    signatures, not_asked = _signatures(decided.decisions, decided.judged, world, rulebook)
    built, not_looked = _built(decided.decisions, world) if max_age is not None else ({}, ())
    now = world.clock.now()
    places: list[CheckedPlace] = []
    said = frozenset(each.error for each in decided.judged.failed)
    for decision in decided.decisions:
        found = list(objections(decision, fix, rulebook.end_of_life, now.date()))
        found += _of_signature(decision, decided.judged.resolutions, signatures, rulebook)
        notes = _notes(decision, said)
        moved = _outdated(decision)
        if moved is not None and max_age is not None:
            created = built.get(_held(moved))
            too_old = stale(moved, created, max_age, now, fix) if created is not None else None
            found += [too_old] if too_old is not None else []
            notes += [] if created is not None else [f"when {named(moved.occurrence.reference)} was built is not known"]
        places.append(CheckedPlace(verdict(decision), tuple(found), tuple(notes)))
    return tuple(places), tuple(dict.fromkeys((*decided.judged.failed, *not_asked, *not_looked)))


def _notes(decision: Decision, said: Collection[str]) -> list[str]:
    """Say why a place was not looked at; `said` has what stands once beneath all of them."""
    if not isinstance(decision, Unknown):
        return []
    is_said = decision.detail in said or (bool(said) and decision.reason is Reason.UNREACHABLE)
    detail = f": {decision.detail}" if decision.detail and not is_said else ""
    return [f"{named(decision.occurrence.reference)} was not checked ({decision.reason}){detail}"]


# ---- signatures --------------------------------------------------------------------------------------------------


def _signatures(
    decisions: Iterable[Decision], judged: Judged, world: World, rulebook: Rulebook
) -> tuple[Mapping[_Image, SignatureOutcome], tuple[Failed, ...]]:
    """Return who signed what stands in the files, where a rule requires it; what the run found already is not asked."""
    known = dict(_known(judged.evidence))
    wanted = [image for each in decisions if (image := _must_be_signed(each, judged.resolutions)) is not None]
    moves = {image: Transition(image[0], None, image[1], (DEFAULT_PLATFORM,)) for image in wanted if image not in known}
    verified = verify(moves.values(), rulebook.trust, world.verifiers, REGISTRIES, world.progress)
    found = {image: verified.signatures[move].new for image, move in moves.items() if move in verified.signatures}
    return {**known, **found}, verified.failed


def _known(evidence: Mapping[Transition, Evidence]) -> Iterator[tuple[_Image, SignatureOutcome]]:
    for move, found in evidence.items():
        if found.signatures is None:
            continue
        yield (move.line, move.new), found.signatures.new
        if move.old is not None and found.signatures.old is not None:
            yield (move.line, move.old), found.signatures.old


def _must_be_signed(decision: Decision, resolutions: Mapping[Line, Resolution]) -> _Image | None:
    """Return the image of a place that a rule wants signed: the one in the file, else what its tag points to.

    Of what is gone nobody can say who signed it, and nobody can use it.
    """
    selected = selected_of(decision)
    if isinstance(decision, Skip) or selected is None or not selected.policy.require_signature:
        return None
    if cause_of(decision) is Cause.GONE:
        return None
    resolution = resolutions.get(selected.line)
    pointed_to = resolution.digest if isinstance(resolution, Resolved) else None
    digest = selected.occurrence.reference.digest or pointed_to
    return (selected.line, digest) if digest is not None else None


def _of_signature(
    decision: Decision,
    resolutions: Mapping[Line, Resolution],
    signatures: Mapping[_Image, SignatureOutcome],
    rulebook: Rulebook,
) -> list[Objection]:
    image = _must_be_signed(decision, resolutions)
    if image is None:
        return []
    reference, outcome = decision.occurrence.reference, signatures.get(image)
    if trust_for(rulebook.trust, image[0].repository) is None:
        return [not_verified(reference, "no entry of `trust` is about this image")]
    if isinstance(outcome, Signed) or (isinstance(outcome, SignatureUnknown) and outcome.is_failure):
        return []  # a failure is said as one, and is no finding
    return [not_verified(reference, spoken(outcome))]


# ---- ages --------------------------------------------------------------------------------------------------------


def _built(decisions: Iterable[Decision], world: World) -> tuple[Mapping[Subject, datetime | None], tuple[Failed, ...]]:
    """Return when the images were built for which there is something newer, as far as they say it."""
    subjects = [_held(moved) for each in decisions if (moved := _outdated(each)) is not None]
    contents, failed = look_into(subjects, world.registry, REGISTRIES, world.progress)
    return {subject: inside.created if inside is not None else None for subject, inside in contents.items()}, failed


def _outdated(decision: Decision) -> Update | None:
    """Return the update of a place whose image is there, and for which a newer one may be taken."""
    if not isinstance(decision, Update) or decision.cause is Cause.GONE:
        return None
    return decision if decision.occurrence.reference.digest is not None else None


def _held(update: Update) -> Subject:
    move = transition_of(update)
    return Subject(move.line, move.old or move.new, move.platforms[0])
