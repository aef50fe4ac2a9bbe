"""Renders `compare` as a JSON document with `schema: 1`, whose keys scripts depend on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from bot.core.evidence.compare import scanner_of
from bot.core.evidence.contents import aspect_changes, becomes_root, origin, source_comparison
from bot.core.evidence.rollback import rollback
from bot.model.comparison import ComparedImage, Comparison
from bot.model.contents import PackageChange, TransitionContents
from bot.model.evidence import Evidence, Finding, NotScanned, Scan, SuppressedFinding
from bot.model.report import SCHEMA
from bot.reports._evidence import finding_value, scan_value, scanner_value, signature_value
from bot.reports._json import JsonValue, json_text, moment_value
from bot.reports.json_document import failed_value


def comparison_document(comparison: Comparison) -> str:
    """Return the output of `compare --format json`; a value that is not known is null, and never an empty list."""
    evidence = comparison.evidence
    delta, asked = evidence.delta, evidence.list_versions
    return json_text(
        {
            "schema": SCHEMA,
            "old": _image(comparison.old, comparison),
            "new": _image(comparison.new, comparison),
            "scanner": scanner_value(scanner_of(evidence)),
            "lists": {
                "kev": _day(asked.kev_date if asked is not None else None),
                "epss": _day(asked.epss_date if asked is not None else None),
            },
            "fixed": _findings(delta.fixed, evidence) if delta is not None else None,
            "introduced": _findings(delta.introduced, evidence) if delta is not None else None,
            "remaining": _findings(delta.remaining, evidence) if delta is not None else None,
            "rollback": rollback(evidence) or None,
            "packages": _packages(evidence.package_changes) if evidence.package_changes is not None else None,
            "contents": _contents(evidence.contents),
            "failed": [failed_value(each) for each in comparison.failed],
        }
    )


def _image(image: ComparedImage, comparison: Comparison) -> JsonValue:
    reference, scan = image.reference, image.scan
    aside = scan.set_aside if isinstance(scan, Scan) else None
    return {
        "reference": str(reference),
        "canonical": reference.repository,
        "tag": reference.tag,
        "digest": image.facts.digest,
        "kind": image.facts.kind.value,
        "platform": comparison.platform,
        "platforms": list(image.facts.platforms),
        "created": moment_value(image.built_at),
        "os": scan.os if isinstance(scan, Scan) else None,
        **scan_value(scan),
        "detail": (scan.detail or None) if isinstance(scan, NotScanned) else None,
        "set_aside": [_set_aside(each, comparison.evidence) for each in aside] if aside is not None else None,
        "signature": signature_value(image.signature) if image.signature is not None else None,
    }


def _findings(findings: Iterable[Finding], evidence: Evidence) -> JsonValue:
    return [finding_value(each, evidence) for each in findings]


def _set_aside(aside: SuppressedFinding, evidence: Evidence) -> JsonValue:
    return {**finding_value(aside.finding, evidence), "why": aside.why, "by": aside.by}


def _packages(changes: Iterable[PackageChange]) -> JsonValue:
    return [
        {
            "change": each.kind.value,
            "type": each.type,
            "name": each.name,
            "old": list(each.old),
            "new": list(each.new),
        }
        for each in changes
    ]


def _contents(contents: TransitionContents | None) -> JsonValue:
    """Return the differences between the images' configs, layers and sources; null if either could not be read."""
    changes = aspect_changes(contents)
    if changes is None or contents is None or contents.old is None or contents.new is None:
        return None
    sources = source_comparison(contents)
    return {
        "aspects": [{"aspect": each.aspect.value, "old": list(each.old), "new": list(each.new)} for each in changes],
        "becomes_root": becomes_root(contents),
        "origin": origin(contents).value,
        "sources": sources.address if sources is not None else None,
        "old_bytes": contents.old.size,
        "new_bytes": contents.new.size,
    }


def _day(day: date | None) -> JsonValue:
    return day.isoformat() if day is not None else None
