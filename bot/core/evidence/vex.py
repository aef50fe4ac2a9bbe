"""Which findings of a scan somebody answers for, by what accepted authors say of the image (VEX)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.evidence.versions import SYSTEM_TYPES, is_same_kind
from bot.model.errors import InvalidReferenceError
from bot.model.evidence import Finding, Scan, ScanOutcome, SetAside, Subject
from bot.model.reference import Digest, ImageReference
from bot.model.vex import Product, Purl, VexStatement, VexStatus


@dataclass(frozen=True, slots=True)
class Claim:
    """What a statement says of one of its products."""

    product: Product
    statement: VexStatement


Said = Mapping[str, Sequence[Claim]]
"""Claims by the digest or the repository of the image that they are about: few images are in many documents."""

_OF_IMAGES = frozenset({"repository_url", "tag", "arch"})
"""Qualifiers of images that are understood; another one may narrow what is meant, so that it matches nothing."""
_OF_PACKAGES = frozenset(
    {"arch", "checksum", "distro", "download_url", "epoch", "repository_url", "upstream", "vcs_url"}
)
"""The same of packages. The distribution is not compared: the image decides which that is."""
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "x86": "386",
    "armhf": "arm",
    "armv7": "arm",
    "ppc64el": "ppc64le",
}
"""What distributions call them, where images call them otherwise."""
_ANY_ARCHITECTURE = frozenset({"", "all", "noarch", "any"})
_OF_SOURCE = frozenset({"source", "src"})
_SEPARATORS = re.compile(r"[-_.]+")


def by_image(statements: Iterable[VexStatement]) -> Said:
    """Return what is said, by what it is said of; what names no image is left out."""
    said: dict[str, list[Claim]] = defaultdict(list)
    for statement in statements:
        for product in statement.products:
            if (image := product.image.version or _repository(product.image)) is not None:
                said[image].append(Claim(product, statement))
    return said


def set_aside(outcome: ScanOutcome, subject: Subject, said: Said, names: Collection[Digest] = ()) -> ScanOutcome:
    """Return a scan without the findings that the latest statement about each says need no looking at.

    `names` are the digests of the image besides that of `subject`.
    """
    if not isinstance(outcome, Scan):
        return outcome
    known = {subject.digest, *names}
    about: dict[str, list[Claim]] = defaultdict(list)
    for claim in (claim for image in (*known, subject.line.repository) for claim in said.get(image, ())):
        if is_image(claim.product.image, subject, known):
            for name in claim.statement.names:
                about[name].append(claim)
    answers = {finding: _answer(finding, outcome, subject.platform, about) for finding in outcome.findings}
    aside = tuple(answer for answer in answers.values() if answer is not None)
    left = tuple(finding for finding, answer in answers.items() if answer is None)
    return replace(outcome, findings=left, set_aside=(*outcome.set_aside, *aside)) if aside else outcome


def _answer(finding: Finding, scan: Scan, platform: str, about: Mapping[str, Sequence[Claim]]) -> SetAside | None:
    """Return who answers for a finding; of statements of one moment, one that lets it count is the last."""
    said = (
        claim.statement
        for claim in about.get(finding.id, ())
        if claim.product.packages is None or _holds(claim.product.packages, finding, scan, platform)
    )
    latest = max(said, key=lambda each: (each.at, not each.status.sets_aside), default=None)
    if latest is None or not latest.status.sets_aside:
        return None
    words = latest.status.replace("_", " ")
    why = f"{words}: {latest.why}" if latest.why and latest.status is VexStatus.NOT_AFFECTED else words
    return SetAside(finding, why, f"VEX by {latest.author}")


def is_image(purl: Purl, subject: Subject, names: Collection[str]) -> bool:
    """Say whether a package URL names an image: by one of its digests, wherever it is, or all of its repository."""
    if purl.type != "oci" or purl.namespace or not {key for key, _ in purl.qualifiers} <= _OF_IMAGES:
        return False
    if not _is_architecture(purl.of("arch"), subject.platform):
        return False
    if purl.version:
        return purl.version in names
    return _repository(purl) == subject.line.repository and purl.of("tag") in {"", subject.line.tag}


def _repository(purl: Purl) -> str | None:
    """Return the canonical repository that an image is in; None where that is not said."""
    try:
        reference = ImageReference.parse(purl.of("repository_url"))
    except InvalidReferenceError:
        return None
    is_plain = reference.names_a_registry and reference.tag is None and reference.digest is None
    return reference.repository if is_plain and reference.repository.rpartition("/")[2] == purl.name else None


def _is_architecture(named: str, platform: str) -> bool:
    _, _, rest = platform.partition("/")
    return named in _ANY_ARCHITECTURE or _ARCHITECTURES.get(named, named) == rest.partition("/")[0]


def _holds(packages: Iterable[Purl], finding: Finding, scan: Scan, platform: str) -> bool:
    """Say whether package URLs name the package of a finding.

    A distribution's package is found by its source where the scanner knows that: then the source must be named, or all
    that the image has of it, as far as the scan lists packages.
    """
    named = [each for each in packages if _may_be(each, finding, platform)]
    if any(each.of("arch") in _OF_SOURCE and each.name == finding.package for each in named):
        return True
    names = {_name(each) for each in named if each.of("arch") not in _OF_SOURCE}
    if finding.package_type not in SYSTEM_TYPES:
        return _plain(finding.package, finding.package_type) in names
    built = {
        package.name
        for package in scan.packages or ()
        if package.type == finding.package_type and package.found_as == finding.package
    }
    return (built or {finding.package}) <= names


def _may_be(purl: Purl, finding: Finding, platform: str) -> bool:
    """Say whether the type, the version and the architecture of a package URL allow that it names what was found."""
    if not is_same_kind(purl.type, finding.package_type) or not {key for key, _ in purl.qualifiers} <= _OF_PACKAGES:
        return False
    if purl.of("arch") not in _OF_SOURCE and not _is_architecture(purl.of("arch"), platform):
        return False
    with_epoch = f"{purl.of('epoch')}:{purl.version}"
    installed = {finding.installed, finding.installed.removeprefix("v")}
    return not purl.version or not installed.isdisjoint({purl.version, purl.version.removeprefix("v"), with_epoch})


def _name(purl: Purl) -> str:
    """Return what scanners call a package; of distributions the namespace is the distribution."""
    if purl.type in SYSTEM_TYPES or not purl.namespace:
        return _plain(purl.name, purl.type)
    between = ":" if purl.type == "maven" else "/"
    return _plain(f"{purl.namespace}{between}{purl.name}", purl.type)


def _plain(name: str, package_type: str) -> str:
    """Return a name in the one spelling that is compared: of libraries case counts nowhere, and Python minds less."""
    if package_type in SYSTEM_TYPES:
        return name
    return _SEPARATORS.sub("-", name.lower()) if is_same_kind(package_type, "pypi") else name.lower()
