"""Suppression of findings according to VEX statements by authors that the config accepts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.evidence.package_versions import OS_PACKAGE_TYPES, is_same_package_type
from bot.model.errors import InvalidReferenceError
from bot.model.evidence import Finding, Scan, ScanOutcome, ScanSubject, SuppressedFinding
from bot.model.image_name import Digest, ImageName
from bot.model.vex import Purl, VexProduct, VexStatement, VexStatus


@dataclass(frozen=True, slots=True)
class ProductStatement:
    """A VEX statement, paired with one of the products that it lists."""

    product: VexProduct
    statement: VexStatement


StatementsByImage = Mapping[str, Sequence[ProductStatement]]
"""Statements by the digest or repository of their image. There can be many documents, of which only a few are about the
same image."""

_IMAGE_QUALIFIERS = frozenset({"repository_url", "tag", "arch"})
"""Supported qualifiers in the package URL of an image. Any other qualifier may narrow the meaning of the URL, so a URL
with one never matches."""
_PACKAGE_QUALIFIERS = frozenset(
    {"arch", "checksum", "distro", "download_url", "epoch", "repository_url", "upstream", "vcs_url"}
)
"""Supported qualifiers in the package URL of a package. The distribution is not compared, because the image determines
it."""
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "x86": "386",
    "armhf": "arm",
    "armv7": "arm",
    "ppc64el": "ppc64le",
}
"""Names of architectures in distributions that differ from the names in images."""
_ANY_ARCHITECTURE = frozenset({"", "all", "noarch", "any"})
_SOURCE_ARCHITECTURES = frozenset({"source", "src"})
_SEPARATORS = re.compile(r"[-_.]+")


def group_by_image(statements: Iterable[VexStatement]) -> StatementsByImage:
    """Group VEX statements by the image that they are about.

    A statement lists one or more products. The key for a product is the digest of its image or, if the statement names
    no digest, the repository. A product without digest and repository is left out.
    """
    grouped: dict[str, list[ProductStatement]] = defaultdict(list)
    for statement in statements:
        for product in statement.products:
            if (image := product.image.version or _get_repository(product.image)) is not None:
                grouped[image].append(ProductStatement(product, statement))
    return grouped


def suppress_findings(
    outcome: ScanOutcome,
    subject: ScanSubject,
    statements_by_image: StatementsByImage,
    other_digests: Collection[Digest] = (),
) -> ScanOutcome:
    """Return the scan with those findings suppressed that VEX statements declare not affected or fixed.

    Only statements about the scanned image (`subject`) apply. These are the statements that name its digest, one of its
    `other_digests`, or its repository. If several statements are about the same finding, the latest one counts. If the
    image was not scanned, `outcome` is returned unchanged.
    """
    if not isinstance(outcome, Scan):
        return outcome
    image_digests = {subject.digest, *other_digests}
    statements_by_id: dict[str, list[ProductStatement]] = defaultdict(list)
    for claim in (
        claim for image in (*image_digests, subject.tag_ref.repository) for claim in statements_by_image.get(image, ())
    ):
        if is_purl_of_image(claim.product.image, subject, image_digests):
            for name in claim.statement.names:
                statements_by_id[name].append(claim)
    suppressions = {
        finding: _find_suppression(finding, outcome, subject.platform, statements_by_id) for finding in outcome.findings
    }
    suppressed = tuple(answer for answer in suppressions.values() if answer is not None)
    remaining = tuple(finding for finding, answer in suppressions.items() if answer is None)
    if not suppressed:
        return outcome
    return replace(outcome, findings=remaining, suppressed=(*outcome.suppressed, *suppressed))


def _find_suppression(
    finding: Finding, scan: Scan, platform: str, statements_by_id: Mapping[str, Sequence[ProductStatement]]
) -> SuppressedFinding | None:
    """Return the suppression of a finding by the latest VEX statement about it; otherwise None.

    Return None if no statement is about the finding, or if the latest one does not suppress it. If several statements
    are the latest ones because they have the same date, the finding is suppressed only if all these statements suppress
    it.
    """
    applicable = (
        claim.statement
        for claim in statements_by_id.get(finding.id, ())
        if claim.product.packages is None or _is_package_named(claim.product.packages, finding, scan, platform)
    )
    latest = max(applicable, key=lambda each: (each.stated_at, not each.status.is_suppressing), default=None)
    if latest is None or not latest.status.is_suppressing:
        return None
    words = latest.status.replace("_", " ")
    why = (
        f"{words}: {latest.justification}"
        if latest.justification and latest.status is VexStatus.NOT_AFFECTED
        else words
    )
    return SuppressedFinding(finding, why, f"VEX by {latest.author}")


def is_purl_of_image(purl: Purl, subject: ScanSubject, digests: Collection[str]) -> bool:
    """Return True if a package URL names the scanned image, by one of `digests` or by its repository."""
    if purl.type != "oci" or purl.namespace or not {key for key, _ in purl.qualifiers} <= _IMAGE_QUALIFIERS:
        return False
    if not _is_same_architecture(purl.get_qualifier("arch"), subject.platform):
        return False
    if purl.version:
        return purl.version in digests
    return _get_repository(purl) == subject.tag_ref.repository and purl.get_qualifier("tag") in {
        "",
        subject.tag_ref.tag,
    }


def _get_repository(purl: Purl) -> str | None:
    """Return the canonical repository that a package URL states in `repository_url`; None if it is missing or invalid.

    The repository must have a host but no tag or digest, and must end with the name in the package URL.
    """
    try:
        image = ImageName.parse(purl.get_qualifier("repository_url"))
    except InvalidReferenceError:
        return None
    is_bare_repository = image.has_registry_host and image.tag is None and image.digest is None
    return image.repository if is_bare_repository and image.repository.rpartition("/")[2] == purl.name else None


def _is_same_architecture(architecture: str, platform: str) -> bool:
    _, _, rest = platform.partition("/")
    return architecture in _ANY_ARCHITECTURE or _ARCHITECTURES.get(architecture, architecture) == rest.partition("/")[0]


def _is_package_named(packages: Iterable[Purl], finding: Finding, scan: Scan, platform: str) -> bool:
    """Return True if the package URLs include the package of a finding.

    For packages of a Linux distribution, scanners report the source package if they know it, such as `openssl` for
    `libssl3`. If a finding names a source package, the URLs must name either this source package, or all of its binary
    packages that are in the image.
    """
    matching_purls = [each for each in packages if _can_be_package(each, finding, platform)]
    if any(
        each.get_qualifier("arch") in _SOURCE_ARCHITECTURES and each.name == finding.package for each in matching_purls
    ):
        return True
    names = {
        _get_scanner_name(each) for each in matching_purls if each.get_qualifier("arch") not in _SOURCE_ARCHITECTURES
    }
    if finding.package_type not in OS_PACKAGE_TYPES:
        return _normalise_name(finding.package, finding.package_type) in names
    binary_names = {
        package.name
        for package in scan.packages or ()
        if package.type == finding.package_type and package.name_in_findings == finding.package
    }
    return (binary_names or {finding.package}) <= names


def _can_be_package(purl: Purl, finding: Finding, platform: str) -> bool:
    """Return True if a package URL matches a finding's package in type, version and architecture.

    The names are not compared here, because a URL may name a source package or one of its binary packages.
    """
    if (
        not is_same_package_type(purl.type, finding.package_type)
        or not {key for key, _ in purl.qualifiers} <= _PACKAGE_QUALIFIERS
    ):
        return False
    if purl.get_qualifier("arch") not in _SOURCE_ARCHITECTURES and not _is_same_architecture(
        purl.get_qualifier("arch"), platform
    ):
        return False
    with_epoch = f"{purl.get_qualifier('epoch')}:{purl.version}"
    installed = {finding.installed, finding.installed.removeprefix("v")}
    return not purl.version or not installed.isdisjoint({purl.version, purl.version.removeprefix("v"), with_epoch})


def _get_scanner_name(purl: Purl) -> str:
    """Return the name under which scanners report the package that a package URL names.

    For libraries, this name includes the namespace of the package URL, as in `org.example:core` for Maven.
    """
    if purl.type in OS_PACKAGE_TYPES or not purl.namespace:
        return _normalise_name(purl.name, purl.type)
    between = ":" if purl.type == "maven" else "/"
    return _normalise_name(f"{purl.namespace}{between}{purl.name}", purl.type)


def _normalise_name(name: str, package_type: str) -> str:
    """Return a package name in the form in which names are compared.

    Names of libraries are converted to lower case. In names of Python packages, `-`, `_` and `.` also become `-`. Names
    of packages of a Linux distribution are returned unchanged.
    """
    if package_type in OS_PACKAGE_TYPES:
        return name
    return _SEPARATORS.sub("-", name.lower()) if is_same_package_type(package_type, "pypi") else name.lower()
