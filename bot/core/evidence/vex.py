"""Suppression of findings by the VEX statements of accepted authors."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.evidence.versions import SYSTEM_TYPES, is_same_kind
from bot.model.errors import InvalidReferenceError
from bot.model.evidence import Finding, Scan, ScanOutcome, ScanSubject, SuppressedFinding
from bot.model.reference import Digest, ImageReference
from bot.model.vex import Purl, VexProduct, VexStatement, VexStatus


@dataclass(frozen=True, slots=True)
class Claim:
    """A VEX statement on one of its products."""

    product: VexProduct
    statement: VexStatement


Said = Mapping[str, Sequence[Claim]]
"""Statements by digest or repository of their image, because few of many documents are about one image."""

_OF_IMAGES = frozenset({"repository_url", "tag", "arch"})
"""Supported qualifiers of image package URLs. Another qualifier may narrow the meaning, so such a URL never matches."""
_OF_PACKAGES = frozenset(
    {"arch", "checksum", "distro", "download_url", "epoch", "repository_url", "upstream", "vcs_url"}
)
"""Supported qualifiers of packages. The distribution is not compared, because the image determines it."""
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "x86": "386",
    "armhf": "arm",
    "armv7": "arm",
    "ppc64el": "ppc64le",
}
"""Architecture names of distributions that differ from those of images."""
_ANY_ARCHITECTURE = frozenset({"", "all", "noarch", "any"})
_OF_SOURCE = frozenset({"source", "src"})
_SEPARATORS = re.compile(r"[-_.]+")


def by_image(statements: Iterable[VexStatement]) -> Said:
    """Group statements by the digest or repository of their products; products that are not images are left out."""
    said: dict[str, list[Claim]] = defaultdict(list)
    for statement in statements:
        for product in statement.products:
            if (image := product.image.version or _repository(product.image)) is not None:
                said[image].append(Claim(product, statement))
    return said


def set_aside(outcome: ScanOutcome, subject: ScanSubject, said: Said, names: Collection[Digest] = ()) -> ScanOutcome:
    """Return the scan without the findings that the latest statement about each declares not affected or fixed.

    `other_digests` are digests of the image other than that of `subject`.
    """
    if not isinstance(outcome, Scan):
        return outcome
    known = {subject.digest, *names}
    about: dict[str, list[Claim]] = defaultdict(list)
    for claim in (claim for image in (*known, subject.tag_ref.repository) for claim in said.get(image, ())):
        if is_image(claim.product.image, subject, known):
            for name in claim.statement.names:
                about[name].append(claim)
    answers = {finding: _answer(finding, outcome, subject.platform, about) for finding in outcome.findings}
    aside = tuple(answer for answer in answers.values() if answer is not None)
    left = tuple(finding for finding, answer in answers.items() if answer is None)
    return replace(outcome, findings=left, set_aside=(*outcome.set_aside, *aside)) if aside else outcome


def _answer(
    finding: Finding, scan: Scan, platform: str, about: Mapping[str, Sequence[Claim]]
) -> SuppressedFinding | None:
    """Return the suppression of a finding, or None; of statements of the same time one that does not suppress wins."""
    said = (
        claim.statement
        for claim in about.get(finding.id, ())
        if claim.product.packages is None or _holds(claim.product.packages, finding, scan, platform)
    )
    latest = max(said, key=lambda each: (each.stated_at, not each.status.is_suppressing), default=None)
    if latest is None or not latest.status.is_suppressing:
        return None
    words = latest.status.replace("_", " ")
    why = (
        f"{words}: {latest.justification}"
        if latest.justification and latest.status is VexStatus.NOT_AFFECTED
        else words
    )
    return SuppressedFinding(finding, why, f"VEX by {latest.author}")


def is_image(purl: Purl, subject: ScanSubject, names: Collection[str]) -> bool:
    """Return True if a package URL names the image, by one of its digests or by its repository."""
    if purl.type != "oci" or purl.namespace or not {key for key, _ in purl.qualifiers} <= _OF_IMAGES:
        return False
    if not _is_architecture(purl.get_qualifier("arch"), subject.platform):
        return False
    if purl.version:
        return purl.version in names
    return _repository(purl) == subject.tag_ref.repository and purl.get_qualifier("tag") in {"", subject.tag_ref.tag}


def _repository(purl: Purl) -> str | None:
    """Return the canonical repository in the URL of an image; None if it has none."""
    try:
        reference = ImageReference.parse(purl.get_qualifier("repository_url"))
    except InvalidReferenceError:
        return None
    is_plain = reference.has_registry_host and reference.tag is None and reference.digest is None
    return reference.repository if is_plain and reference.repository.rpartition("/")[2] == purl.name else None


def _is_architecture(named: str, platform: str) -> bool:
    _, _, rest = platform.partition("/")
    return named in _ANY_ARCHITECTURE or _ARCHITECTURES.get(named, named) == rest.partition("/")[0]


def _holds(packages: Iterable[Purl], finding: Finding, scan: Scan, platform: str) -> bool:
    """Return True if package URLs name the package of a finding.

    Scanners report an operating system package by its source package, if they know it. Then the package URLs must name
    the source, or all binary packages that the image has of it, as far as the scan lists packages.
    """
    named = [each for each in packages if _may_be(each, finding, platform)]
    if any(each.get_qualifier("arch") in _OF_SOURCE and each.name == finding.package for each in named):
        return True
    names = {_name(each) for each in named if each.get_qualifier("arch") not in _OF_SOURCE}
    if finding.package_type not in SYSTEM_TYPES:
        return _plain(finding.package, finding.package_type) in names
    built = {
        package.name
        for package in scan.packages or ()
        if package.type == finding.package_type and package.name_in_findings == finding.package
    }
    return (built or {finding.package}) <= names


def _may_be(purl: Purl, finding: Finding, platform: str) -> bool:
    """Return True if a package URL matches type, version and architecture of a finding's package."""
    if not is_same_kind(purl.type, finding.package_type) or not {key for key, _ in purl.qualifiers} <= _OF_PACKAGES:
        return False
    if purl.get_qualifier("arch") not in _OF_SOURCE and not _is_architecture(purl.get_qualifier("arch"), platform):
        return False
    with_epoch = f"{purl.get_qualifier('epoch')}:{purl.version}"
    installed = {finding.installed, finding.installed.removeprefix("v")}
    return not purl.version or not installed.isdisjoint({purl.version, purl.version.removeprefix("v"), with_epoch})


def _name(purl: Purl) -> str:
    """Return the name that scanners use; operating system packages have none for their distribution's namespace."""
    if purl.type in SYSTEM_TYPES or not purl.namespace:
        return _plain(purl.name, purl.type)
    between = ":" if purl.type == "maven" else "/"
    return _plain(f"{purl.namespace}{between}{purl.name}", purl.type)


def _plain(name: str, package_type: str) -> str:
    """Normalise a name for comparison: libraries ignore case, and Python packages also treat `-`, `_`, `.` as equal."""
    if package_type in SYSTEM_TYPES:
        return name
    return _SEPARATORS.sub("-", name.lower()) if is_same_kind(package_type, "pypi") else name.lower()
