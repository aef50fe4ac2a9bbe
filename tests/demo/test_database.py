"""A database by hand has the schema that Trivy reads, and speaks of nothing real."""

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


def test_every_release_has_a_bucket_even_one_without_advisories(tmp_path):
    path = tmp_path / "trivy.db"
    path.write_bytes(DATABASE.encode_content())
    assert read_bucket_names(path) == {"debian 12", "debian 13", "data-source", "vulnerability"}


def test_an_advisory_says_either_where_it_is_fixed_or_why_not():
    release = DATABASE._build_buckets()["debian 12"]
    assert json.loads(release["openssl"][KNOWN.id]) == {"FixedVersion": "3.0.2-1"}
    assert json.loads(release["bash"][KNOWN.id]) == {"Status": 5, "Severity": 1}


def test_the_times_are_those_of_its_build():
    metadata = json.loads(DATABASE.encode_metadata())
    assert metadata["Version"] == 2
    assert metadata["UpdatedAt"] == "2026-11-01T12:00:00Z"
    assert metadata["NextUpdate"] == "2026-11-02T12:00:00Z"


def test_the_artifact_holds_both_files():
    _, archive = DATABASE.build_database_artifact().blobs
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as unpacked:
        assert unpacked.getnames() == ["metadata.json", "trivy.db"]
        assert unpacked.extractfile("trivy.db").read() == DATABASE.encode_content()


def test_the_same_database_is_the_same_artifact():
    assert DATABASE.build_database_artifact() == DATABASE.build_database_artifact()


def test_a_fictional_id_is_older_than_the_list_of_cves():
    assert make_fictional_id(7) == "CVE-1900-0007"
