"""Collect the evidence about updates: scan and inspect the old and the new image, and add their signatures.

A transition is a change from one digest to another. A subject is one platform of an image, as input for a scanner. Each
distinct image is scanned and inspected once per run. The results of scanners are combined with published data: VEX
statements, and the public lists of exploited vulnerabilities (KEV) and of exploit probabilities (EPSS).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.exposure import add_fix_dates, build_exposure
from bot.core.evidence.finding_keys import FindingKey
from bot.core.evidence.several_platforms import merge_platforms
from bot.core.evidence.vex import group_by_image, suppress_findings
from bot.model.advisory import AdvisoryResult
from bot.model.contents import ImageContents, TransitionContents
from bot.model.decision import Transition
from bot.model.errors import RegistryError
from bot.model.evidence import Evidence, FixDate, NotScanned, Scan, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.exposure import Exposure
from bot.model.image import CachedManifest
from bot.model.image_name import Digest
from bot.model.phases import ProgressStep
from bot.model.report import RunFailure
from bot.model.trust import TrustEntry
from bot.model.vocabulary import FailureStage
from bot.pipeline.evidence.scan_images import scan_images
from bot.pipeline.evidence.source_changes import add_source_changes
from bot.pipeline.evidence.verify_signatures import verify_signatures
from bot.pipeline.failures import build_assess_failures
from bot.pipeline.run_context import RunContext


@dataclass(frozen=True, slots=True)
class CollectedEvidence:
    """The evidence about all updates, and the exposure of all images in use."""

    updates: Mapping[Transition, Evidence]
    exposures: Mapping[Transition, Exposure]
    """By the transition from the image in use to the newest digest of its tag, as in `Verdict.in_use`."""


def collect_evidence(
    transitions: Collection[Transition],
    in_use: Collection[Transition],
    trust_entries: Sequence[TrustEntry],
    context: RunContext,
) -> CollectedEvidence:
    """Scan, inspect and verify the images of all transitions, and scan the images in use.

    Args:
        transitions: The possible updates.
        in_use: The transitions whose exposure is determined. Their images are only scanned.
        trust_entries: The signers of images that the config names.
        context: The services of the run.

    Raises:
        StateError: If the state cannot be read.
    """
    assessed = assess({*transitions, *in_use}, context)
    exposures = _build_exposures({each: assessed[each] for each in in_use}, context)
    inspected = inspect_images({each: assessed[each] for each in transitions}, context)
    evidence = add_source_changes(inspected, context)
    signatures = verify_signatures(transitions, trust_entries, context)
    updates = {
        transition: replace(
            found, signatures=signatures.get(transition), is_private=context.is_private(transition.tag_ref)
        )
        for transition, found in evidence.items()
    }
    return CollectedEvidence(updates, exposures)


def _build_exposures(assessed: Mapping[Transition, Evidence], context: RunContext) -> Mapping[Transition, Exposure]:
    return {
        each: build_exposure(replace(found, is_private=context.is_private(each.tag_ref)), context.now)
        for each, found in assessed.items()
        if found.new != NotScanned(UnscannedReason.NO_SCANNER)
    }


# ---- scans, VEX statements and public lists --------------------------------------------------------------------------


def assess(transitions: Iterable[Transition], context: RunContext) -> Mapping[Transition, Evidence]:
    """Scan the old and the new image of each transition, and return the differences as evidence.

    Stored scans by the same scanner with the same database are reused. VEX statements and the data of public lists are
    added afterwards in every run, because stored scans do not contain them.

    Raises:
        StateError: If the state cannot be read.
    """
    ordered = sorted(set(transitions), key=lambda transition: transition.sort_key)
    subjects = sorted({subject for transition in ordered for subject in list_subjects(transition)}, key=repr)
    outcomes = apply_vex(scan_images(subjects, context), context)
    images_in_use = {list_subjects_on(transition, on)[0] for transition in ordered for on in transition.platforms}
    outcomes = {**outcomes, **_load_fix_dates({each: outcomes[each] for each in images_in_use}, context)}
    compared = {
        transition: merge_platforms({on: _compare_on_platform(transition, on, outcomes) for on in transition.platforms})
        for transition in ordered
    }
    return enrich_evidence(compared, context)


def _load_fix_dates(
    outcomes: Mapping[ScanSubject, ScanOutcome], context: RunContext
) -> Mapping[ScanSubject, ScanOutcome]:
    """Return the scans of the images in use, with the dates of fixes that the state contains."""
    subjects = defaultdict[tuple[str, bool], list[ScanSubject]](list)
    for subject, outcome in outcomes.items():
        if isinstance(outcome, Scan):
            subjects[outcome.scanner.name, context.is_private(subject.tag_ref)].append(subject)
    dates = dict[ScanSubject, Mapping[FindingKey, FixDate]]()
    for (name, is_private), of_scanner in subjects.items():
        dates |= context.state.scans.load_fix_dates(name, of_scanner, is_private=is_private)
    return {subject: add_fix_dates(outcome, dates.get(subject, {})) for subject, outcome in outcomes.items()}


def list_subjects(transition: Transition) -> list[ScanSubject]:
    """Return the images to scan for a transition: its old and its new image, on each of its platforms."""
    return [subject for platform in transition.platforms for subject in list_subjects_on(transition, platform)]


def _compare_on_platform(
    transition: Transition, platform: str, outcomes: Mapping[ScanSubject, ScanOutcome]
) -> Evidence:
    images = [outcomes[subject] for subject in list_subjects_on(transition, platform)]
    return compare_scans(images[0] if transition.old else None, images[-1])


def apply_vex(outcomes: Mapping[ScanSubject, ScanOutcome], context: RunContext) -> Mapping[ScanSubject, ScanOutcome]:
    """Suppress the findings that need no attention according to VEX statements.

    Only statements of authors that the config accepts are applied. If no scan has findings, no statements are loaded.
    """
    advisories = context.advisories
    if advisories is None or not any(isinstance(each, Scan) and each.findings for each in outcomes.values()):
        return outcomes
    vex = advisories.load_statements()
    statements_by_image = group_by_image(vex.statements)
    context.failures.add(RunFailure(key, FailureStage.ASSESS, error) for key, error in vex.errors)
    if not statements_by_image:
        return outcomes
    names = context.scan_pool.map(advisories.list_digests, outcomes)
    suppressed = (
        suppress_findings(outcome, subject, statements_by_image, digests)
        for (subject, outcome), digests in zip(outcomes.items(), names, strict=True)
    )
    return dict(zip(outcomes, suppressed, strict=True))


def enrich_evidence(evidence: Mapping[Transition, Evidence], context: RunContext) -> Mapping[Transition, Evidence]:
    """Add the data of the public lists KEV and EPSS about the vulnerabilities in the evidence.

    All vulnerabilities are looked up in one query. If there are none, or if the config names no lists, nothing is read.
    """
    advisories = context.advisories
    ids = {transition: _collect_ids(each) for transition, each in evidence.items()}
    all_ids = frozenset().union(*ids.values())
    if advisories is None or not all_ids:
        return evidence
    advisory_result = advisories.query_lists(all_ids)
    context.failures.add(
        RunFailure(f"enrichment.{listing}", FailureStage.ASSESS, error)
        for listing, error in advisory_result.errors.items()
    )
    return {transition: _add_list_data(each, ids[transition], advisory_result) for transition, each in evidence.items()}


def _add_list_data(evidence: Evidence, ids: frozenset[str], advisory_result: AdvisoryResult) -> Evidence:
    return replace(
        evidence,
        exploited_ids=None if advisory_result.exploited_ids is None else advisory_result.exploited_ids & ids,
        epss_scores=None
        if advisory_result.epss_scores is None
        else {each: advisory_result.epss_scores[each] for each in ids & advisory_result.epss_scores.keys()},
        list_versions=advisory_result.list_versions,
    )


def _collect_ids(evidence: Evidence) -> frozenset[str]:
    scans = (each for each in (evidence.old, evidence.new) if isinstance(each, Scan))
    return frozenset(finding.id for scan in scans for finding in scan.findings)


# ---- contents --------------------------------------------------------------------------------------------------------


def inspect_images(evidence: Mapping[Transition, Evidence], context: RunContext) -> Mapping[Transition, Evidence]:
    """Add the contents of the old and the new image to the evidence: the properties in their manifests and configs.

    Contents that are not stored are fetched once for each distinct image. An image for which no scanner is configured
    is not inspected. A run without a scanner therefore sends no additional requests.

    Raises:
        StateError: If the state cannot be read.
    """
    transitions = [
        transition for transition, found in evidence.items() if found.new != NotScanned(UnscannedReason.NO_SCANNER)
    ]
    subjects = dict.fromkeys(subject for transition in transitions for subject in _list_first_subjects(transition))
    cached = context.state.lookups.load_manifests({subject.digest for subject in subjects}) if subjects else {}
    known_contents = {
        subject: found for subject in subjects if (found := _get_cached_contents(subject, cached)) is not None
    }
    fetched_contents = fetch_contents((subject for subject in subjects if subject not in known_contents), context)
    context.state.lookups.save_manifests(_add_contents(fetched_contents, cached))
    contents = {**fetched_contents, **known_contents}

    def build_contents(transition: Transition) -> TransitionContents:
        images = [contents[subject] for subject in _list_first_subjects(transition)]
        return TransitionContents(images[0] if transition.old else None, images[-1])

    updated = {
        transition: replace(evidence[transition], contents=build_contents(transition)) for transition in transitions
    }
    return {**evidence, **updated}


def _get_cached_contents(subject: ScanSubject, cached: Mapping[Digest, CachedManifest]) -> ImageContents | None:
    return cached[subject.digest].contents.get(subject.platform) if subject.digest in cached else None


def _add_contents(
    fetched_contents: Mapping[ScanSubject, ImageContents | None], cached: Mapping[Digest, CachedManifest]
) -> list[CachedManifest]:
    """Add the fetched image contents to copies of the cached manifests, and return these copies for storing.

    A manifest is left out if no contents were fetched for it. Contents are left out if their manifest is not cached.
    """
    updated: dict[Digest, CachedManifest] = {}
    for subject, image_contents in fetched_contents.items():
        manifest = updated.get(subject.digest) or cached.get(subject.digest)
        if image_contents is not None and manifest is not None:
            updated[subject.digest] = replace(
                manifest, contents={**manifest.contents, subject.platform: image_contents}
            )
    return list(updated.values())


def fetch_contents(images: Iterable[ScanSubject], context: RunContext) -> Mapping[ScanSubject, ImageContents | None]:
    """Return the contents of each image; None if they could not be fetched."""
    subjects = list(dict.fromkeys(images))
    if not subjects:
        return {}

    def fetch(subject: ScanSubject) -> ImageContents | RegistryError | None:
        try:
            return context.registry.fetch_contents(subject.tag_ref, subject.digest, subject.platform)
        except RegistryError as error:
            return error

    results = context.registry_pool.run_phase(ProgressStep.INSPECT_IMAGES, fetch, subjects, context.progress)
    outcomes = dict(zip(subjects, results, strict=True))
    context.failures.add(
        build_assess_failures(
            (f"{subject.tag_ref}@{subject.digest}", str(outcome))
            for subject, outcome in outcomes.items()
            if isinstance(outcome, RegistryError) and outcome.is_failure
        )
    )
    return {subject: each if isinstance(each, ImageContents) else None for subject, each in outcomes.items()}


def list_subjects_on(transition: Transition, platform: str) -> list[ScanSubject]:
    """Return the images to scan for a transition on one platform: the old image, if there is one, and the new image."""
    return [ScanSubject(transition.tag_ref, digest, platform) for digest in (transition.old, transition.new) if digest]


def _list_first_subjects(transition: Transition) -> list[ScanSubject]:
    """Return the old image, if there is one, and the new image, on the first platform of the transition.

    The contents of one platform are enough, because the start configuration rarely depends on the platform.
    """
    return list_subjects_on(transition, transition.platforms[0])
