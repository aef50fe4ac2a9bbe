"""Maps releases of distributions to the buckets of Trivy's database.

If the bucket of a release is missing, Trivy reports no findings and no warning. Therefore basebump checks that the
bucket exists. The bucket names are those of trivy-db (pkg/vulnsrc/bucket/bucket.go). The rules for shortening a version
are those of Trivy's detectors (pkg/detector/ospkg). The names and the rules are the same in Trivy 0.59 and 0.74.
"""

from __future__ import annotations

from collections.abc import Callable


def _keep_release(release: str) -> str:
    return release


def _extract_major(release: str) -> str:
    return release.partition(".")[0]


def _extract_minor(release: str) -> str:
    return ".".join(release.split(".")[:2])


def _extract_amazon_release(release: str) -> str:
    """Return the release of Amazon Linux as in the bucket's name, for instance `2` for `2 (Karoo)`.

    Releases named after years, such as `2018.03`, belong to Amazon Linux 1, so the result is `1`.
    """
    major = _extract_major(release.partition(" ")[0])
    return "1" if major.isdecimal() and _AMAZON_1_YEARS[0] <= int(major) <= _AMAZON_1_YEARS[1] else major


_AMAZON_1_YEARS = (2011, 2018)

_ROLLING_BUCKETS = {
    "bottlerocket": "bottlerocket",
    "chainguard": "chainguard",
    "echo": "echo",
    "minimos": "minimos",
    "opensuse-tumbleweed": "openSUSE Tumbleweed",
    "wolfi": "wolfi",
}
"""The distributions without releases. Each of them has one bucket."""

_RELEASE_BUCKETS: dict[str, tuple[str, Callable[[str], str]]] = {
    "alma": ("alma", _extract_major),
    "alpine": ("alpine", _extract_minor),
    "amazon": ("amazon linux", _extract_amazon_release),
    "azurelinux": ("Azure Linux", _extract_minor),
    "cbl-mariner": ("CBL-Mariner", _extract_minor),
    "debian": ("debian", _extract_major),
    "opensuse-leap": ("openSUSE Leap", _keep_release),
    "oracle": ("Oracle Linux", _extract_major),
    "photon": ("Photon OS", _keep_release),
    "rocky": ("rocky", _extract_major),
    "slem": ("SUSE Linux Enterprise Micro", _keep_release),
    "sles": ("SUSE Linux Enterprise", _keep_release),
    "ubuntu": ("ubuntu", _keep_release),
}

_EXTENDED_SUPPORT = "-ESM"
_RED_HAT_BUCKET = "Red Hat"
_RED_HAT_RELEASES = {
    "centos": frozenset({"6", "7", "8"}),
    "redhat": frozenset({"6", "7", "8", "9"}),
}
"""The releases whose package repositories Trivy knows. All of these releases share one bucket, from which Trivy selects
data by package repository."""


def is_rolling(family: str) -> bool:
    """Return True if a distribution is updated continuously and has no releases, such as `wolfi`.

    Trivy's database has a single bucket for such a distribution.
    """
    return family in _ROLLING_BUCKETS


def get_bucket_name(family: str, release: str, *, has_extended_support: bool = False) -> str | None:
    """Return the name of the bucket for a release; None if Trivy does not support the release.

    `family` and `release` are the name and the release of the distribution, as in Trivy's report.
    `has_extended_support` is True for an Ubuntu image with extended security maintenance (ESM). ESM releases have
    separate buckets.
    """
    if family in _RED_HAT_RELEASES:
        return _RED_HAT_BUCKET if _extract_major(release) in _RED_HAT_RELEASES[family] else None
    if family in _ROLLING_BUCKETS:
        return _ROLLING_BUCKETS[family]
    if family not in _RELEASE_BUCKETS or not release:
        return None
    prefix, shorten_release = _RELEASE_BUCKETS[family]
    return f"{prefix} {shorten_release(release)}{_EXTENDED_SUPPORT if has_extended_support else ''}"


def find_system(bucket: str) -> tuple[str, str] | None:
    """Return the distribution and the release of a bucket; None if findings in the bucket depend on more than these.

    The data about Red Hat also depends on the repositories that are enabled in an image, and that about Ubuntu's
    extended support on the subscription. The release is empty for distributions without releases.
    """
    families = {rolling: family for family, rolling in _ROLLING_BUCKETS.items()}
    if bucket in families:
        return families[bucket], ""
    prefix, _, release = bucket.rpartition(" ")
    by_prefix = {name: family for family, (name, _) in _RELEASE_BUCKETS.items()}
    if prefix not in by_prefix or release.endswith(_EXTENDED_SUPPORT):
        return None
    return by_prefix[prefix], release
