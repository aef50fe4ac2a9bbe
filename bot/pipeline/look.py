"""Look: into the two images of each transition that somebody scans, for what no scanner says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bot.model.contents import Contents, ImageContents
from bot.model.decision import Transition
from bot.model.errors import RegistryError
from bot.model.evidence import Evidence, NotScanned, Subject, Unscanned
from bot.model.report import Failed
from bot.model.vocabulary import Stage
from bot.pipeline.pool import Pool
from bot.ports import Progress, Registry


@dataclass(frozen=True, slots=True)
class Looked:
    """The evidence with what is in the images, and what could not be asked."""

    evidence: Mapping[Transition, Evidence]
    failed: tuple[Failed, ...] = ()


def look(evidence: Mapping[Transition, Evidence], registry: Registry, pool: Pool, progress: Progress) -> Looked:
    """Look into each distinct image once, which costs a manifest and a config of each.

    Where nobody scans an image nobody looks into it: without a scanner a run asks one thing for what did not move, and
    two for what did.
    """
    wanted = [move for move, found in evidence.items() if found.new != NotScanned(Unscanned.NO_SCANNER)]
    found, failed = look_into((subject for move in wanted for subject in _first_of(move)), registry, pool, progress)

    def known(move: Transition) -> Contents:
        images = [found[subject] for subject in _first_of(move)]
        return Contents(images[0] if move.old else None, images[-1])

    more = {move: replace(evidence[move], contents=known(move)) for move in wanted}
    return Looked({**evidence, **more}, failed)


def look_into(
    images: Iterable[Subject], registry: Registry, pool: Pool, progress: Progress
) -> tuple[Mapping[Subject, ImageContents | None], tuple[Failed, ...]]:
    """Return what is in each image, None where that could not be found out, and what broke."""
    subjects = list(dict.fromkeys(images))
    if not subjects:
        return {}, ()
    progress.phase("Looking into images", len(subjects))

    def ask(subject: Subject) -> ImageContents | RegistryError | None:
        try:
            return registry.contents(subject.line, subject.digest, subject.platform)
        except RegistryError as error:
            return error
        finally:
            progress.step()

    found = dict(zip(subjects, pool.map(ask, subjects), strict=True))
    progress.done()
    known = {subject: each if isinstance(each, ImageContents) else None for subject, each in found.items()}
    return known, tuple(_failures(found))


def subjects_on(move: Transition, platform: str) -> list[Subject]:
    """Return the images of a transition on a platform, the older one first."""
    return [Subject(move.line, digest, platform) for digest in (move.old, move.new) if digest]


def _first_of(move: Transition) -> list[Subject]:
    """Return the images of one platform: how an image starts is seldom the affair of a platform."""
    return subjects_on(move, move.platforms[0])


def _failures(found: Mapping[Subject, ImageContents | RegistryError | None]) -> Iterable[Failed]:
    """Yield each thing that broke once, though it may have broken for every image."""
    said: set[str] = set()
    for subject, outcome in found.items():
        if isinstance(outcome, RegistryError) and outcome.is_failure and str(outcome) not in said:
            said.add(str(outcome))
            yield Failed(f"{subject.line}@{subject.digest}", Stage.ASSESS, str(outcome))
