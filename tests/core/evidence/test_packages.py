"""Tests of package changes, and of downgrades that are refused."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.core.decisions import NOW
from support.values import SCANNER, digest, finding, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.gates import apply_gates
from bot.core.evidence.packages import build_version_lookup, compare_packages
from bot.core.evidence.rollback import describe_rollback, find_downgrades
from bot.core.proposal.view.scans import build_delta_view
from bot.core.transition import get_first_transition
from bot.model.contents import InstalledPackage, PackageChangeKind
from bot.model.decision import ImageUpdate, RefusedUpdate, UpdateCause
from bot.model.evidence import NotScanned, Severity, UnscannedReason
from bot.model.policy import Policy
from bot.model.rules import AcceptedHold, IntroducedLimit
from bot.model.vocabulary import Reason


def build_debian_package(name: str, version: str, source: str = "") -> InstalledPackage:
    return InstalledPackage("debian", name, version, source)


OLD = (
    build_debian_package("curl", "8.5-1"),
    build_debian_package("libssl3", "3.0.15-1", "openssl"),
    build_debian_package("perl", "5.36-7"),
    build_debian_package("zsh", "5"),
)
NEW = (
    build_debian_package("curl", "8.5-2"),
    build_debian_package("libssl3", "3.0.11-1", "openssl"),
    build_debian_package("jq", "1.7-1"),
    build_debian_package("zsh", "5"),
)


def test_changed_packages_are_listed_as_added_removed_upgraded_or_downgraded():
    changes = {change.name: (change.kind, change.old, change.new) for change in compare_packages(OLD, NEW)}
    assert changes == {
        "curl": (PackageChangeKind.UPGRADED, ("8.5-1",), ("8.5-2",)),
        "jq": (PackageChangeKind.ADDED, (), ("1.7-1",)),
        "libssl3": (PackageChangeKind.DOWNGRADED, ("3.0.15-1",), ("3.0.11-1",)),
        "perl": (PackageChangeKind.REMOVED, ("5.36-7",), ()),
    }


def test_latest_versions_are_compared_when_library_has_several_versions():
    old = [InstalledPackage("npm", "semver", version) for version in ("5.7.1", "7.5.4", "10.0.0")]
    (change,) = compare_packages(old, [InstalledPackage("npm", "semver", "9.9.9"), *old[:2]])
    assert (change.kind, change.old[-1], change.new[-1]) == (PackageChangeKind.DOWNGRADED, "10.0.0", "9.9.9")
    (change,) = compare_packages(old, old[1:])
    assert change.kind is PackageChangeKind.CHANGED


def test_package_of_type_without_version_order_is_listed_as_changed():
    (change,) = compare_packages([InstalledPackage("conan", "zlib", "1")], [InstalledPackage("conan", "zlib", "2")])
    assert change.kind is PackageChangeKind.CHANGED


PACKAGES = st.lists(
    st.builds(build_debian_package, st.sampled_from("abcd"), st.sampled_from(["1", "2", "10", "1~rc1"])), max_size=6
)


@given(PACKAGES, PACKAGES)
def test_comparing_images_in_reverse_gives_opposite_package_changes(old, new):
    opposite = {
        PackageChangeKind.ADDED: PackageChangeKind.REMOVED,
        PackageChangeKind.REMOVED: PackageChangeKind.ADDED,
        PackageChangeKind.UPGRADED: PackageChangeKind.DOWNGRADED,
        PackageChangeKind.DOWNGRADED: PackageChangeKind.UPGRADED,
        PackageChangeKind.CHANGED: PackageChangeKind.CHANGED,
    }
    there, back = compare_packages(old, new), compare_packages(new, old)
    assert [(opposite[each.kind], each.new, each.old) for each in there] == [
        (each.kind, each.old, each.new) for each in back
    ]
    assert not compare_packages(old, reversed(old))


def test_installed_versions_of_finding_are_found_by_source_package():
    of_openssl = finding("CVE-2026-1", package="openssl")
    assert build_version_lookup(scan(packages=NEW))(of_openssl) == ("3.0.11-1",)
    assert build_version_lookup(scan(packages=NEW))(finding("CVE-2026-1", package="perl")) == ()
    assert build_version_lookup(scan())(of_openssl) is None


class CountingList:
    """A list that counts how often it is iterated."""

    def __init__(self, items):
        self.items, self.times = items, 0

    def __iter__(self):
        self.times += 1
        return iter(self.items)

    def __len__(self):
        return len(self.items)


def test_package_and_finding_lists_are_iterated_only_once():
    names = [f"package-{number}" for number in range(50)]
    old, new = ([build_debian_package(name, version) for name in names] for version in ("2-1", "1-1"))
    brings = [finding("CVE-2026-1", package=name) for name in names]
    found = compare_scans(scan(packages=tuple(old)), scan(*brings, packages=tuple(new)))
    packages, introduced = CountingList(found.old.packages), CountingList(found.delta.introduced)
    found = replace(found, old=replace(found.old, packages=packages), delta=replace(found.delta, introduced=introduced))
    assert len(find_downgrades(found)) == len(names)
    assert introduced.times == 1
    assert [row.other is not None for row in build_delta_view(found.delta, found, 50).introduced] == [True] * 50
    assert packages.times == 1


# ---- downgrades --------------------------------------------------------------------------------------------------


def apply_gates_to_packages(old, new, brings=(), cause=UpdateCause.MOVED, **policy):
    wanted = replace(update(f"nginx:1@{digest('old')}", "new", policy=Policy(**policy)), cause=cause)
    evidence = compare_scans(scan(packages=tuple(old)), scan(*brings, packages=tuple(new)))
    return apply_gates(wanted, {get_first_transition(wanted): evidence}, NOW)


def test_image_with_older_distribution_packages_is_refused():
    refused = apply_gates_to_packages(OLD, NEW)
    assert isinstance(refused, RefusedUpdate)
    assert refused.reason is Reason.DOWNGRADE
    assert refused.detail == "libssl3 goes back from 3.0.15-1 to 3.0.11-1"


def test_downgrade_refusal_names_introduced_vulnerabilities():
    brings = [finding(f"CVE-2026-{number}", Severity.CRITICAL) for number in (1, 2)]
    assert apply_gates_to_packages(OLD, NEW, brings).detail == (
        "libssl3 goes back from 3.0.15-1 to 3.0.11-1, which brings CVE-2026-1 and 1 more"
    )


def test_downgrade_refusal_names_worst_package_and_counts_others():
    old = [build_debian_package("bash", "5.2-2"), *OLD]
    new = [build_debian_package("bash", "5.2-1"), *NEW]
    evidence = compare_scans(scan(packages=tuple(old)), scan(finding("CVE-2026-1"), packages=tuple(new)))
    assert describe_rollback(evidence).startswith("libssl3 goes back")
    assert describe_rollback(evidence).endswith(", and 1 other package")


def test_library_downgrade_is_refused_only_when_vulnerability_is_introduced():
    old, new = [InstalledPackage("npm", "tar", "7.0.1")], [InstalledPackage("npm", "tar", "6.2.0")]
    assert isinstance(apply_gates_to_packages(old, new), ImageUpdate)
    brings = [finding("CVE-2026-1", package="tar", package_type="npm")]
    assert apply_gates_to_packages(old, new, brings).reason is Reason.DOWNGRADE


def test_downgrade_is_refused_despite_many_fixes():
    wanted = update(
        f"nginx:1@{digest('old')}", "new", policy=Policy(allow_introduced=(IntroducedLimit(Severity.HIGH, 0),))
    )
    many = [finding(f"CVE-2025-{number}", Severity.CRITICAL, package="curl") for number in range(9)]
    evidence = compare_scans(scan(*many, packages=OLD), scan(finding("CVE-2026-1"), packages=NEW))
    refused = apply_gates(wanted, {get_first_transition(wanted): evidence}, NOW)
    assert refused.reason is Reason.DOWNGRADE


def test_downgrade_is_the_reason_of_refusal_even_if_a_limit_is_exceeded():
    none = (IntroducedLimit(Severity.HIGH, 0),)
    refused = apply_gates_to_packages(OLD, NEW, [finding("CVE-2026-1")], allow_introduced=none)
    assert refused.reason is Reason.DOWNGRADE
    accepted = AcceptedHold(Reason.DOWNGRADE, "ann", "3.0.15 was broken", NOW.date())
    refused = apply_gates_to_packages(OLD, NEW, [finding("CVE-2026-1")], allow_introduced=none, accept=(accepted,))
    assert refused.reason is Reason.INTRODUCED, "who answers for a rollback does not answer for what it brings"


@pytest.mark.parametrize("until", [NOW.date(), date(2020, 1, 1)])
def test_owner_can_temporarily_accept_downgrade(until):
    accepted = AcceptedHold(Reason.DOWNGRADE, "ann", "3.0.15 was broken", until)
    found = apply_gates_to_packages(OLD, NEW, accept=(accepted,))
    if until < NOW.date():
        assert found.reason is Reason.DOWNGRADE
    else:
        (note,) = found.candidates[0].notes
        assert re.match(rf"ann .*{until}.* downgrade \(libssl3", note)


@pytest.mark.parametrize("cause", [UpdateCause.GONE, UpdateCause.WITHDRAWN])
def test_downgrade_needs_review_when_digest_in_file_is_gone_or_withdrawn(cause):
    found = apply_gates_to_packages(OLD, NEW, cause=cause)
    assert isinstance(found, ImageUpdate)
    assert "rollback: libssl3" in found.review_reason


@pytest.mark.parametrize("why", [UnscannedReason.OS_UNSUPPORTED, UnscannedReason.END_OF_LIFE])
def test_downgrade_is_refused_even_if_distribution_has_no_vulnerability_data(why):
    wanted = update(f"nginx:1@{digest('old')}", "new")
    evidence = compare_scans(NotScanned(why, packages=OLD), NotScanned(why, packages=NEW))
    refused = apply_gates(wanted, {get_first_transition(wanted): evidence}, NOW)
    assert isinstance(refused, RefusedUpdate)
    assert refused.reason is Reason.DOWNGRADE


def test_packages_are_compared_despite_other_database_but_not_other_scanner():
    older = replace(SCANNER, database=SCANNER.database - timedelta(days=1))
    assert compare_scans(scan(packages=OLD, scanner=older), scan(packages=NEW)).package_changes
    other = replace(SCANNER, name="Other")
    assert compare_scans(scan(packages=OLD, scanner=other), scan(packages=NEW)).package_changes is None


def test_package_changes_are_unknown_unless_both_scans_list_packages():
    assert compare_scans(scan(packages=OLD), scan()).package_changes is None
    assert describe_rollback(compare_scans(scan(packages=OLD), scan())) == ""
