"""Keyless signatures in the form before cosign 3: one of Sigstore's, and invalid ones."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from support.parts import ROOT
from support.signing.attached import attachment, trusted
from support.signing.sigstore_world import DAY, LIFETIME, FakeSigstore, annotated, new_key, payload_about, sign

from bot.demo import images
from bot.model.image_name import Digest
from bot.model.signature import (
    BadSignature,
    SignatureDefect,
    SignatureScheme,
    SignedStatement,
    UnsupportedSignature,
    VerifiedSignature,
)
from bot.model.trust import TrustedIdentity, TrustEntry
from bot.verifiers.cosign import CosignVerifier

pytestmark = pytest.mark.real("docker-registry")

KIND = "application/vnd.dev.cosign.simplesigning.v1+json"
ENTRY, CERTIFICATE = "dev.sigstore.cosign/bundle", "dev.sigstore.cosign/certificate"
REAL = json.loads((ROOT / "tests" / "contracts" / "cosign_keyless.json").read_text(encoding="utf-8"))
REAL_PAYLOAD = base64.b64decode(REAL["payload"])
REAL_DIGEST = Digest(json.loads(REAL_PAYLOAD)["critical"]["image"]["docker-manifest-digest"])
REAL_REPOSITORY = json.loads(REAL_PAYLOAD)["critical"]["identity"]["docker-reference"]
SOMEBODY, GITHUB = "mitr@redhat.com", "https://github.com/login/oauth"
WHO, ISSUER = "https://git.example/acme/images/release.yml@main", "https://issuer.example"
IMAGE = images.build_image([images.build_layer({"a": b"older"})])
PAYLOAD = payload_about(IMAGE.digest)
WORLD = FakeSigstore()
_numbers = count()


@pytest.fixture
def verify(registry, artifacts):
    """Store a signature at the tag of a digest, and verify the digest."""

    def verify_payload(payload, annotations, trust, digest=IMAGE.digest):
        repository = f"team/older-{next(_numbers)}"
        registry.push(attachment(IMAGE, KIND, payload, annotations), repository, f"{digest.replace(':', '-')}.sig")
        return CosignVerifier.create_for_trusts([trust], artifacts).verify(
            f"{registry.host}/{repository}", digest, trust
        )

    return verify_payload


def build_trust(identity=WHO, issuer=ISSUER, root=None) -> TrustEntry:
    identities = (TrustedIdentity(issuer, identity),)
    return TrustEntry(("**",), identities=identities, trusted_root=root, signed_as=(REAL_REPOSITORY,))


# A signature by Sigstore itself


def test_published_signature_of_2023_is_verified_offline_with_bundled_root(verify):
    found = verify(REAL_PAYLOAD, REAL["annotations"], build_trust(SOMEBODY, GITHUB), REAL_DIGEST)
    assert isinstance(found, VerifiedSignature)
    assert found.signer.scheme is SignatureScheme.KEYLESS
    assert (found.signer.identity, found.statement) == (f"{SOMEBODY} (by {GITHUB})", SignedStatement.SIGNATURE)


@pytest.mark.parametrize(
    ("identity", "issuer"), [("other@redhat.com", GITHUB), (SOMEBODY, ISSUER), (SOMEBODY, GITHUB + "/")]
)
def test_published_signature_is_refused_if_trust_lists_another_identity(verify, identity, issuer):
    found = verify(REAL_PAYLOAD, REAL["annotations"], build_trust(identity, issuer), REAL_DIGEST)
    assert found == BadSignature(SignatureDefect.OTHER_SIGNER, SOMEBODY)


def test_published_signature_is_refused_for_another_image(verify):
    found = verify(REAL_PAYLOAD, REAL["annotations"], build_trust(SOMEBODY, GITHUB))
    assert found == BadSignature(SignatureDefect.OTHER_IMAGE)


@pytest.mark.parametrize("key", ["integratedTime", "logIndex"])
def test_keyless_signature_with_changed_log_entry_is_unproved(verify, key):
    entry = json.loads(REAL["annotations"][ENTRY])
    entry["Payload"][key] += 1
    changed = REAL["annotations"] | {ENTRY: json.dumps(entry)}
    found = verify(REAL_PAYLOAD, changed, build_trust(SOMEBODY, GITHUB), REAL_DIGEST)
    assert (found.defect, "log" in found.detail) == (SignatureDefect.UNPROVED, True)


def test_published_signature_is_unproved_with_root_of_another_instance(verify, tmp_path):
    root = WORLD.write(tmp_path / "root.json")
    found = verify(REAL_PAYLOAD, REAL["annotations"], build_trust(SOMEBODY, GITHUB, root), REAL_DIGEST)
    assert (found.defect, "log" in found.detail) == (SignatureDefect.UNPROVED, True)


# Signatures by the tests' own Sigstore world, in which every part can be replaced


class SignatureParts:
    """A signature and its parts."""

    def __init__(self, world=WORLD, *, payload=PAYLOAD, signed=None, who=WHO, at=DAY, logged=None, **more) -> None:
        self.payload, self.key = payload, new_key()
        self.certificate = world.certify(self.key, who, ISSUER, at, **more)
        self.signature = sign(self.key, signed or payload)
        self.entry = world.entry(payload, self.signature, self.certificate, logged or at)

    @property
    def annotations(self):
        return annotated(self.signature, self.certificate, self.entry)


@pytest.fixture
def check(verify, tmp_path):
    root = WORLD.write(tmp_path / "root.json")
    return lambda made, who=WHO: verify(made.payload, made.annotations, build_trust(who, root=root))


@pytest.mark.parametrize("who", [WHO, "ci@acme.example"])
def test_keyless_signature_in_log_by_listed_identity_is_verified(check, who):
    found = check(SignatureParts(who=who), who)
    assert isinstance(found, VerifiedSignature)
    assert found.signer.identity == f"{who} (by {ISSUER})"


def test_keyless_signature_by_unlisted_identity_is_refused(check):
    assert check(SignatureParts(who="https://git.example/evil")) == BadSignature(
        SignatureDefect.OTHER_SIGNER, "https://git.example/evil"
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda own, other: WORLD.entry(b"else", own.signature, own.certificate), "about another payload"),
        (lambda own, other: WORLD.entry(PAYLOAD, other.signature, own.certificate), "about another signature"),
        (lambda own, other: WORLD.entry(PAYLOAD, own.signature, other.certificate), "about another signer"),
        (lambda own, other: other.entry, "about another signature"),
    ],
    ids=["payload", "signature", "certificate", "whole"],
)
def test_log_entry_about_another_payload_signature_or_certificate_is_refused(check, change, why):
    own, other = SignatureParts(), SignatureParts()
    own.entry = change(own, other)
    found = check(own)
    assert isinstance(found, BadSignature)
    assert found.defect is SignatureDefect.BROKEN
    assert why in found.detail


def test_keyless_signature_with_copied_certificate_is_broken(check):
    own = SignatureParts()
    own.signature = sign(new_key(), PAYLOAD)
    own.entry = WORLD.entry(PAYLOAD, own.signature, own.certificate)
    found = check(own)
    assert (found.defect, "certificate" in found.detail) == (SignatureDefect.BROKEN, True)


def test_keyless_signature_of_other_bytes_than_the_payload_is_broken(check):
    found = check(SignatureParts(signed=b"else"))
    assert (found.defect, "certificate" in found.detail) == (SignatureDefect.BROKEN, True)


@pytest.mark.parametrize("late", [LIFETIME + timedelta(seconds=1), -timedelta(minutes=1)])
def test_keyless_signature_logged_outside_certificate_validity_is_unproved(check, late):
    found = check(SignatureParts(logged=DAY + late))
    assert isinstance(found, BadSignature)
    assert found.defect is SignatureDefect.UNPROVED


@pytest.mark.parametrize("part", ["authority", "certificate_log", "log"])
def test_keyless_signature_is_unproved_if_authority_or_log_is_not_trusted(check, part):
    stranger = FakeSigstore(
        **{each: getattr(WORLD, each) for each in ("authority", "certificate_log", "log") if each != part}
    )
    found = check(SignatureParts(stranger))
    assert isinstance(found, BadSignature)
    assert found.defect is SignatureDefect.UNPROVED


def test_keyless_certificate_without_code_signing_usage_is_unproved(check):
    found = check(SignatureParts(purpose=ExtendedKeyUsageOID.CLIENT_AUTH))
    assert isinstance(found, BadSignature)
    assert found.defect is SignatureDefect.UNPROVED


def test_keyless_signature_without_log_entry_is_unsupported(check):
    own = SignatureParts()
    own.entry = None
    assert isinstance(check(own), UnsupportedSignature)


def test_log_entry_of_unknown_kind_is_unsupported(check):
    own = SignatureParts()
    own.entry = WORLD.entry(PAYLOAD, own.signature, own.certificate, kind="rekord")
    assert isinstance(check(own), UnsupportedSignature)


@pytest.mark.parametrize(
    "change",
    [
        {ENTRY: "no JSON"},
        {ENTRY: "[]"},
        {ENTRY: "{}"},
        {ENTRY: json.dumps({"SignedEntryTimestamp": "", "Payload": {"body": "e30="}})},
        {CERTIFICATE: "no certificate"},
    ],
    ids=["no-json", "a-list", "empty", "no-body", "no-certificate"],
)
def test_keyless_signature_with_damaged_annotations_is_refused(verify, tmp_path, change):
    root = WORLD.write(tmp_path / "root.json")
    found = verify(PAYLOAD, SignatureParts().annotations | change, build_trust(root=root))
    assert isinstance(found, BadSignature | UnsupportedSignature)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("integratedTime", each) for each in (-1, 2**40, 2**60, True, 1.5, "7", None)),
        *(("logIndex", each) for each in (-1, 2**60, None)),
        *(("logID", each) for each in (7, "xyz", None)),
    ],
)
def test_log_entry_with_invalid_number_or_log_id_is_broken(check, key, value):
    own = SignatureParts()
    own.entry["Payload"][key] = value
    found = check(own)
    assert isinstance(found, BadSignature)
    assert found.defect is SignatureDefect.BROKEN


def test_keyless_signature_is_verified_if_trust_also_lists_keys(verify, tmp_path):
    key, root = new_key(), WORLD.write(tmp_path / "root.json")
    both = replace(build_trust(root=root), keys=(trusted(key),))
    assert isinstance(verify(PAYLOAD, SignatureParts().annotations, both), VerifiedSignature)
