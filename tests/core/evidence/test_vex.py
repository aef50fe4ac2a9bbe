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


def build_statement(
    image=THIS, *packages, status=VexStatus.NOT_AFFECTED, at=AT, names=("CVE-2026-1",), why="code not present"
):
    parts = tuple(parse_purl(each) for each in packages) or None
    return VexStatement(frozenset(names), status, why, (VexProduct(parse_purl(image), parts),), "Acme", at)


def list_counted_findings(outcome, *statements, subject=IMAGE):
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
def test_vex_product_matches_image_by_digest_or_repository(written, matches):
    assert is_purl_of_image(parse_purl(written), IMAGE, {IMAGE.digest}) is matches


def test_vex_product_with_short_docker_hub_name_matches_canonical_repository():
    subject = ScanSubject(TagRef("docker.io/library/python", "3"), digest("python"), "linux/amd64")
    for url in ("docker.io/library/python", "index.docker.io/library/python", "docker.io/python"):
        assert is_purl_of_image(parse_purl(f"pkg:oci/python?repository_url={url}"), subject, ())


PARTS = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True)
REPOSITORIES = st.builds(lambda host, parts: "/".join([f"{host}.example", *parts]), PARTS, st.lists(PARTS, min_size=1))


@given(REPOSITORIES, REPOSITORIES, PARTS, PARTS)
def test_vex_product_of_one_image_matches_no_other_image(one, other, tag, another):
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


def test_vex_product_matches_image_of_index_by_manifest_digest():
    by_manifest = group_by_image([build_statement(f"pkg:oci/web@{digest('manifest')}")])
    assert suppress_findings(scan(HOLE), IMAGE, by_manifest).findings == (HOLE,)
    assert suppress_findings(scan(HOLE), IMAGE, by_manifest, {digest("manifest")}).findings == ()


# ---- statements --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "why"),
    [(VexStatus.NOT_AFFECTED, "not affected: code not present"), (VexStatus.FIXED, "fixed")],
)
def test_finding_is_suppressed_with_author_and_reason_if_vex_says_not_affected(status, why):
    other = finding("CVE-2026-2")
    outcome = suppress_findings(scan(HOLE, other), IMAGE, group_by_image([build_statement(status=status)]))
    assert outcome == replace(scan(other), suppressed=(SuppressedFinding(HOLE, why, "VEX by Acme"),))


@pytest.mark.parametrize("status", [VexStatus.AFFECTED, VexStatus.UNDER_INVESTIGATION])
def test_finding_is_kept_if_vex_says_affected_or_under_investigation(status):
    assert list_counted_findings(scan(HOLE), build_statement(status=status)) == (HOLE,)


def test_latest_vex_statement_applies_in_any_order_of_documents():
    later = build_statement(status=VexStatus.AFFECTED, at=AT + timedelta(days=1))
    latest = build_statement(ALL, at=AT + timedelta(days=2))
    for statements in ([build_statement(), later], [later, build_statement()]):
        assert list_counted_findings(scan(HOLE), *statements) == (HOLE,)
        assert list_counted_findings(scan(HOLE), *statements, latest) == ()
    elsewhere = replace(later, products=(VexProduct(parse_purl("pkg:oci/web?repository_url=ghcr.io/other/web")),))
    assert list_counted_findings(scan(HOLE), build_statement(), elsewhere) == ()


def test_finding_is_kept_if_vex_statements_of_same_time_contradict():
    affected = build_statement(status=VexStatus.UNDER_INVESTIGATION)
    for statements in ([build_statement(), affected], [affected, build_statement()]):
        assert list_counted_findings(scan(HOLE), *statements) == (HOLE,)


def test_vex_statement_matches_vulnerability_only_by_exact_id():
    assert list_counted_findings(scan(HOLE), build_statement(names=("GHSA-aaaa-bbbb-cccc", "CVE-2026-1"))) == ()
    assert list_counted_findings(scan(HOLE), build_statement(names=("CVE-2026-11", "cve-2026-1"))) == (HOLE,)


def test_vex_statements_do_not_change_missing_scans_and_earlier_suppressions():
    unknown = NotScanned(UnscannedReason.TIMED_OUT)
    assert suppress_findings(unknown, IMAGE, group_by_image([build_statement()])) is unknown
    other = finding("CVE-2026-2")
    outcome = suppress_findings(scan(HOLE, suppressed=[other]), IMAGE, group_by_image([build_statement()]))
    assert [each.finding for each in outcome.suppressed] == [other, HOLE]


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
def test_vex_matches_distribution_package_by_source_or_all_binary_packages(packages, named, aside):
    assert (list_counted_findings(scan(HOLE, packages=packages), build_statement(THIS, *named)) == ()) is aside


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
def test_vex_matches_packages_by_normalised_names_of_the_ecosystem(kind, package, installed, named, aside):
    found = finding("CVE-2026-1", package=package, package_type=kind, installed=installed)
    assert (list_counted_findings(scan(found), build_statement(THIS, named)) == ()) is aside


def test_vex_statement_without_readable_packages_suppresses_no_finding():
    nothing = replace(build_statement(), products=(VexProduct(parse_purl(THIS), ()),))
    assert list_counted_findings(scan(HOLE), nothing) == (HOLE,)


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)


@given(st.dictionaries(NAMES, NAMES, min_size=1, max_size=6), st.sets(NAMES, max_size=6), st.data())
def test_finding_of_source_package_is_suppressed_only_if_vex_names_all_binaries(sources, more, data):
    source = data.draw(st.sampled_from(sorted(sources.values())))
    named = data.draw(st.sets(st.sampled_from(sorted(sources)))) | more
    packages = tuple(
        InstalledPackage("debian", name, "1", origin if origin != name else "") for name, origin in sources.items()
    )
    built = {name for name, origin in sources.items() if origin == source}
    outcome = scan(finding("CVE-2026-1", package=source), packages=packages)
    statement = replace(
        build_statement(),
        products=(VexProduct(parse_purl(THIS), tuple(parse_purl(f"pkg:deb/debian/{name}") for name in named)),),
    )
    assert (list_counted_findings(outcome, statement) == ()) is (built <= named)
