"""Summarise the exposure of a fleet: how many images have urgent vulnerabilities, and where fixes exist."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product

from bot.core.inventory.fleet_exposure import UrgentFinding, list_urgent_uses
from bot.core.inventory.publisher_lag import UrgentUses, list_waiting_images, summarise_publishers
from bot.model.exposure import FixPlace
from bot.model.exposure_summary import (
    DigestUse,
    ExposureClass,
    ExposureFigures,
    ExposureSummary,
    FixableImages,
    FleetFindings,
    OwnerExposure,
    PublisherFix,
    StoredFinding,
    StoredSummary,
    UrgentVulnerability,
)
from bot.model.image_name import Digest

MAX_VULNERABILITIES = 200
"""The number of vulnerabilities in a summary. The most urgent ones are kept."""
MAX_OWNERS = 500
"""The number of owners in a summary for each class."""
_PLACES = (FixPlace.IN_UPDATE, FixPlace.IN_DISTRIBUTION, FixPlace.NO_FIX, None)
_CLASSES = tuple(ExposureClass)

_FigureKey = tuple[ExposureClass, FixPlace | None]


@dataclass(slots=True)
class _Group:
    """The images and references of one group of figures."""

    images: set[Digest] = field(default_factory=set)
    references: int = 0
    waiting: int = 0
    oldest_fix: datetime | None = None

    def add_fix(self, finding: StoredFinding) -> None:
        if finding.fix is not None and (self.oldest_fix is None or finding.fix.at < self.oldest_fix):
            self.oldest_fix = finding.fix.at


def build_stored_summary(
    facts: FleetFindings, publisher_fixes: Sequence[PublisherFix], exploited_ids: frozenset[str] | None, at: datetime
) -> StoredSummary:
    """Return the exposure of a fleet at the time `at`, with and without private findings.

    The arguments have the same meaning as in `summarise_exposure`.
    """
    shared, private = (
        summarise_exposure(facts, publisher_fixes, exploited_ids, at, includes_private=includes_private)
        for includes_private in (False, True)
    )
    return StoredSummary(shared, private if private != shared else None)


def summarise_exposure(
    facts: FleetFindings,
    publisher_fixes: Iterable[PublisherFix],
    exploited_ids: frozenset[str] | None,
    at: datetime,
    *,
    includes_private: bool,
) -> ExposureSummary:
    """Return the exposure of a fleet at the time `at`.

    Args:
        facts: The findings of all known images, and their uses.
        publisher_fixes: The fixes of the last months that publishers took over.
        exploited_ids: The vulnerabilities that are known to be exploited; None if the list was not read.
        at: The time of the summary.
        includes_private: False if private findings are left out.
    """
    uses = list(list_urgent_uses(facts, exploited_ids, includes_private=includes_private))
    by_key: dict[_FigureKey, _Group] = defaultdict(_Group)
    for use, findings in uses:
        _add_figures(by_key, use, findings)
    running = frozenset(facts.running)
    fixes = (each for each in publisher_fixes if includes_private or not each.is_private)
    return ExposureSummary(
        at=at,
        figures=tuple(_build_figures(key, by_key[key], running) for key in product(_CLASSES, _PLACES)),
        exploited=_build_fixable(by_key, (ExposureClass.EXPLOITED,), running),
        urgent=_build_fixable(by_key, (ExposureClass.EXPLOITED, ExposureClass.CRITICAL), running),
        owners=tuple(_rank_owners(_count_by_owner(uses))),
        vulnerabilities=tuple(_rank_vulnerabilities(_group_by_id(uses).values())),
        coverage=facts.coverage,
        knows_exploited=exploited_ids is not None,
        waiting=list_waiting_images(uses, facts),
        publishers=summarise_publishers(fixes, uses, facts),
    )


def _build_figures(key: _FigureKey, group: _Group, running: frozenset[Digest]) -> ExposureFigures:
    exposure_class, place = key
    images = group.images
    return ExposureFigures(
        exposure_class, place, len(images), len(images & running), group.references, group.oldest_fix
    )


def _count_by_owner(uses: UrgentUses) -> Counter[tuple[str, ExposureClass]]:
    """Return the references with vulnerabilities of each class that have a fix, by owner."""
    owners: Counter[tuple[str, ExposureClass]] = Counter()
    for use, findings in uses:
        for exposure_class in {each.exposure_class for each in _select_fixable(findings)}:
            for owner in use.owners or ("",):
                owners[owner, exposure_class] += use.references
    return owners


def _group_by_id(uses: UrgentUses) -> Mapping[str, tuple[UrgentFinding, _Group]]:
    """Return the images and references with each vulnerability that has a fix."""
    by_id: dict[str, tuple[UrgentFinding, _Group]] = {}
    for use, findings in uses:
        for each in _merge_by_id(_select_fixable(findings)):
            _, group = by_id.setdefault(each.id, (each, _Group()))
            _add_use(group, use, each)
    return by_id


def _select_fixable(findings: Iterable[UrgentFinding]) -> Sequence[UrgentFinding]:
    return [each for each in findings if each.place is not FixPlace.NO_FIX]


def _add_figures(by_key: Mapping[_FigureKey, _Group], use: DigestUse, exposed: Iterable[UrgentFinding]) -> None:
    keys = set[_FigureKey]()
    for each in exposed:
        key = each.exposure_class, each.place
        by_key[key].add_fix(each.finding)
        keys.add(key)
    for key in keys:
        by_key[key].images.add(use.digest)
        by_key[key].references += use.references


def _build_fixable(
    by_key: Mapping[_FigureKey, _Group], classes: Collection[ExposureClass], running: frozenset[Digest]
) -> FixableImages:
    """Return the distinct images of some classes. An image can have vulnerabilities of several classes."""

    def find_images(*places: FixPlace | None) -> set[Digest]:
        return {digest for key in product(classes, places) for digest in by_key[key].images}

    images = find_images(FixPlace.IN_UPDATE, FixPlace.IN_DISTRIBUTION, None)
    in_update, waiting = find_images(FixPlace.IN_UPDATE), find_images(FixPlace.IN_DISTRIBUTION)
    return FixableImages(len(images), len(images & running), len(in_update), len(waiting))


def _merge_by_id(exposed: Iterable[UrgentFinding]) -> Iterable[UrgentFinding]:
    """Return each vulnerability once. If platforms differ, the one whose fix is in no digest counts."""
    merged: dict[str, UrgentFinding] = {}
    for each in exposed:
        if each.id not in merged or each.place is FixPlace.IN_DISTRIBUTION:
            merged[each.id] = each
    return merged.values()


def _add_use(group: _Group, use: DigestUse, exposed: UrgentFinding) -> None:
    group.images.add(use.digest)
    group.references += use.references
    group.waiting += use.references if exposed.place is FixPlace.IN_DISTRIBUTION else 0
    group.add_fix(exposed.finding)


def _rank_owners(owners: Counter[tuple[str, ExposureClass]]) -> Iterator[OwnerExposure]:
    for exposure_class in _CLASSES:
        of_class = {owner: count for (owner, found), count in owners.items() if found is exposure_class}
        ranked = sorted(of_class.items(), key=lambda item: (-item[1], item[0]))
        yield from (OwnerExposure(owner, exposure_class, count) for owner, count in ranked[:MAX_OWNERS] if count)


def _rank_vulnerabilities(found: Iterable[tuple[UrgentFinding, _Group]]) -> Iterator[UrgentVulnerability]:
    ranked = sorted(found, key=lambda item: (_CLASSES.index(item[0].exposure_class), -item[1].references, item[0].id))
    for exposed, group in ranked[:MAX_VULNERABILITIES]:
        yield UrgentVulnerability(
            exposed.id,
            exposed.finding.title,
            exposed.exposure_class,
            len(group.images),
            group.references,
            group.waiting,
            group.oldest_fix,
        )
