"""Behaviour that all verifiers share, for every kind of signature."""

from __future__ import annotations

from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.signing.attached import BUNDLE, attach, attachment, bundle, dump, trusted
from support.signing.notation import COSE, JWS, NOW, party, payload, signed

from bot.demo import images
from bot.model.signature import BadSignature, NoSignature, SignatureDefect, SignatureUnknown, VerifiedSignature
from bot.model.trust import NotationTrust, TrustEntry
from bot.ports import SignatureVerifier
from bot.verifiers import create_verifiers
from bot.verifiers.cosign import CosignVerifier
from bot.verifiers.notation import SIGNATURE_TYPE, NotationVerifier

pytestmark = pytest.mark.real("docker-registry")

_numbers = count()


class KeySignatures:
    """Signatures with cosign keys, in bundles."""

    implementation = CosignVerifier
    ours, theirs = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    trust = TrustEntry(("**",), (trusted(ours),))

    def build_attachment(self, image, digest, *, by_stranger=False):
        return attachment(image, BUNDLE, dump(bundle(self.theirs if by_stranger else self.ours, digest)))

    def build_damaged_attachment(self, image):
        return attachment(image, BUNDLE, b"no JSON")


class CertificateSignatures:
    """Signatures with Notation certificates, in a Notation envelope."""

    implementation = NotationVerifier
    root = party("Root", is_authority=True)
    ours, theirs = party("Ours", root), party("Theirs", root)
    trust = TrustEntry(("**",), notation=NotationTrust((root.pem,), ("CN=Ours",)))

    def __init__(self, kind) -> None:
        self.kind = kind

    def build_attachment(self, image, digest, *, by_stranger=False):
        chain = (self.theirs if by_stranger else self.ours, self.root)
        return attachment(image, self.kind, signed(self.kind, payload(digest), chain), kind_of_artifact=SIGNATURE_TYPE)

    def build_damaged_attachment(self, image):
        return attachment(image, self.kind, b"no JSON", kind_of_artifact=SIGNATURE_TYPE)


@pytest.fixture(
    params=[KeySignatures(), CertificateSignatures(JWS), CertificateSignatures(COSE)], ids=["keys", "jws", "cose"]
)
def scheme(request):
    return request.param


@pytest.fixture
def verifier(scheme, artifacts) -> SignatureVerifier:
    (found,) = create_verifiers([scheme.trust], artifacts, lambda: NOW)
    assert isinstance(found, scheme.implementation)
    return found


@pytest.fixture
def image(registry):
    made = images.build_image([images.build_layer({"a": b"contract %d" % next(_numbers)})])
    registry.push(made, "team/contract", "1")
    return made


@pytest.fixture
def verify(registry, scheme, verifier, image):
    def verify_with(*attachments):
        if attachments:
            attach(registry, "team/contract", image.digest, *attachments, kind=None)
        return verifier.verify(f"{registry.host}/team/contract", image.digest, scheme.trust)

    return verify_with


def test_verifiers_accept_signature_by_listed_signer(scheme, verify, image):
    assert isinstance(verify(scheme.build_attachment(image, image.digest)), VerifiedSignature)


def test_verifiers_report_image_without_attachments_as_unsigned(verify):
    assert verify() == NoSignature()


def test_verifiers_ignore_attachments_that_are_not_signatures(verify, image):
    assert verify(attachment(image, "text/plain", b"words")) == NoSignature()


def test_verifiers_refuse_signature_by_unlisted_signer(scheme, verify, image):
    found = verify(scheme.build_attachment(image, image.digest, by_stranger=True))
    assert isinstance(found, BadSignature)
    assert found.defect is SignatureDefect.OTHER_SIGNER


def test_verifiers_refuse_signature_of_another_image(scheme, verify, image):
    found = verify(scheme.build_attachment(image, images.compute_digest(b"another")))
    assert found == BadSignature(SignatureDefect.OTHER_IMAGE)


def test_verifiers_report_damaged_signature_as_broken_and_not_as_missing(scheme, verify, image):
    found = verify(scheme.build_damaged_attachment(image))
    assert isinstance(found, BadSignature)
    assert found.defect is SignatureDefect.BROKEN


def test_verifiers_accept_valid_signature_despite_other_invalid_signatures(scheme, verify, image):
    strangers = scheme.build_attachment(image, image.digest, by_stranger=True)
    assert isinstance(
        verify(scheme.build_damaged_attachment(image), strangers, scheme.build_attachment(image, image.digest)),
        VerifiedSignature,
    )


def test_verifiers_ignore_trust_entries_for_other_schemes(registry, verifier, image):
    assert verifier.verify(f"{registry.host}/team/contract", image.digest, TrustEntry(("**",))) is None


def test_verifiers_report_signature_as_unknown_if_registry_is_not_in_config(scheme, verifier, image):
    found = verifier.verify("registry.invalid/team/contract", image.digest, scheme.trust)
    assert isinstance(found, SignatureUnknown)
    assert found.is_failure


def test_verifiers_report_signature_as_unknown_if_signature_blob_is_missing(scheme, verifier, registry, image):
    whole = scheme.build_attachment(image, image.digest)
    attach(registry, "team/lost", image.digest, whole, kind=None)
    registry.delete_blob("team/lost", images.compute_digest(whole.blobs[-1]))
    found = verifier.verify(f"{registry.host}/team/lost", image.digest, scheme.trust)
    assert isinstance(found, SignatureUnknown)
    assert not found.is_failure
