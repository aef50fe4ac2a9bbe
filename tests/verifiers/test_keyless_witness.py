"""Keyless signatures, verified by two independent implementations: basebump, and cosign with Sigstore's Go library."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

import pytest
from support.parts import ROOT
from support.signing.attached import BUNDLE, attach, attachment, base64_of, dump, envelope, statement
from support.signing.cosign import CosignWitness
from support.signing.sigstore_world import DAY, LIFETIME, FakeSigstore, Key, annotated, new_key, payload_about, sign

from bot.demo import images
from bot.model.signature import VerifiedSignature
from bot.model.trust import TrustedIdentity, TrustEntry
from bot.verifiers.cosign import CosignVerifier

pytestmark = [pytest.mark.real("cosign"), pytest.mark.real("docker-registry")]

SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
PROVENANCE = "https://slsa.dev/provenance/v1"
WHO, ISSUER = "https://git.example/acme/images/release.yml@main", "https://issuer.example"
WORLD = FakeSigstore()
CONTENT = b"what is signed"
IMAGE = images.build_image([images.build_layer({"a": CONTENT})])
_numbers = count()


def replace_trust_part(part: str) -> FakeSigstore:
    """Return a world in which one key is different, and all others are the trusted ones."""
    return FakeSigstore(
        **{each: getattr(WORLD, each) for each in ("authority", "certificate_log", "log") if each != part}
    )


@dataclass(frozen=True)
class SignatureCase:
    """A signature with at most one defect."""

    who: str = WHO
    """The listed identity."""
    issuer: str = ISSUER
    world: FakeSigstore = WORLD
    """The world that made the signature; WORLD is the trusted one."""
    is_about_it: bool = True
    logged: datetime = DAY
    signer: Callable[[Key], Key] = field(default=lambda own: own)
    """Chooses the signing key for a certificate's key."""
    is_its_own_entry: bool = True
    is_dated_back: bool = False

    def build_signature(self) -> tuple[bytes, dict[str, str]]:
        """Return a payload and its annotations."""
        payload = payload_about(IMAGE.digest if self.is_about_it else images.compute_digest(b"another"))
        key = new_key()
        certificate = self.world.certify(key, WHO, ISSUER)
        signature = sign(self.signer(key), payload)
        logged = signature if self.is_its_own_entry else sign(self.signer(key), payload)
        entry = self.world.entry(payload, logged, certificate, self.logged)
        entry["Payload"]["integratedTime"] -= self.is_dated_back
        return payload, annotated(signature, certificate, entry)

    def build_bundle(self, digest: str) -> dict[str, object]:
        """Return a bundle."""
        key = new_key()
        certificate = self.world.certify(key, WHO, ISSUER)
        about = dump(statement(digest if self.is_about_it else images.compute_digest(b"another"), PROVENANCE))
        made = self.world.bundle(envelope(self.signer(key), about), certificate, self.logged)
        if not self.is_its_own_entry:
            other = self.world.bundle(envelope(self.signer(key), about), certificate, self.logged)
            made["verificationMaterial"] = other["verificationMaterial"]
        (entry,) = made["verificationMaterial"]["tlogEntries"]
        entry["integratedTime"] = str(int(entry["integratedTime"]) - self.is_dated_back)
        return made


GOOD = SignatureCase()
BAD = {
    "another identity is listed": SignatureCase(who=WHO.replace("main", "other")),
    "another issuer is listed": SignatureCase(issuer="https://issuer.example/other"),
    "it is about something else": SignatureCase(is_about_it=False),
    "another key made it": SignatureCase(signer=lambda own: new_key()),
    "its entry is about another signature": SignatureCase(is_its_own_entry=False),
    "its entry was dated back": SignatureCase(is_dated_back=True),
    "its certificate had ended": SignatureCase(logged=DAY + LIFETIME + timedelta(minutes=1)),
    "its certificate had not begun": SignatureCase(logged=DAY - timedelta(minutes=1)),
    "an unknown authority named its signer": SignatureCase(world=replace_trust_part("authority")),
    "an unknown log has its certificate": SignatureCase(world=replace_trust_part("certificate_log")),
    "an unknown log has it": SignatureCase(world=replace_trust_part("log")),
}
EVERY = pytest.mark.parametrize(
    ("case", "holds"), [(GOOD, True), *((case, False) for case in BAD.values())], ids=["good", *BAD]
)


@pytest.fixture
def witness(tmp_path):
    return CosignWitness(tmp_path, WORLD.write(tmp_path / "root.json"), WORLD.write_parts(tmp_path))


