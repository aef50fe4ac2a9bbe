"""Keep the vulnerabilities of all images in use current, even of those that no updated file and no update needs.

The images are those that base branches and containers use, according to the state, and the newest digests of their
tags. Whether a newest digest contains a fix is only known if both were matched with the same database. Packages are
matched only if the scanner has a newer database, and an image is scanned only if its packages are not known or cannot
be matched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from bot.core.evidence.outdated_scans import find_scan, is_due
from bot.core.transition import DEFAULT_PLATFORM
from bot.model.contents import InstalledPackage
from bot.model.evidence import ScannerIdentity, ScanSubject
from bot.model.exposed_images import ImageInUse
from bot.model.image_name import Digest
from bot.model.phases import ProgressStep
from bot.pipeline.evidence.scan_images import ScannerShare, divide_by_scanner, match_packages, scan_and_store
from bot.pipeline.run_context import RunContext

MAX_SCANS = 500
"""The largest number of images that one run scans only because they are in use. Each takes a second, or a minute if its
layers are large. The next run scans further images."""
IMAGES_PER_LOAD = 500
"""The number of images whose packages are loaded at once. The packages of all images would need some hundred MiB."""


def refresh_images_in_use(context: RunContext) -> bool:
    """Match the images in use with newer databases, and scan those without a scan.

    Return True if any image was due. A failed scan is stored as the reason why an image is unknown. It is not a failure
    of the run, which may lack access to images that run in clusters.

    Raises:
        StateError: If the state cannot be used.
    """
    in_use = context.state.scans.list_images_in_use()
    newest = context.state.scans.list_newest_images()
    images = {each.digest: each for each in (*newest, *in_use)}
    subjects = list(_list_subjects(images.values(), in_use))
    has_due, budget = False, MAX_SCANS
    for share in divide_by_scanner(subjects, context):
        if share.identity is not None:
            due = _select_due(share, share.identity, images, context.now)
            has_due |= bool(due)
            budget -= _refresh_share(share, share.identity, due, context, budget)
    return has_due


def _list_subjects(images: Iterable[ImageInUse], in_use: Iterable[ImageInUse]) -> Iterator[ScanSubject]:
    """Yield each image on each platform on which a run scanned it, or an image in use of its tag.

    If there is no such platform, the image is yielded on the default platform.
    """
    by_tag = {image.tag_ref: [scan.platform for scan in image.scans] for image in in_use}
    for image in images:
        platforms = [*(scan.platform for scan in image.scans), *by_tag.get(image.tag_ref, ())]
        for platform in dict.fromkeys(platforms) or [DEFAULT_PLATFORM]:
            yield ScanSubject(image.tag_ref, image.digest, platform)


def _select_due(
    share: ScannerShare, identity: ScannerIdentity, images: Mapping[Digest, ImageInUse], now: datetime
) -> Mapping[str | None, Sequence[ScanSubject]]:
    """Return the images that are due, by the release with which they are matched; None if they must be scanned."""
    by_release: dict[str | None, list[ScanSubject]] = defaultdict(list)
    for subject in share.subjects:
        scan = find_scan(images[subject.digest], subject.platform, identity, is_private=share.is_private)
        if is_due(scan, identity, now):
            by_release[scan.release if scan is not None else None].append(subject)
    return by_release


def _refresh_share(
    share: ScannerShare,
    identity: ScannerIdentity,
    due: Mapping[str | None, Sequence[ScanSubject]],
    context: RunContext,
    max_scans: int,
) -> int:
    """Refresh the images of one scanner, and return the number of images that were scanned."""
    unmatched = list(due.get(None, ()))
    by_release = {release: subjects for release, subjects in due.items() if release is not None}
    for release, subjects in by_release.items():
        if not _match_release(share, identity, release, subjects, context):
            unmatched += subjects
    to_scan = unmatched[: max(max_scans, 0)]
    if to_scan:
        context.progress.start_phase(ProgressStep.SCAN_OTHER_IMAGES, len(to_scan))
        scan_and_store(share, to_scan, context)
        context.progress.finish_phase()
    return len(to_scan)


def _match_release(
    share: ScannerShare,
    identity: ScannerIdentity,
    release: str,
    subjects: Sequence[ScanSubject],
    context: RunContext,
) -> bool:
    """Match the packages of all images of a release at once. Return False if the scanner cannot match this release.

    If the match fails, the findings of the last match are kept, and their age shows that they are old.
    """
    scans, packages = context.state.scans, set[InstalledPackage]()
    for start in range(0, len(subjects), IMAGES_PER_LOAD):
        part = subjects[start : start + IMAGES_PER_LOAD]
        stored = scans.load_packages(identity.name, part, is_private=share.is_private)
        packages.update(package for known in stored.values() for package in known.packages)
    matches = match_packages(share.scanner, identity, release, packages, context)
    if isinstance(matches, Mapping):
        scans.save_matches(identity, release, matches, subjects, is_private=share.is_private)
    return matches is not None
