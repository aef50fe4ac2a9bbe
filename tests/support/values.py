"""Short ways to make the values that tests of pure code are about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from bot.model.contents import InstalledPackage
from bot.model.decision import ImageUpdate, TrackedImage, UpdateCandidate
from bot.model.evidence import Finding, Scan, ScannerIdentity, Severity, SuppressedFinding
from bot.model.image_name import Digest, ImageName
from bot.model.policy import Policy
from bot.model.source import EditSlot, FilePath, Reference, Span
from bot.model.vocabulary import Role


def digest(word: str) -> Digest:
    """Return the sha256 of a word: different words, different digests."""
    return Digest(f"sha256:{hashlib.sha256(word.encode()).hexdigest()}")


def reference(written: str, *, path: str = "Dockerfile", locator: str = "stage[0]", role: Role = Role.BASE, **more):
    image = ImageName.parse(written)
    at = more.pop("at", 0)
    slot = EditSlot(Span(at, at), b"", b"@")
    if image.digest:
        slot = EditSlot(Span(at, at + len(image.digest)), image.digest.encode())
    tag = EditSlot(Span(at, at), b"", b":")
    values = {"line_number": 1, "format": "dockerfile", "digest_slot": slot, "tag_slot": tag} | more
    return Reference(path=FilePath(path), locator=locator, written=written, image=image, role=role, **values)


def update(
    written: str, new: str, *, policy: Policy | None = None, platforms: tuple[str, ...] = (), **more
) -> ImageUpdate:
    image_reference = reference(written, **more)
    policy = policy or Policy()
    line = image_reference.image.to_tag_ref(policy.tag)
    assert line is not None
    return ImageUpdate(TrackedImage(image_reference, line, policy), (UpdateCandidate(digest(new), platforms),))


SCANNER = ScannerIdentity("Trivy", "0.59.1", datetime(2026, 1, 1, tzinfo=UTC))


def finding(identifier: str, severity: Severity = Severity.HIGH, package: str = "openssl", **more) -> Finding:
    values = {"package_type": "debian", "installed": "1", "fixed_in": "2"} | more
    return Finding(id=identifier, package=package, severity=severity, **values)


def scan(
    *findings: Finding,
    scanner: ScannerIdentity = SCANNER,
    packages: tuple[InstalledPackage, ...] | None = None,
    suppressed: Iterable[Finding] = (),
) -> Scan:
    aside = tuple(SuppressedFinding(each, "exempt", "somebody's exemption") for each in suppressed)
    return Scan(scanner, "debian 12", findings, packages=packages, suppressed=aside)
