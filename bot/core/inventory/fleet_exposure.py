"""The urgent vulnerabilities of each use of an image in a fleet, and where their fixes exist."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from bot.model.evidence import Severity
from bot.model.exposed_images import ScanKey
from bot.model.exposure import FixPlace
from bot.model.exposure_summary import DigestUse, ExposureClass, FleetFindings, StoredFinding
from bot.model.image_name import Digest


@dataclass(frozen=True, slots=True)
class UrgentFinding:
    """An urgent vulnerability of one platform of an image in use."""

    id: str
    exposure_class: ExposureClass
    place: FixPlace | None
    finding: StoredFinding
    is_private: bool


def list_urgent_uses(
    facts: FleetFindings, exploited_ids: frozenset[str] | None, *, includes_private: bool
) -> Iterator[tuple[DigestUse, list[UrgentFinding]]]:
    """Yield each use of an image with its urgent vulnerabilities, on every platform of the image.

    Args:
        facts: The findings of all known images, and their uses.
        exploited_ids: The vulnerabilities that are known to be exploited; None if the list was not read.
        includes_private: False if private findings are left out.
    """
    scans = _group_scans(facts, includes_private=includes_private)
    for use in _list_uses(facts):
        yield use, list(_list_findings(use, scans, facts, exploited_ids))


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


def _list_findings(
    use: DigestUse, scans: _Scans, facts: FleetFindings, exploited_ids: frozenset[str] | None
) -> Iterator[UrgentFinding]:
    for key in scans.get(use.digest, ()):
        newest = _find_newest(use, key, facts)
        for identifier, finding in facts.findings[key].items():
            exposure_class = _classify(identifier, finding, exploited_ids)
            if exposure_class is not None:
                yield UrgentFinding(
                    identifier, exposure_class, _find_place(identifier, finding, newest), finding, key[3]
                )


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
