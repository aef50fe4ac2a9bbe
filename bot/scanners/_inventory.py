"""Parses the inventory (SBOM) of an image, SPDX 2.3 or CycloneDX 1.4 and later, bare or in an attestation: pure.

https://spdx.github.io/spdx-spec/v2.3/, https://cyclonedx.org/docs/1.6/json/, https://github.com/in-toto/attestation
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, unquote

from bot.model.reference import Digest, parse_sha256
from bot.scanners._json import Object, UnreadableReportError, document, mapping, objects, text

MAX_PACKAGES = 20_000
"""Limit for one inventory. A full desktop has two thousand packages, a large npm tree ten thousand."""
MAX_DEPTH = 4
"""Levels of nesting: a bundle holds an envelope, the envelope a statement, and the statement an inventory."""
_REBUILT = re.compile(r"\+b[0-9]+$")
"""The suffix by which Debian marks binary packages that were built again from the same source."""
_BUILT_FROM = re.compile(r"built package from: (\S+) (\S+)")
"""The text by which Trivy names the source package in SPDX."""
_PROPERTY = "aquasecurity:trivy:Src"
"""The prefix of the CycloneDX properties by which Trivy describes the source package: name, epoch, version, release."""


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """A package as inventories name it, by a package URL: https://github.com/package-url/purl-spec."""

    type: str
    namespace: str
    name: str
    version: str
    qualifiers: tuple[tuple[str, str], ...] = ()
    source: tuple[str, str] | None = None
    """Name and version of the source package that it was built from; None if the inventory does not name it."""

    def of(self, name: str) -> str:
        """Return the value of a qualifier of the package URL; empty if the package URL does not have it."""
        return dict(self.qualifiers).get(name, "")


def parse_purl(written: str) -> Package | None:
    """Parse `pkg:type/namespace/name@version?qualifiers`; None if the text is not a package URL or has no version."""
    scheme, _, rest = written.partition(":")
    rest, _, _ = rest.partition("#")
    path, _, query = rest.partition("?")
    path, _, version = path.strip("/").rpartition("@")
    kind, *namespace, name = [unquote(part) for part in path.split("/")] if "/" in path else ["", ""]
    if scheme != "pkg" or not kind or not name or not version:
        return None
    package = Package(kind.lower(), "/".join(namespace), name, unquote(version), tuple(sorted(parse_qsl(query))))
    upstream, _, of_upstream = package.of("upstream").partition("@")
    return _built(package, upstream, of_upstream or whole_version(package)) if upstream else package


def whole_version(package: Package) -> str:
    """Return the version of a package with its epoch, which a package URL has in a qualifier."""
    epoch = package.of("epoch")
    return f"{epoch}:{package.version}" if epoch not in {"", "0"} and ":" not in package.version else package.version


def _built(package: Package, source: str, version: str) -> Package:
    """Return the package with its source package.

    Tools give the version of the binary package as that of the source package; Debian's rebuild suffix is removed.
    """
    return replace(package, source=(source, _REBUILT.sub("", version) if package.type == "deb" else version))


def parse_inventory(content: bytes, names: frozenset[Digest]) -> tuple[Package, ...]:
    """Return the packages of the image that has the digests `image_digests`, each package once.

    Raises UnreadableReportError, also if an attestation is about another image.
    """
    found = document(content)
    for _ in range(MAX_DEPTH):
        if "spdxVersion" in found or found.get("bomFormat") == "CycloneDX":
            packages = sorted(set(_packages(found)))
            if len(packages) > MAX_PACKAGES:
                raise UnreadableReportError(f"the inventory has more than {MAX_PACKAGES} packages")
            return tuple(packages)
        found = _unwrapped(found, names)
    raise UnreadableReportError("the inventory is wrapped too deep")


def _unwrapped(found: Object, names: frozenset[Digest]) -> Object:
    """Return the content of a bundle, an envelope or a statement. Raises UnreadableReportError."""
    if "dsseEnvelope" in found:
        return mapping(found["dsseEnvelope"])
    if "payload" in found:
        try:
            return document(base64.b64decode(text(found["payload"]), validate=True))
        except binascii.Error as error:
            raise UnreadableReportError("the payload of the attestation is not base64") from error
    if "predicate" in found:
        subjects = {parse_sha256(f"sha256:{_hex(each)}") for each in objects(found.get("subject"))}
        if not subjects & names:
            raise UnreadableReportError("the attestation is about another image")
        return mapping(found["predicate"])
    raise UnreadableReportError("the inventory has an unknown format; hint: use SPDX or CycloneDX")


def _hex(subject: Object) -> str:
    return text(mapping(subject.get("digest")).get("sha256"))


def _packages(inventory: Object) -> Iterator[Package]:
    found = _spdx(inventory) if "spdxVersion" in inventory else _cyclonedx(inventory.get("components"))
    for written, source in found:
        package = parse_purl(written)
        if package is not None:
            yield package if package.source or source is None else _built(package, *source)


def _spdx(inventory: Object) -> Iterator[tuple[str, tuple[str, str] | None]]:
    for package in objects(inventory.get("packages")):
        built = _BUILT_FROM.match(text(package.get("sourceInfo")))
        for reference in objects(package.get("externalRefs")):
            if reference.get("referenceType") == "purl":
                yield text(reference.get("referenceLocator")), (built[1], built[2]) if built else None


def _cyclonedx(components: object) -> Iterator[tuple[str, tuple[str, str] | None]]:
    pending = objects(components)
    while pending:
        component = pending.pop()
        properties = {text(each.get("name")): text(each.get("value")) for each in objects(component.get("properties"))}
        yield text(component.get("purl")), _source_in(properties)
        pending += objects(component.get("components"))


def _source_in(properties: Mapping[str, str]) -> tuple[str, str] | None:
    """Return name and version of the source package in Trivy's properties, which have the version in three parts."""
    name, epoch, version, release = (
        properties.get(_PROPERTY + part, "") for part in ("Name", "Epoch", "Version", "Release")
    )
    whole = f"{epoch}:" * bool(epoch) + version + f"-{release}" * bool(release)
    return (name, whole) if name and version else None