@pytest.fixture
def verify_with_basebump(tmp_path, registry, artifacts):
    """Return basebump's outcome for an image, or for a digest that represents one."""

    def is_verified(case: SignatureCase, repository: str, digest: str) -> bool:
        root = WORLD.write(tmp_path / "ours.json")
        trust = TrustEntry(("**",), identities=(TrustedIdentity(case.issuer, case.who),), trusted_root=root)
        found = CosignVerifier.create_for_trusts([trust], artifacts).verify(
            f"{registry.host}/{repository}", digest, trust
        )
        return isinstance(found, VerifiedSignature)

    return is_verified


@EVERY
def test_cosign_and_basebump_agree_on_keyless_signature_annotations(
    case, holds, witness, verify_with_basebump, registry
):
    repository = f"team/witnessed-{next(_numbers)}"
    payload, annotations = case.build_signature()
    registry.push(IMAGE, repository, "1")
    signature = attachment(IMAGE, SIMPLE, payload, annotations)
    registry.push(signature, repository, f"{IMAGE.digest.replace(':', '-')}.sig")
    theirs = witness.accepts_signature(f"{registry.host}/{repository}@{IMAGE.digest}", case.who, case.issuer)
    assert (verify_with_basebump(case, repository, IMAGE.digest), theirs) == (holds, holds)


@EVERY
def test_cosign_and_basebump_agree_on_keyless_bundles(case, holds, witness, verify_with_basebump, registry):
    repository = f"team/witnessed-{next(_numbers)}"
    digest = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    made = case.build_bundle(digest)
    attach(registry, repository, digest, attachment(IMAGE, BUNDLE, dump(made)))
    theirs = witness.accepts_bundle(made, CONTENT, PROVENANCE, case.who, case.issuer)
    assert (verify_with_basebump(case, repository, digest), theirs) == (holds, holds)


def test_bundle_with_changed_statement_is_refused_by_basebump_and_cosign(witness, verify_with_basebump, registry):
    repository, digest = f"team/witnessed-{next(_numbers)}", f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    made, other = (
        GOOD.build_bundle(digest),
        json.loads(json.dumps(GOOD.build_bundle(images.compute_digest(b"another")))),
    )
    other["dsseEnvelope"]["payload"] = made["dsseEnvelope"]["payload"]
    attach(registry, repository, digest, attachment(IMAGE, BUNDLE, dump(other)))
    assert not verify_with_basebump(GOOD, repository, digest)
    assert not witness.accepts_bundle(other, CONTENT, PROVENANCE, WHO, ISSUER)


# Attestations of GitHub, by Sigstore's public instance


REAL = json.loads((ROOT / "tests" / "contracts" / "github_attestation.json").read_text(encoding="utf-8"))
BUILT = base64.b64decode(REAL["artifact"])
BUILDER = (
    "https://github.com/github/artifact-attestations-workflows/.github/workflows/attest.yml"
    "@09b495c3f12c7881b3cc17209a327792065c1a1d"
)
GITHUB = "https://token.actions.githubusercontent.com"


def change_statement(made):
    """Return a bundle whose statement was changed."""
    said = json.loads(base64.b64decode(made["dsseEnvelope"]["payload"]))
    changed = base64_of(dump({**said, "predicate": {}}))
    return {**made, "dsseEnvelope": {**made["dsseEnvelope"], "payload": changed}}


SHOWN = {
    "good": (REAL["bundle"], BUILT, BUILDER, GITHUB),
    "another identity": (REAL["bundle"], BUILT, BUILDER[:-1] + "e", GITHUB),
    "another issuer": (REAL["bundle"], BUILT, BUILDER, ISSUER),
    "another digest": (REAL["bundle"], BUILT + b"!", BUILDER, GITHUB),
    "tampered": (change_statement(REAL["bundle"]), BUILT, BUILDER, GITHUB),
}


@pytest.mark.parametrize("title", SHOWN)
def test_cosign_and_basebump_agree_on_github_attestations(title, tmp_path, registry, artifacts):
    made, content, who, issuer = SHOWN[title]
    repository, digest = f"team/witnessed-{next(_numbers)}", images.compute_digest(content)
    attach(registry, repository, digest, attachment(IMAGE, BUNDLE, dump(made)))
    root = tmp_path / "public.json"
    root.write_text(json.dumps(REAL["root"]), encoding="utf-8")
    assert CosignWitness(tmp_path, str(root)).accepts_bundle(made, content, PROVENANCE, who, issuer) is (
        title == "good"
    )
    for trusted in (None, str(root)):
        trust = TrustEntry(("**",), identities=(TrustedIdentity(issuer, who),), trusted_root=trusted)
        found = CosignVerifier.create_for_trusts([trust], artifacts).verify(
            f"{registry.host}/{repository}", digest, trust
        )
        assert isinstance(found, VerifiedSignature) is (title == "good")
