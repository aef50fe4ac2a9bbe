"""Renders `check` as SARIF: one result for each finding, and one rule for each kind of finding."""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.check import CheckedPlace, CheckReport, Objection
from bot.model.vocabulary import Fault
from bot.reports._check import notes
from bot.reports._sarif import Rule, SarifObject, fingerprint, location, message, run_value, sarif_text

_LEVELS: dict[Fault, str] = {
    Fault.UNPINNED: "warning",
    Fault.GONE: "error",
    Fault.POLICY: "error",
    Fault.STALE: "warning",
}
_WHAT_TO_DO: dict[Fault, str] = {
    Fault.UNPINNED: "Pin the image by digest: its tag may point to another image tomorrow.",
    Fault.GONE: "Write the new digest: the image in the file can no longer be pulled.",
    Fault.POLICY: "Use an image that the rule allows.",
    Fault.STALE: "Write the newer digest, or let basebump propose it.",
}


def check_sarif(report: CheckReport) -> str:
    """Return the output of `check --format sarif`."""
    said = (f"{path}:{line_number}: {text}" for path, line_number, text in notes(report))
    results = [_result(*each) for each in report.findings]
    return sarif_text([run_value(_rules(report), results, report.failed, said)])


def _rules(report: CheckReport) -> Iterator[Rule]:
    used = {objection.word: objection for _, objection in report.findings}
    for word, each in sorted(used.items()):
        title = each.breach.sentence if each.breach is not None else each.fault.sentence
        yield Rule(word, title, _WHAT_TO_DO[each.fault], _LEVELS[each.fault])


def _result(place: CheckedPlace, objection: Objection) -> SarifObject:
    where = place.verdict.occurrence
    return {
        "ruleId": objection.word,
        "level": _LEVELS[objection.fault],
        "message": message(objection.message),
        "locations": [location(where.path, where.line_number)],
        "partialFingerprints": fingerprint(where.path, where.locator, objection.word),
        "properties": {
            "reference": str(where.reference),
            "canonical": where.reference.repository,
            "digest": where.reference.digest,
            "new_digest": place.verdict.new_digest,
        },
    }
