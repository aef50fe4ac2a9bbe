"""Fingerprints of the texts of requests. They show whether the text of an open request must be replaced.

A fingerprint consists of 16 hexadecimal digits:

- 8 digits are a hash of the proposed changes.
- 6 digits are a hash of the proposed changes together with the evidence, such as scan results.
- 1 digit counts the images whose signatures could not be fetched.
- 1 digit counts other missing evidence: scans, image contents, the list of exploited vulnerabilities (KEV) and VEX
  documents.

If a proposal updates several images, a dash and a bit mask may follow. Each bit stands for an image update (transition)
with missing evidence. The mask is needed because counts stay equal if evidence on one image is new and evidence on
another image is lost. A text with such a loss must not replace the old text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum

from bot.core.evidence.private_evidence import WITHHELD_SCAN
from bot.core.proposal.view.proposal import ProposalView
from bot.model.advisory import AdvisoryList
from bot.model.evidence import Evidence, NotScanned
from bot.model.signature import SignatureUnknown

PROPOSED_DIGITS = 8
"""Number of digits for the proposed changes."""
_EVIDENCE_END = 14
_MAX_UNKNOWN = 0xF
MAX_TRANSITIONS = 256
"""Number of transitions with a bit of their own in the mask. Further transitions share the bits of the first ones."""

_EVIDENCE_FIELDS = frozenset(
    {
        *("before", "after", "delta", "trust", "on_platforms", "scanner", "notes", "is_exploited_unknown"),
        "total",
    }
)
_VOLATILE_FIELDS = frozenset(
    {
        *("database", "scanner_version", "built", "title", "line_numbers", "detail"),
        *("packages", "contents", "other"),
        *("epss", "epss_list", "exploited_list"),
    }
)
"""Fields that may change without a new review. For package lists and contents, only their availability counts."""


def compute_fingerprint(view: ProposalView, evidence: Iterable[Evidence]) -> str:
    """Return the fingerprint of the text that is rendered from `view`.

    `evidence` contains the evidence for each transition of the view, in the same order.
    """
    transition_evidence = list(evidence)
    unknown_signatures, other_unknowns = (
        [_count_unknown_signatures(each) for each in transition_evidence],
        [_count_other_unknowns(each) for each in transition_evidence],
    )
    proposed_hash, full_hash = (
        _hash(_convert_to_plain(view, _VOLATILE_FIELDS | _EVIDENCE_FIELDS)),
        _hash(_convert_to_plain(view, _VOLATILE_FIELDS)),
    )
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
    """Count the images whose signatures could not be fetched."""
    signatures = evidence.signatures
    return sum(isinstance(each, SignatureUnknown) for each in (signatures.old, signatures.new)) if signatures else 0


def _count_other_unknowns(evidence: Evidence) -> int:
    """Count the missing evidence other than signatures: scans, image contents, and KEV or VEX data."""
    scans = (evidence.old, evidence.new)
    unscanned = sum(isinstance(each, NotScanned) and each != WITHHELD_SCAN for each in scans)
    unread = len(evidence.list_versions.unread_lists - {AdvisoryList.EPSS}) if evidence.list_versions is not None else 0
    return unscanned + unread + _count_unknown_contents(evidence)


def _count_unknown_contents(evidence: Evidence) -> int:
    """Count the images whose contents (packages and configuration) should have been fetched but are missing."""
    if evidence.contents is None:
        return 0
    old = [evidence.contents.old] if evidence.old is not None else []
    return sum(each is None for each in (*old, evidence.contents.new))


def is_outdated(fingerprint: str, desired_fingerprint: str) -> bool:
    """Return True if the text of a request must be replaced by the text of this run.

    `fingerprint` belongs to the current text, `desired_fingerprint` to the text of this run. A text is not replaced if
    the new text proposes the same changes but lacks evidence that the current text has.
    """
    return fingerprint != desired_fingerprint and not has_less_evidence(fingerprint, desired_fingerprint)


def has_less_evidence(fingerprint: str, desired_fingerprint: str) -> bool:
    """Return True if both texts propose the same changes, but the text of this run lacks some of the evidence.

    `fingerprint` belongs to the current text, `desired_fingerprint` to the text of this run.
    """
    before, after = _parse_fingerprint(fingerprint), _parse_fingerprint(desired_fingerprint)
    if before.proposed != after.proposed:
        return False
    are_more = any(now > then for now, then in zip(after.counts, before.counts, strict=True))
    return are_more or bool(after.incomplete_mask & ~before.incomplete_mask)


@dataclass(frozen=True, slots=True)
class _FingerprintParts:
    """The parts of a fingerprint that `has_less_evidence` compares."""

    proposed: str
    counts: str
    incomplete_mask: int
    """A bit mask of the transitions with incomplete evidence. It is 0 if there is only one transition."""


def _parse_fingerprint(fingerprint: str) -> _FingerprintParts:
    digits, _, mask = fingerprint.partition("-")
    return _FingerprintParts(digits[:PROPOSED_DIGITS], digits[_EVIDENCE_END:], int(mask, 16) if mask else 0)


def _format_digit(count: int) -> str:
    return f"{min(count, _MAX_UNKNOWN):x}"


def _hash(plain: object) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _convert_to_plain(value: object, excluded_fields: frozenset[str]) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if field.name not in excluded_fields]
        return {name: _convert_to_plain(getattr(value, name), excluded_fields) for name in names}
    if isinstance(value, tuple):
        return [_convert_to_plain(each, excluded_fields) for each in value]
    return value.value if isinstance(value, Enum) else value
