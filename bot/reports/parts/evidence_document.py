"""Renders scans, findings, exposures and signatures as JSON values for machine-readable reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.core.evidence.compare import count_by_severity, count_distinct, filter_exploited, get_scanner
from bot.core.evidence.exposure import is_exploited, list_urgent_findings
from bot.core.evidence.lookups import get_list_lookup
from bot.core.evidence.trust import describe_signature
from bot.core.proposal.view.trust import build_signature_view
from bot.model.advisory import AdvisoryList
from bot.model.ci import FleetOutcome
from bot.model.decision import Transition
from bot.model.evidence import Evidence, Finding, FixDate, NotScanned, Scan, ScannerIdentity, ScanOutcome
from bot.model.exposure import ExposedFinding, Exposure, FixPlace
from bot.model.image_name import TagRef
from bot.model.proposal import ProposedImage
from bot.model.report import Verdict
from bot.model.signature import SignatureOutcome, TransitionSignatures
from bot.model.workload import RunningUse
from bot.reports.parts.json_text import JsonValue, format_time


def render_fleet_outcome(outcome: FleetOutcome) -> JsonValue:
    """Return the numbers of repositories in which CI passed or failed with the new digest."""
    counts: dict[str, JsonValue] = {"passed": outcome.passed, "failed": outcome.failed, "merged": outcome.merged}
    return {**counts, "broken": outcome.broken, "failing": outcome.is_failing}


SCANNED = "scanned"
"""The state of a scanned image; every other state is a value of `UnscannedReason`."""


def get_state(outcome: ScanOutcome) -> str:
    """Return the state of a scan as one word: `scanned`, or the reason why the image was not scanned."""
    return outcome.reason.value if isinstance(outcome, NotScanned) else SCANNED


def count_findings(findings: Iterable[Finding]) -> JsonValue:
    """Return the number of distinct vulnerabilities by severity, most severe first."""
    return {severity.word: count for severity, count in count_by_severity(findings).items()}


def render_scan(outcome: ScanOutcome) -> dict[str, JsonValue]:
    """Return the state of a scan, and the numbers of vulnerabilities by severity.

    The numbers are null if the image was not scanned.
    """
    return {
        "state": get_state(outcome),
        "counts": count_findings(outcome.findings) if isinstance(outcome, Scan) else None,
    }


def render_evidence(transition: Transition, evidence: Evidence, *, shows_names: bool) -> JsonValue:
    """Return the evidence for one update as JSON.

    It contains the scans of the old and the new image, the fixed, introduced and remaining vulnerabilities, the
    scanner, and the signatures. A value is null if it is not known.

    Args:
        transition: The update: the old and the new image, and their platforms.
        evidence: The evidence for this update.
        shows_names: True if the value contains the names of clusters and namespaces in which the image runs.
    """
    delta, scanner = evidence.delta, get_scanner(evidence)
    return {
        "platforms": list(transition.platforms),
        **_render_scans(evidence),
        "by_platform": {on: _render_scans(found) for on, found in evidence.by_platform.items()} or None,
        "fixed": count_findings(delta.fixed) if delta is not None else None,
        "introduced": count_findings(delta.introduced) if delta is not None else None,
        "remaining": count_findings(delta.remaining) if delta is not None else None,
        "known_exploited": _count_exploited(evidence),
        "scanner": scanner.name if scanner is not None else None,
        "version": scanner.version if scanner is not None else None,
        "database": format_time(scanner.database if scanner is not None else None),
        "signatures": _render_signatures(evidence.signatures) if evidence.signatures is not None else None,
        "lookups": render_lookups(evidence, are_signatures_checked=evidence.signatures is not None),
        **({"fleet": render_fleet_outcome(evidence.fleet_outcome)} if evidence.fleet_outcome is not None else {}),
        **(
            {"runs_in": list(map(_render_use, evidence.running))}
            if shows_names and evidence.running is not None
            else {}
        ),
    }


def _render_use(use: RunningUse) -> JsonValue:
    """Return the workloads that run one image as JSON: the updated image, or an own image that was built on it."""
    return {
        "own_image": use.own_image,
        "places": [
            {
                "cluster": each.cluster,
                "namespace": each.namespace,
                "pods": each.pods,
                "as_of": format_time(each.as_of),
            }
            for each in use.places
        ],
    }


def render_lookups(evidence: Evidence, *, are_signatures_checked: bool) -> JsonValue:
    """Return, for each kind of data, whether basebump looked it up.

    Readers can thus distinguish a null for "not looked up" from a null for "nothing found".
    """
    return {
        "kev": get_list_lookup(evidence, AdvisoryList.KEV).value,
        "epss": get_list_lookup(evidence, AdvisoryList.EPSS).value,
        "signatures": "checked" if are_signatures_checked else "not-checked",
    }


def _render_scans(evidence: Evidence) -> dict[str, JsonValue]:
    old = _render_dated_scan(evidence.old) if evidence.old is not None else None
    return {"old": old, "new": _render_dated_scan(evidence.new)}


def _render_dated_scan(outcome: ScanOutcome) -> JsonValue:
    """Return a scan like `render_scan`, with the image's build time as `created`; null if the time is not known."""
    created = outcome.created if isinstance(outcome, Scan) else None
    return {**render_scan(outcome), "created": format_time(created)}


def _render_signatures(signatures: TransitionSignatures) -> JsonValue:
    return {
        "old": render_signature(signatures.old) if signatures.old is not None else None,
        "new": render_signature(signatures.new),
    }


