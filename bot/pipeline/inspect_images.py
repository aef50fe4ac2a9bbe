"""Inspect the images of each transition for properties that scanners do not report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from bot.model.contents import ImageContents, TransitionContents
from bot.model.decision import Transition
from bot.model.errors import RegistryError
from bot.model.evidence import Evidence, NotScanned, ScanSubject, UnscannedReason
from bot.model.image import CachedManifest
from bot.model.reference import Digest
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage
from bot.pipeline.registry_failures import deduplicate_failures
from bot.pipeline.worker_pool import WorkerPool
from bot.ports import ProgressReporter, Registry, StateStore


@dataclass(frozen=True, slots=True)
class InspectionResult:
    """The evidence with image contents, and the failures."""

    evidence: Mapping[Transition, Evidence]
    failures: tuple[RunFailure, ...] = ()


def inspect_images(
    evidence: Mapping[Transition, Evidence],
    registry: Registry,
    state_store: StateStore,
    pool: WorkerPool,
    progress: ProgressReporter,
) -> InspectionResult:
    """Fetch the contents of each distinct image once: a manifest and a config, unless they are stored.

    Images that no scanner scans are not inspected: without a scanner a run makes one request for an image that was not
    updated, and two for one that was.

    Raises:
        StateError: If the state cannot be read.
    """
    transitions = [
        transition for transition, found in evidence.items() if found.new != NotScanned(UnscannedReason.NO_SCANNER)
    ]
    subjects = dict.fromkeys(subject for transition in transitions for subject in _list_first_subjects(transition))
    cached = state_store.load_manifests({subject.digest for subject in subjects}) if subjects else {}
    known_contents = {
        subject: found for subject in subjects if (found := _get_cached_contents(subject, cached)) is not None
    }
    fetched_contents, failures = fetch_contents(
        (subject for subject in subjects if subject not in known_contents), registry, pool, progress
    )
    state_store.save_manifests(_add_contents(fetched_contents, cached))
    contents = {**fetched_contents, **known_contents}

    def build_contents(transition: Transition) -> TransitionContents:
        images = [contents[subject] for subject in _list_first_subjects(transition)]
        return TransitionContents(images[0] if transition.old else None, images[-1])

    updated = {
        transition: replace(evidence[transition], contents=build_contents(transition)) for transition in transitions
    }
    return InspectionResult({**evidence, **updated}, failures)


def _get_cached_contents(subject: ScanSubject, cached: Mapping[Digest, CachedManifest]) -> ImageContents | None:
    return cached[subject.digest].contents.get(subject.platform) if subject.digest in cached else None


def _add_contents(
    fetched_contents: Mapping[ScanSubject, ImageContents | None], cached: Mapping[Digest, CachedManifest]
) -> list[CachedManifest]:
    """Return the stored manifests with the fetched image contents added."""
    updated: dict[Digest, CachedManifest] = {}
    for subject, image_contents in fetched_contents.items():
        manifest = updated.get(subject.digest) or cached.get(subject.digest)
        if image_contents is not None and manifest is not None:
            updated[subject.digest] = replace(
                manifest, contents={**manifest.contents, subject.platform: image_contents}
            )
    return list(updated.values())


def fetch_contents(
    images: Iterable[ScanSubject], registry: Registry, pool: WorkerPool, progress: ProgressReporter
) -> tuple[Mapping[ScanSubject, ImageContents | None], tuple[RunFailure, ...]]:
    """Return the contents of each image, None if they could not be fetched, and the failures."""
    subjects = list(dict.fromkeys(images))
    if not subjects:
        return {}, ()
    progress.start_phase("Inspecting images", len(subjects))

    def fetch(subject: ScanSubject) -> ImageContents | RegistryError | None:
        try:
            return registry.fetch_contents(subject.tag_ref, subject.digest, subject.platform)
        except RegistryError as error:
            return error
        finally:
            progress.advance()

    outcomes = dict(zip(subjects, pool.map(fetch, subjects), strict=True))
    progress.finish_phase()
    contents = {subject: each if isinstance(each, ImageContents) else None for subject, each in outcomes.items()}
    return contents, tuple(_list_failures(outcomes))


def list_subjects_on(transition: Transition, platform: str) -> list[ScanSubject]:
    """Return the images of a transition for one platform, the old one first."""
    return [ScanSubject(transition.tag_ref, digest, platform) for digest in (transition.old, transition.new) if digest]


def _list_first_subjects(transition: Transition) -> list[ScanSubject]:
    """Return the images for the first platform; the start configuration rarely depends on the platform."""
    return list_subjects_on(transition, transition.platforms[0])


def _list_failures(outcomes: Mapping[ScanSubject, ImageContents | RegistryError | None]) -> Iterator[RunFailure]:
    return deduplicate_failures(
        RunFailure(f"{subject.tag_ref}@{subject.digest}", FailureStage.ASSESS, str(outcome))
        for subject, outcome in outcomes.items()
        if isinstance(outcome, RegistryError) and outcome.is_failure
    )
