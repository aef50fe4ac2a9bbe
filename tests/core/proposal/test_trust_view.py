"""Tests of how signatures are shown in bodies and terminals, and of when a body is outdated."""

from __future__ import annotations

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from support.runs.worlds import BODY_TEMPLATE
from support.values import digest, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.trust import describe_both_signatures
from bot.core.notes import MAX_NOTE_LENGTH
from bot.core.proposal.fingerprint import PROPOSED_DIGITS, compute_fingerprint, is_outdated
from bot.core.proposal.render import render_body
from bot.core.proposal.view.proposal import build_proposal_view
from bot.core.proposal.view.trust import SignatureState
from bot.core.transition import get_first_transition
from bot.model.evidence import NotScanned, UnscannedReason
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
from bot.model.vocabulary import Reason

MOVE = update(f"python:3.12@{digest('old')}", "new")
PIN = update("python:3.12", "new")
OURS = VerifiedSignature(Signer(SignatureScheme.COSIGN_KEY, "ours.pub"))
BUILT = replace(OURS, statement=SignedStatement.PROVENANCE)
NEXT = VerifiedSignature(Signer(SignatureScheme.KEYLESS, "ci@next.example (by https://issuer.example)"))
NONE = NoSignature()
STRANGER = BadSignature(SignatureDefect.OTHER_SIGNER, "ci@stranger.example")
STRANGE = UnsupportedSignature("a kind of tomorrow")
UNKNOWN = SignatureUnknown(Reason.UNREACHABLE, "no answer", is_failure=True)


def build_signature_evidence(found, each=MOVE, old=None):
    transition = get_first_transition(each)
    scans = compare_scans(old or scan() if transition.old else None, scan())
    return {transition: replace(scans, signatures=found)}


def render_signature_body(found, each=MOVE):
    return render_body(
        BODY_TEMPLATE, lambda rows: build_proposal_view((each,), build_signature_evidence(found, each), rows), 60_000
    )


def get_signer_row(found, each=MOVE):
    (line,) = [line for line in render_signature_body(found, each).splitlines() if line.startswith("| Signed by |")]
    return line.removeprefix("| Signed by | ").removesuffix(" |")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (OURS, OURS, "verified: `ours.pub`, the same signer as before"),
        (BUILT, BUILT, "verified: provenance by `ours.pub`, the same signer as before"),
        (NONE, OURS, "verified: `ours.pub`; before: it has no signature"),
        (OURS, BUILT, "verified: provenance by `ours.pub`; before: signed by `ours.pub`"),
        (OURS, NEXT, "verified: `ci@next.example (by https://issuer.example)`; before: signed by `ours.pub`"),
        (NONE, NONE, "⚠️ it has no signature; the same holds for the old image"),
        (
            NONE,
            STRANGER,
            (
                "⚠️ its signature is not by a signer that `trust` lists for it: `ci@stranger.example`; before: it has "
                "no signature"
            ),
        ),
        (
            NONE,
            STRANGE,
            (
                "⚠️ its signature is of a kind that cannot be verified, which says nothing of it: `a kind of tomorrow`; "
                "before: it has no signature"
            ),
        ),
        (
            NONE,
            UNKNOWN,
            "⚠️ whether it is signed could not be found out: `no answer`; before: it has no signature",
        ),
    ],
)
def test_body_states_signers_of_both_images_or_why_signature_is_not_verified(old, new, sentence):
    assert get_signer_row(TransitionSignatures(old, new)) == sentence


def test_body_states_signer_of_pinned_image():
    assert get_signer_row(TransitionSignatures(None, OURS), PIN) == "verified: `ours.pub`"
    assert get_signer_row(TransitionSignatures(None, NONE), PIN) == "⚠️ it has no signature"


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (NONE, "Not signed by anybody trusted:** it has no signature."),
        (STRANGE, "Signature not verified:** "),
        (UNKNOWN, "Signature unknown:** "),
    ],
)
def test_body_starts_with_caution_if_signature_is_not_verified(new, words):
    assert render_signature_body(TransitionSignatures(NONE, new)).startswith(f"> **Caution**  \n> **{words}")
    assert "Caution" not in render_signature_body(TransitionSignatures(OURS, OURS))


