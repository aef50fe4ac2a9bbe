"""Notation signatures: made by the Notary Project's own library, and made by the tests."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import cbor2
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from support.parts import ROOT
from support.signing.attached import EMPTY, attach, attachment
from support.signing.notation import COSE, EXPIRY, JWS, NOW, SCHEME, TIMESTAMP, party, payload, signed

from bot.demo import images
from bot.model.image_name import Digest
from bot.model.signature import (
    BadSignature,
    NoSignature,
    SignatureDefect,
    SignatureScheme,
    UnsupportedSignature,
    VerifiedSignature,
)
from bot.model.trust import NotationTrust, TrustEntry
from bot.verifiers._encoding import BrokenError
from bot.verifiers.notation import SIGNATURE_TYPE, NotationVerifier, check_envelope

RECORDED = json.loads((ROOT / "tests" / "contracts" / "notation.json").read_text(encoding="utf-8"))
RECORDED_DIGEST = Digest("sha256:" + "ab" * 32)
DIGEST = images.compute_digest(b"an image")
OTHER = images.compute_digest(b"another")
ROOT_CA = party("Root", is_authority=True)
MIDDLE = party("Middle", ROOT_CA, is_authority=True)
SIGNER = party("Images", MIDDLE)
CHAIN = (SIGNER, MIDDLE, ROOT_CA)
TRUST = NotationTrust((ROOT_CA.pem,), ("O=Acme,C=US,CN=Images",))
BOTH = pytest.mark.parametrize("kind", [JWS, COSE])


def check(kind, content, trust=TRUST, digest=DIGEST, now=NOW):
    try:
        return check_envelope(kind, content, digest, trust, now)
    except BrokenError:
        return BadSignature(SignatureDefect.BROKEN)


def flaw_of(found) -> SignatureDefect:
    assert isinstance(found, BadSignature)
    return found.defect


@pytest.mark.parametrize("made", RECORDED, ids=lambda made: made["name"])
def test_what_the_notary_projects_library_signed_is_verified(made):
    trust = NotationTrust((made["root"].encode(),), ("C=US,ST=WA,O=Acme",))
    content = base64.b64decode(made["content"])
    expires = made["name"].endswith("expires")
    found = check(made["media_type"], content, trust, RECORDED_DIGEST)
    assert isinstance(found, BadSignature if expires else VerifiedSignature)
    assert isinstance(
        check(made["media_type"], content, trust, RECORDED_DIGEST, NOW - timedelta(days=160)), VerifiedSignature
    )
    assert flaw_of(check(made["media_type"], content, trust)) is SignatureDefect.OTHER_IMAGE


@pytest.mark.parametrize("made", RECORDED, ids=lambda made: made["name"])
def test_no_changed_byte_of_it_is_verified(made):
    trust = NotationTrust((made["root"].encode(),), ("C=US,ST=WA,O=Acme",))
    content = base64.b64decode(made["content"])
    signature = len(content) - 20
    for place in (*range(0, len(content), 97), signature):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        try:
            found = check(made["media_type"], changed, trust, RECORDED_DIGEST, NOW - timedelta(days=160))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not come out
            pytest.fail(f"byte {place}: {error!r}")
        assert not isinstance(found, VerifiedSignature) or _says_the_same(made["media_type"], content, changed)


def _says_the_same(kind: str, content: bytes, changed: bytes) -> bool:
    """Return True if a change is in an unsigned part: the name of the tool, or the certificates of authorities."""
    if kind == JWS:
        parts = [json.loads(each) for each in (content, changed)]
        first, second = ([each.get("payload"), each.get("protected"), each.get("signature")] for each in parts)
        return first == second
    first, second = (cbor2.loads(each).value for each in (content, changed))
    return (first[0], first[2], first[3]) == (second[0], second[2], second[3])


@BOTH
def test_a_signature_by_a_listed_subject_of_a_listed_authority_is_verified(kind):
    found = check(kind, signed(kind, payload(DIGEST), CHAIN))
    assert found == VerifiedSignature(found.signer)
    assert found.signer.scheme is SignatureScheme.NOTATION
    assert found.signer.identity == "CN=Images,O=Acme,C=US"


@BOTH
@pytest.mark.parametrize("subject", ["CN=Other,O=Acme", "O=Acm", "O=Acme,ST=WA"])
def test_a_subject_that_says_less_or_something_else_is_another_signer(kind, subject):
    found = check(kind, signed(kind, payload(DIGEST), CHAIN), NotationTrust((ROOT_CA.pem,), (subject,)))
    assert found == BadSignature(SignatureDefect.OTHER_SIGNER, "CN=Images,O=Acme,C=US")


@BOTH
def test_a_signature_of_another_image_does_not_hold(kind):
    assert flaw_of(check(kind, signed(kind, payload(OTHER), CHAIN))) is SignatureDefect.OTHER_IMAGE


@BOTH
def test_an_authority_that_is_not_listed_vouches_for_nobody(kind):
    other = party("Root", is_authority=True)
    found = check(kind, signed(kind, payload(DIGEST), (party("Images", other), other)))
    assert flaw_of(found) is SignatureDefect.UNPROVED


@BOTH
@pytest.mark.parametrize(
    "chain",
    [
        (SIGNER, ROOT_CA),
        (party("Images", party("Middle", ROOT_CA)), party("Middle", ROOT_CA), ROOT_CA),
        (party("Images", MIDDLE, usages=(ExtendedKeyUsageOID.SERVER_AUTH,)), MIDDLE, ROOT_CA),
        (party("Images", MIDDLE, is_authority=True), MIDDLE, ROOT_CA),
    ],
    ids=["a gap", "no authority", "for servers", "an authority signs"],
)
def test_a_chain_that_does_not_hold_vouches_for_nobody(kind, chain):
    assert flaw_of(check(kind, signed(kind, payload(DIGEST), chain))) is SignatureDefect.UNPROVED


def test_a_certificate_that_says_nothing_of_its_use_may_sign():
    chain = (party("Images", MIDDLE, usages=None), MIDDLE, ROOT_CA)
    assert isinstance(check(JWS, signed(JWS, payload(DIGEST), chain)), VerifiedSignature)


@BOTH
def test_a_signer_who_vouches_for_another_with_a_certificate_for_signing_does_not(kind):
    forged = party("Images", SIGNER)
    found = check(kind, signed(kind, payload(DIGEST), (forged, SIGNER, MIDDLE, ROOT_CA)))
    assert flaw_of(found) is SignatureDefect.UNPROVED


@BOTH
def test_a_signature_by_another_key_than_that_of_its_certificate_is_damaged(kind):
    stranger = party("Stranger").key
    assert flaw_of(check(kind, signed(kind, payload(DIGEST), CHAIN, key=stranger))) is SignatureDefect.BROKEN


@BOTH
def test_the_key_alone_says_which_algorithm_it_is(kind):
    assert flaw_of(check(kind, signed(kind, payload(DIGEST), CHAIN, algorithm="ES384"))) is SignatureDefect.BROKEN


@BOTH
def test_a_payload_of_another_kind_is_damage(kind):
    assert (
        flaw_of(check(kind, signed(kind, payload(DIGEST), CHAIN, content_type="text/plain"))) is SignatureDefect.BROKEN
    )


@BOTH
@pytest.mark.parametrize(
    "conditions", [{SCHEME: "notary.x509.signingAuthority"}, {"io.cncf.notary.verificationPlugin": "a plug-in"}]
)
def test_a_condition_that_is_not_understood_is_said_and_not_passed_over(kind, conditions):
    found = check(kind, signed(kind, payload(DIGEST), CHAIN, conditions=conditions))
    assert isinstance(found, UnsupportedSignature)


def test_a_signature_ends_when_its_signer_said():
    content = signed(JWS, payload(DIGEST), CHAIN, conditions={EXPIRY: "2026-11-25T12:00:00Z"})
    assert flaw_of(check(JWS, content)) is SignatureDefect.UNPROVED
    assert isinstance(check(JWS, content, now=NOW - timedelta(seconds=1)), VerifiedSignature)
    assert (
        flaw_of(check(JWS, signed(JWS, payload(DIGEST), CHAIN, conditions={EXPIRY: "soon"}))) is SignatureDefect.BROKEN
    )


@BOTH
def test_a_signature_counts_as_long_as_its_certificate_unless_a_timestamp_says_more(kind):
    chain = (party("Images", MIDDLE, ends=NOW - timedelta(days=1)), MIDDLE, ROOT_CA)
    assert flaw_of(check(kind, signed(kind, payload(DIGEST), chain))) is SignatureDefect.UNPROVED
    found = check(kind, signed(kind, payload(DIGEST), chain, header={TIMESTAMP: "a timestamp"}))
    assert isinstance(found, UnsupportedSignature)
    assert "expired on 2026-11-24" in found.detail


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (JWS, b""),
        (JWS, b"[]"),
        (JWS, b'{"header": {}, "protected": 1}'),
        (JWS, b'{"header": {"x5c": []}, "protected": "e30", "payload": "", "signature": ""}'),
        (JWS, b'{"header": {"x5c": ["AAAA"]}, "protected": "e30", "payload": "", "signature": ""}'),
        (JWS, b'{"header": {"x5c": ["AAAA"]}, "protected": "!", "payload": "", "signature": ""}'),
        (COSE, b""),
        (COSE, b"\xff"),
        (COSE, b"\x9f" * 2000),
        (COSE, b"\x81" * 100_000),
        (COSE, cbor2.dumps(1)),
        (COSE, cbor2.dumps(cbor2.CBORTag(18, []))),
        (COSE, cbor2.dumps(cbor2.CBORTag(18, [1, 2, 3, 4]))),
        (COSE, cbor2.dumps(cbor2.CBORTag(18, [b"", {}, b"", b""]))),
        (COSE, cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps({}), 1, b"", b""]))),
        (COSE, cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps({}), {}, b"", b""]))),
        (COSE, cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps({}), {33: 7}, b"", b""]))),
    ],
)
def test_what_is_no_envelope_is_damage(kind, content):
    assert flaw_of(check(kind, content)) is SignatureDefect.BROKEN


@pytest.mark.real("docker-registry")
class TestInARegistry:
    @pytest.fixture
    def verify(self, artifacts, registry):
        verifier = NotationVerifier(artifacts, lambda: NOW)
        return lambda digest, notation=TRUST: verifier.verify(
            f"{registry.host}/team/notation", digest, TrustEntry(("**",), notation=notation)
        )

    def push(self, registry, *envelopes, listed_as=SIGNATURE_TYPE):
        """Push an image with its attached artifacts; return its digest and the digests that the signatures name."""
        image = images.build_image([images.build_layer({"a": repr(envelopes).encode()})])
        registry.push(image, "team/notation", "1")
        made = [
            attachment(image, kind, make(image.digest), kind_of_artifact=SIGNATURE_TYPE) for kind, make in envelopes
        ]
        attach(registry, "team/notation", image.digest, *made, kind=listed_as)
        return image.digest

    @pytest.mark.parametrize("listed_as", [SIGNATURE_TYPE, None, EMPTY], ids=["named", "nothing", "empty"])
    def test_signatures_are_found_among_the_referrers(self, registry, verify, listed_as):
        other = (COSE, lambda digest: signed(COSE, payload(OTHER), CHAIN))
        ours = (JWS, lambda digest: signed(JWS, payload(digest), CHAIN))
        assert isinstance(verify(self.push(registry, other, ours, listed_as=listed_as)), VerifiedSignature)

    def test_an_image_without_signatures_is_unsigned(self, verify):
        assert verify(OTHER) == NoSignature()

    def test_an_envelope_of_tomorrow_is_not_taken_for_none(self, registry, verify):
        digest = self.push(registry, ("application/tomorrow", lambda digest: b"{}"))
        assert isinstance(verify(digest), UnsupportedSignature)

    def test_a_damaged_one_is_told_from_none(self, registry, verify):
        assert flaw_of(verify(self.push(registry, (JWS, lambda digest: b"no JSON")))) is SignatureDefect.BROKEN

    def test_trust_without_subjects_is_about_something_else(self, verify):
        assert verify(OTHER, None) is None
