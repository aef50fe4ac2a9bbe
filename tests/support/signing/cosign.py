"""Debian's cosign, signing and verifying against a registry on loopback, without a log and without the internet."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support.parts import find_cosign

TIMEOUT = 60
"""Seconds; it takes a third of one."""
NO_ROOT = {
    "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "tlogs": [],
    "certificateAuthorities": [],
    "ctlogs": [],
    "timestampAuthorities": [],
}
"""Nothing that a key needs; without it cosign asks the internet for one."""
REFUSALS = {0: "good", 10: "unsigned", 12: "bad"}
"""What `cosign verify` means by how it ends."""


@dataclass(frozen=True, slots=True)
class CosignKeyPair:
    """A key pair in a folder, and the cosign commands that use it."""

    folder: Path

    @classmethod
    def with_new_keys(cls, folder: Path) -> CosignKeyPair:
        folder.mkdir()
        made = cls(folder)
        assert made._run("generate-key-pair") == 0
        return made

    @property
    def public_key(self) -> bytes:
        return (self.folder / "cosign.pub").read_bytes()

    def sign(self, reference: str, *more: str) -> None:
        assert self._run("sign", "--yes", "--key", "cosign.key", "--tlog-upload=false", *more, reference) == 0

    def attest(self, reference: str, kind: str, predicate: bytes) -> None:
        (self.folder / "predicate").write_bytes(predicate)
        kinds = ("--type", kind, "--predicate", "predicate")
        assert self._run("attest", "--yes", "--key", "cosign.key", "--tlog-upload=false", *kinds, reference) == 0

    def verify(self, reference: str) -> str:
        """Return `good`, `unsigned` or `bad`."""
        return REFUSALS[self._run("verify", "--key", "cosign.pub", "--insecure-ignore-tlog=true", reference)]

    def verify_bundle(self, reference: str, public_key: bytes, predicate_type: str) -> bool:
        """Return True if cosign verifies a statement in a bundle; this release verifies but does not make them."""
        (self.folder / "other.pub").write_bytes(public_key)
        (self.folder / "root.json").write_text(json.dumps(NO_ROOT))
        how = (
            "--key",
            "other.pub",
            "--insecure-ignore-tlog=true",
            "--new-bundle-format",
            "--trusted-root",
            "root.json",
        )
        return self._run("verify-attestation", "--type", predicate_type, *how, reference) == 0

    def _run(self, *arguments: str) -> int:
        return run(self.folder, *arguments)


@dataclass(frozen=True, slots=True)
class CosignWitness:
    """cosign as an independent verifier of keyless signatures, with given trust roots, offline."""

    folder: Path
    root: str
    """The path of a file of roots."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """The same for its older form, as `World.write_parts` returns it."""

    def accepts_signature(self, reference: str, identity: str, issuer: str) -> bool:
        """Return True if cosign verifies an older signature of an image."""
        return run(self.folder, "verify", "--offline", *self._by(identity, issuer), reference, **self.parts) == 0

    def accepts_bundle(self, bundle: object, content: bytes, kind: str, identity: str, issuer: str) -> bool:
        """Return True if cosign verifies a statement of a kind about `content`."""
        (self.folder / "bundle.json").write_text(json.dumps(bundle), encoding="utf-8")
        (self.folder / "content").write_bytes(content)
        how = ("--new-bundle-format", "--trusted-root", self.root, "--bundle", "bundle.json", "--type", kind)
        return run(self.folder, "verify-blob-attestation", *how, *self._by(identity, issuer), "content") == 0

    @staticmethod
    def _by(identity: str, issuer: str) -> tuple[str, ...]:
        return "--certificate-identity", identity, "--certificate-oidc-issuer", issuer


def run(folder: Path, *arguments: str, **variables: str) -> int:
    """Run cosign in a folder that is its home, too, and return how it ended."""
    own = {"HOME": str(folder), "COSIGN_PASSWORD": "of a test", "COSIGN_EXPERIMENTAL": "1"}
    environment = {**os.environ, **own, **variables}
    command = [find_cosign() or "cosign", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=TIMEOUT, check=False)
    return done.returncode
