"""The facts that the text of a pull request states, as JSON values. The fingerprint of the text is a hash of them.

The facts do not depend on templates or on the views of templates. Therefore, basebump does not rewrite open pull
requests only because a new version of basebump has other words or another layout.

Every open pull request contains a hash of its facts. The names and shapes of the JSON values are therefore permanent:
if one of them changes, basebump writes all open pull requests again. The two exceptions to "facts, not words" are notes
and reasons for a review, which are sentences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.core.evidence.compare import count_by_severity, count_distinct, filter_exploited
from bot.core.evidence.effect import UpdateEffect, summarise_effect
from bot.core.evidence.finding_keys import get_finding_key
from bot.core.markdown import MAX_TEXT_LENGTH, get_advisory_url
from bot.core.notes import MAX_NOTE_LENGTH
from bot.core.proposal.merged_options import determine_on_close
from bot.core.proposal.transition_groups import (
    MIN_IMAGES_FOR_TOTAL,
    determine_update_type,
    group_by_transition,
    list_deploying_paths,
    list_notes,
)
from bot.core.proposal.view.trust import get_signature_state
from bot.core.transition import shorten_digest
from bot.model.advisory import AdvisoryList
from bot.model.decision import ImageUpdate, Transition
from bot.model.due_date import DueDate, DueUntil
from bot.model.evidence import Evidence, Finding, Scan, ScanOutcome, Severity, SuppressedFinding
from bot.model.modes import OnClose
from bot.model.signature import SignatureOutcome, TransitionSignatures, VerifiedSignature

FACTS_VERSION = 1
MAX_ROWS = 10_000
"""Limit for the items of a list. It bounds the hashed data, and is far above the limits of the lists in texts."""

_EVIDENCE_OF_PROPOSAL = ("total", "scanner", "is_exploited_unknown", "due")
_EVIDENCE_OF_TRANSITION = ("before", "after", "delta", "trust", "on_platforms", "notes")
"""Facts that come from scans, signatures and registries, in contrast to the proposed changes."""

Facts = dict[str, object]


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """The facts of one proposal."""

    proposed: Facts
    """The proposed changes, without the evidence on them."""
    complete: Facts
    """The proposed changes, and the evidence on them."""


def build_report_facts(
    updates: Sequence[ImageUpdate],
    evidence: Mapping[Transition, Evidence],
    *,
    is_first: bool = False,
    protected_files: Sequence[str] = (),
    due: DueDate | None = None,
) -> ReportFacts:
    """Return the facts of one proposal. The parameters are those of `build_proposal_view`."""
    by_transition = group_by_transition(updates)
    found = [evidence[each] for each in by_transition]
    paths = list_deploying_paths(updates)
    notes = list_notes(by_transition)
    scans = [scan for each in found for scan in (each.old, each.new) if isinstance(scan, Scan)]
    versions = next((each.list_versions for each in found if each.list_versions is not None), None)
    transitions = [
        _build_transition(each, by_transition[each][0], notes[each], evidence[each])
        for each in list(by_transition)[:MAX_ROWS]
    ]
    facts: Facts = {
        "version": FACTS_VERSION,
        "is_first": is_first,
        "mutes": determine_on_close(updates) is OnClose.LINE,
        "update_type": determine_update_type(by_transition).value,
        "transitions_cut": max(0, len(by_transition) - MAX_ROWS),
        "total": _build_total(summarise_effect(found)),
        "files": [{"path": _text(path), "deploys": paths[path]} for path in sorted(paths)[:MAX_ROWS]],
        "files_cut": max(0, len(paths) - MAX_ROWS),
        "left_out": [_text(path) for path in protected_files[:MAX_ROWS]],
        "left_out_cut": max(0, len(protected_files) - MAX_ROWS),
        "scanner": _text(scans[0].scanner.name) if scans else None,
        "is_exploited_unknown": versions is not None and AdvisoryList.KEV in versions.unread_lists,
    }
    if due is not None:  # the key is left out for other proposals, so that their fingerprints stay the same
        until = {"until": due.until.value} if due.until is not DueUntil.MERGED else {}
        facts["due"] = {"at": due.at.isoformat(), "fixes": due.fixes.value, "is_overdue": due.is_overdue, **until}
    proposed = [_drop(each, _EVIDENCE_OF_TRANSITION) for each in transitions]
    return ReportFacts(
        proposed=_drop(facts, _EVIDENCE_OF_PROPOSAL) | {"transitions": proposed},
        complete=facts | {"transitions": transitions},
    )


def _drop(facts: Facts, names: Sequence[str]) -> Facts:
    return {name: value for name, value in facts.items() if name not in names}


def _text(raw: str, limit: int = MAX_TEXT_LENGTH) -> Facts:
    return {"_raw": raw, "_limit": limit}


def _optional_text(raw: str | None, limit: int = MAX_TEXT_LENGTH) -> Facts | None:
    return _text(raw, limit) if raw else None


def _identifier(raw: str) -> Facts:
    url = get_advisory_url(raw)
    return {"_label": _text(raw), "_address": url} if url is not None else _text(raw)


def _build_transition(transition: Transition, update: ImageUpdate, notes: Sequence[str], evidence: Evidence) -> Facts:
    old, new = transition.old, transition.new
    # the key is left out for other updates, so that their fingerprints stay the same
    block = {"block": [_text(update.block.reason), _optional_text(update.block.link)]} if update.block else {}
    return block | {
        "reference": _text(f"{update.reference.image.name}:{transition.tag_ref.tag}"),
        "new_tag": _optional_text(transition.new_tag),
        "cause": update.cause.value,
        "doubt": _optional_text(update.review_facts, MAX_NOTE_LENGTH),
        "notes": [_text(note, MAX_NOTE_LENGTH) for note in notes[:MAX_ROWS]],
        "notes_cut": max(0, len(notes) - MAX_ROWS),
        "old": _text(shorten_digest(old)) if old else None,
        "new": _text(shorten_digest(new)),
        "old_digest": _optional_text(old),
        "new_digest": _text(new),
        "platform": _text(transition.platforms[0]),
        "scanned_on": [_text(each) for each in transition.platforms],
        "platforms": [_text(each) for each in update.candidates[0].platforms[:MAX_ROWS]],
        "on_platforms": [
            {"platform": _text(platform), "before": _build_scan(each.old), "after": _build_scan(each.new)}
            for platform, each in evidence.by_platform.items()
        ],
        "before": _build_scan(evidence.old),
        "after": _build_scan(evidence.new),
        "delta": _build_delta(evidence),
        "trust": _build_trust(evidence.signatures),
    }


def _build_scan(outcome: ScanOutcome | None) -> Facts | None:
    """Return the facts about a scan. Their keys are part of the fingerprint of open pull requests, and never change."""
    if outcome is None:
        return None
    if not isinstance(outcome, Scan):
        return {
            "counts": None,
            "total": None,
            "why_not": outcome.reason.value,
            "os": None,
            "set_aside": [],
            "set_aside_count": 0,
            "set_aside_cut": 0,
        }
    suppressed = sorted(outcome.suppressed, key=lambda each: (-each.finding.severity, get_finding_key(each.finding)))
    return {
        "counts": [
            {"severity": severity.value, "count": count}
            for severity, count in count_by_severity(outcome.findings).items()
        ],
        "total": count_distinct(outcome.findings),
        "why_not": None,
        "os": _text(outcome.os),
        "set_aside": [_build_suppressed(each) for each in suppressed[:MAX_ROWS]],
        "set_aside_count": count_distinct(each.finding for each in suppressed),
        "set_aside_cut": max(0, len(suppressed) - MAX_ROWS),
    }


def _build_suppressed(suppressed: SuppressedFinding) -> Facts:
    finding = suppressed.finding
    return {
        "id": _identifier(finding.id),
        "package": _text(finding.package),
        "installed": _text(finding.installed),
        "severity": finding.severity.value,
        "why": _text(suppressed.reason),
        "by": _text(suppressed.author),
    }


def _build_delta(evidence: Evidence) -> Facts | None:
    delta = evidence.delta
    if delta is None:
        return None
    lists = {"fixed": delta.fixed, "introduced": delta.introduced, "remaining": delta.remaining}
    return {
        **{name: _build_findings(findings, evidence) for name, findings in lists.items()},
        "fixed_count": count_distinct(delta.fixed),
        "fixed_critical": count_by_severity(delta.fixed)[Severity.CRITICAL],
        "fixed_exploited": count_distinct(filter_exploited(delta.fixed, evidence.exploited_ids)),
        "introduced_count": count_distinct(delta.introduced),
        "introduced_exploited": count_distinct(filter_exploited(delta.introduced, evidence.exploited_ids)),
        "remaining_count": count_distinct(delta.remaining),
        "fixable_count": count_distinct(each for each in delta.remaining if each.fixed_in),
        "cut": sum(max(0, len(findings) - MAX_ROWS) for findings in lists.values()),
    }


def _build_findings(findings: Sequence[Finding], evidence: Evidence) -> list[Facts]:
    exploited_ids = evidence.exploited_ids or frozenset()
    exploited_first = sorted(findings, key=lambda finding: finding.id not in exploited_ids)
    return [
        {
            "id": _identifier(each.id),
            "package": _text(each.package),
            "installed": _text(each.installed),
            "fixed_in": _optional_text(each.fixed_in),
            "severity": each.severity.value,
            "platforms": [_text(platform) for platform in each.platforms],
            "is_exploited": each.id in exploited_ids,
        }
        for each in exploited_first[:MAX_ROWS]
    ]


def _build_trust(signatures: TransitionSignatures | None) -> Facts | None:
    if signatures is None:
        return None
    return {
        "old": _build_signature(signatures.old) if signatures.old is not None else None,
        "new": _build_signature(signatures.new),
        "is_unchanged": signatures.old == signatures.new,
    }


def _build_signature(outcome: SignatureOutcome) -> Facts:
    verified = outcome if isinstance(outcome, VerifiedSignature) else None
    return {
        "state": get_signature_state(outcome).value,
        "signer": _text(verified.signer.identity, MAX_NOTE_LENGTH) if verified is not None else None,
        "scheme": verified.signer.scheme.value if verified is not None else None,
        "statement": verified.statement.value if verified is not None else None,
    }


def _build_total(effect: UpdateEffect | None) -> Facts | None:
    if effect is None or effect.compared_count < MIN_IMAGES_FOR_TOTAL:
        return None
    return {
        "fixed_count": effect.fixed.count,
        "fixed_critical": effect.fixed.critical,
        "fixed_exploited": effect.fixed.exploited,
        "introduced_count": effect.added.count,
        "introduced_exploited": effect.added.exploited,
        "is_partial": effect.is_partial,
    }
