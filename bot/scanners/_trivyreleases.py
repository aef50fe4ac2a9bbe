"""Maps releases of distributions to the buckets of Trivy's database.

Trivy reports no findings and no warning for a release whose bucket is missing, so basebump checks it. The bucket names
are those of trivy-db (pkg/vulnsrc/bucket/bucket.go), the rules for shortening a version those of Trivy's detectors
(pkg/detector/ospkg). Trivy 0.59 and 0.74 agree in both.
"""

from __future__ import annotations

from collections.abc import Callable


def _whole(release: str) -> str:
    return release


def _major(release: str) -> str:
    return release.partition(".")[0]


def _minor(release: str) -> str:
    return ".".join(release.split(".")[:2])


def _amazon(release: str) -> str:
    """Return the release of Amazon Linux: `2 (Karoo)` is 2, and releases named by years, as 2018.03, are 1."""
    major = _major(release.partition(" ")[0])
    return "1" if major.isdecimal() and _FIRST_AMAZON[0] <= int(major) <= _FIRST_AMAZON[1] else major


_FIRST_AMAZON = (2011, 2018)

_WITHOUT_RELEASE = {
    "bottlerocket": "bottlerocket",
    "chainguard": "chainguard",
    "echo": "echo",
    "minimos": "minimos",
    "opensuse-tumbleweed": "openSUSE Tumbleweed",
    "wolfi": "wolfi",
}
"""Distributions without releases, which have one bucket each."""

_WITH_RELEASE: dict[str, tuple[str, Callable[[str], str]]] = {
    "alma": ("alma", _major),
    "alpine": ("alpine", _minor),
    "amazon": ("amazon linux", _amazon),
    "azurelinux": ("Azure Linux", _minor),
    "cbl-mariner": ("CBL-Mariner", _minor),
    "debian": ("debian", _major),
    "opensuse-leap": ("openSUSE Leap", _whole),
    "oracle": ("Oracle Linux", _major),
    "photon": ("Photon OS", _whole),
    "rocky": ("rocky", _major),
    "slem": ("SUSE Linux Enterprise Micro", _whole),
    "sles": ("SUSE Linux Enterprise", _whole),
    "ubuntu": ("ubuntu", _whole),
}

_RED_HAT = "Red Hat"
_RED_HAT_RELEASES = {
    "centos": frozenset({"6", "7", "8"}),
    "redhat": frozenset({"6", "7", "8", "9"}),
}
"""Releases of which Trivy knows the package repositories.

All releases share one bucket, from which Trivy selects by package repository.
"""


def is_rolling(family: str) -> bool:
    """Return True if a distribution has no releases, so that one bucket covers all of it."""
    return family in _WITHOUT_RELEASE


def bucket_of(family: str, release: str, *, extended: bool = False) -> str | None:
    """Return the bucket for a release as Trivy's report names it; None if Trivy does not support the release.

    `has_extended_support` selects the buckets of Ubuntu's support beyond the regular end of life.
    """
    if family in _RED_HAT_RELEASES:
        return _RED_HAT if _major(release) in _RED_HAT_RELEASES[family] else None
    if family in _WITHOUT_RELEASE:
        return _WITHOUT_RELEASE[family]
    if family not in _WITH_RELEASE or not release:
        return None
    prefix, cut = _WITH_RELEASE[family]
    return f"{prefix} {cut(release)}{'-ESM' if extended else ''}"
