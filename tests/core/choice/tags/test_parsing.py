"""Tests of the parser of tags."""

from __future__ import annotations

import pytest

from bot.core.choice.tags import VersionScheme, parse_tag

# tag: scheme, numbers, systems, builds, and whether it is a pre-release
VERSIONS = """
3.12                               numbers      3.12              -                         -                no
v1.28.4                            numbers      1.28.4            -                         -                no
3.13.0rc1-slim                     numbers      3.13.0            -                         -                pre
3.13-rc-slim                       numbers      3.13              -                         -                pre
9.0.0-preview.2                    numbers      9.0.0             -                         -                pre
8.0-M02-bookworm                   numbers      8.0               bookworm                  -                pre
22-ea-35-jdk                       numbers      22                -                         -                pre
6.2.0.CR1                          numbers      6.2.0             -                         -                pre
8.12.0-SNAPSHOT                    numbers      8.12.0            -                         -                pre
1.2.3-dev                          numbers      1.2.3             -                         -                no
6.2.0.Final                        numbers      6.2.0             -                         -                no
3.12-slim-bookworm                 numbers      3.12              bookworm                  -                no
3.12-alpine3.19                    numbers      3.12              alpine3.19                -                no
3.12-alpine                        numbers      3.12              -                         -                no
1.16.0-erlang-26.2.1-alpine-3.19.0 numbers      1.16.0            alpine-3.19.0             -                no
3.12-alpine-1                      numbers      3.12              -                         -                no
12.1.1-cudnn8-devel-ubuntu22.04    numbers      12.1.1            ubuntu22.04               -                no
1.0-ubuntu2204                     numbers      1.0               ubuntu2204                -                no
1.0-ubuntu2.4                      numbers      1.0               ubuntu2.4                 -                no
8.0-windowsservercore-1809         numbers      8.0               windowsservercore-1809    -                no
8.0-nanoserver-ltsc2022            numbers      8.0               nanoserver-ltsc2022       -                no
1.2.3-1809                         numbers      1.2.3             -                         1809             no
ltsc2019-KB5034127                 -            -                 ltsc2019                  5034127          no
10.0.17763.5329                    numbers      5329              10.0.17763                -                no
1.2.3-debian-12-r4                 numbers      1.2.3             debian-12                 4                no
v1.28.4-k3s1                       numbers      1.28.4            -                         1                no
v1.11.1-eksbuild.4                 numbers      1.11.1            -                         4                no
17.0.9_9-jdk                       numbers      17.0.9            -                         9                no
8.0.4-1                            numbers      8.0.4             -                         1                no
9.4-1214.1729773476                numbers      9.4               -                         1214,1729773476  no
17.0-20240530                      numbers      17.0              -                         20240530         no
1-22-bookworm                      numbers      1                 bookworm                  -                no
1.1.5-22-bookworm                  numbers      1.1.5             bookworm                  -                no
2022-CU10-ubuntu-22.04             year         2022              ubuntu-22.04              10               no
2024.5.1                           year         2024.5.1          -                         -                no
202405                             count        202405            -                         -                no
8u402-b06-jdk                      java-update  8.0.402.6         -                         -                no
20240530                           date         2024.5.30         -                         -                no
2024-05-30                         date         2024.5.30         -                         -                no
20240530T120000Z                   date         2024.5.30.12.0.0  -                         -                no
RELEASE.2024-05-28T17-19-04Z       date         2024.5.28.17.19.4 -                         -                no
jammy-20240530                     date         2024.5.30         jammy                     -                no
bookworm-20240530-slim             date         2024.5.30         bookworm                  -                no
24.04.20240530                     numbers      24.4.20240530     -                         -                no
base-20240101.0.204074             date         2024.1.1.0.204074 -                         -                no
bookworm-slim                      -            -                 bookworm                  -                no
stable-alpine3.19                  -            -                 alpine3.19                -                no
3.12-al2023                        numbers      3.12              al2023                    -                no
"""

