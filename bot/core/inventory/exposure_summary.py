"""Summarise the exposure of a fleet: how many images have urgent vulnerabilities, and where fixes exist."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product

from bot.model.evidence import Severity
from bot.model.exposed_images import ScanKey
from bot.model.exposure import FixPlace
from bot.model.exposure_summary import (
    DigestUse,
    ExposureClass,
    ExposureFigures,
    ExposureSummary,
    FixableImages,
    FleetFindings,
    OwnerExposure,
    StoredFinding,
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


@dataclass(frozen=True, slots=True)
class _Exposed:
    """A vulnerability of an image in use."""

    id: str
    exposure_class: ExposureClass
    place: FixPlace | None
    finding: StoredFinding


def summarise_exposure(
    facts: FleetFindings, exploited_ids: frozenset[str] | None, at: datetime, *, includes_private: bool
) -> ExposureSummary:
    """Return the exposure of a fleet at the time `at`.

    Args:
        facts: The findings of all known images, and their uses.
        exploited_ids: The vulnerabilities that are known to be exploited; None if the list was not read.
        at: The time of the summary.
        includes_private: False if private findings are left out.
    """
    scans = _group_scans(facts, includes_private=includes_private)
    by_key: dict[_FigureKey, _Group] = defaultdict(_Group)
    by_id: dict[str, tuple[_Exposed, _Group]] = {}
    owners: Counter[tuple[str, ExposureClass]] = Counter()
    for use in _list_uses(facts):
        exposed = list(_list_exposed(use, scans, facts, exploited_ids))
        _add_figures(by_key, use, exposed)
        fixable = [each for each in exposed if each.place is not FixPlace.NO_FIX]
        for each in _merge_by_id(fixable):
            _, group = by_id.setdefault(each.id, (each, _Group()))
            _add_use(group, use, each)
        for exposure_class in {each.exposure_class for each in fixable}:
            for owner in use.owners or ("",):
                owners[owner, exposure_class] += use.references
    running = frozenset(facts.running)
    return ExposureSummary(
        at=at,
        figures=tuple(
            ExposureFigures(
                *key, len(group.images), len(group.images & set(running)), group.references, group.oldest_fix
            )
            for key in product(_CLASSES, _PLACES)
            for group in [by_key[key]]
        ),
        exploited=_build_fixable(by_key, (ExposureClass.EXPLOITED,), running),
        urgent=_build_fixable(by_key, (ExposureClass.EXPLOITED, ExposureClass.CRITICAL), running),
        owners=tuple(_rank_owners(owners)),
        vulnerabilities=tuple(_rank_vulnerabilities(by_id.values())),
        coverage=facts.coverage,
        knows_exploited=exploited_ids is not None,
    )


def _list_uses(facts: FleetFindings) -> Iterator[DigestUse]:
    """Yield the uses in files, and one without references for each digest that only containers use."""
    yield from facts.uses
    for digest in sorted(set(facts.running) - {use.digest for use in facts.uses}):
        yield DigestUse(digest, None, (), 0)


_Scans = Mapping[Digest, list[ScanKey]]


def _group_scans(facts: FleetFindings, *, includes_private: bool) -> _Scans:
    scans: dict[Digest, list[ScanKey]] = defaultdict(list)
    for key in facts.findings:
        _, _, _, is_private, _ = key
        if includes_private or not is_private:
            scans[key[0]].append(key)
    return scans


def _list_exposed(
    use: DigestUse, scans: _Scans, facts: FleetFindings, exploited_ids: frozenset[str] | None
) -> Iterator[_Exposed]:
    for key in scans.get(use.digest, ()):
        newest = _find_newest(use, key, facts)
        for identifier, finding in facts.findings[key].items():
            exposure_class = _classify(identifier, finding, exploited_ids)
            if exposure_class is not None:
                yield _Exposed(identifier, exposure_class, _find_place(identifier, finding, newest), finding)


def _find_newest(use: DigestUse, key: ScanKey, facts: FleetFindings) -> Collection[str] | None:
    """Return the vulnerabilities of the newest digest of the tag of a use; None if it was not scanned alike.

    If no newer digest is known, these are the vulnerabilities of the image itself.
    """
    newest = facts.newest.get(use.tag_ref, use.digest) if use.tag_ref is not None else use.digest
    if newest == use.digest:
        return facts.findings[key]
    _, platform, scanner, is_private, database = key
    return None if database is None else facts.findings.get((newest, platform, scanner, is_private, database))


def _find_place(identifier: str, finding: StoredFinding, newest: Collection[str] | None) -> FixPlace | None:
    if not finding.has_fix:
        return FixPlace.NO_FIX
    if newest is None:
        return None
    return FixPlace.IN_DISTRIBUTION if identifier in newest else FixPlace.IN_UPDATE


def _classify(identifier: str, finding: StoredFinding, exploited_ids: frozenset[str] | None) -> ExposureClass | None:
    if exploited_ids is not None and identifier in exploited_ids:
        return ExposureClass.EXPLOITED
    if finding.severity is Severity.CRITICAL:
        return ExposureClass.CRITICAL
    return ExposureClass.HIGH if finding.severity is Severity.HIGH else None


def _add_figures(by_key: Mapping[_FigureKey, _Group], use: DigestUse, exposed: Iterable[_Exposed]) -> None:
    keys = set[_FigureKey]()
    for each in exposed:
        key = each.exposure_class, each.place
        by_key[key].add_fix(each.finding)
        keys.add(key)
    for key in keys:
        by_key[key].images.add(use.digest)
        by_key[key].references += use.references


def _build_figures(key: _FigureKey, group: _Group, running: frozenset[Digest]) -> ExposureFigures:
    exposure_class, place = key
    images = group.images
    return ExposureFigures(
        exposure_class, place, len(images), len(images & running), group.references, group.oldest_fix
    )


def _build_fixable(
    by_key: Mapping[_FigureKey, _Group], classes: Collection[ExposureClass], running: frozenset[Digest]
) -> FixableImages:
    """Return the distinct images of some classes. An image can have vulnerabilities of several classes."""

    def find_images(*places: FixPlace | None) -> set[Digest]:
        return {digest for key in product(classes, places) for digest in by_key[key].images}

    images = find_images(FixPlace.IN_UPDATE, FixPlace.IN_DISTRIBUTION, None)
    in_update, waiting = find_images(FixPlace.IN_UPDATE), find_images(FixPlace.IN_DISTRIBUTION)
    return FixableImages(len(images), len(images & running), len(in_update), len(waiting))


def _merge_by_id(exposed: Iterable[_Exposed]) -> Iterable[_Exposed]:
    """Return each vulnerability once. If platforms differ, the one whose fix is in no digest counts."""
    merged: dict[str, _Exposed] = {}
    for each in exposed:
        if each.id not in merged or each.place is FixPlace.IN_DISTRIBUTION:
            merged[each.id] = each
    return merged.values()


def _add_use(group: _Group, use: DigestUse, exposed: _Exposed) -> None:
    group.images.add(use.digest)
    group.references += use.references
    group.waiting += use.references if exposed.place is FixPlace.IN_DISTRIBUTION else 0
    group.add_fix(exposed.finding)


def _rank_owners(owners: Counter[tuple[str, ExposureClass]]) -> Iterator[OwnerExposure]:
    for exposure_class in _CLASSES:
        of_class = {owner: count for (owner, found), count in owners.items() if found is exposure_class}
        ranked = sorted(of_class.items(), key=lambda item: (-item[1], item[0]))
        yield from (OwnerExposure(owner, exposure_class, count) for owner, count in ranked[:MAX_OWNERS] if count)


def _rank_vulnerabilities(found: Iterable[tuple[_Exposed, _Group]]) -> Iterator[UrgentVulnerability]:
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
