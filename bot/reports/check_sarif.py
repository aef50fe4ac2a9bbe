"""Renders `check` as SARIF: one result for each finding, and one rule for each kind of finding."""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.check import CheckedOccurrence, CheckReport, Violation
from bot.model.vocabulary import ViolationKind
from bot.reports._check import notes
from bot.reports._sarif import Rule, SarifObject, fingerprint, location, message, run_value, sarif_text

_LEVELS: dict[ViolationKind, str] = {
    ViolationKind.UNPINNED: "warning",
    ViolationKind.GONE: "error",
    ViolationKind.POLICY: "error",
    ViolationKind.STALE: "warning",
}
_WHAT_TO_DO: dict[ViolationKind, str] = {
    ViolationKind.UNPINNED: "Pin the image by digest: its tag may point to another image tomorrow.",
    ViolationKind.GONE: "Write the new digest: the image in the file can no longer be pulled.",
    ViolationKind.POLICY: "Use an image that the rule allows.",
    ViolationKind.STALE: "Write the newer digest, or let basebump propose it.",
}


def check_sarif(report: CheckReport) -> str:
    """Return the output of `check --format sarif`."""
    said = (f"{path}:{line_number}: {text}" for path, line_number, text in notes(report))
    results = [_result(*each) for each in report.findings]
    return sarif_text([run_value(_rules(report), results, report.failed, said)])


def _rules(report: CheckReport) -> Iterator[Rule]:
    used = {objection.code: objection for _, objection in report.findings}
    for word, each in sorted(used.items()):
        title = each.violated_rule.sentence if each.violated_rule is not None else each.kind.sentence
        yield Rule(word, title, _WHAT_TO_DO[each.kind], _LEVELS[each.kind])


def _result(place: CheckedOccurrence, objection: Violation) -> SarifObject:
    where = place.verdict.occurrence
    return {
        "ruleId": objection.code,
        "level": _LEVELS[objection.kind],
        "message": message(objection.message),
        "locations": [location(where.path, where.line_number)],
        "partialFingerprints": fingerprint(where.path, where.locator, objection.code),
        "properties": {
            "reference": str(where.reference),
            "canonical": where.reference.repository,
            "digest": where.reference.digest,
            "new_digest": place.verdict.new_digest,
        },
    }
