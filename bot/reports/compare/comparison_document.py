"""Renders `compare` as a JSON document with `schema: 1`. Scripts depend on its keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from bot.core.evidence.compare import get_scanner
from bot.core.evidence.exposure import find_place_outside
from bot.core.evidence.image_changes import (
    build_source_comparison,
    determine_origin,
    has_become_root,
    list_aspect_changes,
)
from bot.core.evidence.rollback import describe_rollback
from bot.model.comparison import ComparedImage, Comparison
from bot.model.contents import PackageChange, TransitionContents
from bot.model.evidence import Evidence, Finding, NotScanned, Scan, SuppressedFinding
from bot.model.exposure import FixPlace
from bot.model.report import SCHEMA
from bot.reports.parts.evidence_document import (
    render_finding,
    render_lookups,
    render_scan,
    render_scanner,
    render_signature,
)
from bot.reports.parts.json_text import JsonValue, format_time, render_json
from bot.reports.run.report_document import render_failure


def render_comparison_document(comparison: Comparison) -> str:
    """Return the output of `compare --format json`.

    An unknown value is null, never an empty list.
    """
    evidence = comparison.evidence
    delta, list_versions = evidence.delta, evidence.list_versions
    return render_json(
        {
            "schema": SCHEMA,
            "old": _render_image(comparison.old, comparison),
            "new": _render_image(comparison.new, comparison),
            "scanner": render_scanner(get_scanner(evidence)),
            "lists": {
                "kev": _format_day(list_versions.kev_date if list_versions is not None else None),
                "epss": _format_day(list_versions.epss_date if list_versions is not None else None),
            },
            "lookups": render_lookups(
                evidence,
                are_signatures_checked=None not in (comparison.old.signature, comparison.new.signature),
            ),
            "fixed": [_render_fixed(each, evidence) for each in delta.fixed] if delta is not None else None,
            "introduced": _render_findings(delta.introduced, evidence) if delta is not None else None,
            "remaining": _render_findings(delta.remaining, evidence) if delta is not None else None,
            "rollback": describe_rollback(evidence) or None,
            "packages": _render_packages(evidence.package_changes) if evidence.package_changes is not None else None,
            "contents": _render_contents(evidence.contents),
            "failed": [render_failure(each) for each in comparison.failed],
        }
    )


def _render_image(image: ComparedImage, comparison: Comparison) -> JsonValue:
    reference, scan = image.image, image.scan
    suppressed = scan.suppressed if isinstance(scan, Scan) else None
    return {
        "reference": str(reference),
        "canonical": reference.repository,
        "tag": reference.tag,
        "digest": image.facts.digest,
        "kind": image.facts.kind.value,
        "platform": comparison.platform,
        "platforms": list(image.facts.platforms),
        "created": format_time(image.built_at),
        "os": scan.os if isinstance(scan, Scan) else None,
        **render_scan(scan),
        "detail": (scan.detail or None) if isinstance(scan, NotScanned) else None,
        "suppressed": [_render_suppressed(each, comparison.evidence) for each in suppressed]
        if suppressed is not None
        else None,
        "signature": render_signature(image.signature) if image.signature is not None else None,
    }


def _render_fixed(finding: Finding, evidence: Evidence) -> JsonValue:
    return {**render_finding(finding, evidence), "fix": FixPlace.IN_UPDATE.value}


def _render_findings(findings: Iterable[Finding], evidence: Evidence) -> JsonValue:
    """Return findings of the new image as JSON, each with the place of its fix."""
    return [{**render_finding(each, evidence), "fix": find_place_outside(each).value} for each in findings]


def _render_suppressed(suppressed: SuppressedFinding, evidence: Evidence) -> JsonValue:
    return {**render_finding(suppressed.finding, evidence), "reason": suppressed.reason, "author": suppressed.author}


def _render_packages(changes: Iterable[PackageChange]) -> JsonValue:
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


def _render_contents(contents: TransitionContents | None) -> JsonValue:
    """Return the differences between the configs, layers and sources of the images.

    Return null if one of the images could not be read.
    """
    changes = list_aspect_changes(contents)
    if changes is None or contents is None or contents.old is None or contents.new is None:
        return None
    sources = build_source_comparison(contents)
    return {
        "aspects": [{"aspect": each.aspect.value, "old": list(each.old), "new": list(each.new)} for each in changes],
        "becomes_root": has_become_root(contents),
        "origin": determine_origin(contents).value,
        "sources": sources.url if sources is not None else None,
        "old_bytes": contents.old.size,
        "new_bytes": contents.new.size,
    }


def _format_day(day: date | None) -> JsonValue:
    return day.isoformat() if day is not None else None
