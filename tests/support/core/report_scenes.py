"""Proposals of many kinds, whose fingerprints are recorded in `report_fingerprints.json` beside this file.

The record was made with the code of commit 4fd29b8e, which computed fingerprints from the views of templates. It shows
that open requests of that time are not written again. It is not recorded again: new scenes are added to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from support.values import digest, finding, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.several_platforms import merge_platforms
from bot.core.transition import get_first_transition
from bot.model.advisory import AdvisoryList, ListVersions
from bot.model.decision import ImageUpdate, Transition, UpdateCause
from bot.model.evidence import Evidence, NotScanned, Severity, UnscannedReason
from bot.model.modes import OnClose
from bot.model.policy import Policy
from bot.model.signature import (
    BadSignature,
    NoSignature,
    SignatureDefect,
    SignatureScheme,
    SignatureUnknown,
    SignedStatement,
    Signer,
    TransitionSignatures,
    UnsupportedSignature,
    VerifiedSignature,
)
from bot.model.vocabulary import Reason, Role

RECORD = Path(__file__).with_name("report_fingerprints.json")

CRITICAL = finding("CVE-1900-0001", Severity.CRITICAL, title="openssl: a title")
EXPLOITED = finding("CVE-1900-0002", Severity.MEDIUM, fixed_in=None)
ASIDE = finding("CVE-1900-0003", package="zlib")
OTHER_ID = finding("GHSA-2222-3333-4444", Severity.LOW, package="left-pad", package_type="npm")
VENDOR_ID = finding("TEMP-1", Severity.UNKNOWN, package="bash", platforms=("linux/arm64",))
PYTHON = update(f"python:3.12-slim@{digest('old')}", "new", platforms=("linux/amd64", "linux/arm64"))
NGINX = update(f"nginx:1.27@{digest('old')}", "new", path="deploy/web.yaml", role=Role.THIRD_PARTY, line_number=7)
PIN = update("redis:7", "new")
LATE = NotScanned(UnscannedReason.TIMED_OUT, "after 300 s")


@dataclass(frozen=True, slots=True)
class ReportScene:
    """The updates of a proposal, and the evidence on them."""

    updates: tuple[ImageUpdate, ...]
    evidence: Mapping[Transition, Evidence]
    is_first: bool = False
    protected_files: tuple[str, ...] = ()


def load_recorded_fingerprints() -> dict[str, str]:
    return json.loads(RECORD.read_text(encoding="utf-8"))


def build_report_scenes() -> dict[str, ReportScene]:
    """Return the proposals by name."""
    better = compare_scans(scan(CRITICAL, EXPLOITED, OTHER_ID, ASIDE), scan(OTHER_ID, VENDOR_ID, suppressed=[ASIDE]))
    listed = replace(
        better,
        exploited_ids=frozenset({EXPLOITED.id}),
        epss_scores={CRITICAL.id: 0.5},
        list_versions=ListVersions(date(2026, 11, 1), date(2026, 11, 2)),
    )
    unlisted = replace(better, list_versions=ListVersions(unread_lists=frozenset({AdvisoryList.KEV})))
    worse = compare_scans(scan(OTHER_ID), scan(OTHER_ID, CRITICAL))
    return {
        "fixes": _alone(PYTHON, better),
        "fixes-with-lists": _alone(PYTHON, listed),
        "lists-unread": _alone(PYTHON, unlisted),
        "adds-critical": _alone(PYTHON, worse),
        "changes-nothing": _alone(PYTHON, compare_scans(scan(OTHER_ID), scan(OTHER_ID))),
        "not-scanned": _alone(PYTHON, compare_scans(LATE, LATE)),
        "gone": _alone(
            replace(PYTHON, cause=UpdateCause.GONE),
            compare_scans(NotScanned(UnscannedReason.IMAGE_GONE), scan(CRITICAL)),
        ),
        "pin": _alone(PIN, compare_scans(None, scan(CRITICAL))),
        "other-tag": _alone(_with_candidate(PYTHON, tag="3.13-slim"), better),
        "review": _alone(
            replace(PYTHON, review_reason="It looks like it.", review_facts="It looks like a rollback: x is older."),
            better,
        ),
        "notes": _alone(_with_notes(PYTHON, "It was not rebuilt since its own base moved."), better),
        "muting": _alone(_with_policy(PYTHON, Policy(on_close=OnClose.LINE)), better),
        "platforms": _on_two_platforms(),
        "first": ReportScene((PYTHON, NGINX, PIN), _several(better, worse), is_first=True),
        "group": ReportScene((PYTHON, NGINX, PIN), _several(listed, compare_scans(LATE, LATE))),
        "protected": ReportScene((PYTHON,), _evidence(PYTHON, better), protected_files=(".github/workflows/ci.yml",)),
        **{f"signatures-{name}": _alone(PYTHON, replace(better, signatures=both)) for name, both in _signatures()},
    }


def _alone(update: ImageUpdate, evidence: Evidence) -> ReportScene:
    return ReportScene((update,), _evidence(update, evidence))


def _evidence(update: ImageUpdate, evidence: Evidence) -> dict[Transition, Evidence]:
    return {get_first_transition(update): evidence}


def _several(python: Evidence, nginx: Evidence) -> dict[Transition, Evidence]:
    known = _evidence(PYTHON, python) | _evidence(NGINX, nginx) | _evidence(PIN, compare_scans(None, scan(CRITICAL)))
    return {transition: known[transition] for transition in sorted(known, key=lambda each: each.sort_key)}


def _with_candidate(update: ImageUpdate, **changes) -> ImageUpdate:
    return replace(update, candidates=(replace(update.candidates[0], **changes),))


def _with_notes(update: ImageUpdate, *notes: str) -> ImageUpdate:
    noted = replace(update, tracked_image=replace(update.tracked_image, notes=notes))
    return _with_candidate(noted, notes=("`ada` answers for it until 2027-01-31.",))


def _with_policy(update: ImageUpdate, policy: Policy) -> ImageUpdate:
    return replace(update, tracked_image=replace(update.tracked_image, policy=policy))


def _on_two_platforms() -> ReportScene:
    policy = Policy(platforms=("linux/amd64", "linux/arm64"))
    moved = update(f"python:3.12-slim@{digest('old')}", "new", policy=policy)
    merged = merge_platforms(
        {
            "linux/amd64": compare_scans(scan(CRITICAL, OTHER_ID), scan(OTHER_ID)),
            "linux/arm64": compare_scans(scan(CRITICAL), scan(EXPLOITED)),
        }
    )
    return _alone(moved, merged)


def _signatures() -> list[tuple[str, TransitionSignatures]]:
    key = VerifiedSignature(Signer(SignatureScheme.COSIGN_KEY, "ours.pub (sha256:ab12)"))
    provenance = VerifiedSignature(Signer(SignatureScheme.KEYLESS, "https://a.example"), SignedStatement.PROVENANCE)
    return [
        ("same", TransitionSignatures(key, key)),
        ("changed", TransitionSignatures(key, provenance)),
        ("lost", TransitionSignatures(key, NoSignature())),
        ("bad", TransitionSignatures(NoSignature(), BadSignature(SignatureDefect.BROKEN, "cut short"))),
        ("unsupported", TransitionSignatures(None, UnsupportedSignature("a kind of tomorrow"))),
        ("unknown", TransitionSignatures(key, SignatureUnknown(Reason.UNREACHABLE, "no answer", is_failure=True))),
    ]
