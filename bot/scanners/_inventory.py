"""Parses the inventory (SBOM) of an image: SPDX 2.3, or CycloneDX 1.4 and later. This module does no I/O.

The document is the inventory itself, or an in-toto attestation that contains the inventory.
https://spdx.github.io/spdx-spec/v2.3/, https://cyclonedx.org/docs/1.6/json/, https://github.com/in-toto/attestation
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote

from bot.model.image_name import Digest, parse_sha256
from bot.scanners._json import ReportObject, UnreadableReportError, parse_object, read_object, read_objects, read_text

MAX_PACKAGES = 20_000
"""The largest number of packages in one inventory. A full desktop has 2,000 packages, and a large npm tree has
10,000."""
MAX_DEPTH = 4
"""The largest number of nested envelopes. A bundle contains an envelope, the envelope contains a statement, and the
statement contains an inventory."""
_DEBIAN_REBUILD_SUFFIX = re.compile(r"\+b[0-9]+$")
"""The suffix with which Debian marks binary packages that were built again from the same source."""
_TRIVY_BUILT_FROM = re.compile(r"built package from: (\S+) (\S+)")
"""The text with which Trivy names the source package in SPDX."""
_TRIVY_SOURCE_PROPERTY = "aquasecurity:trivy:Src"
"""The prefix of the CycloneDX properties in which Trivy writes the name, epoch, version and release of a source
package."""


@dataclass(frozen=True, slots=True, order=True)
class InventoryPackage:
    """A package in an inventory, parsed from its package URL (https://github.com/package-url/purl-spec)."""

    package_type: str
    namespace: str
    name: str
    version: str
    qualifiers: tuple[tuple[str, str], ...] = ()
    source: tuple[str, str] | None = None
    """The name and version of the source package from which the package was built; None if the inventory states
    neither."""

    def get_qualifier(self, name: str) -> str:
        """Return the value of a qualifier of the package URL; an empty string if the URL has no such qualifier."""
        return dict(self.qualifiers).get(name, "")


def parse_purl(purl: str) -> InventoryPackage | None:
    """Parse a package URL: `pkg:type/namespace/name@version?qualifiers`.

    Return None if the text is not a package URL, or has no version.
    """
    scheme, _, rest = purl.partition(":")
    rest, _, _ = rest.partition("#")
    path, _, query = rest.partition("?")
    path, _, version = path.strip("/").rpartition("@")
    package_type, *namespace, name = [unquote(part) for part in path.split("/")] if "/" in path else ["", ""]
    if scheme != "pkg" or not package_type or not name or not version:
        return None
    pairs = (part.partition("=") for part in query.split("&"))
    qualifiers = tuple(sorted((key.lower(), unquote(value)) for key, _, value in pairs if value))  # `+` is not a space
    package = InventoryPackage(package_type.lower(), "/".join(namespace), name, unquote(version), qualifiers)
    source_name, _, source_version = package.get_qualifier("upstream").partition("@")
    return (
        _attach_source(package, source_name, source_version or get_version_with_epoch(package))
        if source_name
        else package
    )


def get_version_with_epoch(package: InventoryPackage) -> str:
    """Return the version of a package with its epoch, such as `1:2.3-4`.

    A package URL states the epoch separately from the version, in the qualifier `epoch`.
    """
    epoch = package.get_qualifier("epoch")
    return f"{epoch}:{package.version}" if epoch not in {"", "0"} and ":" not in package.version else package.version


def _attach_source(package: InventoryPackage, source: str, version: str) -> InventoryPackage:
    """Return a copy of `package` with the name and the version of its source package.

    `source` is the name and `version` is the version of the source package. For Debian packages, a suffix of `version`
    such as `+b1` is removed. The suffix marks a rebuild of the binary package, and many inventories state it even in
    the version of the source package.
    """
    return replace(
        package, source=(source, _DEBIAN_REBUILD_SUFFIX.sub("", version) if package.package_type == "deb" else version)
    )


def parse_inventory(content: bytes, image_digests: frozenset[Digest]) -> tuple[InventoryPackage, ...]:
    """Return the packages that an inventory lists, sorted and without duplicates.

    `content` is the inventory, or an attestation that contains the inventory. `image_digests` are the digests of the
    image. An attestation must name at least one of these digests.

    Raises UnreadableReportError if `content` cannot be read, or if the attestation is about another image.
    """
    current = parse_object(content)
    for _ in range(MAX_DEPTH):
        if "spdxVersion" in current or current.get("bomFormat") == "CycloneDX":
            packages = sorted(set(_read_packages(current)))
            if len(packages) > MAX_PACKAGES:
                raise UnreadableReportError(f"the inventory has more than {MAX_PACKAGES} packages")
            return tuple(packages)
        current = _unwrap(current, image_digests)
    raise UnreadableReportError("the inventory is nested in too many envelopes")


def _unwrap(wrapper: ReportObject, image_digests: frozenset[Digest]) -> ReportObject:
    """Return the JSON object in a Sigstore bundle, a DSSE envelope or an in-toto statement.

    Raises UnreadableReportError if `wrapper` is none of these, or if an in-toto statement is about another image. An
    in-toto statement must name one of `image_digests`.
    """
    if "dsseEnvelope" in wrapper:
        return read_object(wrapper["dsseEnvelope"])
    if "payload" in wrapper:
        try:
            return parse_object(base64.b64decode(read_text(wrapper["payload"]), validate=True))
        except binascii.Error as error:
            raise UnreadableReportError("the payload of the attestation is not base64") from error
    if "predicate" in wrapper:
        subjects = {
            parse_sha256(f"sha256:{_get_subject_sha256(each)}") for each in read_objects(wrapper.get("subject"))
        }
        if not subjects & image_digests:
            raise UnreadableReportError("the inventory is in an attestation about another image")
        return read_object(wrapper["predicate"])
    raise UnreadableReportError("the inventory has an unknown format; hint: use SPDX or CycloneDX")


def _get_subject_sha256(subject: ReportObject) -> str:
    return read_text(read_object(subject.get("digest")).get("sha256"))


def _read_packages(inventory: ReportObject) -> Iterator[InventoryPackage]:
    purls = (
        _read_spdx_packages(inventory)
        if "spdxVersion" in inventory
        else _read_cyclonedx_packages(inventory.get("components"))
    )
    for purl, source in purls:
        package = parse_purl(purl)
        if package is not None:
            yield package if package.source or source is None else _attach_source(package, *source)


def _read_spdx_packages(inventory: ReportObject) -> Iterator[tuple[str, tuple[str, str] | None]]:
    for package in read_objects(inventory.get("packages")):
        built = _TRIVY_BUILT_FROM.match(read_text(package.get("sourceInfo")))
        for reference in read_objects(package.get("externalRefs")):
            if reference.get("referenceType") == "purl":
                yield read_text(reference.get("referenceLocator")), (built[1], built[2]) if built else None


def _read_cyclonedx_packages(components: object) -> Iterator[tuple[str, tuple[str, str] | None]]:
    pending = read_objects(components)
    while pending:
        component = pending.pop()
        properties = {
            read_text(each.get("name")): read_text(each.get("value"))
            for each in read_objects(component.get("properties"))
        }
        yield read_text(component.get("purl")), _read_trivy_source(properties)
        pending += read_objects(component.get("components"))


def _read_trivy_source(properties: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the name and the version of a source package from the properties of a CycloneDX component of Trivy.

    Trivy writes the epoch, version and release separately. This function joins them, for example to `1:2.3-4`. Return
    None if the name or the version is missing.
    """
    name, epoch, version, release = (
        properties.get(_TRIVY_SOURCE_PROPERTY + part, "") for part in ("Name", "Epoch", "Version", "Release")
    )
    full_version = f"{epoch}:" * bool(epoch) + version + f"-{release}" * bool(release)
    return (name, full_version) if name and version else None