NOTHING = """
latest latest-dev stable edge nightly mainline lts lts-alpine iron alpine slim main master sid testing rolling devel
sha-abcdef0 sha-1234567 abcdef0 0a1b2c3 1234567 12345678 123098140293 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b
v1.2.3-14-gabcdef v1.2.3-0-g0a1b2c3 1.2.3-0a1b2c3d main-0a1b2c3-1717000000 main-1717000000 pr-12 mr-7 pull-9 git-123
20241330 20240532 18990101 php8.2-fpm cuda12.1 jdk17 1.1.1w 3206.vb_15dcf73f6a_9 _ __ nonroot debug-nonroot
sha256-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.sig
"""


@pytest.mark.parametrize(
    ("tag", "scheme", "numbers", "systems", "builds", "stage"), [row.split() for row in VERSIONS.strip().splitlines()]
)
def test_tag_is_parsed_into_version_parts(tag, scheme, numbers, systems, builds, stage):
    version = parse_tag(tag)
    assert version is not None
    assert version.scheme == (None if scheme == "-" else VersionScheme(scheme))
    assert (".".join(map(str, version.numbers)) or "-") == numbers
    assert (",".join(version.system_words) or "-") == systems
    assert (",".join(str(number) for build in version.builds for number in build) or "-") == builds
    assert version.is_pre_release == (stage == "pre")


@pytest.mark.parametrize(
    ("tag", "counted", "literal"),
    [
        ("3.2-18", ((18,),), ()),
        ("3.2-9", ((9,),), ((9,),)),
        ("9.3-1610", ((1610,),), ((1610,),)),
        ("8.0.4-18", ((18,),), ((18,),)),
        ("17.0_18", ((18,),), ((18,),)),
        ("3.2-r18", ((18,),), ((18,),)),
    ],
)
def test_two_digit_suffix_is_a_build_number_only_when_ambiguous_builds_are_allowed(tag, counted, literal):
    assert parse_tag(tag).builds == counted
    assert parse_tag(tag, allow_ambiguous_builds=False).builds == literal


@pytest.mark.parametrize("tag", [*NOTHING.split(), "", " 1.2", "1.2+3", "٣.١٢", "1.2\n", "1" * 129, "-1.2"])
def test_parser_returns_none_when_tag_is_not_a_version(tag):
    assert parse_tag(tag) is None


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("1.9", "1.10"),
        ("1.2.3-rc1", "1.2.3"),
        ("1.2.3-rc9", "1.2.3-rc10"),
        ("1.2.3-alpha9", "1.2.3-beta1"),
        ("1.2.3-beta.2", "1.2.3-rc.1"),
        ("3.13.0a7", "3.13.0b1"),
        ("9.0.0-preview.7", "9.0.0-rc.1"),
        ("1.2.3", "1.2.3-security-01"),
        ("1.2.3-security-02", "1.2.4"),
        ("17.0.9_9", "17.0.10_1"),
        ("1.2.3-r9", "1.2.3-r10"),
        ("1.2.3-debian-11-r90", "1.2.3-debian-12-r4"),
        ("1.2-alpine3.9", "1.2-alpine3.10"),
        ("1.2-bookworm", "1.2-trixie"),
        ("1.2-focal", "1.2-jammy"),
        ("1.2-nanoserver-1809", "1.2-nanoserver-ltsc2022"),
        ("2024-05-30", "2024-10-01"),
        ("8u92-b14", "8u402-b06"),
        ("ltsc2022-KB999999", "ltsc2022-KB5034129"),
        ("1.2-al2", "1.2-al2023"),
    ],
)
def test_tags_of_same_family_are_ordered_by_version(lower, higher):
    low, high = parse_tag(lower), parse_tag(higher)
    assert low
    assert high
    assert low.is_related(high)
    assert low.sort_key < high.sort_key
