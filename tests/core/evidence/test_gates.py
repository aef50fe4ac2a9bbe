"""Tests of the gates: which candidate of an update passes."""

from dataclasses import replace

import pytest
from support.core.decisions import (
    DAY,
    NGINX,
    NOW,
    build_index,
    build_observations,
    build_resolved_tag,
    build_tracked_image,
    list_candidate_digests,
)
from support.values import digest, finding, scan, update

from bot.core.choice.decide import decide
from bot.core.evidence.compare import compare_scans
from bot.core.evidence.gates import apply_gates
from bot.core.transition import build_transition, get_first_transition
from bot.model.advisory import AdvisoryList, ListVersions
from bot.model.blocklist import Block
from bot.model.contents import PackageChange, PackageChangeKind
from bot.model.decision import (
    BlockedReference,
    HeldUpdate,
    ImageUpdate,
    RefusedUpdate,
    UnresolvedReference,
    UpdateCandidate,
    UpdateCause,
)
from bot.model.evidence import NotScanned, Severity, UnscannedReason
from bot.model.image import RegistryRecord
from bot.model.policy import Policy, RequiredEvidence
from bot.model.rules import AcceptedHold, IntroducedLimit
from bot.model.signature import NoSignature, SignatureUnknown, TransitionSignatures
from bot.model.vocabulary import Reason

UNKNOWN = NotScanned(UnscannedReason.TIMED_OUT)
UNREAD_SIGNATURE = SignatureUnknown(Reason.UNREACHABLE, "timeout", is_failure=True)


def build_evidence(decision, *outcomes):
    """Return the evidence for each candidate, compared with an old image that has one critical finding."""
    old = scan(finding("CVE-1900-0001", Severity.CRITICAL))
    moves = [build_transition(decision, candidate) for candidate in decision.candidates]
    return {move: compare_scans(old, outcome) for move, outcome in zip(moves, outcomes, strict=True)}


def test_unscanned_image_is_refused_when_policy_requires_scan():
    wanted = update("nginx:1", "new", policy=Policy(require=RequiredEvidence(scan=True)))
    refused = apply_gates(wanted, build_evidence(wanted, UNKNOWN), NOW)
    assert isinstance(refused, RefusedUpdate)
    assert refused.reason is Reason.NOT_SCANNED
    assert apply_gates(wanted, build_evidence(wanted, scan(finding("CVE-2026-1"))), NOW) == wanted


@pytest.mark.parametrize("cause", [UpdateCause.GONE, UpdateCause.WITHDRAWN, UpdateCause.BLOCKED])
def test_unscanned_image_is_refused_even_if_digest_in_file_is_gone_or_blocked(cause):
    wanted = update(f"nginx:1@{digest('old')}", "new", policy=Policy(require=RequiredEvidence(scan=True)))
    refused = apply_gates(replace(wanted, cause=cause), build_evidence(wanted, UNKNOWN), NOW)
    assert isinstance(refused, RefusedUpdate)
    assert refused.reason is Reason.NOT_SCANNED


def test_unscanned_image_is_proposed_unless_policy_requires_scan():
    wanted = update("nginx:1", "new")
    assert apply_gates(wanted, build_evidence(wanted, UNKNOWN), NOW) == wanted


@pytest.mark.parametrize(
    ("outcome", "taken"),
    [(scan(), "new"), (scan(finding("CVE-1900-0001", Severity.CRITICAL)), "ripe"), (UNKNOWN, "ripe")],
)
def test_digest_below_minimum_age_is_proposed_if_critical_vulnerability_is_fixed(outcome, taken):
    policy = Policy(min_age=3 * DAY, bypass_min_age_for=(Severity.CRITICAL,))
    history = build_observations(NGINX, old=9, ripe=4, new=1)
    wanted = decide(
        build_tracked_image("old", policy),
        [build_resolved_tag("new", observations=history, earlier_manifests=(build_index("ripe"),))],
        NOW,
    )
    passed = apply_gates(
        wanted, build_evidence(wanted, outcome, scan(finding("CVE-1900-0001", Severity.CRITICAL))), NOW
    )
    assert list_candidate_digests(passed) == [digest(taken)]


@pytest.mark.parametrize(
    ("listed", "taken"), [(frozenset({"CVE-1900-0001"}), "new"), (frozenset(), "ripe"), (None, "ripe")]
)
def test_digest_below_minimum_age_is_proposed_if_exploited_vulnerability_is_fixed(listed, taken):
    policy = Policy(min_age=3 * DAY, bypass_min_age_for=(AdvisoryList.KEV, Severity.LOW))
    history = build_observations(NGINX, old=9, ripe=4, new=1)
    wanted = decide(
        build_tracked_image("old", policy),
        [build_resolved_tag("new", observations=history, earlier_manifests=(build_index("ripe"),))],
        NOW,
    )
    found = build_evidence(wanted, scan(), scan(finding("CVE-1900-0001", Severity.CRITICAL)))
    found = {move: replace(each, exploited_ids=listed) for move, each in found.items()}
    assert list_candidate_digests(apply_gates(wanted, found, NOW)) == [digest(taken)]


