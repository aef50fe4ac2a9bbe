"""Tests that texts which everyone can read contain no private evidence."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime

import pytest
from support.runs.worlds import BODY_TEMPLATE
from support.values import digest, finding, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.gates import apply_gates
from bot.core.evidence.private_evidence import WITHHELD_REASON, WITHHELD_SCAN, remove_private_evidence
from bot.core.proposal.fingerprint import compute_fingerprint, is_outdated
from bot.core.proposal.render import render_body
from bot.core.proposal.view.proposal import build_proposal_view
from bot.core.transition import get_first_transition
from bot.model.advisory import ListVersions
from bot.model.contents import PackageChange, PackageChangeKind
from bot.model.decision import RefusedUpdate
from bot.model.evidence import Evidence, NotScanned, Severity, UnscannedReason
from bot.model.policy import Policy
from bot.model.rules import IntroducedLimit
from bot.model.signature import NoSignature, SignatureUnknown, TransitionSignatures
from bot.model.vocabulary import Reason
from bot.model.workload import RunningPlace, RunningUse

NOW = datetime(2026, 11, 25, tzinfo=UTC)
MOVE = update(f"python:3.12-slim@{digest('old')}", "new")
SECRET, ASIDE = finding("CVE-1900-0001", Severity.CRITICAL), finding("CVE-1900-0002")
PRIVATE = replace(compare_scans(scan(SECRET), scan(suppressed=[ASIDE])), is_private=True)


def render_public_body(evidence: Evidence, move=MOVE) -> str:
    known = {get_first_transition(move): evidence}
    return render_body(BODY_TEMPLATE, lambda rows: build_proposal_view((move,), known, rows), 60_000)


def test_public_evidence_is_kept_unchanged():
    evidence = compare_scans(scan(SECRET), scan())
    assert remove_private_evidence(evidence) is evidence


def test_public_text_does_not_name_host_of_failed_signature_lookup():
    unknown = SignatureUnknown(Reason.UNREACHABLE, "mirror.corp.example:5000 does not answer", is_failure=True)
    for found in (compare_scans(scan(SECRET), scan()), PRIVATE):
        for old in (unknown, NoSignature(), None):
            signed = replace(found, signatures=TransitionSignatures(old, unknown))
            assert "mirror.corp" in render_public_body(signed)
            text = render_public_body(remove_private_evidence(signed))
            assert "mirror.corp" not in text
            assert "**Signature unknown:**" in text


def test_public_text_names_no_clusters_and_namespaces():
    uses = (
        RunningUse(None, (RunningPlace("prod", "payments", 12),)),
        RunningUse("contoso.azurecr.io/apps/web", (RunningPlace("prod", "shop", 1),)),
    )
    found = replace(compare_scans(scan(SECRET), scan()), running=uses)
    assert "prod/payments" in render_public_body(found)
    text = render_public_body(remove_private_evidence(found))
    assert not any(name in text for name in ("prod/", "payments", "contoso", "Runs in"))


def test_public_text_keeps_only_signatures_of_private_evidence():
    signatures = TransitionSignatures(NoSignature(), NoSignature())
    whole = replace(
        PRIVATE,
        exploited_ids=frozenset({SECRET.id}),
        epss_scores={SECRET.id: 0.5},
        list_versions=ListVersions(date(2026, 11, 25)),
        signatures=signatures,
        package_changes=(PackageChange("openssl", "debian", PackageChangeKind.UPGRADED, ("1",), ("2",)),),
        by_platform={"linux/amd64": PRIVATE, "linux/arm64": PRIVATE},
    )
    assert remove_private_evidence(whole) == Evidence(
        WITHHELD_SCAN, WITHHELD_SCAN, None, signatures=signatures, is_private=True
    )
    assert remove_private_evidence(replace(whole, old=None)).old is None
    said = {field.name for field in fields(Evidence)}
    known = {
        "old",
        "new",
        "delta",
        "exploited_ids",
        "epss_scores",
        "list_versions",
        "signatures",
        "package_changes",
        "contents",
    }
    assert said == known | {"by_platform", "is_private", "fleet_outcome", "running"}, (
        "whoever adds to it decides what everybody may read"
    )


def test_public_text_does_not_reveal_that_scan_of_private_image_failed():
    failed = replace(compare_scans(scan(), NotScanned(UnscannedReason.FAILED)), is_private=True)
    assert remove_private_evidence(failed) == remove_private_evidence(PRIVATE)


def test_public_body_states_that_findings_are_left_out_without_details():
    text = render_public_body(remove_private_evidence(PRIVATE))
    assert "Its findings are left out here: " in text
    for told in ("CVE-1900", "suppressed", "exempt", "Critical", "Trivy", "vulnerabilit", "| 1"):
        assert told not in text, told
    assert "CVE-1900-0001" in render_public_body(PRIVATE)
    assert "exempt" in render_public_body(PRIVATE)


def test_public_body_leaves_out_only_findings_of_private_images():
    nginx = update(f"nginx:1.27@{digest('old')}", "new")
    known = {
        get_first_transition(MOVE): remove_private_evidence(PRIVATE),
        get_first_transition(nginx): compare_scans(scan(ASIDE), scan()),
    }
    text = render_body(BODY_TEMPLATE, lambda rows: build_proposal_view((MOVE, nginx), known, rows), 60_000)
    assert "<summary>python:3.12-slim: not scanned</summary>" not in text
    assert "<summary>python:3.12-slim: findings are private</summary>" in text
    assert "<summary>nginx:1.27: fixes 1 (1 high), adds none</summary>" in text
    assert "CVE-1900-0001" not in text
    assert "CVE-1900-0002" in text


def test_public_body_states_once_that_findings_of_several_images_are_left_out():
    nginx = update(f"nginx:1.27@{digest('old')}", "new")
    known = {get_first_transition(each): remove_private_evidence(PRIVATE) for each in (MOVE, nginx)}
    text = render_body(BODY_TEMPLATE, lambda rows: build_proposal_view((MOVE, nginx), known, rows), 60_000)
    assert text.count("Left out (withheld): ") == 1


def test_fingerprint_is_outdated_when_text_with_private_evidence_becomes_public():
    def report(evidence):
        known = {get_first_transition(MOVE): evidence}
        return compute_fingerprint((MOVE,), known)

    assert is_outdated(report(PRIVATE), report(remove_private_evidence(PRIVATE)))
    assert report(remove_private_evidence(PRIVATE)) == report(
        remove_private_evidence(replace(PRIVATE, delta=None, old=scan()))
    )


# ---- gates ---------------------------------------------------------------------------------------------------------


def apply_gates_to_evidence(evidence: Evidence, *, is_public: bool):
    policy = Policy(allow_introduced=(IntroducedLimit(Severity.CRITICAL, 0),))
    wanted = update(f"python:3.12-slim@{digest('old')}", "new", policy=policy)
    return apply_gates(wanted, {get_first_transition(wanted): evidence}, NOW, is_public=is_public)


@pytest.mark.parametrize(("is_private", "is_public"), [(True, False), (False, True), (False, False)])
def test_refusal_shows_counts_unless_evidence_is_private_and_text_is_public(is_private, is_public):
    refused = apply_gates_to_evidence(
        replace(compare_scans(scan(), scan(SECRET)), is_private=is_private), is_public=is_public
    )
    assert "1 critical" in refused.detail


def test_private_evidence_causes_refusal_without_counts_in_public_text():
    refused = apply_gates_to_evidence(replace(compare_scans(scan(), scan(SECRET)), is_private=True), is_public=True)
    assert isinstance(refused, RefusedUpdate)
    assert f"({WITHHELD_REASON})" in refused.detail


def test_public_review_reason_hides_private_counts():
    worse = scan(finding("CVE-1900-0003", Severity.CRITICAL), finding("CVE-1900-0004", Severity.CRITICAL))
    passed = apply_gates_to_evidence(replace(compare_scans(worse, scan(SECRET)), is_private=True), is_public=True)
    assert (
        passed.review_reason
        == f"It brings more vulnerabilities than a rule allows ({WITHHELD_REASON}); the pinned image is worse."
    )
