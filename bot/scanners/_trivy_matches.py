"""Match packages with Trivy without their images: an SBOM with the packages of one release, and the report about it.

The packages of languages in images of the release are part of the same SBOM.

Trivy silently answers for fewer packages if two have the same `bom-ref`, if an SBOM names no operating system, or if
properties are missing. The report is therefore used only if it lists exactly the packages that were sent.
https://github.com/aquasecurity/trivy/blob/main/pkg/sbom/cyclonedx/marshal.go
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote

from bot.core.evidence.finding_keys import merge_findings
from bot.core.evidence.rebuilt_scans import is_finding_of
from bot.model.contents import InstalledPackage
from bot.model.evidence import Finding
from bot.scanners._json import UnreadableReportError, parse_object, read_objects, read_text
from bot.scanners._trivy_buckets import find_system
from bot.scanners._trivy_report import read_identified_findings, read_package_id

BATCH_SIZE = 2000
"""The largest number of packages in one SBOM. The report about packages with ten findings each has 35 MiB."""
_PURL_TYPES = {
    "alma": "rpm",
    "alpine": "apk",
    "amazon": "rpm",
    "azurelinux": "rpm",
    "cbl-mariner": "rpm",
    "chainguard": "apk",
    "debian": "deb",
    "opensuse-leap": "rpm",
    "opensuse-tumbleweed": "rpm",
    "oracle": "rpm",
    "photon": "rpm",
    "rocky": "rpm",
    "sles": "rpm",
    "ubuntu": "deb",
    "wolfi": "apk",
}
"""The types of packages of the distributions whose findings depend only on the packages. Trivy also needs the
repositories that are enabled in an image of Red Hat, for example."""
_LANGUAGE_PURL_TYPES = {
    "conda-pkg": "conda",
    "dotnet-core": "nuget",
    "gemspec": "gem",
    "gobinary": "golang",
    "jar": "maven",
    "node-pkg": "npm",
    "python-pkg": "pypi",
    "rustbinary": "cargo",
}
"""The types of packages of languages that Trivy finds in images."""
_PROPERTY = "aquasecurity:trivy:"


def is_matchable(release: str, packages: Iterable[InstalledPackage] = ()) -> bool:
    """Return True if the findings of these packages of a release do not depend on the image.

    `release` is the name of a bucket of Trivy's database, such as `debian 12`.
    """
    system = find_system(release)
    if system is None or system[0] not in _PURL_TYPES:
        return False
    return {package.type for package in packages} <= {system[0], *_LANGUAGE_PURL_TYPES}


def build_sbom(release: str, packages: Sequence[InstalledPackage]) -> bytes:
    """Return an SBOM in CycloneDX format. The number of a package in `packages` is its id.

    `release` must be matchable.
    """
    family, version = find_system(release) or ("", "")
    refs: dict[str, list[str]] = {family: []}
    for number, package in enumerate(packages):
        refs.setdefault(package.type, []).append(str(number))
    system = _build_group(family, "os-pkgs") | {"type": "operating-system", "version": version}
    languages = [_build_group(language, "lang-pkgs") for language in refs if language != family]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"bom-ref": "image", "type": "container", "name": "image"}},
        "components": [
            system,
            *languages,
            *(_build_component(str(number), family, version, package) for number, package in enumerate(packages)),
        ],
        "dependencies": [
            {"ref": "image", "dependsOn": list(refs)},
            *({"ref": group, "dependsOn": members} for group, members in refs.items()),
        ],
    }
    return json.dumps(document).encode()


def _build_group(package_type: str, package_class: str) -> dict[str, object]:
    """Return the component of Trivy to which all packages of a type belong."""
    properties = _build_properties({"Class": package_class, "Type": package_type})
    return {"bom-ref": package_type, "type": "application", "name": package_type, "properties": properties}


def parse_matches(
    content: bytes, packages: Sequence[InstalledPackage]
) -> Mapping[InstalledPackage, tuple[Finding, ...]]:
    """Return the findings of each package in the report about an SBOM of these packages.

    Raises UnreadableReportError if the report is not about exactly these packages.
    """
    findings, listed = defaultdict[str, list[Finding]](list), list[str]()
    for result in read_objects(parse_object(content).get("Results")):
        numbers = {read_package_id(each): read_text(each.get("ID")) for each in read_objects(result.get("Packages"))}
        listed += numbers.values()
        for identifier, finding in read_identified_findings(result):
            findings[numbers.get(identifier, "")].append(finding)
    if sorted(listed) != sorted(map(str, range(len(packages)))):
        raise UnreadableReportError(f"Trivy listed {len(set(listed))} of {len(packages)} packages")
    if "" in findings:
        raise UnreadableReportError("Trivy does not say to which packages some vulnerabilities belong")
    for number, found in findings.items():
        package = packages[int(number)]
        if not all(is_finding_of(package, each) for each in found):
            raise UnreadableReportError(f"Trivy reads another version of the package {package.name}")
    return {package: merge_findings(findings[str(number)]) for number, package in enumerate(packages)}


def _build_component(identifier: str, family: str, version: str, package: InstalledPackage) -> dict[str, object]:
    is_of_system = package.type == family
    properties = {"PkgID": identifier, "PkgType": package.type}
    if is_of_system:
        properties |= {"SrcName": package.name_in_findings, **_build_source_version(family, package)}
    return {
        "bom-ref": identifier,
        "type": "library",
        "name": package.name,
        "version": package.version,
        "purl": _build_system_purl(family, version, package) if is_of_system else _build_language_purl(package),
        "properties": _build_properties(properties),
    }


def _build_system_purl(family: str, version: str, package: InstalledPackage) -> str:
    epoch, own_version = _split_epoch(package.version)
    qualifiers = {
        "arch": package.architecture,
        "distro": f"{family}-{version}".rstrip("-"),
        "epoch": epoch,
        "modularitylabel": package.module,
    }
    name = f"pkg:{_PURL_TYPES[family]}/{family}/{quote(package.name, safe='')}@{quote(own_version, safe='')}"
    return f"{name}?" + "&".join(f"{key}={quote(value, safe='')}" for key, value in qualifiers.items() if value)


def _build_language_purl(package: InstalledPackage) -> str:
    purl_type = _LANGUAGE_PURL_TYPES[package.type]
    path = package.name.replace(":", "/") if purl_type == "maven" else package.name
    return f"pkg:{purl_type}/{quote(path)}@{quote(package.version, safe='')}"


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
