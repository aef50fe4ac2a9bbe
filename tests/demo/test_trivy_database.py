"""Made-up databases have the schema that Trivy reads, and contain nothing real."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from datetime import UTC, datetime

from bot.demo.trivy_database import (
    PackageAdvisory,
    PackageStatus,
    VulnerabilityDatabase,
    VulnerabilityDetails,
    make_fictional_id,
)
from bot.model.evidence import Severity
from bot.scanners._bolt_buckets import read_bucket_names

BUILT = datetime(2026, 11, 1, 12, tzinfo=UTC)
KNOWN = VulnerabilityDetails(make_fictional_id(7), "made for the demo", Severity.HIGH)
DATABASE = VulnerabilityDatabase(
    [KNOWN],
    [
        PackageAdvisory("debian 12", "openssl", KNOWN.id, "3.0.2-1"),
        PackageAdvisory("debian 12", "bash", KNOWN.id, status=PackageStatus.WILL_NOT_FIX, severity=Severity.LOW),
    ],
    BUILT,
    releases=["debian 13"],
)


def test_database_has_a_bucket_for_each_release_even_without_advisories(tmp_path):
    path = tmp_path / "trivy.db"
    path.write_bytes(DATABASE.encode_content())
    assert read_bucket_names(path) == {"debian 12", "debian 13", "data-source", "vulnerability"}


def test_advisory_in_database_has_fixed_version_or_status():
    release = DATABASE._build_buckets()["debian 12"]
    assert json.loads(release["openssl"][KNOWN.id]) == {"FixedVersion": "3.0.2-1"}
    assert json.loads(release["bash"][KNOWN.id]) == {"Status": 5, "Severity": 1}


def test_database_metadata_contains_build_time_and_next_update():
    metadata = json.loads(DATABASE.encode_metadata())
    assert metadata["Version"] == 2
    assert metadata["UpdatedAt"] == "2026-11-01T12:00:00Z"
    assert metadata["NextUpdate"] == "2026-11-02T12:00:00Z"


def test_database_artifact_contains_metadata_and_database_file():
    _, archive = DATABASE.build_database_artifact().blobs
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as unpacked:
        assert unpacked.getnames() == ["metadata.json", "trivy.db"]
        assert unpacked.extractfile("trivy.db").read() == DATABASE.encode_content()


def test_artifacts_built_from_equal_databases_are_equal():
    assert DATABASE.build_database_artifact() == DATABASE.build_database_artifact()


def test_fictional_cve_id_has_year_1900():
    assert make_fictional_id(7) == "CVE-1900-0007"
