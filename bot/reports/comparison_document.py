"""The JSON document of `compare`: `schema: 1`, keys that scripts hold on to."""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.compare import scanner_of
from bot.core.trust import spoken
from bot.model.comparison import ComparedImage, Comparison
from bot.model.evidence import Finding, NotScanned, Scan
from bot.model.report import SCHEMA
from bot.reports._evidence import finding_value, scan_value, scanner_value
from bot.reports._json import JsonValue, json_text
from bot.reports.json_document import failed_value


def comparison_document(comparison: Comparison) -> str:
    """Return what `compare --format json` prints; the lists are null where the two cannot be compared."""
    delta = comparison.evidence.delta
    return json_text(
        {
            "schema": SCHEMA,
            "old": _image(comparison.old, comparison.platform),
            "new": _image(comparison.new, comparison.platform),
            "scanner": scanner_value(scanner_of(comparison.evidence)),
            "fixed": _findings(delta.fixed) if delta is not None else None,
            "introduced": _findings(delta.introduced) if delta is not None else None,
            "remaining": _findings(delta.remaining) if delta is not None else None,
            "failed": [failed_value(each) for each in comparison.failed],
        }
    )


def _image(image: ComparedImage, platform: str) -> JsonValue:
    reference, scan, built = image.reference, image.scan, image.built
    return {
        "reference": str(reference),
        "canonical": reference.repository,
        "tag": reference.tag,
        "digest": image.facts.digest,
        "kind": image.facts.kind.value,
        "platform": platform,
        "platforms": list(image.facts.platforms),
        "created": f"{built:%Y-%m-%dT%H:%M:%SZ}" if built is not None else None,
        "os": scan.os if isinstance(scan, Scan) else None,
        **scan_value(scan),
        "detail": (scan.detail or None) if isinstance(scan, NotScanned) else None,
        "signature": spoken(image.signature) if image.signature is not None else None,
    }


def _findings(findings: Iterable[Finding]) -> JsonValue:
    return [finding_value(each) for each in findings]
