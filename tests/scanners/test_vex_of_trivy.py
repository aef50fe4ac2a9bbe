"""With a VEX document, basebump suppresses the same findings as the real Trivy, or fewer."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from support.scanners.advisories import statement, vex
from support.scanners.trivy import OLD, debian

from bot.advisories._openvex import parse_document
from bot.core.evidence.vex import group_by_image, suppress_findings
from bot.demo.trivy_database import make_fictional_id
from bot.model.evidence import Scan
from bot.scanners._reports import parse_reports

pytestmark = [pytest.mark.real("trivy"), pytest.mark.real("docker-registry")]

OPENSSL, ZLIB = make_fictional_id(1), make_fictional_id(3)
SOURCE, BINARY = "pkg:deb/debian/openssl", "pkg:deb/debian/libssl3t64"
"""Trivy identifies packages by their binary names only; the image has both, built from `openssl`."""


def list_suppressed_by_both(stand, tmp_path, statements) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return the findings that Trivy and basebump suppress. `statements` makes VEX statements for its URLs."""
    subject = stand.subject(debian(OLD))
    by_repository = f"pkg:oci/test?repository_url={quote(subject.tag_ref.repository, safe='')}"
    by_digest = by_repository.replace("?", f"@{quote(subject.digest, safe='')}?")
    document = vex(*statements(by_repository, by_digest))
    path = tmp_path / "vex.json"
    path.write_bytes(document)
    scanner = stand.scanner()
    outcome = scanner.scan(subject)
    assert isinstance(outcome, Scan)
    address = stand.pull(subject.tag_ref, subject.digest)
    arguments = [*scanner._build_scan_arguments(subject, address)[:-1], "--vex", str(path), "--show-suppressed"]
    printed = scanner._program.run([*arguments, address.reference], address, timeout=60.0).output
    (said,) = parse_reports(printed)
    ours = suppress_findings(outcome, subject, group_by_image(parse_document(document).statements))
    assert isinstance(ours, Scan)
    return (
        {(each.finding.id, each.finding.package) for each in said.suppressed},
        {(each.finding.id, each.finding.package) for each in ours.suppressed},
    )


@pytest.mark.parametrize(
    ("statements", "aside"),
    [
        (lambda _, digest: [statement(ZLIB, digest)], {(ZLIB, "zlib")}),
        (lambda repository, _: [statement(ZLIB, repository)], {(ZLIB, "zlib")}),
        (lambda repository, _: [statement(ZLIB, f"{repository}&arch=amd64", status="fixed")], {(ZLIB, "zlib")}),
        (lambda repository, _: [statement(ZLIB, f"{repository}&arch=arm64")], set()),
        (lambda repository, _: [statement(ZLIB, repository, status="affected")], set()),
        (lambda repository, _: [statement(ZLIB, repository.replace("library", "other"))], set()),
        (lambda _, digest: [statement(OPENSSL, digest, SOURCE, BINARY)], {(OPENSSL, "openssl")}),
        (lambda _, digest: [statement(OPENSSL, digest, BINARY)], set()),
        (lambda _, digest: [statement(ZLIB, digest, "pkg:deb/debian/zlib1g@1.3.0-1")], {(ZLIB, "zlib")}),
        (lambda _, digest: [statement(ZLIB, digest, "pkg:deb/debian/zlib1g@1.2.0-1")], set()),
        (lambda _, digest: [statement(ZLIB, digest, "pkg:apk/alpine/zlib1g")], set()),
        (
            lambda _, digest: [
                statement(ZLIB, digest, timestamp="2026-11-01T10:00:00Z"),
                statement(ZLIB, digest, status="affected", timestamp="2026-11-02T10:00:00Z"),
            ],
            set(),
        ),
    ],
)
def test_trivy_and_basebump_suppress_the_same_findings_by_vex(stand, tmp_path, statements, aside):
    assert list_suppressed_by_both(stand, tmp_path, statements) == (aside, aside)
