"""Fingerprints of the texts of pull requests. They show whether the text of an open pull request must be replaced.

A fingerprint consists of 16 hexadecimal digits:

- 8 digits are a hash of the proposed changes.
- 6 digits are a hash of the proposed changes together with the evidence, such as scan results.
- 1 digit is the number of images whose signatures could not be fetched.
- 1 digit is the number of other missing pieces of evidence: scans, image contents, the list of exploited
  vulnerabilities (KEV) and VEX documents.

The two numbers show whether a new text would lose evidence that the old text has. Such a text must not replace the old
one. If a proposal updates several images, the numbers are not enough: they stay equal if evidence on one image is new
and evidence on another image is lost. So a dash and a bit mask may follow, in which each bit stands for an image update
(transition) with missing evidence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.core.evidence.private_evidence import WITHHELD_SCAN
from bot.core.proposal.report_facts import Facts, build_report_facts
from bot.core.proposal.transition_groups import group_by_transition
from bot.model.advisory import AdvisoryList
from bot.model.decision import ImageUpdate, Transition
from bot.model.due_date import DueDate
from bot.model.evidence import Evidence, NotScanned
from bot.model.signature import SignatureUnknown

PROPOSED_DIGITS = 8
"""Number of digits for the proposed changes."""
_EVIDENCE_END = 14
_MAX_UNKNOWN = 0xF
MAX_TRANSITIONS = 256
"""Number of transitions that have their own bit in the mask. Further transitions share the bits of the first ones."""


def compute_fingerprint(
    updates: Sequence[ImageUpdate],
    evidence: Mapping[Transition, Evidence],
    *,
    is_first: bool = False,
    protected_files: Sequence[str] = (),
    due: DueDate | None = None,
) -> str:
    """Return the fingerprint of a pull request's text: hashes of facts, and counts of missing evidence.

    The parameters are those of `build_proposal_view`. The result depends on neither templates nor their views, so
    that basebump does not rewrite open pull requests only because its own version changed.
    """
    transition_evidence = [evidence[each] for each in group_by_transition(updates)]
    unknown_signatures, other_unknowns = (
        [_count_unknown_signatures(each) for each in transition_evidence],
        [_count_other_unknowns(each) for each in transition_evidence],
    )
    facts = build_report_facts(updates, evidence, is_first=is_first, protected_files=protected_files, due=due)
    proposed_hash, full_hash = _hash(facts.proposed), _hash(facts.complete)
    hashes = f"{proposed_hash[:PROPOSED_DIGITS]}{full_hash[: _EVIDENCE_END - PROPOSED_DIGITS]}"
    fingerprint = f"{hashes}{_format_digit(sum(unknown_signatures))}{_format_digit(sum(other_unknowns))}"
    incomplete_positions = (
        index % MAX_TRANSITIONS
        for index, counts in enumerate(zip(unknown_signatures, other_unknowns, strict=True))
        if any(counts)
    )
    mask = sum(1 << index for index in set(incomplete_positions))
    return f"{fingerprint}-{mask:x}" if mask and len(transition_evidence) > 1 else fingerprint


def _count_unknown_signatures(evidence: Evidence) -> int:
    """Return how many of the old and the new image have signatures that could not be fetched (0 to 2)."""
    signatures = evidence.signatures
    return sum(isinstance(each, SignatureUnknown) for each in (signatures.old, signatures.new)) if signatures else 0


def _count_other_unknowns(evidence: Evidence) -> int:
    """Return how much evidence other than signatures is missing: scans, image contents, KEV and VEX data."""
    scans = (evidence.old, evidence.new)
    unscanned = sum(isinstance(each, NotScanned) and each != WITHHELD_SCAN for each in scans)
    unread = len(evidence.list_versions.unread_lists - {AdvisoryList.EPSS}) if evidence.list_versions is not None else 0
    return unscanned + unread + _count_unknown_contents(evidence)


def _count_unknown_contents(evidence: Evidence) -> int:
    """Return for how many of the old and the new image the contents could not be fetched.

    The result is 0 if the contents were not inspected in this run.
    """
    if evidence.contents is None:
        return 0
    old = [evidence.contents.old] if evidence.old is not None else []
    return sum(each is None for each in (*old, evidence.contents.new))


def is_outdated(fingerprint: str, desired_fingerprint: str) -> bool:
    """Return True if the text of an open pull request must be replaced by the text that this run would write.

    `fingerprint` belongs to the existing text, `desired_fingerprint` to the text of this run. If they are equal, the
    result is False. The result is also False if both texts propose the same changes, and the existing text has evidence
    that this run lacks, for example because a scan failed.
    """
    return fingerprint != desired_fingerprint and not has_less_evidence(fingerprint, desired_fingerprint)


def has_less_evidence(fingerprint: str, desired_fingerprint: str) -> bool:
    """Return True if this run proposes the same changes as the existing text, but lacks evidence that this text has.

    `fingerprint` belongs to the existing text of the pull request, `desired_fingerprint` to the text of this run.
    """
    before, after = _parse_fingerprint(fingerprint), _parse_fingerprint(desired_fingerprint)
    if before.proposed != after.proposed:
        return False
    are_more = any(now > then for now, then in zip(after.counts, before.counts, strict=True))
    return are_more or bool(after.incomplete_mask & ~before.incomplete_mask)


@dataclass(frozen=True, slots=True)
class _FingerprintParts:
    """A parsed fingerprint: the hash of the proposed changes, and the information about missing evidence."""

    proposed: str
    counts: str
    """The two digits with the numbers of missing signatures and of other missing evidence."""
    incomplete_mask: int
    """A bit mask of the transitions with incomplete evidence. It is 0 if there is only one transition."""


def _parse_fingerprint(fingerprint: str) -> _FingerprintParts:
    digits, _, mask = fingerprint.partition("-")
    return _FingerprintParts(digits[:PROPOSED_DIGITS], digits[_EVIDENCE_END:], int(mask, 16) if mask else 0)


def _format_digit(count: int) -> str:
    return f"{min(count, _MAX_UNKNOWN):x}"


def _hash(facts: Facts) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
