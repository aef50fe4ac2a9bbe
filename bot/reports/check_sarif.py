"""`check` as SARIF: every finding as a result, under the rule that it breaks."""

from __future__ import annotations

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
    Fault.UNPINNED: "What its tag points to may be another image tomorrow: pin it by digest.",
    Fault.GONE: "Whoever builds or deploys this cannot pull it any more: write the new digest.",
    Fault.POLICY: "Move to an image that keeps the rule; the message says which rule it is.",
    Fault.STALE: "Write the newer digest, or let basebump propose it.",
}


def check_sarif(report: CheckReport) -> str:
    """Return what `check --format sarif` prints."""
    used = {objection.fault for _, objection in report.findings}
    rules = [Rule(each.value, each.sentence, _WHAT_TO_DO[each], _LEVELS[each]) for each in Fault if each in used]
    said = (f"{path}:{line_number}: {text}" for path, line_number, text in notes(report))
    return sarif_text([run_value(rules, [_result(*each) for each in report.findings], report.failed, said)])


def _result(place: CheckedPlace, objection: Objection) -> SarifObject:
    where = place.verdict.occurrence
    return {
        "ruleId": objection.fault.value,
        "level": _LEVELS[objection.fault],
        "message": message(objection.message),
        "locations": [location(where.path, where.line_number)],
        "partialFingerprints": fingerprint(where.path, where.locator, objection.fault.value),
        "properties": {
            "reference": str(where.reference),
            "canonical": where.reference.repository,
            "digest": where.reference.digest,
            "new_digest": place.verdict.new_digest,
        },
    }