def test_update_is_unresolved_when_unread_list_could_show_that_fix_is_urgent():
    policy = Policy(min_age=3 * DAY, bypass_min_age_for=(AdvisoryList.KEV,))
    history = build_observations(NGINX, old=9, ripe=4, new=1)
    wanted = decide(
        build_tracked_image("old", policy),
        [build_resolved_tag("new", observations=history, earlier_manifests=(build_index("ripe"),))],
        NOW,
    )
    for listing, outcome, unknown in [
        (AdvisoryList.KEV, scan(), True),
        (AdvisoryList.KEV, scan(finding("CVE-1900-0001", Severity.CRITICAL)), False),
        (AdvisoryList.EPSS, scan(), False),
    ]:
        found = build_evidence(wanted, outcome, scan(finding("CVE-1900-0001", Severity.CRITICAL)))
        unread = ListVersions(unread_lists=frozenset({listing}))
        passed = apply_gates(wanted, {move: replace(each, list_versions=unread) for move, each in found.items()}, NOW)
        if unknown:
            assert isinstance(passed, UnresolvedReference)
            assert passed.reason is Reason.LISTS_UNREAD
        else:
            assert list_candidate_digests(passed) == [digest("ripe")]


def test_update_that_exceeds_limit_is_unresolved_while_vex_list_is_unread():
    policy = Policy(allow_introduced=(IntroducedLimit(Severity.HIGH, 0),))
    wanted = update(f"nginx:1@{digest('old')}", "new", policy=policy)
    brought = compare_scans(scan(), scan(finding("CVE-2026-1", Severity.HIGH)))
    (move,) = (get_first_transition(wanted),)
    assert isinstance(apply_gates(wanted, {move: brought}, NOW), RefusedUpdate)
    unread = replace(brought, list_versions=ListVersions(unread_lists=frozenset({AdvisoryList.VEX})))
    passed = apply_gates(wanted, {move: unread}, NOW)
    assert isinstance(passed, UnresolvedReference)
    assert passed.reason is Reason.LISTS_UNREAD


def test_young_digest_without_urgent_fix_is_held():
    policy = Policy(min_age=3 * DAY, bypass_min_age_for=(Severity.CRITICAL,))
    wanted = decide(
        build_tracked_image("old", policy),
        [build_resolved_tag("new", observations=build_observations(NGINX, old=9, new=1))],
        NOW,
    )
    held = apply_gates(wanted, build_evidence(wanted, UNKNOWN), NOW)
    assert isinstance(held, HeldUpdate)
    assert held.reason is Reason.TOO_YOUNG
    assert "2027-01-22" in held.detail


def test_scanned_platforms_come_from_reference_or_policy_or_default_to_amd64():
    def of(**more):
        return get_first_transition(
            ImageUpdate(
                build_tracked_image("old", **more), (UpdateCandidate(digest("new"), ("linux/arm64", "linux/amd64")),)
            )
        )

    rule = Policy(platforms=("linux/s390x", "linux/arm64"))
    assert of(platform="linux/arm64", policy=rule).platforms == ("linux/arm64",)
    assert of(policy=rule).platforms == ("linux/s390x", "linux/arm64")
    assert of().platforms == ("linux/amd64",)
    alone = replace(update("nginx:1", "new"), candidates=(UpdateCandidate(digest("new"), ("linux/arm64",)),))
    assert get_first_transition(alone).platforms == ("linux/arm64",)


@pytest.mark.parametrize(("after", "held"), [("1.27.3", True), ("1.27.5", False), ("nightly", False), (None, False)])
def test_image_with_lower_version_label_is_held_as_older(after, held):
    wanted = update(f"nginx:1@{digest('old')}", "new")
    known = {
        get_first_transition(wanted): compare_scans(replace(scan(), version="1.27.4"), replace(scan(), version=after))
    }
    passed = apply_gates(wanted, known, NOW)
    assert isinstance(passed, HeldUpdate if held else ImageUpdate)
    accepted = AcceptedHold(Reason.OLDER, "team", "on purpose", NOW.date())
    answered = replace(wanted, tracked_image=replace(wanted.tracked_image, policy=Policy(accept=(accepted,))))
    passed = apply_gates(answered, known, NOW)
    assert isinstance(passed, ImageUpdate)
    why = "it states version 1.27.3, the one in the file 1.27.4"
    said = f"team answers until 2027-01-20 for a move in spite of older ({why}): on purpose"
    assert passed.candidates[0].notes == ((said,) if held else ())
    assert apply_gates(passed, known, NOW) == passed, "it is said once"
    assert isinstance(apply_gates(replace(wanted, cause=UpdateCause.WITHDRAWN), known, NOW), ImageUpdate)


