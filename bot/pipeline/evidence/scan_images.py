"""Scan images: each distinct image once, and match its packages with each newer database.

A scan needs the layers of an image. If the state contains its packages, matching them with the database of the scanner
gives the same scan, for all images of a release at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from bot.core.evidence.rebuilt_scans import rebuild_scan
from bot.model.contents import InstalledPackage
from bot.model.evidence import Finding, NotScanned, Scan, ScannerIdentity, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.image_name import Digest
from bot.model.phases import ProgressStep
from bot.model.vocabulary import FailureStage
from bot.pipeline.failures import FailureLog, build_assess_failures
from bot.pipeline.run_context import RunContext
from bot.ports import ProgressReporter, Scanner, ScanStore

UNNAMED = ""
"""The name of a scanner that has no identity, such as one that is missing."""


@dataclass(frozen=True, slots=True)
class ScannerShare:
    """The images that one scanner scans, and whose findings are either all private or all public."""

    scanner: Scanner
    identity: ScannerIdentity | None
    is_private: bool
    subjects: Sequence[ScanSubject]


@dataclass(frozen=True, slots=True)
class _ScanTask:
    """One image to scan."""

    share: ScannerShare
    subjects: Sequence[ScanSubject]
    """The image in each of its repositories and under each of its tags."""


def scan_images(subjects: Sequence[ScanSubject], context: RunContext) -> Mapping[ScanSubject, ScanOutcome]:
    """Return the scan outcome of each subject. Stored scans are reused, and new scans are stored.

    Raises:
        StateError: If the state cannot be read.
    """
    context.progress.start_phase(ProgressStep.SCAN_IMAGES, len(subjects))
    outcomes: dict[ScanSubject, ScanOutcome] = {}
    tasks: list[_ScanTask] = []
    save_failures = FailureLog()
    for share in divide_by_scanner(subjects, context):
        outcomes |= _load_scans(share, context)
        outcomes |= _match_images(share, outcomes, context, save_failures)
        tasks += _plan_scans(share, [subject for subject in share.subjects if subject not in outcomes])

    for task, outcome in zip(tasks, _scan_and_save(tasks, context, save_failures), strict=True):
        outcomes |= dict.fromkeys(task.subjects, outcome)
    context.progress.finish_phase()
    context.failures.add(
        build_assess_failures(
            (f"{subject.tag_ref}@{subject.digest}", outcome.detail or outcome.reason.sentence)
            for subject, outcome in outcomes.items()
            if isinstance(outcome, NotScanned) and outcome.is_failure
        )
    )
    context.failures.add(save_failures.list_all()[:1])  # storing fails with the same error for every image
    return outcomes


def scan_and_store(share: ScannerShare, subjects: Sequence[ScanSubject], context: RunContext) -> None:
    """Scan images and store the outcomes. A failed scan is stored, too, and is not a failure of the run."""
    save_failures = FailureLog()
    _scan_and_save(_plan_scans(share, subjects), context, save_failures)
    context.failures.add(save_failures.list_all()[:1])


def _plan_scans(share: ScannerShare, subjects: Sequence[ScanSubject]) -> list[_ScanTask]:
    share.scanner.prefetch(subjects)
    return [_ScanTask(share, same) for same in _group_by_image(subjects)]


def _scan_and_save(tasks: Sequence[_ScanTask], context: RunContext, save_failures: FailureLog) -> Sequence[ScanOutcome]:
    """Scan images, each of them stored at once in case the run is killed. Return the outcomes without attribution."""

    def scan(task: _ScanTask) -> ScanOutcome:
        outcome = _scan_image(task, context.progress)
        with save_failures.note_state_error(FailureStage.ASSESS):
            _save_outcome(task, outcome, context.state.scans)
        return replace(outcome, findings_by_package=None) if isinstance(outcome, Scan) else outcome

    return context.scan_pool.map(scan, tasks)


def divide_by_scanner(subjects: Iterable[ScanSubject], context: RunContext) -> Iterable[ScannerShare]:
    shares: dict[tuple[Scanner, bool], list[ScanSubject]] = defaultdict(list)
    for subject in subjects:
        shares[context.select_scanner(subject.tag_ref), context.is_private(subject.tag_ref)].append(subject)
    identities = {scanner: scanner.get_identity() for scanner, _ in shares}
    for (scanner, is_private), scanner_subjects in shares.items():
        yield ScannerShare(scanner, identities[scanner], is_private, scanner_subjects)


def _load_scans(share: ScannerShare, context: RunContext) -> Mapping[ScanSubject, Scan]:
    """Return the stored scans by the same scanner with the same database."""
    if share.identity is None:
        return {}
    return context.state.scans.load_scans(share.identity, share.subjects, is_private=share.is_private)


def _match_images(
    share: ScannerShare, scanned: Collection[ScanSubject], context: RunContext, save_failures: FailureLog
) -> Mapping[ScanSubject, Scan]:
    """Match the stored packages of images with the scanner's database, and return the scans that this gives.

    Images that cannot be matched are left out. `scanned` are the images that need no match.
    """
    identity, scans = share.identity, dict[ScanSubject, Scan]()
    missing = [subject for subject in share.subjects if subject not in scanned]
    if identity is None or not missing:
        return scans
    stored = context.state.scans.load_packages(identity.name, missing, is_private=share.is_private)
    by_release: dict[str, list[ScanSubject]] = defaultdict(list)
    for subject, known in stored.items():
        by_release[known.release].append(subject)
    for release, subjects in by_release.items():
        packages = {package for subject in subjects for package in stored[subject].packages}
        matches = match_packages(share.scanner, identity, release, packages, context)
        if isinstance(matches, Mapping):
            scans |= {each: rebuild_scan(identity, stored[each], matches) for each in subjects}
            with save_failures.note_state_error(FailureStage.ASSESS):
                context.state.scans.save_matches(identity, release, matches, subjects, is_private=share.is_private)
    return scans


def match_packages(
    scanner: Scanner,
    identity: ScannerIdentity,
    release: str,
    packages: Collection[InstalledPackage],
    context: RunContext,
) -> Mapping[InstalledPackage, Sequence[Finding]] | NotScanned | None:
    """Match packages of a release, and note a failure. Return None if the scanner cannot match this release.

    An incomplete answer counts as a failure, because missing packages are not free of findings.
    """
    matches = scanner.match_packages(release, packages)
    if isinstance(matches, Mapping) and (missing := len(set(packages) - matches.keys())):
        detail = f"the scanner did not answer for {missing} of {len(packages)} packages"
        matches = NotScanned(UnscannedReason.FAILED, detail)
    if isinstance(matches, NotScanned) and matches.is_failure:
        failed = f"{identity.name}, packages of {release}", matches.detail or matches.reason.sentence
        context.failures.add(build_assess_failures([failed]))
    return matches


def _save_outcome(task: _ScanTask, outcome: ScanOutcome, scans: ScanStore) -> None:
    """Store a scan, or the reason why it failed, unless the config names no scanner."""
    subject, is_private = task.subjects[0], task.share.is_private
    match outcome:
        case Scan():
            scans.save_scans({subject: outcome}, is_private=is_private)
        case NotScanned():
            if not outcome.is_expected:
                name = task.share.identity.name if task.share.identity is not None else UNNAMED
                scans.save_unscanned(name, {subject: outcome}, is_private=is_private)
        case _:
            assert_never(outcome)


def _group_by_image(subjects: Iterable[ScanSubject]) -> Iterable[Sequence[ScanSubject]]:
    """Group the subjects with the same digest and platform, because scanning one of each group is enough.

    The subjects of a group may have different repositories or tags.
    """
    images: dict[tuple[Digest, str], list[ScanSubject]] = defaultdict(list)
    for subject in subjects:
        images[subject.digest, subject.platform].append(subject)
    return images.values()


def _scan_image(task: _ScanTask, progress: ProgressReporter) -> ScanOutcome:
    """Scan one image, which several repositories or tags may contain.

    The image is pulled from the repository of the first subject. If the scan fails, the next subject is tried.
    """
    outcome: ScanOutcome = NotScanned(UnscannedReason.NO_SCANNER)
    for subject in task.subjects:
        if not isinstance(outcome, Scan):
            outcome = task.share.scanner.scan(subject)
        progress.advance()
    return outcome
