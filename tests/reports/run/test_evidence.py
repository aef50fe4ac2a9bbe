"""The effect of an update in machine-readable reports."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.runs.reports import MOVED, build_proposal, build_repository, build_run_report, build_update
from support.values import finding, scan
from support.visits import NOW

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.several_platforms import merge_platforms
from bot.model.evidence import NotScanned, Severity, UnscannedReason
from bot.model.signature import NoSignature, SignatureScheme, Signer, TransitionSignatures, VerifiedSignature
from bot.model.workload import RunningPlace, RunningUse
from bot.reports.run.report_document import render_run_document
from bot.reports.run.report_sarif import render_report_sarif

CRITICAL, LOW = finding("CVE-2026-0001", Severity.CRITICAL), finding("CVE-2026-0002", Severity.LOW)


def render_evidence(evidence):
    """Return the evidence of one image reference in the document, and of the image in its proposal."""
    report = build_run_report(build_repository(build_update(), proposals=(build_proposal(),)), evidence=evidence)
    (tree,) = json.loads(render_run_document(report))["repositories"]
    reference, image = tree["references"][0]["evidence"], tree["proposals"][0]["images"][0]["evidence"]
    assert reference == image
    return reference


def test_evidence_counts_distinct_vulnerabilities_of_old_and_new_image():
    known = render_evidence(compare_scans(scan(CRITICAL, replace(CRITICAL, package="libssl3"), LOW), scan(LOW)))
    assert known["old"] == {
        "state": "scanned",
        "counts": {"critical": 1, "high": 0, "medium": 0, "low": 1, "unknown": 0},
        "created": None,
    }
    assert [known[key]["critical"] for key in ("fixed", "introduced", "remaining")] == [1, 0, 0]
    assert [known[key] for key in ("scanner", "version", "database")] == ["Trivy", "0.59.1", "2026-01-01T00:00:00Z"]
    assert known["platforms"] == ["linux/amd64"]


@pytest.mark.parametrize("why", UnscannedReason)
def test_evidence_has_state_and_null_counts_for_image_that_was_not_scanned(why):
    known = render_evidence(compare_scans(NotScanned(why), scan(LOW)))
    assert known["old"] == {"state": why.value, "counts": None, "created": None}
    assert known["new"]["counts"]["low"] == 1
    assert [known[key] for key in ("fixed", "introduced", "remaining", "known_exploited")] == [None] * 4


def test_evidence_has_no_old_image_if_reference_has_no_digest():
    assert render_evidence(compare_scans(None, scan(LOW)))["old"] is None


def test_evidence_counts_exploited_vulnerabilities_only_if_list_was_read():
    known = compare_scans(scan(CRITICAL, LOW), scan(LOW))
    listed = render_evidence(replace(known, exploited_ids=frozenset({LOW.id})))
    assert listed["known_exploited"] == {"fixed": 0, "introduced": 0, "remaining": 1}
    assert render_evidence(known)["known_exploited"] is None


def test_evidence_has_separate_counts_for_each_platform():
    both = {
        "linux/amd64": compare_scans(scan(CRITICAL), scan()),
        "linux/arm64": compare_scans(scan(CRITICAL), scan(CRITICAL)),
    }
    known = render_evidence(merge_platforms(both))
    assert [known["by_platform"][on]["new"]["counts"]["critical"] for on in both] == [0, 1]
    assert (known["fixed"]["critical"], known["remaining"]["critical"]) == (0, 1)


def test_evidence_contains_signers_only_if_signatures_were_checked():
    signed = TransitionSignatures(NoSignature(), VerifiedSignature(Signer(SignatureScheme.COSIGN_KEY, "team.pub")))
    known = render_evidence(replace(compare_scans(scan(), scan()), signatures=signed))
    assert known["signatures"] == {
        "old": {"state": "unsigned", "detail": "it has no signature"},
        "new": {"state": "signed", "detail": "signed by team.pub"},
    }
    assert render_evidence(compare_scans(scan(), scan()))["signatures"] is None


def test_proposal_shows_evidence_of_first_platform_of_image():
    arm = replace(MOVED, platforms=("linux/arm64",))
    report = build_run_report(
        build_repository(build_update(), proposals=(build_proposal(),)), evidence=compare_scans(scan(CRITICAL), scan())
    )
    report.evidence[arm] = compare_scans(scan(LOW), scan())
    (tree,) = json.loads(render_run_document(report))["repositories"]
    (image,) = tree["proposals"][0]["images"]
    assert image["evidence"]["platforms"] == ["linux/amd64"]


def test_evidence_contains_namespaces_in_which_image_runs():
    own = RunningUse("ghcr.io/acme/web", (RunningPlace("prod", "shop", 12), RunningPlace("edge", "shop", 1, NOW)))
    direct = RunningUse(None, (RunningPlace("prod", "db", 2),))
    evidence = replace(compare_scans(scan(LOW), scan()), running=(direct, own))
    assert render_evidence(evidence)["runs_in"] == [
        {"own_image": None, "places": [{"cluster": "prod", "namespace": "db", "pods": 2, "as_of": None}]},
        {
            "own_image": "ghcr.io/acme/web",
            "places": [
                {"cluster": "prod", "namespace": "shop", "pods": 12, "as_of": None},
                {"cluster": "edge", "namespace": "shop", "pods": 1, "as_of": "2026-11-25T12:00:00Z"},
            ],
        },
    ]
    assert render_evidence(replace(evidence, running=()))["runs_in"] == []
    assert "runs_in" not in render_evidence(replace(evidence, running=None))
    assert "prod" not in render_report_sarif(build_run_report(build_repository(build_update()), evidence=evidence))
