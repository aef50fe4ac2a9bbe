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


class Keys:
    """Signatures with cosign keys, in bundles."""

    implementation = CosignVerifier
    ours, theirs = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    trust = TrustEntry(("**",), (trusted(ours),))

    def attachment(self, image, digest, *, by_stranger=False):
        return attachment(image, BUNDLE, dump(bundle(self.theirs if by_stranger else self.ours, digest)))

    def damaged(self, image):
        return attachment(image, BUNDLE, b"no JSON")


class Certificates:
    """Signatures with Notation certificates, in a Notation envelope."""

    implementation = NotationVerifier
    root = party("Root", is_authority=True)
    ours, theirs = party("Ours", root), party("Theirs", root)
    trust = TrustEntry(("**",), notation=NotationTrust((root.pem,), ("CN=Ours",)))

    def __init__(self, kind) -> None:
        self.kind = kind

    def attachment(self, image, digest, *, by_stranger=False):
        chain = (self.theirs if by_stranger else self.ours, self.root)
        return attachment(image, self.kind, signed(self.kind, payload(digest), chain), kind_of_artifact=SIGNATURE_TYPE)

    def damaged(self, image):
        return attachment(image, self.kind, b"no JSON", kind_of_artifact=SIGNATURE_TYPE)


@pytest.fixture(params=[Keys(), Certificates(JWS), Certificates(COSE)], ids=["keys", "jws", "cose"])
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


def test_what_somebody_listed_signed_is_verified(scheme, verify, image):
    assert isinstance(verify(scheme.attachment(image, image.digest)), VerifiedSignature)


def test_what_has_nothing_attached_is_unsigned(verify):
    assert verify() == NoSignature()


def test_what_is_attached_and_no_signature_does_not_count(verify, image):
    assert verify(attachment(image, "text/plain", b"words")) == NoSignature()


def test_what_a_stranger_signed_is_by_another_signer(scheme, verify, image):
    found = verify(scheme.attachment(image, image.digest, by_stranger=True))
    assert isinstance(found, BadSignature)
    assert found.defect is SignatureDefect.OTHER_SIGNER


def test_what_was_signed_for_another_image_does_not_hold(scheme, verify, image):
    found = verify(scheme.attachment(image, images.compute_digest(b"another")))
    assert found == BadSignature(SignatureDefect.OTHER_IMAGE)


def test_what_is_damaged_is_told_from_nothing(scheme, verify, image):
    found = verify(scheme.damaged(image))
    assert isinstance(found, BadSignature)
    assert found.defect is SignatureDefect.BROKEN


def test_one_that_holds_is_enough(scheme, verify, image):
    strangers = scheme.attachment(image, image.digest, by_stranger=True)
    assert isinstance(
        verify(scheme.damaged(image), strangers, scheme.attachment(image, image.digest)), VerifiedSignature
    )


def test_trust_in_others_is_not_its_affair(registry, verifier, image):
    assert verifier.verify(f"{registry.host}/team/contract", image.digest, TrustEntry(("**",))) is None


def test_a_registry_that_may_not_be_asked_makes_it_unknown(scheme, verifier, image):
    found = verifier.verify("registry.invalid/team/contract", image.digest, scheme.trust)
    assert isinstance(found, SignatureUnknown)
    assert found.is_failure


def test_a_piece_that_cannot_be_fetched_makes_it_unknown(scheme, verifier, registry, image):
    whole = scheme.attachment(image, image.digest)
    attach(registry, "team/lost", image.digest, whole, kind=None)
    registry.delete_blob("team/lost", images.compute_digest(whole.blobs[-1]))
    found = verifier.verify(f"{registry.host}/team/lost", image.digest, scheme.trust)
    assert isinstance(found, SignatureUnknown)
    assert not found.is_failure
