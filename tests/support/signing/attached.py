"""Attachments of images: artifacts with a subject, key-signed Sigstore bundles, and the referrers index."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from support.registries.docker_registry import DockerRegistry

from bot.demo.images import OCI_INDEX, OCI_MANIFEST, ImageIndex, ImageLayer, PlatformImage, compute_digest
from bot.model.image_name import Digest
from bot.model.trust import TrustedKey

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGN = "https://sigstore.dev/cosign/sign/v1"
EMPTY = "application/vnd.oci.empty.v1+json"

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def dump(value: object) -> bytes:
    return json.dumps(value).encode()


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def trusted(key: PrivateKey, name: str = "team.pub") -> TrustedKey:
    der = serialization.PublicFormat.SubjectPublicKeyInfo
    return TrustedKey(name, key.public_key().public_bytes(serialization.Encoding.PEM, der))


def made_by(key: PrivateKey, message: bytes, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    """Sign as cosign does: SHA-256 unless another algorithm is named, PKCS #1 v1.5 for RSA."""
    match key:
        case ec.EllipticCurvePrivateKey():
            return key.sign(message, ec.ECDSA(algorithm or hashes.SHA256()))
        case rsa.RSAPrivateKey():
            return key.sign(message, padding.PKCS1v15(), algorithm or hashes.SHA256())
        case ed25519.Ed25519PrivateKey():
            return key.sign(message)


def statement(digest: Digest, predicate_type: str = SIGN, **more: Any) -> dict[str, Any]:
    """Return an in-toto statement about one digest."""
    subject = [{"name": "", "digest": {"sha256": digest.removeprefix("sha256:")}}]
    words = {"_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": predicate_type}
    return {**words, "predicate": {}, **more}


def envelope(
    key: PrivateKey, payload: bytes, kind: str = "application/vnd.in-toto+json", algorithm: Any = None
) -> dict[str, Any]:
    """Sign `payload` as DSSE wants it (https://github.com/secure-systems-lab/dsse)."""
    signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    signature = {"sig": base64_of(made_by(key, signed, algorithm)), "keyid": ""}
    return {"payload": base64_of(payload), "payloadType": kind, "signatures": [signature]}


def bundle(key: PrivateKey, digest: Digest, predicate_type: str = SIGN, **more: Any) -> dict[str, Any]:
    """Return a bundle as `cosign sign --key` of the third release writes it, without a log entry."""
    words = {"mediaType": BUNDLE, "verificationMaterial": {"publicKey": {"hint": "a hint"}, "tlogEntries": []}}
    return {**words, "dsseEnvelope": envelope(key, dump(statement(digest, predicate_type))), **more}


def attachment(
    subject: PlatformImage | ImageIndex,
    kind: str,
    content: bytes,
    annotations: Mapping[str, str] | None = None,
    *,
    kind_of_artifact: str | None = None,
) -> PlatformImage:
    """Return an artifact of one part whose subject is `subject`."""
    layer = ImageLayer(content, kind)
    about = {"mediaType": subject.media_type, "digest": subject.digest, "size": len(subject.content)}
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind_of_artifact or kind,
        "config": {"mediaType": EMPTY, "digest": compute_digest(b"{}"), "size": 2},
        "layers": [{"mediaType": kind, "digest": layer.digest, "size": len(content), "annotations": annotations or {}}],
        "subject": about,
    }
    return PlatformImage(dump(manifest), OCI_MANIFEST, (b"{}", content))


def referrers_index(attachments: Sequence[PlatformImage], kind: str | None = BUNDLE) -> ImageIndex:
    """Return the index of attached artifacts; `kind` is their artifact type, or None to omit it."""
    listed = [
        {
            "mediaType": each.media_type,
            "digest": each.digest,
            "size": len(each.content),
            **({"artifactType": kind} if kind else {}),
        }
        for each in attachments
    ]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}
    return ImageIndex(dump(document), OCI_INDEX, tuple(attachments))


def attach(
    registry: DockerRegistry, repository: str, subject: Digest, *attachments: PlatformImage, kind: str | None = BUNDLE
) -> None:
    """Push artifacts, and the index that stands in for the referrers API, which this registry does not have."""
    registry.push(referrers_index(attachments, kind), repository, subject.replace(":", "-"))
