"""The older form of cosign signatures: made by Debian's cosign, verified by basebump and by cosign itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from support.signing.cosign import CosignKeyPair

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


def name_outcome(found) -> str:
    """Return the result of `Cosign.verify` that corresponds to an outcome."""
    match found:
        case VerifiedSignature():
            return "good"
        case NoSignature():
            return "unsigned"
        case BadSignature():
            return "bad"
    raise AssertionError(found)


def build_trust(*parties: CosignKeyPair) -> TrustEntry:
    keys = tuple(TrustedKey(f"{party.folder.name}.pub", party.public_key) for party in parties)
    return TrustEntry(("**",), keys)


class ImageRepository:
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
def target(registry):
    return ImageRepository(registry)


@pytest.fixture
def verify(artifacts):
    verifier = CosignVerifier(artifacts)
    return lambda target, trust: verifier.verify(target.repository, target.image.digest, trust)


def test_cosign_signature_by_listed_key_is_verified_by_basebump_and_cosign(target, own_keys, foreign_keys, verify):
    own_keys.sign(target.reference)
    found = verify(target, build_trust(foreign_keys, own_keys))
    assert isinstance(found, VerifiedSignature)
    assert found.signer.scheme is SignatureScheme.COSIGN_KEY
    assert found.signer.identity.startswith("ours.pub (sha256 ")
    assert name_outcome(found) == own_keys.verify(target.reference) == "good"


def test_cosign_signature_by_unlisted_key_is_refused_by_basebump_and_cosign(target, own_keys, foreign_keys, verify):
    foreign_keys.sign(target.reference)
    found = verify(target, build_trust(own_keys))
    assert found == BadSignature(SignatureDefect.OTHER_SIGNER)
    assert name_outcome(found) == own_keys.verify(target.reference) == "bad"


def test_unsigned_image_is_reported_as_unsigned_by_basebump_and_cosign(target, own_keys, verify):
    found = verify(target, build_trust(own_keys))
    assert found == NoSignature()
    assert name_outcome(found) == own_keys.verify(target.reference) == "unsigned"


def test_signature_copied_to_another_image_is_refused_by_basebump_and_cosign(target, own_keys, registry, verify):
    signed = ImageRepository(registry)
    own_keys.sign(signed.reference)
    registry.copy(
        signed.path,
        f"{signed.image.digest.replace(':', '-')}.sig",
        target.path,
        target.image.digest,
    )
    found = verify(target, build_trust(own_keys))
    assert found == BadSignature(SignatureDefect.OTHER_IMAGE)
    assert name_outcome(found) == own_keys.verify(target.reference) == "bad"


def test_signature_made_for_another_repository_counts_only_if_config_allows(target, own_keys, registry, verify):
    signed = ImageRepository(registry)
    signed.image = target.image
    registry.push(signed.image, signed.path, "1")
    own_keys.sign(signed.reference)
    tag = f"{signed.image.digest.replace(':', '-')}.sig"
    registry.copy(signed.path, tag, target.path, target.image.digest)
    found = verify(target, build_trust(own_keys))
    assert found == BadSignature(SignatureDefect.OTHER_IMAGE, f"it names the repository {signed.repository}")
    trust = replace(build_trust(own_keys), signed_as=(f"{registry.host}/team/*",))
    assert isinstance(verify(target, trust), VerifiedSignature)


def test_signature_by_listed_key_is_verified_despite_signatures_by_other_keys(target, own_keys, foreign_keys, verify):
    foreign_keys.sign(target.reference)
    own_keys.sign(target.reference)
    assert name_outcome(verify(target, build_trust(own_keys))) == own_keys.verify(target.reference) == "good"


def test_cosign_signature_attached_as_referrer_is_verified(target, own_keys, verify):
    own_keys.sign(target.reference, "--registry-referrers-mode=oci-1-1")
    assert name_outcome(verify(target, build_trust(own_keys))) == "good"
    assert isinstance(verify(target, build_trust(own_keys)), VerifiedSignature)


def test_cosign_attestation_of_inventory_does_not_count_as_image_signature(target, own_keys, verify):
    own_keys.attest(target.reference, "spdxjson", b"{}")
    found = verify(target, build_trust(own_keys))
    assert name_outcome(found) == own_keys.verify(target.reference) == "unsigned"


def test_signature_of_one_platform_image_leaves_the_index_unsigned(registry, own_keys, verify):
    target = ImageRepository(registry)
    child = target.image
    target.image = images.build_index([child])
    registry.push(target.image, target.path, "2")
    own_keys.sign(f"{target.repository}@{child.digest}")
    assert name_outcome(verify(target, build_trust(own_keys))) == own_keys.verify(target.reference) == "unsigned"
    own_keys.sign(target.reference)
    assert name_outcome(verify(target, build_trust(own_keys))) == own_keys.verify(target.reference) == "good"


def test_cosign_verifier_ignores_trust_entry_without_keys(target, verify):
    assert verify(target, TrustEntry(("**",))) is None


def test_cosign_signature_is_unknown_if_registry_is_unreachable(own_keys, artifacts):
    verifier = CosignVerifier(artifacts)
    found = verifier.verify("registry.invalid/team/app", images.compute_digest(b"any"), build_trust(own_keys))
    assert isinstance(found, SignatureUnknown)
    assert found.is_failure
    assert "registry.invalid" in found.detail
