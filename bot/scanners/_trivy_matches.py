"""Match packages with Trivy without their images: an SBOM with the packages of one release, and the report about it.

Trivy silently answers for fewer packages if two have the same `bom-ref`, if an SBOM names no operating system, or if
properties are missing. The report is therefore used only if it lists exactly the packages that were sent.
https://github.com/aquasecurity/trivy/blob/main/pkg/sbom/cyclonedx/marshal.go
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from bot.core.evidence.finding_keys import merge_findings
from bot.model.contents import InstalledPackage
from bot.model.evidence import Finding
from bot.scanners._json import UnreadableReportError, parse_object, read_objects, read_text
from bot.scanners._trivy_report import read_identified_findings

BATCH_SIZE = 2000
"""The largest number of packages in one SBOM. The report about packages with ten findings each has 35 MiB."""
_PURL_TYPES = {"alpine": "apk", "debian": "deb", "ubuntu": "deb"}
"""The types of packages of the distributions whose findings depend only on the packages."""
_PROPERTY = "aquasecurity:trivy:"


def is_matchable(release: str) -> bool:
    """Return True if the findings of the packages of a release, such as `debian 12`, do not depend on the image.

    Trivy also needs the repositories that are enabled in an image of Red Hat, for example.
    """
    return release.partition(" ")[0] in _PURL_TYPES


def build_sbom(release: str, packages: Sequence[InstalledPackage]) -> bytes:
    """Return an SBOM in CycloneDX format. The number of a package in `packages` is its id."""
    family, _, version = release.partition(" ")
    components = [_build_component(str(number), family, version, package) for number, package in enumerate(packages)]
    system = {
        "bom-ref": "os",
        "type": "operating-system",
        "name": family,
        "version": version,
        "properties": _build_properties({"Class": "os-pkgs", "Type": family}),
    }
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"bom-ref": "image", "type": "container", "name": "image"}},
        "components": [system, *components],
        "dependencies": [
            {"ref": "image", "dependsOn": ["os"]},
            {"ref": "os", "dependsOn": [each["bom-ref"] for each in components]},
        ],
    }
    return json.dumps(document).encode()


def parse_matches(
    content: bytes, packages: Sequence[InstalledPackage]
) -> Mapping[InstalledPackage, tuple[Finding, ...]]:
    """Return the findings of each package in the report about an SBOM of these packages.

    Raises UnreadableReportError if the report is not about exactly these packages.
    """
    findings, listed = defaultdict[str, list[Finding]](list), list[str]()
    for result in read_objects(parse_object(content).get("Results")):
        listed += (read_text(each.get("ID")) for each in read_objects(result.get("Packages")))
        for identifier, finding in read_identified_findings(result):
            findings[identifier].append(finding)
    if sorted(listed) != sorted(map(str, range(len(packages)))):
        raise UnreadableReportError(f"Trivy listed {len(set(listed))} of {len(packages)} packages")
    for identifier, found in findings.items():
        package = packages[int(identifier)]
        if {(each.package, each.installed) for each in found} != {(package.name_in_findings, package.version)}:
            raise UnreadableReportError(f"Trivy reads another version of the package {package.name}")
    return {package: merge_findings(findings[str(number)]) for number, package in enumerate(packages)}


def _build_component(identifier: str, family: str, version: str, package: InstalledPackage) -> dict[str, object]:
    epoch, own_version = _split_epoch(package.version)
    qualifiers = {"arch": package.architecture, "distro": f"{family}-{version}", "epoch": epoch}
    purl = f"pkg:{_PURL_TYPES[family]}/{family}/{quote(package.name, safe='')}@{quote(own_version, safe='')}?"
    purl += "&".join(f"{key}={quote(value, safe='')}" for key, value in qualifiers.items() if value)
    properties = {"PkgID": identifier, "PkgType": family, "SrcName": package.name_in_findings}
    return {
        "bom-ref": identifier,
        "type": "library",
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "properties": _build_properties({**properties, **_build_source_version(family, package)}),
    }


def _build_source_version(family: str, package: InstalledPackage) -> Mapping[str, str]:
    epoch, version = _split_epoch(package.source_version or package.version)
    if _PURL_TYPES[family] != "deb":
        return {"SrcVersion": version}
    upstream, dash, revision = version.rpartition("-")
    return {"SrcVersion": upstream if dash else version, "SrcRelease": revision if dash else "", "SrcEpoch": epoch}


def _split_epoch(version: str) -> tuple[str, str]:
    epoch, colon, rest = version.partition(":")
    return (epoch, rest) if colon else ("", version)


def _build_properties(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": f"{_PROPERTY}{name}", "value": value} for name, value in values.items() if value]


def split_packages(packages: Sequence[InstalledPackage]) -> Iterator[Sequence[InstalledPackage]]:
    """Yield the packages in parts that are small enough for one SBOM."""
    for start in range(0, len(packages), BATCH_SIZE):
        yield packages[start : start + BATCH_SIZE]