def render_signature(outcome: SignatureOutcome) -> JsonValue:
    """Return the state of a signature, and a phrase with the signer or with the reason why no signer is known."""
    return {"state": build_signature_view(outcome).state.value, "detail": describe_signature(outcome)}


class EvidenceIndex:
    """The evidence and the exposures of a report, as JSON for single updates and image references.

    - `shows_names` has the same meaning as in `render_evidence`.
    - `lists_exposure` is True if the exposure of an image contains all vulnerabilities. If not, it contains only those
      that are critical or exploited and have a fix.
    """

    def __init__(
        self,
        evidence: Mapping[Transition, Evidence],
        exposures: Mapping[Transition, Exposure],
        *,
        shows_names: bool,
        lists_exposure: bool = False,
    ) -> None:
        self._evidence, self._exposures = evidence, exposures
        self._shows_names, self._lists_exposure = shows_names, lists_exposure
        transitions = sorted(evidence, key=lambda transition: transition.sort_key, reverse=True)
        self._by_image: dict[tuple[TagRef, str | None, str], Transition] = {
            (transition.new_tag_ref, transition.old, transition.new): transition for transition in transitions
        }

    def render_exposure(self, verdict: Verdict) -> JsonValue:
        """Return the exposure of the image in use; null if it was not determined."""
        exposure = self._exposures.get(verdict.in_use) if verdict.in_use is not None else None
        return render_exposure(exposure, lists_all=self._lists_exposure) if exposure is not None else None

    def render_for_verdict(self, verdict: Verdict) -> JsonValue:
        """Return the evidence for the update that the decision `verdict` proposes or refuses; null if there is none."""
        return self._render_transition(verdict.transition)

    def render_for_image(self, image: ProposedImage) -> JsonValue:
        """Return the evidence for the update of an image in a proposal; null if there is none.

        References to the image can use different platforms, such as `linux/amd64` and `linux/arm64`. There is separate
        evidence for each list of platforms. Return the evidence for the list of platforms that is first in alphabetical
        order.
        """
        return self._render_transition(self._by_image.get((TagRef(image.canonical, image.tag), image.old, image.new)))

    def _render_transition(self, transition: Transition | None) -> JsonValue:
        evidence = self._evidence.get(transition) if transition is not None else None
        if transition is None or evidence is None:
            return None
        return render_evidence(transition, evidence, shows_names=self._shows_names)


def render_scanner(scanner: ScannerIdentity | None) -> JsonValue:
    """Return the scanner as `{name, version, database}`; null if `scanner` is None."""
    if scanner is None:
        return None
    return {"name": scanner.name, "version": scanner.version, "database": format_time(scanner.database)}


def render_finding(finding: Finding, evidence: Evidence) -> dict[str, JsonValue]:
    """Return one vulnerability in one package as JSON.

    `exploited` and `epss` come from public lists (CISA's KEV and EPSS), and are null if the list was not read.
    """
    exploited_ids, scores = evidence.exploited_ids, evidence.epss_scores
    return {
        "id": finding.id,
        "package": finding.package,
        "type": finding.package_type,
        "installed": finding.installed,
        "fixed_in": finding.fixed_in,
        "severity": finding.severity.word,
        "title": finding.title or None,
        "exploited": finding.id in exploited_ids if exploited_ids is not None else None,
        "epss": scores.get(finding.id) if scores is not None else None,
    }


def _count_exploited(evidence: Evidence) -> JsonValue:
    delta, exploited_ids = evidence.delta, evidence.exploited_ids
    if delta is None or exploited_ids is None:
        return None
    lists = {"fixed": delta.fixed, "introduced": delta.introduced, "remaining": delta.remaining}
    return {name: count_distinct(filter_exploited(findings, exploited_ids)) for name, findings in lists.items()}


def render_exposure(exposure: Exposure, *, lists_all: bool) -> JsonValue:
    """Return the exposure of an image as JSON.

    `findings` contains the vulnerabilities that are critical or exploited and have a fix; all if `lists_all` is True.
    """
    exploited = [each for each in exposure.findings if is_exploited(each, exposure)]
    return {
        "state": get_state(exposure.in_use),
        "counts": {_get_word(place): _count(exposure.findings, place) for place in (*FixPlace, None)},
        "exploited": None
        if exposure.exploited_ids is None
        else {
            _get_word(place): count_distinct(each.finding for each in exploited if each.fix is place)
            for place in (*FixPlace, None)
        },
        "findings": [
            _render_finding(each, exposure)
            for each in (exposure.findings if lists_all else list_urgent_findings(exposure))
        ],
    }


def _get_word(place: FixPlace | None) -> str:
    return place.value if place is not None else "unknown"


def _count(findings: Iterable[ExposedFinding], place: FixPlace | None) -> JsonValue:
    return count_findings(each.finding for each in findings if each.fix is place)


def _render_finding(exposed: ExposedFinding, exposure: Exposure) -> JsonValue:
    finding = exposed.finding
    return {
        "id": finding.id,
        "package": finding.package,
        "type": finding.package_type,
        "installed": finding.installed,
        "fixed_in": finding.fixed_in,
        "severity": finding.severity.word,
        "title": finding.title or None,
        "exploited": is_exploited(exposed, exposure) if exposure.exploited_ids is not None else None,
        "fix": exposed.fix.value if exposed.fix is not None else None,
        **build_fix_date(exposed.finding.fix_date),
    }


def build_fix_date(date: FixDate | None) -> dict[str, JsonValue]:
    """Return the keys with the date of a fix and its origin; both are null if the date is unknown."""
    return {
        "fix_published": format_time(date.at) if date is not None else None,
        "fix_published_origin": date.origin.value if date is not None else None,
    }
