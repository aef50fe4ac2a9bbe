"""The summary of a fleet's exposure: images by class and place of the fix, owners, and vulnerabilities."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from support.values import digest
from support.visits import NEW, NOW, OLD, PYTHON

from bot.core.inventory.exposure_summary import summarise_exposure
from bot.model.evidence import FixDate, FixDateOrigin, Severity
from bot.model.exposed_images import ExposureCoverage
from bot.model.exposure import FixPlace
from bot.model.exposure_summary import (
    DigestUse,
    ExposureClass,
    ExposureSummary,
    FixableImages,
    FleetFindings,
    StoredFinding,
)
from bot.model.image_name import TagRef

DAY = timedelta(days=1)
REDIS = TagRef("docker.io/library/redis", "7")
REDIS_DIGEST = digest("redis")
FIXED = StoredFinding(Severity.CRITICAL, True, FixDate(NOW - 9 * DAY, FixDateOrigin.ADVISORY), "a hole")
NO_FIX = StoredFinding(Severity.CRITICAL, False, None)
USE = DigestUse(OLD, PYTHON, ("@acme/web",), 3)
COVERAGE = ExposureCoverage(2, 2, NOW)
EXPLOITED, CRITICAL, HIGH = ExposureClass


def key(image, platform="linux/amd64", is_private=False, database=NOW):
    return image, platform, "trivy", is_private, database


def summarise(findings, uses=(USE,), exploited=frozenset(), includes_private=True, **more) -> ExposureSummary:
    values = {"running": frozenset(), "newest": {}} | more
    facts = FleetFindings(findings, uses, values["running"], values["newest"], COVERAGE)
    return summarise_exposure(facts, (), exploited, NOW, includes_private=includes_private)


def list_figures(summary: ExposureSummary) -> dict[tuple[ExposureClass, FixPlace | None], tuple[int, int, int]]:
    """Return the images, running images and references of the figures that are not zero."""
    return {
        (each.exposure_class, each.fix): (each.images, each.running_images, each.references)
        for each in summary.figures
        if each.images
    }


def test_images_are_counted_by_class_and_place_of_the_fix():
    findings = {key(OLD): {"CVE-1": FIXED, "CVE-2": NO_FIX, "CVE-3": FIXED}}
    summary = summarise(findings, exploited=frozenset({"CVE-3"}), running={OLD})
    assert list_figures(summary) == {
        (EXPLOITED, FixPlace.IN_DISTRIBUTION): (1, 1, 3),
        (CRITICAL, FixPlace.IN_DISTRIBUTION): (1, 1, 3),
        (CRITICAL, FixPlace.NO_FIX): (1, 1, 3),
    }
    assert len(summary.figures) == 12


def test_fix_is_in_the_update_if_the_newest_digest_lacks_the_vulnerability():
    old = {key(OLD): {"CVE-1": FIXED}}
    newest = {"newest": {PYTHON: NEW}}
    assert list(list_figures(summarise(old | {key(NEW): {}}, **newest))) == [(CRITICAL, FixPlace.IN_UPDATE)]
    both = old | {key(NEW): {"CVE-1": FIXED}}
    assert list(list_figures(summarise(both, **newest))) == [(CRITICAL, FixPlace.IN_DISTRIBUTION)]


def test_place_is_unknown_if_the_newest_digest_was_not_scanned_with_the_same_database():
    old = {key(OLD): {"CVE-1": FIXED}}
    others = ({}, {key(NEW, database=NOW - DAY): {}}, {key(NEW, platform="linux/arm64"): {}})
    for other in others:
        assert list(list_figures(summarise(old | other, newest={PYTHON: NEW}))) == [(CRITICAL, None)]


def test_images_with_a_fix_are_counted_once_for_several_vulnerabilities():
    other = DigestUse(REDIS_DIGEST, REDIS, (), 1)
    findings = {
        key(OLD): {"CVE-1": FIXED, "CVE-2": FIXED, "CVE-3": FIXED},
        key(NEW): {"CVE-1": FIXED},
        key(REDIS_DIGEST): {"CVE-2": NO_FIX},
    }
    more = {"newest": {PYTHON: NEW}, "running": {OLD}}
    summary = summarise(findings, (USE, other), frozenset({"CVE-3"}), **more)
    assert summary.exploited == FixableImages(1, 1, in_update=1, waiting=0)
    assert summary.urgent == FixableImages(1, 1, in_update=1, waiting=1)


def test_private_findings_are_left_out_of_the_shared_summary():
    findings = {key(OLD, is_private=True): {"CVE-1": FIXED}}
    assert list_figures(summarise(findings, includes_private=False)) == {}
    assert summarise(findings, includes_private=False).vulnerabilities == ()
    assert list_figures(summarise(findings)) != {}


def test_image_that_only_containers_use_is_counted_without_references():
    summary = summarise({key(REDIS_DIGEST): {"CVE-1": FIXED}}, uses=(), running={REDIS_DIGEST})
    assert list_figures(summary) == {(CRITICAL, FixPlace.IN_DISTRIBUTION): (1, 1, 0)}


def test_owners_are_ranked_by_their_references_with_a_fix():
    uses = (USE, DigestUse(REDIS_DIGEST, REDIS, (), 5), DigestUse(REDIS_DIGEST, REDIS, ("@acme/web", "@acme/db"), 1))
    findings = {key(OLD): {"CVE-1": FIXED}, key(REDIS_DIGEST): {"CVE-1": FIXED, "CVE-2": NO_FIX}}
    owners = [(each.owner, each.references) for each in summarise(findings, uses).owners]
    assert owners == [("", 5), ("@acme/web", 4), ("@acme/db", 1)]


def test_vulnerabilities_with_a_fix_are_listed_the_most_urgent_first():
    high = StoredFinding(Severity.HIGH, True, None)
    uses = (USE, DigestUse(REDIS_DIGEST, REDIS, (), 5))
    findings = {
        key(OLD): {"CVE-1": FIXED, "CVE-2": NO_FIX, "CVE-3": high},
        key(REDIS_DIGEST): {"CVE-4": FIXED, "CVE-1": FIXED},
    }
    summary = summarise(findings, uses, frozenset({"CVE-3"}))
    listed = [(each.id, each.exposure_class, each.images, each.references) for each in summary.vulnerabilities]
    assert listed == [("CVE-3", EXPLOITED, 1, 3), ("CVE-1", CRITICAL, 2, 8), ("CVE-4", CRITICAL, 1, 5)]
    assert summary.vulnerabilities[1].oldest_fix == NOW - 9 * DAY
    assert summary.vulnerabilities[1].waiting_references == 8


def test_summary_states_whether_the_list_of_exploited_vulnerabilities_was_read():
    assert summarise({}).knows_exploited
    assert not summarise({}, exploited=None).knows_exploited


IDS = st.sampled_from(["CVE-1", "CVE-2", "CVE-3"])
FINDINGS = st.dictionaries(IDS, st.sampled_from([FIXED, NO_FIX, StoredFinding(Severity.HIGH, True, None)]))
IMAGES = st.dictionaries(st.sampled_from([key(OLD), key(NEW), key(REDIS_DIGEST, is_private=True)]), FINDINGS)
USES = st.lists(
    st.builds(
        DigestUse,
        st.sampled_from([OLD, NEW, REDIS_DIGEST]),
        st.sampled_from([PYTHON, REDIS]),
        st.sampled_from([(), ("@a",), ("@a", "@b")]),
        st.integers(1, 3),
    )
)


@given(IMAGES, USES, st.frozensets(IDS))
def test_references_of_each_class_are_those_of_the_uses_with_such_a_finding(findings, uses, exploited):
    """Every reference is counted once for each class and place that one of its findings has."""
    summary = summarise(findings, uses, exploited, newest={PYTHON: NEW})
    expected = Counter()
    for use in uses:
        for image, found in findings.items():
            if image[0] == use.digest:
                classes = {
                    EXPLOITED if name in exploited else CRITICAL if each.severity is Severity.CRITICAL else HIGH
                    for name, each in found.items()
                }
                expected.update(dict.fromkeys(classes, use.references))
    counted = Counter()
    for each in summary.figures:
        counted[each.exposure_class] += each.references
    for exposure_class in ExposureClass:
        assert (counted[exposure_class] > 0) == (expected[exposure_class] > 0)
        assert counted[exposure_class] >= expected[exposure_class]
