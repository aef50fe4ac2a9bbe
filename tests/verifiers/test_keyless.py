"""Keyless bundles: one that Sigstore's staging instance made, and modified copies of it."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.parts import ROOT
from support.signing.attached import BUNDLE, attach, attachment, base64_of, bundle, dump, trusted

from bot.demo import images
from bot.model.errors import UsageError
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

CONTRACTS = ROOT / "tests" / "contracts"
STAGING = str(CONTRACTS / "sigstore_root.json")
MADE = json.loads((CONTRACTS / "sigstore_bundle.json").read_text(encoding="utf-8"))
STATEMENT = json.loads(base64.b64decode(MADE["dsseEnvelope"]["payload"]))
ABOUT = Digest("sha256:" + STATEMENT["subject"][0]["digest"]["sha256"])
ISSUER = "https://token.actions.githubusercontent.com"
WORKFLOW = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/"
    "extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
SUBJECT = images.build_image([images.build_layer({"a": b"any"})])
"""Subject in the artifact's manifest; only the subject in the statement counts."""


def trust(identity: str = WORKFLOW, issuer: str = ISSUER, root: str | None = STAGING, **more) -> TrustEntry:
    return TrustEntry(("**",), identities=(TrustedIdentity(issuer, identity),), trusted_root=root, **more)


@pytest.fixture
def verify(registry, artifacts):
    """Attach a bundle to a digest, and verify the digest."""

    def verify_document(document, who: TrustEntry, digest: Digest = ABOUT):
        attach(registry, "team/keyless", digest, attachment(SUBJECT, BUNDLE, dump(document)))
        verifier = CosignVerifier.create_for_trusts([who], artifacts)
        return verifier.verify(f"{registry.host}/team/keyless", digest, who)

    return verify_document


@pytest.mark.parametrize("identity", [WORKFLOW, WORKFLOW.replace("main", "*"), "https://github.com/sigstore-**"])
def test_keyless_bundle_of_listed_identity_is_verified_offline(verify, identity):
    found = verify(MADE, trust(identity))
    assert isinstance(found, VerifiedSignature)
    assert found.statement is SignedStatement.PROVENANCE
    assert found.signer.scheme is SignatureScheme.KEYLESS
    assert found.signer.identity == f"{WORKFLOW} (by {ISSUER})"


@pytest.mark.parametrize(
    ("identity", "issuer"),
    [
        (WORKFLOW.replace("main", "other"), ISSUER),
        (WORKFLOW[:-1], ISSUER),
        (WORKFLOW.replace("main", "*/*"), ISSUER),
        (WORKFLOW, "https://accounts.google.com"),
        (WORKFLOW, ISSUER + "/"),
    ],
)
def test_keyless_bundle_is_refused_if_identity_or_issuer_differs(verify, identity, issuer):
    assert verify(MADE, trust(identity, issuer)) == BadSignature(SignatureDefect.OTHER_SIGNER, WORKFLOW)


def test_keyless_bundle_copied_to_another_image_is_refused(verify):
    assert verify(MADE, trust(), SUBJECT.digest) == BadSignature(SignatureDefect.OTHER_IMAGE)


def test_keyless_bundle_with_changed_statement_is_reported_as_unproved(verify):
    said = {**STATEMENT, "subject": [{"name": "a", "digest": {"sha256": SUBJECT.digest.removeprefix("sha256:")}}]}
    changed = {**MADE, "dsseEnvelope": {**MADE["dsseEnvelope"], "payload": base64_of(dump(said))}}
    found = verify(changed, trust(), SUBJECT.digest)
    assert isinstance(found, BadSignature)
    assert found.defect is SignatureDefect.UNPROVED


@pytest.mark.parametrize("part", ["tlogEntries", "timestampVerificationData"])
def test_keyless_bundle_without_log_entry_or_timestamp_is_refused(verify, part):
    material = {**MADE["verificationMaterial"], part: [] if part == "tlogEntries" else {}}
    found = verify({**MADE, "verificationMaterial": material}, trust())
    assert isinstance(found, BadSignature | UnsupportedSignature)


def test_keyless_bundle_of_another_sigstore_instance_is_reported_as_unproved(verify):
    found = verify(MADE, trust(root=None))
    assert isinstance(found, BadSignature)
    assert found.defect is SignatureDefect.UNPROVED
    assert found.detail


def test_keyless_bundle_is_refused_if_only_keys_are_trusted(verify):
    keys = (trusted(ec.generate_private_key(ec.SECP256R1())),)
    assert verify(MADE, TrustEntry(("**",), keys)) == BadSignature(SignatureDefect.OTHER_SIGNER)


def test_trust_entry_with_keys_and_identities_accepts_signatures_of_both(verify):
    key = ec.generate_private_key(ec.SECP256R1())
    both = trust(keys=(trusted(key),))
    assert isinstance(verify(MADE, both), VerifiedSignature)
    found = verify(bundle(key, SUBJECT.digest), both, SUBJECT.digest)
    assert isinstance(found, VerifiedSignature)
    assert found.signer.scheme is SignatureScheme.COSIGN_KEY


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "trusted root"), (b"{}", "trusted root"), (None, "read")],
)
def test_unusable_sigstore_trusted_root_raises_usage_error(tmp_path, artifacts, content, why):
    path = tmp_path / "root.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=why):
        CosignVerifier.create_for_trusts([trust(root=str(path))], artifacts)


def test_missing_sigstore_library_raises_usage_error_with_install_hint(monkeypatch, artifacts):
    monkeypatch.delitem(sys.modules, "bot.verifiers.keyless", raising=False)
    monkeypatch.setitem(sys.modules, "sigstore.verify", None)
    with pytest.raises(UsageError, match=r"install basebump with the extra `keyless`"):
        CosignVerifier.create_for_trusts([trust()], artifacts)


def test_sigstore_library_is_not_imported_before_use():
    code = "import sys, bot.verifiers.cosign; sys.exit('sigstore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
