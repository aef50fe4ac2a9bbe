"""Tests of VEX statements: which findings they suppress, and which findings still count."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.values import digest, finding, scan

from bot.core.evidence.purl import parse_purl
from bot.core.evidence.vex import group_by_image, is_purl_of_image, suppress_findings
from bot.model.contents import InstalledPackage
from bot.model.evidence import NotScanned, ScanSubject, SuppressedFinding, UnscannedReason
from bot.model.image_name import TagRef
from bot.model.vex import VexProduct, VexStatement, VexStatus

AT = datetime(2026, 11, 1, tzinfo=UTC)
LINE = TagRef("ghcr.io/acme/web", "1.2")
IMAGE = ScanSubject(LINE, digest("web"), "linux/amd64")
THIS = f"pkg:oci/web@{quote(digest('web'), safe='')}?repository_url=ghcr.io/acme/web"
ALL = "pkg:oci/web?repository_url=ghcr.io/acme/web"
HOLE = finding("CVE-2026-1")


def said(image=THIS, *packages, status=VexStatus.NOT_AFFECTED, at=AT, names=("CVE-2026-1",), why="code not present"):
    parts = tuple(parse_purl(each) for each in packages) or None
    return VexStatement(frozenset(names), status, why, (VexProduct(parse_purl(image), parts),), "Acme", at)


def left(outcome, *statements, subject=IMAGE):
    """Return the findings that still count."""
    return suppress_findings(outcome, subject, group_by_image(statements)).findings


# ---- matching images ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "matches"),
    [
        (THIS, True),
        (ALL, True),
        (f"pkg:oci/web@{digest('web')}", True),
        (f"pkg:oci/copy@{digest('web')}?repository_url=registry.example/copy", True),
        (f"{THIS}&arch=amd64&tag=0.9", True),
        (f"{ALL}&tag=1.2", True),
        ("pkg:oci/web?repository_url=ghcr.io%2Facme%2Fweb", True),
        (f"{THIS}&arch=arm64", False),
        (f"{ALL}&tag=1.3", False),
        (f"{ALL}&distro=debian-12", False),
        (f"pkg:oci/web@{digest('other')}?repository_url=ghcr.io/acme/web", False),
        ("pkg:oci/web@1.2?repository_url=ghcr.io/acme/web", False),
        ("pkg:oci/web?repository_url=ghcr.io/acme", False),
        ("pkg:oci/web?repository_url=ghcr.io/acme/web:1.2", False),
        ("pkg:oci/web?repository_url=https://ghcr.io/acme/web", False),
        ("pkg:oci/web?repository_url=acme/web", False),
        ("pkg:oci/api?repository_url=ghcr.io/acme/web", False),
        ("pkg:oci/web", False),
        ("pkg:oci/acme/web?repository_url=ghcr.io/acme/web", False),
        ("pkg:docker/acme/web?repository_url=ghcr.io/acme/web", False),
    ],
)
def test_an_image_is_named_by_its_digest_or_by_the_repository_that_it_is_in(written, matches):
    assert is_purl_of_image(parse_purl(written), IMAGE, {IMAGE.digest}) is matches


def test_short_names_of_docker_hub_mean_their_canonical_repositories():
    subject = ScanSubject(TagRef("docker.io/library/python", "3"), digest("python"), "linux/amd64")
    for url in ("docker.io/library/python", "index.docker.io/library/python", "docker.io/python"):
        assert is_purl_of_image(parse_purl(f"pkg:oci/python?repository_url={url}"), subject, ())


PARTS = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True)
REPOSITORIES = st.builds(lambda host, parts: "/".join([f"{host}.example", *parts]), PARTS, st.lists(PARTS, min_size=1))


@given(REPOSITORIES, REPOSITORIES, PARTS, PARTS)
def test_what_names_one_image_names_no_other(one, other, tag, another):
    assume(one != other)
    by_digest = f"pkg:oci/{one.rpartition('/')[2]}@{quote(digest(one), safe='')}?repository_url={quote(one, safe='')}"
    by_repository = f"pkg:oci/{one.rpartition('/')[2]}?repository_url={quote(one, safe='')}"
    mine = ScanSubject(TagRef(one, tag), digest(one), "linux/amd64")
    moved = ScanSubject(TagRef(one, another), digest(other), "linux/amd64")
    theirs = ScanSubject(TagRef(other, tag), digest(other), "linux/amd64")
    assert [is_purl_of_image(parse_purl(by_digest), each, {each.digest}) for each in (mine, moved, theirs)] == [
        True,
        False,
        False,
    ]
    assert [is_purl_of_image(parse_purl(by_repository), each, {each.digest}) for each in (mine, moved, theirs)] == [
        True,
        True,
        False,
    ]


def test_an_image_of_an_index_is_known_by_its_own_manifest_too():
    by_manifest = group_by_image([said(f"pkg:oci/web@{digest('manifest')}")])
    assert suppress_findings(scan(HOLE), IMAGE, by_manifest).findings == (HOLE,)
    assert suppress_findings(scan(HOLE), IMAGE, by_manifest, {digest("manifest")}).findings == ()


# ---- statements --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "why"),
    [(VexStatus.NOT_AFFECTED, "not affected: code not present"), (VexStatus.FIXED, "fixed")],
)
def test_what_does_not_affect_the_image_is_set_aside_with_who_says_so_and_why(status, why):
    other = finding("CVE-2026-2")
    outcome = suppress_findings(scan(HOLE, other), IMAGE, group_by_image([said(status=status)]))
    assert outcome == replace(scan(other), set_aside=(SuppressedFinding(HOLE, why, "VEX by Acme"),))


@pytest.mark.parametrize("status", [VexStatus.AFFECTED, VexStatus.UNDER_INVESTIGATION])
def test_what_affects_it_or_may_counts(status):
    assert left(scan(HOLE), said(status=status)) == (HOLE,)


def test_the_latest_statement_counts_whichever_comes_first_in_the_documents():
    later = said(status=VexStatus.AFFECTED, at=AT + timedelta(days=1))
    latest = said(ALL, at=AT + timedelta(days=2))
    for statements in ([said(), later], [later, said()]):
        assert left(scan(HOLE), *statements) == (HOLE,)
        assert left(scan(HOLE), *statements, latest) == ()
    elsewhere = replace(later, products=(VexProduct(parse_purl("pkg:oci/web?repository_url=ghcr.io/other/web")),))
    assert left(scan(HOLE), said(), elsewhere) == ()


def test_of_two_statements_of_one_moment_the_one_that_lets_it_count_does():
    affected = said(status=VexStatus.UNDER_INVESTIGATION)
    for statements in ([said(), affected], [affected, said()]):
        assert left(scan(HOLE), *statements) == (HOLE,)


def test_a_vulnerability_is_known_by_any_of_its_names_and_by_no_other():
    assert left(scan(HOLE), said(names=("GHSA-aaaa-bbbb-cccc", "CVE-2026-1"))) == ()
    assert left(scan(HOLE), said(names=("CVE-2026-11", "cve-2026-1"))) == (HOLE,)


def test_what_was_not_scanned_stays_so_and_what_was_set_aside_before_stays_aside():
    unknown = NotScanned(UnscannedReason.TIMED_OUT)
    assert suppress_findings(unknown, IMAGE, group_by_image([said()])) is unknown
    other = finding("CVE-2026-2")
    outcome = suppress_findings(scan(HOLE, set_aside=[other]), IMAGE, group_by_image([said()]))
    assert [each.finding for each in outcome.set_aside] == [other, HOLE]


# ---- matching packages -------------------------------------------------------------------------------------------

BINARIES = (InstalledPackage("debian", "libssl3", "1", "openssl"), InstalledPackage("debian", "openssl", "1"))


@pytest.mark.parametrize(
    ("packages", "named", "aside"),
    [
        (None, ["pkg:deb/debian/openssl"], True),
        (None, ["pkg:deb/debian/openssl@1?arch=amd64&distro=debian-12"], True),
        (None, ["pkg:deb/debian/openssl@2"], False),
        (None, ["pkg:deb/debian/openssl?arch=arm64"], False),
        (None, ["pkg:deb/debian/openssl?colour=red"], False),
        (None, ["pkg:deb/debian/libssl3"], False),
        (None, ["pkg:apk/alpine/openssl"], False),
        (None, ["pkg:npm/openssl"], False),
        (BINARIES, ["pkg:deb/debian/openssl"], False),
        (BINARIES, ["pkg:deb/debian/openssl?arch=source"], True),
        (BINARIES, ["pkg:deb/debian/openssl", "pkg:deb/debian/libssl3"], True),
        (BINARIES, ["pkg:deb/debian/libssl3"], False),
    ],
)
def test_a_distributions_package_is_named_by_its_source_or_by_all_that_is_built_from_it(packages, named, aside):
    assert (left(scan(HOLE, packages=packages), said(THIS, *named)) == ()) is aside


@pytest.mark.parametrize(
    ("kind", "package", "installed", "named", "aside"),
    [
        ("node-pkg", "@angular/core", "1.0", "pkg:npm/%40angular/core@1.0", True),
        ("node-pkg", "core", "1.0", "pkg:npm/%40angular/core@1.0", False),
        ("python-pkg", "Foo_Bar", "1.0", "pkg:pypi/foo-bar", True),
        ("jar", "org.acme:anvil", "1.0", "pkg:maven/org.acme/anvil@1.0", True),
        ("gobinary", "github.com/Acme/anvil", "v1.0", "pkg:golang/github.com/acme/anvil@1.0", True),
        ("gobinary", "stdlib", "1.22", "pkg:golang/stdlib@v1.22", True),
        ("rpm", "glibc", "0:2.1", "pkg:rpm/redhat/glibc@2.1?epoch=0&arch=x86_64", True),
        ("wolfi", "curl", "8", "pkg:apk/wolfi/curl@8?arch=x86_64", True),
        ("", "curl", "8", "pkg:apk/wolfi/curl@8", False),
    ],
)
def test_packages_are_called_as_their_makers_call_them(kind, package, installed, named, aside):
    found = finding("CVE-2026-1", package=package, package_type=kind, installed=installed)
    assert (left(scan(found), said(THIS, named)) == ()) is aside


def test_where_none_of_the_packages_that_are_named_can_be_read_nothing_is_set_aside():
    nothing = replace(said(), products=(VexProduct(parse_purl(THIS), ()),))
    assert left(scan(HOLE), nothing) == (HOLE,)


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)


@given(st.dictionaries(NAMES, NAMES, min_size=1, max_size=6), st.sets(NAMES, max_size=6), st.data())
def test_a_source_package_is_set_aside_only_where_all_that_the_image_has_of_it_is_named(sources, more, data):
    source = data.draw(st.sampled_from(sorted(sources.values())))
    named = data.draw(st.sets(st.sampled_from(sorted(sources)))) | more
    packages = tuple(
        InstalledPackage("debian", name, "1", origin if origin != name else "") for name, origin in sources.items()
    )
    built = {name for name, origin in sources.items() if origin == source}
    outcome = scan(finding("CVE-2026-1", package=source), packages=packages)
    statement = replace(
        said(), products=(VexProduct(parse_purl(THIS), tuple(parse_purl(f"pkg:deb/debian/{name}") for name in named)),)
    )
    assert (left(outcome, statement) == ()) is (built <= named)