def test_body_states_that_signatures_are_not_checked_without_trust_rule():
    assert get_signer_row(None) == "not checked (no `trust` rule for this image)"


def test_every_signature_defect_has_a_state_and_every_state_has_a_sentence():
    assert {flaw.value for flaw in SignatureDefect} < {state.value for state in SignatureState}
    assert all(state.sentence for state in SignatureState)


def test_text_of_certificates_and_registries_is_shown_only_as_code():
    evil = "x` <img src=x> @all #1\n- [ ] ::error::"
    for new in (
        VerifiedSignature(Signer(SignatureScheme.KEYLESS, evil)),
        UnsupportedSignature(evil),
        BadSignature(SignatureDefect.BROKEN, evil),
    ):
        tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(
            render_signature_body(TransitionSignatures(NONE, new))
        )
        inner = [child for token in tokens for child in token.children or ()]
        assert any("@all #1" in child.content for child in inner if child.type == "code_inline")
        assert not any(
            "@all" in child.content or "<img" in child.content for child in inner if child.type != "code_inline"
        )
    long = TransitionSignatures(NONE, VerifiedSignature(Signer(SignatureScheme.KEYLESS, "long " * 500)))
    assert len(get_signer_row(long)) < MAX_NOTE_LENGTH + 100


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (TransitionSignatures(OURS, OURS), "signed by ours.pub, as before"),
        (TransitionSignatures(None, BUILT), "its provenance is signed by ours.pub"),
        (TransitionSignatures(NONE, OURS), "signed by ours.pub; before: it has no signature"),
        (
            TransitionSignatures(NONE, STRANGE),
            "its signature cannot be verified: a kind of tomorrow; before: it has no signature",
        ),
    ],
)
def test_terminal_text_describes_both_signatures_briefly(found, sentence):
    assert describe_both_signatures(found) == sentence


# ---- fingerprints ------------------------------------------------------------------------------------------------


def compute_report(found, old=None):
    evidence = build_signature_evidence(found, old=old)
    return compute_fingerprint((MOVE,), evidence)


def test_changed_signature_changes_only_the_evidence_part_of_the_fingerprint():
    reports = [
        compute_report(each)
        for each in (
            None,
            TransitionSignatures(NONE, NONE),
            TransitionSignatures(NONE, OURS),
            TransitionSignatures(OURS, OURS),
        )
    ]
    assert len({each[:PROPOSED_DIGITS] for each in reports}) == 1
    assert len(set(reports)) == len(reports)
    assert is_outdated(
        compute_report(TransitionSignatures(NONE, NONE)), compute_report(TransitionSignatures(NONE, OURS))
    )
    assert is_outdated(
        compute_report(TransitionSignatures(NONE, OURS)), compute_report(TransitionSignatures(NONE, NONE))
    )


def test_text_is_outdated_if_signature_becomes_known_but_not_if_unknown_again():
    unknown, signed = (
        compute_report(TransitionSignatures(NONE, UNKNOWN)),
        compute_report(TransitionSignatures(NONE, OURS)),
    )
    assert not is_outdated(signed, unknown)
    assert is_outdated(unknown, signed)


def test_reports_that_each_lack_other_evidence_do_not_outdate_each_other():
    scanned = compute_report(TransitionSignatures(NONE, UNKNOWN))
    verified = compute_report(TransitionSignatures(NONE, OURS), old=NotScanned(UnscannedReason.TIMED_OUT))
    assert not is_outdated(scanned, verified)
    assert not is_outdated(verified, scanned)


def test_fingerprint_ignores_error_text_of_signature_lookup():
    assert compute_report(TransitionSignatures(NONE, UNKNOWN)) == compute_report(
        TransitionSignatures(NONE, replace(UNKNOWN, detail="no answer again"))
    )
