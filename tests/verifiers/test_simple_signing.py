"""The repository that a payload in cosign's older form names."""

from __future__ import annotations

import json

import pytest
from support.signing.attached import base64_of, made_by, trusted

from bot.core.evidence.public_keys import PublicKey
from bot.demo.images import compute_digest
from bot.model.artifact import Blob
from bot.model.signature import BadSignature, SignatureDefect, VerifiedSignature
from bot.verifiers._simple_signing import PAYLOAD_TYPE, SIGNATURE_ANNOTATION, SIGNATURE_TYPE, SignedImage, check_payload

DIGEST = compute_digest(b"image")


def _check(key, identity, *globs):
    critical = {"image": {"docker-manifest-digest": DIGEST}, "type": SIGNATURE_TYPE, **identity}
    payload = json.dumps({"critical": critical}).encode()
    annotations = {SIGNATURE_ANNOTATION: base64_of(made_by(key, payload))}
    blob = Blob(PAYLOAD_TYPE, compute_digest(payload), len(payload), annotations)
    return check_payload(blob, payload, SignedImage(DIGEST, globs), [PublicKey.load(trusted(key))])


def _name(reference):
    return {"identity": {"docker-reference": reference}}


@pytest.mark.parametrize(
    ("reference", "glob"),
    [
        ("ghcr.io/acme/web", "ghcr.io/acme/web"),
        ("ghcr.io/acme/web:1.0", "ghcr.io/acme/web"),
        (f"ghcr.io/acme/web@{DIGEST}", "ghcr.io/acme/web"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx"),
        ("nginx", "docker.io/library/nginx"),
        ("ghcr.io/acme/web", "ghcr.io/acme/*"),
        ("", "ghcr.io/acme/web"),
    ],
)
def test_signature_is_verified_if_payload_names_the_repository_or_no_repository(key, reference, glob):
    assert isinstance(_check(key, _name(reference), "other.example/x", glob), VerifiedSignature)
    assert isinstance(_check(key, {}, glob), VerifiedSignature)


@pytest.mark.parametrize(
    "reference",
    [
        "ghcr.io/acme/web2",
        "ghcr.io/acme/web/x",
        "evil.example/ghcr.io/acme/web",
        "GHCR.io/acme/web",
        "not a name",
        "x:y:z",
    ],
)
def test_signature_is_refused_if_payload_names_another_repository(key, reference):
    found = _check(key, _name(reference), "ghcr.io/acme/web")
    assert found == BadSignature(SignatureDefect.OTHER_IMAGE, f"it names the repository {reference}")


@pytest.mark.parametrize("identity", [_name(1), _name(None), {"identity": []}])
def test_signature_payload_with_malformed_identity_is_broken(key, identity):
    assert _check(key, identity, "**").defect is SignatureDefect.BROKEN
