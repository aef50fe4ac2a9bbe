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


def get_defect(found) -> SignatureDefect:
    assert isinstance(found, BadSignature)
    return found.defect


@pytest.mark.parametrize("made", RECORDED, ids=lambda made: made["name"])
def test_signature_by_notary_project_library_is_verified_until_expiry(made):
    trust = NotationTrust((made["root"].encode(),), ("C=US,ST=WA,O=Acme",))
    content = base64.b64decode(made["content"])
    expires = made["name"].endswith("expires")
    found = check(made["media_type"], content, trust, RECORDED_DIGEST)
    assert isinstance(found, BadSignature if expires else VerifiedSignature)
    assert isinstance(
        check(made["media_type"], content, trust, RECORDED_DIGEST, NOW - timedelta(days=160)), VerifiedSignature
    )
    assert get_defect(check(made["media_type"], content, trust)) is SignatureDefect.OTHER_IMAGE


@pytest.mark.parametrize("made", RECORDED, ids=lambda made: made["name"])
def test_notation_signature_with_any_changed_byte_is_refused(made):
    trust = NotationTrust((made["root"].encode(),), ("C=US,ST=WA,O=Acme",))
    content = base64.b64decode(made["content"])
    signature = len(content) - 20
    for position in (*range(0, len(content), 97), signature):
        changed = content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]
        try:
            found = check(made["media_type"], changed, trust, RECORDED_DIGEST, NOW - timedelta(days=160))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not come out
            pytest.fail(f"byte {position}: {error!r}")
        assert not isinstance(found, VerifiedSignature) or is_same_signed_content(made["media_type"], content, changed)


def is_same_signed_content(kind: str, content: bytes, changed: bytes) -> bool:
    """Return True if a change is in an unsigned part: the name of the tool, or the certificates of authorities."""
    if kind == JWS:
        parts = [json.loads(each) for each in (content, changed)]
        first, second = ([each.get("payload"), each.get("protected"), each.get("signature")] for each in parts)
        return first == second
    first, second = (cbor2.loads(each).value for each in (content, changed))
    return (first[0], first[2], first[3]) == (second[0], second[2], second[3])


@BOTH
def test_notation_signature_by_listed_subject_and_authority_is_verified(kind):
    found = check(kind, signed(kind, payload(DIGEST), CHAIN))
    assert found == VerifiedSignature(found.signer)
    assert found.signer.scheme is SignatureScheme.NOTATION
    assert found.signer.identity == "CN=Images,O=Acme,C=US"


@BOTH
@pytest.mark.parametrize("subject", ["CN=Other,O=Acme", "O=Acm", "O=Acme,ST=WA"])
def test_notation_signature_is_refused_if_subject_is_not_listed(kind, subject):
    found = check(kind, signed(kind, payload(DIGEST), CHAIN), NotationTrust((ROOT_CA.pem,), (subject,)))
    assert found == BadSignature(SignatureDefect.OTHER_SIGNER, "CN=Images,O=Acme,C=US")


@BOTH
def test_notation_signature_of_another_image_is_refused(kind):
    assert get_defect(check(kind, signed(kind, payload(OTHER), CHAIN))) is SignatureDefect.OTHER_IMAGE


@BOTH
def test_notation_signature_is_unproved_if_authority_is_not_listed(kind):
    other = party("Root", is_authority=True)
    found = check(kind, signed(kind, payload(DIGEST), (party("Images", other), other)))
    assert get_defect(found) is SignatureDefect.UNPROVED


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
def test_notation_signature_is_unproved_if_certificate_chain_is_invalid(kind, chain):
    assert get_defect(check(kind, signed(kind, payload(DIGEST), chain))) is SignatureDefect.UNPROVED


def test_notation_signature_by_certificate_without_extended_usage_is_verified():
    chain = (party("Images", MIDDLE, usages=None), MIDDLE, ROOT_CA)
    assert isinstance(check(JWS, signed(JWS, payload(DIGEST), chain)), VerifiedSignature)


