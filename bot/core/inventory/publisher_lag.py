"""How far the publishers of images are behind the distributions: fixes that are published, but in no digest yet.

This is the first part of the time to patch, from the publication of a fix to the first digest with it. The second part,
from this digest to the merge, is up to the repositories (`patch_times`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bot.core.inventory.fleet_exposure import UrgentFinding
from bot.core.inventory.patch_times import find_percentile
from bot.model.evidence import FixDate, FixDateOrigin
from bot.model.exposure import FixPlace
from bot.model.exposure_summary import (
    DigestUse,
    ExposureClass,
    FleetFindings,
    PublisherFix,
    PublisherLag,
    WaitingImage,
)
from bot.model.image_name import Digest, TagRef

LAG_PERIOD = timedelta(days=365)
"""The period of the fixes from which a lag is computed."""
MAX_PUBLISHERS = 200
"""The number of publishers in a summary. Those with the most fixes are kept."""
MAX_WAITING_IMAGES = 500
"""The number of waiting images in a summary. The most urgent ones are kept."""
_WAITING_CLASSES = frozenset({ExposureClass.EXPLOITED, ExposureClass.CRITICAL})
_CLASSES = tuple(ExposureClass)

UrgentUses = Iterable[tuple[DigestUse, Sequence[UrgentFinding]]]
"""The uses of images, each with its urgent vulnerabilities."""
_PublisherKey = tuple[str, str]
"""The repository of an image, and the distribution that published a fix."""


def find_publisher_fixes(uses: UrgentUses, facts: FleetFindings) -> tuple[PublisherFix, ...]:
    """Return the fixes that the newest digests of tags contain, and older digests in use lack.

    A fix is left out if its date is not known exactly, or if basebump did not see when the tag moved to the digest.
    """
    fixes: dict[tuple[TagRef, str, bool], PublisherFix] = {}
    for use, findings in uses:
        tag_ref = use.tag_ref
        moved_at = facts.moved_at.get(tag_ref) if tag_ref is not None else None
        if tag_ref is None or moved_at is None:
            continue
        for each in findings:
            fix = each.finding.fix
            if each.place is FixPlace.IN_UPDATE and fix is not None and fix.origin is not FixDateOrigin.AT_LEAST:
                fixes[tag_ref, each.id, each.is_private] = PublisherFix(
                    tag_ref, each.id, _find_distribution(each, use, facts), fix.at, moved_at, each.is_private
                )
    return tuple(fixes.values())


def _find_distribution(finding: UrgentFinding, use: DigestUse, facts: FleetFindings) -> str:
    return facts.distributions.get(use.digest, "") if finding.finding.is_of_distribution else ""


def summarise_publishers(
    fixes: Iterable[PublisherFix], uses: UrgentUses, facts: FleetFindings
) -> tuple[PublisherLag, ...]:
    """Return the lag of the publisher of each image, those with the most fixes first.

    A fix counts once for each tag. `uses` give the fixes that still wait.
    """
    lags: dict[_PublisherKey, list[timedelta]] = defaultdict(list)
    for fix in fixes:
        lag = max(fix.available_at - fix.fixed_at, timedelta())
        lags[fix.tag_ref.repository, fix.distribution].append(lag)
    waiting = _find_waiting(uses, facts)
    known = [_build_lag(key, lags.get(key, ()), waiting.get(key, {})) for key in {*lags, *waiting}]
    known.sort(key=lambda each: (-each.fixes, -each.waiting, each.repository, each.distribution))
    return tuple(known[:MAX_PUBLISHERS])


_WaitingFixes = Mapping[tuple[TagRef, str], FixDate | None]
"""The fixes that wait by the tag and the vulnerability, with their dates."""


def _find_waiting(uses: UrgentUses, facts: FleetFindings) -> Mapping[_PublisherKey, _WaitingFixes]:
    waiting: dict[_PublisherKey, dict[tuple[TagRef, str], FixDate | None]] = defaultdict(dict)
    for use, findings in uses:
        for each in findings:
            if use.tag_ref is not None and each.place is FixPlace.IN_DISTRIBUTION:
                key = use.tag_ref.repository, _find_distribution(each, use, facts)
                waiting[key][use.tag_ref, each.id] = each.finding.fix
    return waiting


def _build_lag(key: _PublisherKey, lags: Sequence[timedelta], waiting: _WaitingFixes) -> PublisherLag:
    repository, distribution = key
    dates = [fix.at for fix in waiting.values() if fix is not None]
    return PublisherLag(
        repository,
        distribution,
        len(lags),
        find_percentile(lags, 0.5),
        find_percentile(lags, 0.9),
        len(waiting),
        min(dates, default=None),
    )


@dataclass(slots=True)
class _Waiting:
    """The vulnerabilities and the uses of an image that waits for its publisher."""

    classes: dict[str, ExposureClass] = field(default_factory=dict)
    references: int = 0
    owners: set[str] = field(default_factory=set)
    fixes: list[FixDate] = field(default_factory=list)

    def add(self, use: DigestUse, findings: Iterable[UrgentFinding]) -> None:
        self.references += use.references
        self.owners.update(use.owners)
        for each in findings:
            self.classes[each.id] = each.exposure_class
            self.fixes += [each.finding.fix] if each.finding.fix is not None else []


def list_waiting_images(uses: UrgentUses, facts: FleetFindings) -> tuple[WaitingImage, ...]:
    """Return the images that wait for their publishers with an exploited or critical vulnerability."""
    waiting: dict[tuple[TagRef, Digest], _Waiting] = defaultdict(_Waiting)
    for use, findings in uses:
        found = [each for each in findings if _is_urgently_waiting(each)]
        if use.tag_ref is not None and found:
            waiting[use.tag_ref, use.digest].add(use, found)
    images = [_build_waiting(key, each, facts) for key, each in waiting.items()]
    return tuple(sorted(images, key=_get_waiting_order)[:MAX_WAITING_IMAGES])


def _is_urgently_waiting(finding: UrgentFinding) -> bool:
    return finding.place is FixPlace.IN_DISTRIBUTION and finding.exposure_class in _WAITING_CLASSES


def _build_waiting(key: tuple[TagRef, Digest], waiting: _Waiting, facts: FleetFindings) -> WaitingImage:
    tag_ref, digest = key
    return WaitingImage(
        tag_ref,
        digest,
        facts.distributions.get(digest, ""),
        min(waiting.classes.values(), key=_CLASSES.index),
        len(waiting.classes),
        waiting.references,
        tuple(sorted(waiting.owners)),
        min(waiting.fixes, key=lambda fix: fix.at, default=None),
    )


def _get_waiting_order(image: WaitingImage) -> tuple[int, float, str]:
    first = image.oldest_fix.at.timestamp() if image.oldest_fix is not None else float("inf")
    return _CLASSES.index(image.exposure_class), first, str(image.tag_ref)
