"""The bucket of a release is the bucket that Trivy reads; an unsupported release has none."""

from __future__ import annotations

import pytest

from bot.scanners._trivy_buckets import get_bucket_name


@pytest.mark.parametrize(
    ("family", "release", "bucket"),
    [
        ("alma", "9.4", "alma 9"),
        ("alpine", "3.20.3", "alpine 3.20"),
        ("alpine", "edge", "alpine edge"),
        ("amazon", "2 (Karoo)", "amazon linux 2"),
        ("amazon", "2018.03", "amazon linux 1"),
        ("amazon", "2023.5.20240805 (Amazon Linux)", "amazon linux 2023"),
        ("amazon", "2027", "amazon linux 2027"),
        ("azurelinux", "3.0.20240824", "Azure Linux 3.0"),
        ("bottlerocket", "1.22.0", "bottlerocket"),
        ("cbl-mariner", "2.0.20240123", "CBL-Mariner 2.0"),
        ("centos", "7.9.2009", "Red Hat"),
        ("chainguard", "20230214", "chainguard"),
        ("debian", "12.11", "debian 12"),
        ("debian", "14", "debian 14"),
        ("echo", "1", "echo"),
        ("minimos", "20241031", "minimos"),
        ("opensuse-leap", "15.6", "openSUSE Leap 15.6"),
        ("opensuse-tumbleweed", "20240805", "openSUSE Tumbleweed"),
        ("oracle", "9.4", "Oracle Linux 9"),
        ("photon", "5.0", "Photon OS 5.0"),
        ("redhat", "9.4", "Red Hat"),
        ("rocky", "9.4", "rocky 9"),
        ("slem", "5.5", "SUSE Linux Enterprise Micro 5.5"),
        ("sles", "15.6", "SUSE Linux Enterprise 15.6"),
        ("ubuntu", "24.04", "ubuntu 24.04"),
        ("wolfi", "20230201", "wolfi"),
    ],
)
def test_operating_system_release_is_mapped_to_bucket_that_trivy_reads(family, release, bucket):
    assert get_bucket_name(family, release) == bucket


def test_ubuntu_release_with_extended_support_has_another_bucket():
    assert get_bucket_name("ubuntu", "20.04", has_extended_support=True) == "ubuntu 20.04-ESM"


@pytest.mark.parametrize(
    ("family", "release"),
    [
        ("fedora", "42"),
        ("centos-stream", "9"),
        ("centos", "9"),
        ("redhat", "10.0"),
        ("opensuse", "15.6"),
        ("coreos", "42"),
        ("activestate", "1"),
        ("arch", ""),
        ("debian", ""),
        ("", ""),
    ],
)
def test_operating_system_release_unsupported_by_trivy_has_no_bucket(family, release):
    assert get_bucket_name(family, release) is None
