"""Two real images of one Debian release, compared with Trivy's reports and dpkg's package lists.

One image is as it was published, and the other one has updates. Every expectation is derived from the images' own
package lists.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.parts import find_debian_pair
from support.registries.docker_registry import DockerRegistry
from support.runs.worlds import NOW
from support.scanners.trivy import TrivyStand

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.rollback import describe_rollback
from bot.demo.images import ImageLayer, PlatformImage, build_image
from bot.demo.trivy_database import (
    TAG,
    PackageAdvisory,
    PackageStatus,
    VulnerabilityDatabase,
    VulnerabilityDetails,
    make_fictional_id,
)
from bot.model.contents import PackageChangeKind
from bot.model.evidence import Evidence, Scan, Severity

pytestmark = [pytest.mark.slow, *map(pytest.mark.real, ("debian-pair", "docker-registry", "trivy"))]

RELEASE = "debian 12"
STATUS = "./var/lib/dpkg/status"


@dataclass(frozen=True)
class DpkgEntry:
    """One paragraph of dpkg's status file."""

    version: str
    source: str
    source_version: str


def read_status(root: Path) -> dict[str, DpkgEntry]:
    """Read dpkg's status file in a root file system, with as little code as its format (deb822(5)) allows."""
    with tarfile.open(root) as archive:
        listed = archive.extractfile(STATUS)
        assert listed is not None
        content = listed.read().decode()
    found = {}
    for stanza in content.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and not line.startswith(" "))
        source, _, version = fields.get("Source", fields["Package"]).partition(" ")
        found[fields["Package"]] = DpkgEntry(fields["Version"], source, version.strip("()") or fields["Version"])
    return found


def is_older(one: str, other: str) -> bool:
    return subprocess.run(["dpkg", "--compare-versions", one, "lt", other], check=False).returncode == 0


class DebianPair:
    """Both images in a registry, and a database with a vulnerability for every package that changed between them."""

    def __init__(self, folder: Path, registry: DockerRegistry, cache: Path) -> None:
        self.status = {name: read_status(folder / f"{name}.tar") for name in ("older", "newer")}
        self.stand = TrivyStand(registry, cache)
        registry.push(self._database().build_database_artifact(), "trivy-db", TAG)
        self.images = {name: self._image(folder / f"{name}.tar") for name in self.status}
        scanner = self.stand.scanner(timeout=300.0)
        self.subjects = {
            name: self.stand.subject(item, repository=f"debian/{name}") for name, item in self.images.items()
        }
        self.scans = {name: scanner.scan(subject) for name, subject in self.subjects.items()}

    def sources(self, name: str) -> dict[str, str]:
        return {each.source: each.source_version for each in self.status[name].values()}

    def _database(self) -> VulnerabilityDatabase:
        """Return a database in which updated source packages had a vulnerability, and some others still have one."""
        old, new = self.sources("older"), self.sources("newer")
        moved = sorted(source for source in old.keys() & new.keys() if is_older(old[source], new[source]))
        same = sorted(source for source in old.keys() & new.keys() if old[source] == new[source])[::7]
        known, advisories = [], []
        for number, source in enumerate([*moved, *same], start=1):
            severity = list(Severity)[1 + number % 4]
            known.append(VulnerabilityDetails(make_fictional_id(number), f"a hole in {source}", severity))
            fix = {"fixed_in": new[source]} if source in moved else {"status": PackageStatus.AFFECTED}
            advisories.append(PackageAdvisory(RELEASE, source, make_fictional_id(number), **fix))
        return VulnerabilityDatabase(known, advisories, datetime.now(UTC))

    @staticmethod
    def _image(root: Path) -> PlatformImage:
        return build_image([ImageLayer(root.read_bytes())], created=NOW)

    def evidence(self, old: str, new: str) -> Evidence:
        return compare_scans(self.scans[old], self.scans[new])

    def reported(self, name: str) -> set[tuple[str, str]]:
        """Return vulnerabilities and source packages as Trivy prints them, without using basebump's parser."""
        report = json.loads(self.stand.report(self.images[name]))
        packages = {each["ID"]: each for result in report["Results"] for each in result.get("Packages", ())}
        return {
            (found["VulnerabilityID"], packages[found["PkgID"]].get("SrcName") or found["PkgName"])
            for result in report["Results"]
            for found in result.get("Vulnerabilities", ())
        }


@pytest.fixture(scope="module")
def debian_pair(tmp_path_factory):
    folder = find_debian_pair()
    assert folder is not None
    with DockerRegistry() as registry:
        yield DebianPair(folder, registry, tmp_path_factory.mktemp("trivy"))


def list_keys(findings) -> set[tuple[str, str]]:
    return {(each.id, each.package) for each in findings}


def test_recorded_debian_images_differ_in_package_versions(debian_pair):
    old, new = (debian_pair.sources(name) for name in ("older", "newer"))
    assert len(old) > 50
    assert {source for source in old if is_older(old[source], new.get(source, ""))}, "updates have moved something"
    assert all(isinstance(scan, Scan) for scan in debian_pair.scans.values())


def test_delta_equals_difference_between_two_trivy_reports(debian_pair):
    before, after = debian_pair.reported("older"), debian_pair.reported("newer")
    delta = debian_pair.evidence("older", "newer").delta
    assert before - after, "something is fixed"
    assert before & after, "something is left"
    assert list_keys(delta.fixed) == before - after
    assert list_keys(delta.introduced) == after - before
    assert list_keys(delta.remaining) == before & after


def test_fixed_packages_match_package_lists_of_dpkg(debian_pair):
    old, new = debian_pair.sources("older"), debian_pair.sources("newer")
    moved = {source for source in old.keys() & new.keys() if is_older(old[source], new[source])}
    assert {each.package for each in debian_pair.evidence("older", "newer").delta.fixed} == moved


def test_package_changes_match_package_lists_of_dpkg(debian_pair):
    old, new = debian_pair.status["older"], debian_pair.status["newer"]
    wanted = {}
    for name in old.keys() | new.keys():
        before, after = old.get(name), new.get(name)
        if before is None or after is None:
            wanted[name] = PackageChangeKind.ADDED if before is None else PackageChangeKind.REMOVED
        elif before.version != after.version:
            wanted[name] = (
                PackageChangeKind.UPGRADED if is_older(before.version, after.version) else PackageChangeKind.DOWNGRADED
            )
    found = debian_pair.evidence("older", "newer").package_changes
    assert {each.name: each.kind for each in found} == wanted
    for each in found:
        assert each.old == ((old[each.name].version,) if each.name in old else ())
        assert each.new == ((new[each.name].version,) if each.name in new else ())


def test_update_from_newer_to_older_image_is_reported_as_rollback(debian_pair):
    back = debian_pair.evidence("newer", "older")
    assert list_keys(back.delta.introduced) == debian_pair.reported("older") - debian_pair.reported("newer")
    assert "goes back from" in describe_rollback(back)
    assert "which brings CVE-" in describe_rollback(back)
    assert describe_rollback(debian_pair.evidence("older", "newer")) == ""
