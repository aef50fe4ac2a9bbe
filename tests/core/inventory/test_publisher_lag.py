"""How far publishers are behind distributions: fixes that digests took over, and fixes that still wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from support.values import digest
from support.visits import NEW, NOW, OLD, PYTHON

from bot.core.inventory import publisher_lag
from bot.core.inventory.fleet_exposure import list_urgent_uses
from bot.core.inventory.publisher_lag import find_publisher_fixes, list_waiting_images, summarise_publishers
from bot.model.evidence import FixDate, FixDateOrigin, Severity
from bot.model.exposed_images import ExposureCoverage
from bot.model.exposure_summary import DigestUse, ExposureClass, FleetFindings, PublisherFix, StoredFinding
from bot.model.image_name import TagRef

DAY = timedelta(days=1)
REDIS = TagRef("docker.io/library/redis", "7")
REDIS_DIGEST = digest("redis")
FIXED = StoredFinding(Severity.CRITICAL, True, FixDate(NOW - 9 * DAY, FixDateOrigin.FIRST_SEEN))
LIBRARY = replace(FIXED, is_of_distribution=False)
HIGH = replace(FIXED, severity=Severity.HIGH)
USE = DigestUse(OLD, PYTHON, ("@acme/web",), 3)
TAKEN = PublisherFix(PYTHON, "CVE-1", "debian", NOW - 9 * DAY, NOW - 2 * DAY, is_private=False)


def build_facts(findings, uses=(USE,), **more) -> FleetFindings:
    """Return facts about images with Debian. `findings` are those of each digest."""
    by_key = {(image, "linux/amd64", "trivy", False, NOW): found for image, found in findings.items()}
    values = {
        "newest": {PYTHON: NEW},
        "moved_at": {PYTHON: NOW - 2 * DAY},
        "distributions": dict.fromkeys(findings, "debian"),
        **more,
    }
    coverage = ExposureCoverage(len(by_key), len(by_key), NOW)
    return FleetFindings(
        by_key, uses, frozenset(), values["newest"], coverage, values["distributions"], values["moved_at"]
    )


def list_uses(facts, exploited=frozenset()):
    return list(list_urgent_uses(facts, exploited, includes_private=True))


def find_fixes(findings, **more):
    facts = build_facts(findings, **more)
    return find_publisher_fixes(list_uses(facts), facts)


def summarise(facts, fixes=()):
    return summarise_publishers(fixes, list_uses(facts), facts)


def test_fix_in_the_newest_digest_is_available_since_the_tag_moved():
    assert find_fixes({OLD: {"CVE-1": FIXED}, NEW: {}}) == (TAKEN,)


def test_fix_of_a_library_is_not_attributed_to_the_distribution():
    assert find_fixes({OLD: {"CVE-1": LIBRARY}, NEW: {}}) == (replace(TAKEN, distribution=""),)


def test_fixes_without_exact_times_are_left_out():
    undated = replace(FIXED, fix=None)
    at_least = replace(FIXED, fix=FixDate(NOW - 9 * DAY, FixDateOrigin.AT_LEAST))
    for finding in (undated, at_least):
        assert find_fixes({OLD: {"CVE-1": finding}, NEW: {}}) == ()
    assert find_fixes({OLD: {"CVE-1": FIXED}, NEW: {}}, moved_at={}) == ()
    assert find_fixes({OLD: {"CVE-1": FIXED}, NEW: {"CVE-1": FIXED}}) == ()


def test_lag_is_the_median_from_the_publication_of_fixes_to_digests():
    fixes = [
        replace(TAKEN, vulnerability=f"CVE-{days}", available_at=TAKEN.fixed_at + days * DAY) for days in (2, 7, 30)
    ]
    [lag] = summarise(build_facts({}), fixes)
    assert (lag.repository, lag.distribution, lag.fixes) == (PYTHON.repository, "debian", 3)
    assert (lag.median, lag.percentile_90) == (7 * DAY, 30 * DAY)
    assert (lag.waiting, lag.oldest_waiting) == (0, None)


def test_digest_that_is_older_than_the_sight_of_its_fix_has_no_lag():
    [lag] = summarise(build_facts({}), [replace(TAKEN, available_at=TAKEN.fixed_at - DAY)])
    assert lag.median == timedelta()


def test_fixes_that_are_in_no_digest_wait():
    facts = build_facts({OLD: {"CVE-1": FIXED, "CVE-2": HIGH, "CVE-3": LIBRARY}}, newest={PYTHON: OLD})
    debian, upstream = sorted(summarise(facts), key=lambda each: each.distribution, reverse=True)
    assert (debian.distribution, debian.waiting, debian.oldest_waiting) == ("debian", 2, NOW - 9 * DAY)
    assert (upstream.distribution, upstream.waiting, upstream.median) == ("", 1, None)


def test_publishers_with_the_most_fixes_are_first(monkeypatch):
    redis = replace(TAKEN, tag_ref=REDIS)
    fixes = [TAKEN, redis, replace(redis, vulnerability="CVE-2")]
    assert [each.repository for each in summarise(build_facts({}), fixes)] == [REDIS.repository, PYTHON.repository]
    monkeypatch.setattr(publisher_lag, "MAX_PUBLISHERS", 1)
    assert [each.repository for each in summarise(build_facts({}), fixes)] == [REDIS.repository]


def test_waiting_images_are_listed_the_most_urgent_first():
    uses = (USE, replace(USE, owners=("@acme/db",), references=2), DigestUse(REDIS_DIGEST, REDIS, (), 1))
    findings = {OLD: {"CVE-1": FIXED, "CVE-2": HIGH}, REDIS_DIGEST: {"CVE-3": HIGH, "CVE-4": FIXED}}
    facts = build_facts(findings, uses, newest={PYTHON: OLD, REDIS: REDIS_DIGEST})
    first, second = list_waiting_images(list_uses(facts, frozenset({"CVE-3"})), facts)
    assert (first.tag_ref, first.exposure_class, first.vulnerabilities) == (REDIS, ExposureClass.EXPLOITED, 2)
    assert (second.tag_ref, second.exposure_class, second.vulnerabilities) == (PYTHON, ExposureClass.CRITICAL, 1)
    assert (second.references, second.owners, second.oldest_fix) == (5, ("@acme/db", "@acme/web"), FIXED.fix)


def test_images_with_an_update_or_without_urgent_vulnerabilities_do_not_wait():
    for findings in ({OLD: {"CVE-1": FIXED}, NEW: {}}, {OLD: {"CVE-1": HIGH}, NEW: {"CVE-1": HIGH}}):
        facts = build_facts(findings)
        assert list_waiting_images(list_uses(facts), facts) == ()
