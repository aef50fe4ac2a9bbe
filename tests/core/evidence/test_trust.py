"""Tests of signature changes: which updates pass, which are refused, and which stay unknown."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import pytest
from support.core.decisions import (
    DAY,
    NGINX,
    NOW,
    build_index,
    build_observations,
    build_resolved_tag,
    build_tracked_image,
)
from support.values import digest, scan, update

from bot.core.choice.decide import decide
from bot.core.evidence.compare import compare_scans
from bot.core.evidence.gates import apply_gates
from bot.core.evidence.signatures import combine_signatures
from bot.core.evidence.trust import check_signatures, find_trust
from bot.core.transition import build_transition
from bot.model.decision import ImageUpdate, RefusedUpdate, UnresolvedReference
from bot.model.policy import Policy, RequiredEvidence
from bot.model.signature import (
    BadSignature,
    NoSignature,
    SignatureDefect,
    SignatureScheme,
    SignatureUnknown,
    Signer,
    TransitionSignatures,
    UnsupportedSignature,
    VerifiedSignature,
)
from bot.model.trust import TrustEntry
from bot.model.vocabulary import REASONS_BY_STATUS, Reason, ReferenceStatus

OURS = VerifiedSignature(Signer(SignatureScheme.COSIGN_KEY, "ours.pub"))
NEXT = VerifiedSignature(Signer(SignatureScheme.COSIGN_KEY, "next.pub"))
NONE = NoSignature()
STRANGER = BadSignature(SignatureDefect.OTHER_SIGNER)
COPIED = BadSignature(SignatureDefect.OTHER_IMAGE)
DAMAGED = BadSignature(SignatureDefect.BROKEN, "no JSON")
UNPROVED = BadSignature(SignatureDefect.UNPROVED, "another root")
STRANGE = UnsupportedSignature("a kind of tomorrow")
UNKNOWN = SignatureUnknown(Reason.UNREACHABLE, "no answer", is_failure=True)
EVERYTHING = (OURS, NEXT, NONE, STRANGER, COPIED, DAMAGED, UNPROVED, STRANGE, UNKNOWN)


def find_rejection_reason(old, new, *, is_required=False):
    found = check_signatures(TransitionSignatures(old, new), is_required=is_required)
    if found is None:
        return "passes"
    return ("unknown " if found.is_unknown else "") + found.reason


@pytest.mark.parametrize("old", [None, *EVERYTHING])
@pytest.mark.parametrize("is_required", [True, False])
def test_image_signed_by_trusted_signer_passes_whatever_signature_old_image_had(old, is_required):
    assert find_rejection_reason(old, OURS, is_required=is_required) == "passes"
    assert find_rejection_reason(old, NEXT, is_required=is_required) == "passes"


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (NONE, "unsigned"),
        (STRANGER, "signer-changed"),
        (COPIED, "signature-failed"),
        (DAMAGED, "signature-failed"),
        (UNPROVED, "signature-failed"),
        (STRANGE, "signature-failed"),
        (UNKNOWN, "unknown unreachable"),
    ],
)
def test_update_that_loses_a_verified_signature_is_refused(new, said):
    assert find_rejection_reason(OURS, new) == find_rejection_reason(OURS, new, is_required=True) == said


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (NONE, "unsigned"),
        (STRANGER, "signature-failed"),
        (COPIED, "signature-failed"),
        (DAMAGED, "signature-failed"),
        (UNPROVED, "signature-failed"),
        (STRANGE, "signature-failed"),
        (UNKNOWN, "unknown unreachable"),
    ],
)
@pytest.mark.parametrize("old", [None, NONE, STRANGER, STRANGE, UNKNOWN])
def test_signature_required_by_policy_is_checked_only_on_new_image(old, new, said):
    assert find_rejection_reason(old, new, is_required=True) == said


@pytest.mark.parametrize("old", [None, NONE, STRANGER, COPIED, UNPROVED, STRANGE])
def test_invalid_signature_is_refused_even_without_policy_and_old_signature(old):
    passing = {new for new in EVERYTHING if find_rejection_reason(old, new) == "passes"}
    assert passing == {OURS, NEXT, NONE, STRANGER, UNPROVED, STRANGE, UNKNOWN}
    assert find_rejection_reason(old, COPIED) == find_rejection_reason(old, DAMAGED) == "signature-failed"


@pytest.mark.parametrize("new", [NONE, STRANGER, UNPROVED, STRANGE])
def test_update_to_unverified_image_is_unresolved_if_old_signature_is_unknown(new):
    assert find_rejection_reason(UNKNOWN, new) == "unknown unreachable"


def test_update_is_refused_if_policy_requires_signature_but_no_trust_entry_matches():
    found = check_signatures(None, is_required=True)
    assert found is not None
    assert (found.reason, "`trust`" in found.detail) == (Reason.UNSIGNED, True)
    assert check_signatures(None, is_required=False) is None


def test_signature_rejection_has_detail_and_a_reason_of_the_matching_status():
    for old, new, is_required in product((None, *EVERYTHING), EVERYTHING, (True, False)):
        found = check_signatures(TransitionSignatures(old, new), is_required=is_required)
        if found is not None:
            assert (
                found.reason
                in REASONS_BY_STATUS[ReferenceStatus.UNRESOLVED if found.is_unknown else ReferenceStatus.REFUSED]
            )
            assert found.detail


def test_rejection_of_changed_signer_names_previous_signer():
    found = check_signatures(TransitionSignatures(OURS, STRANGER), is_required=False)
    assert found is not None
    assert re.match("signed by ours.pub before; .*`trust`", found.detail)


def test_combined_signature_result_is_verified_if_any_is_and_otherwise_the_worst():
    assert combine_signatures([]) == NONE
    assert combine_signatures([STRANGE, COPIED, UNKNOWN, STRANGER, OURS, NONE]) == OURS
    assert combine_signatures([STRANGE, COPIED, UNKNOWN, STRANGER]) == UNKNOWN
    assert combine_signatures([STRANGER, DAMAGED, STRANGE, COPIED]) == COPIED
    assert combine_signatures([STRANGER, DAMAGED]) == DAMAGED
    assert combine_signatures([NONE, STRANGE, STRANGER]) == STRANGER
    assert combine_signatures([NONE, STRANGE]) == STRANGE


def test_first_trust_entry_that_matches_repository_applies():
    narrow, wide = TrustEntry(("ghcr.io/acme/*", "ghcr.io/acme/*/*")), TrustEntry(("ghcr.io/**",))
    assert find_trust((narrow, wide), "ghcr.io/acme/web") == narrow
    assert find_trust((narrow, wide), "ghcr.io/other/web") == wide
    assert find_trust((narrow, wide), "docker.io/library/nginx") is None


def build_signature_evidence(wanted, *found):
    """Return the evidence for each candidate."""
    moves = [build_transition(wanted, candidate) for candidate in wanted.candidates]
    return {
        move: replace(compare_scans(None, scan()), signatures=signatures)
        for move, signatures in zip(moves, found, strict=True)
    }


def test_signature_gate_refuses_update_that_loses_a_verified_signature():
    wanted = update("nginx:1", "new")
    refused = apply_gates(wanted, build_signature_evidence(wanted, TransitionSignatures(OURS, NONE)), NOW)
    assert isinstance(refused, RefusedUpdate)
    assert refused.reason is Reason.UNSIGNED
    assert refused.detail.startswith("signed by ours.pub before; ")
    assert apply_gates(wanted, build_signature_evidence(wanted, TransitionSignatures(OURS, NEXT)), NOW) == wanted


def test_signature_gate_leaves_update_with_unknown_signature_unresolved():
    wanted = update("nginx:1", "new", policy=Policy(require=RequiredEvidence(signature=True)))
    unknown = apply_gates(wanted, build_signature_evidence(wanted, TransitionSignatures(OURS, UNKNOWN)), NOW)
    assert isinstance(unknown, UnresolvedReference)
    assert unknown.reason is Reason.UNREACHABLE
    assert ": no answer" in unknown.detail


@pytest.mark.parametrize(("newest", "taken"), [(NONE, "ripe"), (UNKNOWN, None), (OURS, "new")])
def test_earlier_candidate_is_tried_if_signature_is_refused_but_not_if_unknown(newest, taken):
    history = build_observations(NGINX, old=9, ripe=6, new=4)
    policy = Policy(min_age=3 * DAY)
    wanted = decide(
        build_tracked_image("old", policy),
        [build_resolved_tag("new", observations=history, earlier_manifests=(build_index("ripe"),))],
        NOW,
    )
    assert isinstance(wanted, ImageUpdate)
    if len(wanted.candidates) == 1:  # there are earlier candidates only if the newest one might not pass
        wanted = replace(wanted, candidates=(*wanted.candidates, replace(wanted.candidates[0], digest=digest("ripe"))))
    found = apply_gates(
        wanted,
        build_signature_evidence(wanted, TransitionSignatures(OURS, newest), TransitionSignatures(OURS, OURS)),
        NOW,
    )
    if taken is None:
        assert isinstance(found, UnresolvedReference)
    else:
        assert isinstance(found, ImageUpdate)
        assert found.candidates[0].digest == digest(taken)
