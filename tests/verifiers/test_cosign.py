"""The older form of cosign signatures: made by Debian's cosign, verified by basebump and by cosign itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from support.signing.cosign import Cosign

from bot.demo import images
from bot.model.signature import (
    BadSignature,
    NoSignature,
    SignatureDefect,
    SignatureScheme,
    SignatureUnknown,
    VerifiedSignature,
)
from bot.model.trust import TrustedKey, TrustEntry
from bot.verifiers.cosign import CosignVerifier

pytestmark = [pytest.mark.real("docker-registry"), pytest.mark.real("cosign")]

_numbers = count()


def outcome_of(found) -> str:
    """Return the result of `Cosign.verify` that corresponds to an outcome."""
    match found:
        case VerifiedSignature():
            return "good"
        case NoSignature():
            return "unsigned"
        case BadSignature():
            return "bad"
    raise AssertionError(found)


def trust_in(*parties: Cosign) -> TrustEntry:
    keys = tuple(TrustedKey(f"{party.folder.name}.pub", party.public_key) for party in parties)
    return TrustEntry(("**",), keys)


class Place:
    """A separate repository with one image."""

    def __init__(self, registry) -> None:
        self.registry, number = registry, next(_numbers)
        self.path = f"team/app{number}"
        self.image = images.build_image([images.build_layer({"a": str(number).encode()})])
        registry.push(self.image, self.path, "1")

    @property
    def repository(self) -> str:
        return f"{self.registry.host}/{self.path}"

    @property
    def reference(self) -> str:
        return f"{self.repository}@{self.image.digest}"


@pytest.fixture
def place(registry):
    return Place(registry)


@pytest.fixture
def verify(artifacts):
    verifier = CosignVerifier(artifacts)
    return lambda place, trust: verifier.verify(place.repository, place.image.digest, trust)


def test_what_cosign_signed_with_a_listed_key_is_verified_and_cosign_agrees(place, ours, theirs, verify):
    ours.sign(place.image)
    found = verify(place, trust_in(theirs, ours))
    assert isinstance(found, VerifiedSignature)
    assert found.signer.scheme is SignatureScheme.COSIGN_KEY
    assert found.signer.identity.startswith("ours.pub (sha256 ")
    assert outcome_of(found) == ours.verify(place.image) == "good"


def test_a_signature_by_another_key_is_by_another_signer_and_cosign_agrees(place, ours, theirs, verify):
    theirs.sign(place.image)
    found = verify(place, trust_in(ours))
    assert found == BadSignature(SignatureDefect.OTHER_SIGNER)
    assert outcome_of(found) == ours.verify(place.image) == "bad"


def test_an_image_without_signatures_is_unsigned_and_cosign_agrees(place, ours, verify):
    found = verify(place, trust_in(ours))
    assert found == NoSignature()
    assert outcome_of(found) == ours.verify(place.image) == "unsigned"


def test_a_signature_copied_from_another_image_does_not_hold_and_cosign_agrees(place, ours, registry, verify):
    signed = Place(registry)
    ours.sign(signed.reference)
    registry.copy(signed.path, f"{signed.image.digest.replace(':', '-')}.sig", place.path, place.image.digest)
    found = verify(place, trust_in(ours))
    assert found == BadSignature(SignatureDefect.OTHER_IMAGE)
    assert outcome_of(found) == ours.verify(place.image) == "bad"


def test_signature_of_other_repository_counts_only_when_listed(place, ours, registry, verify):
    signed = Place(registry)
    signed.image = place.image
    registry.push(signed.image, signed.path, "1")
    ours.sign(signed.reference)
    tag = f"{signed.image.digest.replace(':', '-')}.sig"
    registry.copy(signed.path, tag, place.path, place.image.digest)
    found = verify(place, trust_in(ours))
    assert found == BadSignature(SignatureDefect.OTHER_IMAGE, f"it names the repository {signed.repository}")
    trust = replace(trust_in(ours), signed_as=(f"{registry.host}/team/*",))
    assert isinstance(verify(place, trust), VerifiedSignature)


def test_one_good_signature_is_enough_beside_those_of_strangers(place, ours, theirs, verify):
    theirs.sign(place.image)
    ours.sign(place.image)
    assert outcome_of(verify(place, trust_in(ours))) == ours.verify(place.image) == "good"


def test_what_cosign_attaches_as_a_referrer_is_found_and_cosign_agrees(place, ours, verify):
    ours.sign(place.image, "--registry-referrers-mode=oci-1-1")
    assert outcome_of(verify(place, trust_in(ours))) == "good"
    assert isinstance(verify(place, trust_in(ours)), VerifiedSignature)


def test_that_somebody_signed_an_inventory_says_not_whose_the_image_is(place, ours, verify):
    ours.attest(place.image, "spdxjson", b"{}")
    found = verify(place, trust_in(ours))
    assert outcome_of(found) == ours.verify(place.image) == "unsigned"


def test_an_index_is_verified_itself_and_not_by_what_it_holds(registry, ours, verify):
    place = Place(registry)
    child = place.image
    place.image = images.build_index([child])
    registry.push(place.image, place.path, "2")
    ours.sign(f"{place.repository}@{child.digest}")
    assert outcome_of(verify(place, trust_in(ours))) == ours.verify(place.image) == "unsigned"
    ours.sign(place.image)
    assert outcome_of(verify(place, trust_in(ours))) == ours.verify(place.image) == "good"


def test_trust_without_keys_is_about_something_else(place, verify):
    assert verify(place, TrustEntry(("**",))) is None


def test_a_registry_that_cannot_be_asked_makes_it_unknown(ours, artifacts):
    verifier = CosignVerifier(artifacts)
    found = verifier.verify("registry.invalid/team/app", images.compute_digest(b"any"), trust_in(ours))
    assert isinstance(found, SignatureUnknown)
    assert found.is_failure
    assert "registry.invalid" in found.detail
