"""Look: into the two images of each transition that somebody scans, for what no scanner says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from bot.model.contents import Contents, ImageContents
from bot.model.decision import Transition
from bot.model.errors import RegistryError
from bot.model.evidence import Evidence, NotScanned, Subject, Unscanned
from bot.model.image import Kept
from bot.model.reference import Digest
from bot.model.report import Failed
from bot.model.vocabulary import Stage
from bot.pipeline.pool import Pool
from bot.pipeline.troubles import each_once
from bot.ports import Memory, Progress, Registry


@dataclass(frozen=True, slots=True)
class Looked:
    """The evidence with what is in the images, and what could not be asked."""

    evidence: Mapping[Transition, Evidence]
    failed: tuple[Failed, ...] = ()


def look(
    evidence: Mapping[Transition, Evidence], registry: Registry, memory: Memory, pool: Pool, progress: Progress
) -> Looked:
    """Look into each distinct image once; that costs a manifest and a config, unless it is remembered.

    Where nobody scans an image nobody looks into it: without a scanner a run asks one thing for what did not move, and
    two for what did. Raises StateError when the memory cannot be read.
    """
    wanted = [move for move, found in evidence.items() if found.new != NotScanned(Unscanned.NO_SCANNER)]
    subjects = dict.fromkeys(subject for move in wanted for subject in _first_of(move))
    kept = memory.manifests({subject.digest for subject in subjects}) if subjects else {}
    known = {subject: found for subject in subjects if (found := _remembered(subject, kept)) is not None}
    asked, failed = look_into((subject for subject in subjects if subject not in known), registry, pool, progress)
    memory.keep(_with_contents(asked, kept))
    contents = {**asked, **known}

    def inside(move: Transition) -> Contents:
        images = [contents[subject] for subject in _first_of(move)]
        return Contents(images[0] if move.old else None, images[-1])

    more = {move: replace(evidence[move], contents=inside(move)) for move in wanted}
    return Looked({**evidence, **more}, failed)


def _remembered(subject: Subject, kept: Mapping[Digest, Kept]) -> ImageContents | None:
    return kept[subject.digest].contents.get(subject.platform) if subject.digest in kept else None


def _with_contents(asked: Mapping[Subject, ImageContents | None], kept: Mapping[Digest, Kept]) -> list[Kept]:
    """Return what is kept of digests, with what was found in their images."""
    more: dict[Digest, Kept] = {}
    for subject, inside in asked.items():
        before = more.get(subject.digest) or kept.get(subject.digest)
        if inside is not None and before is not None:
            more[subject.digest] = replace(before, contents={**before.contents, subject.platform: inside})
    return list(more.values())


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


def _failures(found: Mapping[Subject, ImageContents | RegistryError | None]) -> Iterator[Failed]:
    return each_once(
        Failed(f"{subject.line}@{subject.digest}", Stage.ASSESS, str(outcome))
        for subject, outcome in found.items()
        if isinstance(outcome, RegistryError) and outcome.is_failure
    )
