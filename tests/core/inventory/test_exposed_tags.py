"""The exposed images in use: where they are used, and where a fix exists."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.values import finding
from support.visits import API, NEW, NOW, OLD, PYTHON, WEB, build_request

from bot.core.inventory.exposed_tags import build_exposed_tags
from bot.model.evidence import FixDate, FixDateOrigin
from bot.model.exposed_images import ContainerUse, ExposedImage, ExposedTag, ExposureFacts, ImageUse
from bot.model.exposure import FixPlace
from bot.model.fleet_history import BranchRequest
from bot.model.image_name import TagRef
from bot.model.workload import Workload

DAY = timedelta(days=1)
FIX = FixDate(NOW - DAY, FixDateOrigin.ADVISORY)
EXPOSED = ExposedImage(
    OLD, "linux/amd64", "trivy", finding("CVE-2026-1", fixed_in="2", fix_date=FIX), NOW - 2 * DAY, NOW, False, NOW
)
USE = ImageUse(OLD, WEB, "Dockerfile", 1, PYTHON, (), NOW - 5 * DAY)
CONTAINER = ContainerUse(OLD, Workload("prod", "shop", "Deployment", "web"), "app", NOW)
NEWEST = {PYTHON: NEW}
UNDATED = replace(EXPOSED, database_built=None)
UNFIXED = replace(EXPOSED, finding=finding("CVE-2026-1", fixed_in=None))
SCAN_OF_NEWEST = (NEW, *EXPOSED.scan_key[1:])


def build(**more) -> tuple[ExposedTag, ...]:
    values = {"exposed": [EXPOSED], "uses": [USE], "containers": [], "newest": {}, "scans": [], "requests": []}
    return build_exposed_tags(ExposureFacts(**(values | more)))


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({}, FixPlace.IN_DISTRIBUTION),
        ({"newest": {PYTHON: OLD}}, FixPlace.IN_DISTRIBUTION),
        ({"newest": NEWEST, "scans": [SCAN_OF_NEWEST]}, FixPlace.IN_UPDATE),
        ({"newest": NEWEST, "exposed": [EXPOSED, replace(EXPOSED, digest=NEW)]}, FixPlace.IN_DISTRIBUTION),
        ({"newest": NEWEST}, None),
        ({"newest": NEWEST, "scans": [(*SCAN_OF_NEWEST[:-1], NOW - DAY)]}, None),
        ({"newest": NEWEST, "scans": [(NEW, "linux/arm64", *SCAN_OF_NEWEST[2:])]}, None),
        ({"newest": NEWEST, "exposed": [UNDATED], "scans": [(NEW, *UNDATED.scan_key[1:])]}, None),
        (
            {"newest": NEWEST, "exposed": [replace(EXPOSED, finding=finding("CVE-2026-1", fixed_in=None))]},
            FixPlace.NO_FIX,
        ),
    ],
    ids=[
        "tag-not-looked-up",
        "newest-in-use",
        "newest-fixed",
        "newest-exposed",
        "newest-not-scanned",
        "newest-with-older-database",
        "newest-on-other-platform",
        "databases-not-known",
        "no-fix",
    ],
)
def test_place_of_the_fix_depends_on_the_newest_digest_of_the_tag(more, place):
    [tag] = build(**more)
    assert tag.fix is place


@pytest.mark.parametrize(
    ("other", "place"),
    [
        (finding("CVE-2026-1", package="bash", fixed_in=None), FixPlace.NO_FIX),
        (finding("CVE-2026-1", package="bash", fixed_in="3"), FixPlace.IN_DISTRIBUTION),
    ],
)
def test_image_is_fixed_only_if_all_its_packages_are(other, place):
    newest_has_bash = replace(EXPOSED, finding=other, digest=NEW)
    images = [EXPOSED, replace(EXPOSED, finding=other), newest_has_bash]
    [tag] = build(exposed=images, newest=NEWEST)
    assert tag.fix is place


def test_fix_is_dated_by_the_last_package_that_was_fixed():
    later = FixDate(NOW, FixDateOrigin.FIRST_SEEN)
    other = replace(EXPOSED, finding=finding("CVE-2026-1", package="bash", fixed_in="3", fix_date=later))
    assert build(exposed=[EXPOSED, other])[0].fix_date == later
    unfixed = replace(EXPOSED, finding=finding("CVE-2026-1", package="bash", fixed_in=None))
    assert build(exposed=[EXPOSED, unfixed])[0].fix_date is None


def test_exposure_begins_with_the_use_or_with_the_vulnerability():
    later_use = replace(USE, since=NOW, path="b/Dockerfile")
    [tag] = build(uses=[USE, later_use, replace(USE, since=None)])
    assert [each.since for each in tag.uses] == [NOW - 2 * DAY, NOW, NOW - 2 * DAY]


def test_image_with_two_tags_is_listed_for_both_with_its_containers_once():
    other = TagRef(PYTHON.repository, "3")
    tags = build(uses=[USE, replace(USE, tag_ref=other), replace(USE, tag_ref=other, key=API)], containers=[CONTAINER])
    assert [(each.tag_ref, len(each.uses), each.containers) for each in tags] == [
        (other, 2, (CONTAINER,)),
        (PYTHON, 1, ()),
    ]


def test_image_that_only_containers_use_is_listed():
    [tag] = build(uses=[], containers=[CONTAINER])
    assert (tag.tag_ref, tag.digest, tag.containers) == (None, OLD, (CONTAINER,))


def test_image_that_nothing_uses_is_left_out():
    assert build(uses=[]) == ()


def test_use_has_the_open_request_that_updates_its_tag():
    minor, same_tag = (
        build_request(number, targets=(f"{PYTHON.repository}:{tag}@{NEW}",))
        for number, tag in ((1, "3.13"), (2, "3.12"))
    )
    other_branch, other_image = BranchRequest(API, same_tag), build_request(3, targets=(f"docker.io/a/b:3.12@{NEW}",))
    requests = [BranchRequest(WEB, other_image), BranchRequest(WEB, minor)]
    assert build(requests=[other_branch, BranchRequest(WEB, other_image)])[0].uses[0].request is None
    assert build(requests=requests)[0].uses[0].request == minor
    assert build(requests=[*requests, BranchRequest(WEB, same_tag)])[0].uses[0].request == same_tag