def test_next_candidate_is_proposed_when_newest_has_lower_version_than_image_in_file():
    candidates = (UpdateCandidate(digest("new")), UpdateCandidate(digest("ripe")))
    wanted = replace(update(f"nginx:1@{digest('old')}", "new"), candidates=candidates)
    old = replace(scan(), version="1.27.4")
    moves = [build_transition(wanted, candidate) for candidate in candidates]
    found = dict(
        zip(moves, (compare_scans(old, replace(old, version=each)) for each in ("1.27.3", "1.27.5")), strict=True)
    )
    assert list_candidate_digests(apply_gates(wanted, found, NOW)) == [digest("ripe")]


def test_replacement_of_gone_digest_needs_review_when_tag_was_created_again():
    history = build_observations(NGINX, old=90)
    recorded = {digest("new"): RegistryRecord(NOW - DAY, tag_created_at=NOW - 2 * DAY)}
    gone = {digest("old"): None}
    doubted = decide(
        build_tracked_image("old"),
        [build_resolved_tag("new", observations=history, registry_records=recorded, pinned_manifests=gone)],
        NOW,
    )
    assert doubted.cause is UpdateCause.GONE
    assert "changed hands" in doubted.review_reason
    assert "2027-01-18" in doubted.review_reason
    older = {digest("new"): RegistryRecord(NOW - DAY, tag_created_at=NOW - 200 * DAY)}
    assert (
        decide(
            build_tracked_image("old"),
            [build_resolved_tag("new", observations=history, registry_records=older, pinned_manifests=gone)],
            NOW,
        ).review_reason
        == ""
    )
    assert (
        decide(
            build_tracked_image("old"),
            [build_resolved_tag("new", registry_records=recorded, pinned_manifests=gone)],
            NOW,
        ).review_reason
        == ""
    )


def build_blocked_update(policy=Policy(), *, goes_back=True):  # noqa: B008 - a frozen value
    wanted = update(f"nginx:1@{digest('bad')}", "old", policy=policy)
    (candidate,) = wanted.candidates
    candidate = replace(candidate, goes_back=goes_back)
    return replace(wanted, candidates=(candidate,), cause=UpdateCause.BLOCKED, block=Block("malware"))


def build_downgrade_evidence(decision):
    """Return evidence of an image with an older package than the blocked one."""
    (move,) = build_evidence(decision, scan())
    change = PackageChange(PackageChangeKind.DOWNGRADED, "debian", "openssl", ("3.0.17",), ("3.0.16",))
    return {move: replace(compare_scans(scan(), scan()), package_changes=(change,))}


def test_rollback_from_blocked_digest_is_noted_and_needs_no_review():
    wanted = build_blocked_update()
    passed = apply_gates(wanted, build_downgrade_evidence(wanted), NOW)
    assert isinstance(passed, ImageUpdate)
    assert not passed.needs_review
    assert passed.candidates[0].notes == (
        "It goes back to an older image, because newer ones are blocked: openssl goes back from 3.0.17 to 3.0.16.",
    )
    newer = build_blocked_update(goes_back=False)
    looked_at = apply_gates(newer, build_downgrade_evidence(newer), NOW)
    assert isinstance(looked_at, ImageUpdate)
    assert "it looks like a rollback" in looked_at.review_reason.lower()


@pytest.mark.parametrize(
    ("signatures", "expected"),
    [
        (TransitionSignatures(None, NoSignature()), RefusedUpdate),
        (
            TransitionSignatures(None, SignatureUnknown(Reason.UNREACHABLE, "timeout", is_failure=True)),
            BlockedReference,
        ),
    ],
)
def test_replacement_of_blocked_digest_also_needs_signature_required_by_policy(signatures, expected):
    wanted = build_blocked_update(Policy(require=RequiredEvidence(signature=True)))
    found = {move: replace(each, signatures=signatures) for move, each in build_evidence(wanted, scan()).items()}
    decided = apply_gates(wanted, found, NOW)
    assert isinstance(decided, expected)
    if isinstance(decided, BlockedReference):
        assert not decided.is_certain
        assert "whether a replacement passes the gates is not known" in decided.detail
