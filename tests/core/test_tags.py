"""Tags as versions: which comes after which, which is a patch of which, and which has ended."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.soon import soon

from bot.core.tags import Ending, could_end, ended, patched, successor
from bot.core.tags.reading import read
from bot.core.tags.successors import FIXED
from bot.model.policy import UpdateMode
from bot.model.vocabulary import Reason

PATCH, MINOR, MAJOR = UpdateMode.PATCH, UpdateMode.MINOR, UpdateMode.MAJOR

SHELVES = {
    "nginx": "latest mainline stable 1 1.25 1.26 1.27 1.25.3 1.25.4 1.25.5 1.26.0 1.26.2 1.27.0 1.27.3 "
    "1.27.3-alpine 1.27.3-perl 1.25-alpine3.18 1.25-alpine3.19 1.25.3-alpine3.18 1.25.5-alpine3.19 "
    "1.25.3-alpine3.18-perl 1.25.4-alpine3.18-perl alpine 1-alpine",
    "python": "3 3.8 3.8-slim 3.12 3.13 3.14-rc 3.12-slim 3.13-slim 3.12.1 3.12.7 3.12.8 3.13.0 3.13.1 3.14.0b1 "
    "3.14.0b2 3.14.0rc1 3.12.1-slim 3.12.8-slim 3.13.0-slim 3.12.8-slim-bookworm 3.12.8-slim-trixie "
    "3.12.7-slim-bullseye 3.12-slim-bookworm 3.12-slim-trixie 3.12-slim-bullseye 3.12.8-alpine3.20 "
    "3.12.8-alpine3.21 3.12.5-alpine3.19 3.12-alpine3.19 3.12-alpine3.20 3.12-alpine3.21 "
    "3.13.1-alpine3.21 3.13.1-slim-bookworm slim bookworm",
    "node": "18 20 22 23 18-alpine 20-alpine 22-alpine 22.1.0 22.1.2 22.11.0 23.0.0 20.9.0 20.18.1 lts "
    "lts-alpine iron 20.9.0-alpine3.18 20.18.1-alpine3.20 22.11.0-alpine3.20 22-bookworm-slim "
    "22-bullseye-slim current",
    "postgres": "13 14 16 17 16.1 16.4 16.6 17.2 16-alpine 17-alpine 16.6-alpine3.20 16-bookworm 16-bullseye "
    "17-bookworm",
    "temurin": "17-jre 21-jre 17-jre-jammy 17-jre-noble 21-jre-noble 17.0.9_9-jre 17.0.13_11-jre "
    "17.0.13_11-jre-noble 17.0.9_9-jre-jammy 17.0.9_10-jre 21.0.5_11-jre",
    "dotnet": "8.0 9.0 8.0.10 8.0.11 8.0-bookworm-slim 8.0-jammy-chiseled 8.0-noble-chiseled 6.0-alpine3.18 "
    "9.0-preview 9.0.0-rc.1 8.0.11-alpine3.20 8.0.10-alpine3.19 9.0.0 10.0.0-preview.1 8.0-alpine",
    "kube": "v1.28.4 v1.28.15 v1.29.0 v1.29.0-rc.1 v1.30.0-alpha.0 v1.28.4-k3s1 v1.28.5-k3s1 v1.28.5-k3s2 "
    "1.29.5 v1.31.0 v1.31.0-14-gabcdef0123 sha-abcdef0",
    "bitnami": "1.2.3-debian-11-r4 1.2.3-debian-11-r12 1.2.3-debian-12-r1 1.2.4-debian-12-r0 1.2.4 1.2.3 "
    "2.0.0-debian-12-r0",
    "jenkins": "2.440.3-lts-jdk17 2.440.4-lts-jdk17 2.452.1-lts-jdk17 2.452.1-lts-jdk21 2.480-jdk17 lts-jdk17 2.440.3",
    "debian": "bullseye bookworm trixie bullseye-slim bookworm-slim 11 12 12.7 12.8 bookworm-20241016 "
    "bookworm-20241111-slim",
    "ubuntu": "20.04 22.04 24.04 24.10 jammy noble jammy-20240530 noble-20240605 devel rolling",
    "windows": "ltsc2019 ltsc2022 ltsc2019-KB5034127 ltsc2022-KB5034129 10.0.17763.5329 10.0.17763.5458 "
    "10.0.20348.2227 1809",
    "ci": "20240530 20240601 2024-05-30 2024.05.30 123456 123457 20240530123456 abcdef0 1234567 "
    "build-12345678 main-1f2e3d4",
    "minio": "RELEASE.2024-05-28T17-19-04Z RELEASE.2024-06-01T00-00-00Z",
    "grafana": "10.2.3 10.2.4 10.2.3-security-01 10.2.4-ubuntu 10.4.0 11.0.0-preview 11.0.0 10.2.3-ubuntu main",
    "app": "1.0.0 1.0.1 1.0.1-rc1 1.1.0-beta.2 1.1.0-beta.10 1.1.0 2.0.0-SNAPSHOT 1.0.0-amd64 1.0.1-amd64 "
    "v1.0.2 latest-dev",
}
"""By repository: its tags, as publishers of that kind choose them."""

AFTER = [
    # what is within a rule, and what is not
    *(("nginx", "1.25.3", PATCH, "1.25.5"), ("nginx", "1.25.3", MINOR, "1.27.3"), ("nginx", "1.27.3", MAJOR, None)),
    *(("nginx", "1.25", PATCH, None), ("nginx", "1.25", MINOR, "1.27"), ("nginx", "1", MAJOR, None)),
    *(("python", "3.12.1", PATCH, "3.12.8"), ("python", "3.12.1", MINOR, "3.13.1"), ("python", "3.12", MINOR, "3.13")),
    *(("node", "22.1.0", PATCH, "22.1.2"), ("node", "22.1.0", MINOR, "22.11.0"), ("node", "22.1.0", MAJOR, "23.0.0")),
    *(("node", "18", MINOR, None), ("node", "18", MAJOR, "23"), ("node", "18-alpine", MAJOR, "22-alpine")),
    *(("postgres", "13", MINOR, None), ("postgres", "13", MAJOR, "17"), ("postgres", "16.1", MINOR, "16.6")),
    *(("postgres", "16-alpine", MAJOR, "17-alpine"), ("postgres", "16.1", PATCH, None)),
    # suffixes and distributions stay
    *(("nginx", "1.25.3-alpine3.18-perl", PATCH, "1.25.4-alpine3.18-perl"), ("nginx", "1.27.3-perl", MAJOR, None)),
    *(
        ("python", "3.12.1-slim", MINOR, "3.13.0-slim"),
        ("python", "3.12.8-slim-bookworm", MINOR, "3.13.1-slim-bookworm"),
    ),
    *(("python", "3.12.5-alpine3.19", MINOR, None), ("node", "20.9.0-alpine3.18", MAJOR, None)),
    *(("postgres", "16-bookworm", MAJOR, "17-bookworm"), ("postgres", "16-bullseye", MAJOR, None)),
    *(("temurin", "17-jre-jammy", MAJOR, None), ("temurin", "17-jre", MAJOR, "21-jre")),
    *(
        ("jenkins", "2.440.3-lts-jdk17", PATCH, "2.440.4-lts-jdk17"),
        ("jenkins", "2.440.3-lts-jdk17", MINOR, "2.452.1-lts-jdk17"),
    ),
    *(("app", "1.0.0-amd64", MAJOR, "1.0.1-amd64"), ("grafana", "10.2.3-ubuntu", PATCH, "10.2.4-ubuntu")),
    # prefixes are no part of what is compared, and never change
    *(("kube", "v1.28.4", PATCH, "v1.28.15"), ("kube", "v1.28.4", MAJOR, "v1.31.0"), ("kube", "1.29.5", MAJOR, None)),
    *(("kube", "v1.28.4-k3s1", PATCH, "v1.28.5-k3s1"), ("app", "1.0.0", PATCH, "1.0.1")),
    # what is not released yet
    *(
        ("python", "3.13.1", MINOR, None),
        ("python", "3.14.0b1", PATCH, "3.14.0rc1"),
        ("python", "3.14.0rc1", MAJOR, None),
    ),
    *(("dotnet", "9.0.0-rc.1", PATCH, "9.0.0"), ("dotnet", "8.0.10", MAJOR, "9.0.0"), ("dotnet", "8.0", MAJOR, "9.0")),
    *(("app", "1.1.0-beta.2", PATCH, "1.1.0"), ("app", "1.0.1-rc1", PATCH, "1.0.1"), ("app", "1.1.0", MAJOR, None)),
    *(("kube", "v1.29.0", MAJOR, "v1.31.0"), ("grafana", "10.2.3", MAJOR, "11.0.0")),
    # counters count where all else is equal, and with it
    *(
        ("bitnami", "1.2.3-debian-11-r4", PATCH, "1.2.3-debian-11-r12"),
        ("bitnami", "1.2.3-debian-12-r1", PATCH, "1.2.4-debian-12-r0"),
    ),
    *(
        ("bitnami", "1.2.3-debian-12-r1", MAJOR, "2.0.0-debian-12-r0"),
        ("temurin", "17.0.9_9-jre", PATCH, "17.0.13_11-jre"),
    ),
    *(("temurin", "17.0.9_9-jre", MAJOR, "21.0.5_11-jre"), ("temurin", "17.0.13_11-jre", PATCH, None)),
    *(("windows", "10.0.17763.5329", PATCH, "10.0.17763.5458"),),
    # names, days, commits and builds are in no order
    *((name, tag, MAJOR, None) for name in ("ci", "minio") for tag in SHELVES[name].split() if tag != "2024.05.30"),
    *(
        ("debian", tag, MAJOR, None)
        for tag in ("bullseye", "bookworm-slim", "bookworm-20241016", "bookworm-20241111-slim")
    ),
    *(("ubuntu", tag, MAJOR, None) for tag in ("jammy", "jammy-20240530", "devel")),
    *(("windows", tag, MAJOR, None) for tag in ("ltsc2019", "ltsc2019-KB5034127", "ltsc2022")),
    *(("kube", "sha-abcdef0", MAJOR, None), ("kube", "v1.31.0-14-gabcdef0123", MAJOR, None)),
    *(("nginx", "latest", MAJOR, None), ("nginx", "stable", MAJOR, None), ("node", "lts-alpine", MAJOR, None)),
    *(("ubuntu", "22.04", MAJOR, "24.10"), ("debian", "12.7", MINOR, "12.8"), ("debian", "11", MAJOR, "12")),
    # nothing but tags of other images
    *(
        ("nginx", "9.9.9", MAJOR, None),
        ("nginx", "1.25.3", UpdateMode.DIGEST, None),
        ("nginx", "1.25.3", UpdateMode.NONE, None),
    ),
]


def shelf(name):
    return SHELVES[name].split()


@pytest.mark.parametrize(("name", "tag", "mode", "expected"), AFTER)
def test_the_newest_of_the_same_family_within_the_rule(name, tag, mode, expected):
    assert successor(tag, shelf(name), mode) == expected


@pytest.mark.parametrize(
    ("name", "tag", "mode", "expected"),
    [
        ("nginx", "1.25-alpine3.18", MINOR, "1.25-alpine3.19"),
        ("nginx", "1.25.3-alpine3.18", PATCH, "1.25.5-alpine3.19"),
        ("python", "3.12.5-alpine3.19", PATCH, "3.12.8-alpine3.21"),
        ("python", "3.12.5-alpine3.19", MINOR, "3.13.1-alpine3.21"),
        ("python", "3.12-slim-bullseye", MINOR, "3.12-slim-trixie"),
        ("python", "3.12.7-slim-bullseye", PATCH, "3.12.8-slim-trixie"),
        ("python", "3.12-slim-trixie", MAJOR, None),
        ("postgres", "16-bullseye", MAJOR, "17-bookworm"),
        ("temurin", "17-jre-jammy", MINOR, "17-jre-noble"),
        ("dotnet", "8.0-jammy-chiseled", MINOR, "8.0-noble-chiseled"),
        ("bitnami", "1.2.3-debian-11-r4", PATCH, "1.2.4-debian-12-r0"),
        ("python", "3.12.8-alpine3.21", PATCH, None),
    ],
)
def test_distributions_move_only_forwards_and_only_when_the_rule_says_so(name, tag, mode, expected):
    assert successor(tag, shelf(name), mode, variants=True) == expected


def test_no_distribution_becomes_another():
    assert successor("1.0.0-bookworm", ["1.0.1-noble", "1.0.1-alpine3.20", "1.0.1"], MAJOR, variants=True) is None


@pytest.mark.parametrize(
    ("tag", "offered", "counted", "expected"),
    [
        ("3.11", "3.11 3.11-1 3.11-2 3.11-10", True, "3.11-10"),
        ("3.11", "3.11 3.11-1 3.11-2 3.11-10", False, None),
        ("3.11-2", "3.11 3.11-1 3.11-2 3.11-10", True, "3.11-10"),
        ("3.11-10", "3.11 3.11-1 3.11-2 3.11-10", True, None),
        ("3.11", "3.11 3.11-999 3.11-1000", True, "3.11-999"),
        ("3.11", "3.11 3.11-0 3.11-01", True, None),
        ("3.11", "3.11 3.11-patched", False, "3.11-patched"),
        ("3.11-patched", "3.11 3.11-patched 3.11-1", True, None),
        ("3.11", "3.11 3.11-patched-1 3.11-patched-12", False, "3.11-patched-12"),
        ("3.11-patched-1", "3.11 3.11-patched-1 3.11-patched-2", False, "3.11-patched-2"),
        ("jammy-20240530", "jammy jammy-20240530 jammy-20240530-1", True, "jammy-20240530-1"),
        ("jammy", "jammy jammy-20240530", True, None),
        ("1.27.1-1", "1.27.1-1 1.27.1-2", True, None),
        ("1x1", "1x1 1.1-1", True, None),
        ("1.1", "1.1 1x1-1", True, None),
    ],
)
def test_the_newest_patch_of_the_written_tag(tag, offered, counted, expected):
    assert patched(tag, offered.split(), counted=counted) == expected


@pytest.mark.parametrize(
    ("name", "tag", "reason", "instead"),
    [
        ("nginx", "1.25.3", Reason.TAG_STOPPED, "1.25.5"),
        ("python", "3.12.1-slim", Reason.TAG_STOPPED, "3.12.8-slim"),
        ("kube", "v1.28.4", Reason.TAG_STOPPED, "v1.28.15"),
        ("nginx", "1.25.3-alpine3.18", Reason.VARIANT_DROPPED, "1.25.5-alpine3.19"),
        ("python", "3.12.5-alpine3.19", Reason.VARIANT_DROPPED, "3.12.8-alpine3.21"),
        ("python", "3.12-alpine3.19", Reason.VARIANT_DROPPED, "3.12-alpine3.21"),
        ("python", "3.12-slim-bullseye", Reason.VARIANT_DROPPED, "3.12-slim-trixie"),
        ("nginx", "1.25-alpine3.18", Reason.VARIANT_DROPPED, "1.25-alpine3.19"),
        ("temurin", "17-jre-jammy", Reason.VARIANT_DROPPED, "17-jre-noble"),
    ],
)
def test_a_tag_has_ended_where_its_family_goes_on_without_it(name, tag, reason, instead):
    assert ended(tag, shelf(name)) == Ending(reason, instead)
    assert could_end(tag)


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        *(
            ("postgres", "13"),
            ("node", "18-alpine"),
            ("python", "3.8-slim"),
            ("python", "3.12-slim"),
            ("nginx", "1.25"),
        ),
        *(("debian", "bullseye-slim"), ("ubuntu", "20.04"), ("nginx", "latest"), ("python", "3.12-alpine3.20")),
        *(("python", "3.12-slim-bookworm"), ("python", "3.12.8"), ("nginx", "1.25.5"), ("nginx", "1.27.3")),
        *(("dotnet", "8.0-jammy-chiseled"), ("temurin", "17-jre-noble"), ("python", "3.14.0b1"), ("grafana", "10.4.0")),
    ],
)
def test_a_tag_that_may_still_move_has_not_ended(name, tag):
    assert ended(tag, shelf(name)) is None


@pytest.mark.parametrize(
    "tag", ["latest", "3.12", "3.12-slim", "13", "18-alpine", "bookworm-slim", "abcdef0", "20240530"]
)
def test_of_most_tags_nobody_needs_to_ask_whether_they_have_ended(tag):
    assert not could_end(tag)


TAGS = st.one_of(
    st.sampled_from([tag for tags in SHELVES.values() for tag in tags.split()]),
    st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=40),
    st.from_regex(
        r"v?[0-9]{1,2}(\.[0-9]{1,2}){0,2}(-(slim|alpine3\.[0-9]{2}|bookworm|rc\.[0-9]|r[0-9]))?", fullmatch=True
    ),
)


@given(
    TAGS, st.lists(TAGS, max_size=12), st.sampled_from(list(FIXED)), st.booleans(), st.randoms(use_true_random=False)
)
def test_what_comes_after_is_of_the_family_later_and_the_same_in_any_order(tag, offered, mode, variants, chance):
    found = successor(tag, offered, mode, variants=variants)
    mixed = random.Random(chance.random()).sample(offered, len(offered))
    assert successor(tag, mixed, mode, variants=variants) == found
    if found is not None:
        old, new = read(tag), read(found)
        assert found in offered
        assert new.family == old.family
        assert new.order > old.order or (new.order == old.order and new.distributions != old.distributions)
        assert new.numbers[: FIXED[mode]] == old.numbers[: FIXED[mode]]
        assert variants or new.distributions == old.distributions
        assert successor(found, offered, mode, variants=variants) is None or not variants


@given(TAGS, st.lists(TAGS, max_size=12), st.booleans())
def test_patches_and_endings_never_raise_and_name_what_is_offered(tag, offered, counted):
    assert patched(tag, offered, counted=counted) in {None, *offered}
    ending = ended(tag, offered)
    assert ending is None or (ending.successor in offered and ending.successor != tag)


def test_a_repository_with_very_many_tags_is_soon_read():
    offered = [f"{major}.{minor}.{patch}-slim" for major in range(10) for minor in range(100) for patch in range(20)]
    with soon(4):
        assert successor("1.2.3-slim", offered, MAJOR) == "9.99.19-slim"
        assert ended("1.2.3-slim", offered) == Ending(Reason.TAG_STOPPED, "1.2.19-slim")


@pytest.mark.parametrize(
    "tag", ["1" * 128, "a-" * 64, "1-" * 64, "1.1." * 32, "-".join(["rc1"] * 32), "0" * 100 + "a" * 28]
)
def test_a_tag_made_to_be_slow_is_soon_read(tag):
    with soon(0.5):
        read(tag)