@BOTH
def test_notation_signature_is_unproved_if_signer_issued_the_certificate(kind):
    forged = party("Images", SIGNER)
    found = check(kind, signed(kind, payload(DIGEST), (forged, SIGNER, MIDDLE, ROOT_CA)))
    assert get_defect(found) is SignatureDefect.UNPROVED


@BOTH
def test_notation_signature_is_broken_if_key_differs_from_certificate(kind):
    stranger = party("Stranger").key
    assert get_defect(check(kind, signed(kind, payload(DIGEST), CHAIN, key=stranger))) is SignatureDefect.BROKEN


@BOTH
def test_notation_signature_is_broken_if_algorithm_does_not_fit_the_key(kind):
    assert get_defect(check(kind, signed(kind, payload(DIGEST), CHAIN, algorithm="ES384"))) is SignatureDefect.BROKEN


@BOTH
def test_notation_payload_with_wrong_content_type_is_broken(kind):
    assert (
        get_defect(check(kind, signed(kind, payload(DIGEST), CHAIN, content_type="text/plain")))
        is SignatureDefect.BROKEN
    )


@BOTH
@pytest.mark.parametrize(
    "conditions", [{SCHEME: "notary.x509.signingAuthority"}, {"io.cncf.notary.verificationPlugin": "a plug-in"}]
)
def test_notation_signature_with_unknown_critical_attribute_is_unsupported(kind, conditions):
    found = check(kind, signed(kind, payload(DIGEST), CHAIN, conditions=conditions))
    assert isinstance(found, UnsupportedSignature)


def test_notation_signature_is_unproved_after_expiry_set_by_signer():
    content = signed(JWS, payload(DIGEST), CHAIN, conditions={EXPIRY: "2026-11-25T12:00:00Z"})
    assert get_defect(check(JWS, content)) is SignatureDefect.UNPROVED
    assert isinstance(check(JWS, content, now=NOW - timedelta(seconds=1)), VerifiedSignature)
    assert (
        get_defect(check(JWS, signed(JWS, payload(DIGEST), CHAIN, conditions={EXPIRY: "soon"})))
        is SignatureDefect.BROKEN
    )


@BOTH
def test_notation_signature_by_expired_certificate_is_unproved_or_unsupported(kind):
    chain = (party("Images", MIDDLE, ends=NOW - timedelta(days=1)), MIDDLE, ROOT_CA)
    assert get_defect(check(kind, signed(kind, payload(DIGEST), chain))) is SignatureDefect.UNPROVED
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
def test_malformed_notation_envelope_is_broken(kind, content):
    assert get_defect(check(kind, content)) is SignatureDefect.BROKEN


@pytest.mark.real("docker-registry")
class TestRegistrySignatures:
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
    def test_notation_signatures_are_found_in_referrers(self, registry, verify, listed_as):
        other = (COSE, lambda digest: signed(COSE, payload(OTHER), CHAIN))
        ours = (JWS, lambda digest: signed(JWS, payload(digest), CHAIN))
        assert isinstance(verify(self.push(registry, other, ours, listed_as=listed_as)), VerifiedSignature)

    def test_image_without_notation_signatures_is_unsigned(self, verify):
        assert verify(OTHER) == NoSignature()

    def test_unknown_notation_envelope_type_is_unsupported_and_not_unsigned(self, registry, verify):
        digest = self.push(registry, ("application/tomorrow", lambda digest: b"{}"))
        assert isinstance(verify(digest), UnsupportedSignature)

    def test_damaged_notation_signature_is_broken_and_not_unsigned(self, registry, verify):
        assert get_defect(verify(self.push(registry, (JWS, lambda digest: b"no JSON")))) is SignatureDefect.BROKEN

    def test_notation_verifier_ignores_trust_entry_without_notation(self, verify):
        assert verify(OTHER, None) is None
