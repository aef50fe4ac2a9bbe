"""Tests of the checks that hold an update, and of the updates to which they must not object."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.values import digest, reference

from bot.core.choice.holds import (
    VERSION_ANNOTATION,
    describe_retention_risk,
    get_platforms_in_use,
    is_lower_version,
    list_hold_reasons,
)
from bot.model.decision import TrackedImage
from bot.model.history import TagObservation
from bot.model.image import ChildManifest, Manifest, ManifestKind, RegistryRecord, ResolvedTag
from bot.model.image_name import TagRef
from bot.model.policy import Policy
from bot.model.vocabulary import Reason

LINE = TagRef("docker.io/library/nginx", "1")
BOTH = {"linux/amd64": "amd", "linux/arm64": "arm"}


def index(word, children=BOTH, **more):
    listed = tuple(ChildManifest(digest(each), platform) for platform, each in children.items())
    return Manifest(digest(word), ManifestKind.INDEX, "application/vnd.oci.image.index.v1+json", listed, **more)


def manifest(word, **more):
    return Manifest(digest(word), ManifestKind.MANIFEST, "application/vnd.oci.image.manifest.v1+json", **more)


def objections(old, new, *, platform=None, policy=Policy(), held="old", line=LINE, **more):  # noqa: B008 - a frozen value
    place = reference(f"nginx:1@{digest(held)}", platform=platform)
    resolved = ResolvedTag(line, new.digest, new, {digest("old"): old}, **more)
    return dict(list_hold_reasons(TrackedImage(place, LINE, policy), resolved))


def test_other_images_for_the_same_platforms_are_an_improvement():
    assert objections(index("old"), index("new", {"linux/amd64": "amd2", "linux/arm64": "arm2"})) == {}


def test_an_index_around_the_same_images_is_churn():
    found = objections(index("old"), index("new"))
    assert list(found) == [Reason.INDEX_CHURN]
    assert "same images" in found[Reason.INDEX_CHURN]


def test_it_is_no_churn_when_one_image_in_use_is_new():
    assert objections(index("old"), index("new", BOTH | {"linux/arm64": "arm2"})) == {}


def test_only_platforms_in_use_make_churn_and_losses():
    new = index("new", {"linux/amd64": "amd"})
    assert list(objections(index("old"), new)) == [Reason.PLATFORM_LOST]
    assert list(objections(index("old"), new, platform="linux/amd64")) == [Reason.INDEX_CHURN]
    assert list(objections(index("old"), new, policy=Policy(platforms=("linux/amd64",)))) == [Reason.INDEX_CHURN]


def test_a_platform_that_the_image_in_the_file_had_and_the_newer_one_has_not_is_lost():
    found = objections(index("old"), index("new", {"linux/amd64": "amd2"}))
    assert list(found) == [Reason.PLATFORM_LOST]
    assert "linux/arm64" in found[Reason.PLATFORM_LOST]


def test_a_platform_that_a_rule_or_the_place_names_may_be_lost_without_knowing_the_old_image():
    new = index("new", {"linux/amd64": "amd2"})
    assert list(objections(None, new, platform="linux/arm64")) == [Reason.PLATFORM_LOST]
    assert list(objections(None, new, policy=Policy(platforms=("linux/arm64",)))) == [Reason.PLATFORM_LOST]
    assert objections(None, new, platform="linux/amd64") == {}
    assert objections(None, new) == {}


def test_what_a_rule_names_and_the_image_in_the_file_never_had_is_not_lost():
    old, new = index("old", {"linux/amd64": "amd"}), index("new", {"linux/amd64": "amd2"})
    for platforms in (("linux/arm64",), ("linux/amd64", "linux/arm64")):
        assert objections(old, new, policy=Policy(platforms=platforms)) == {}
    assert objections(old, new, platform="linux/arm64") == {}
    alone = manifest("old")
    arm64 = Policy(platforms=("linux/arm64",))
    assert list(objections(alone, new, policy=arm64)) == [Reason.PLATFORM_LOST]
    assert objections(alone, new, policy=arm64, pinned_platforms={digest("old"): "linux/amd64"}) == {}
    assert list(objections(alone, new, policy=arm64, pinned_platforms={digest("old"): "linux/arm64"})) == [
        Reason.PLATFORM_LOST
    ]


def test_an_index_is_churn_whatever_platforms_a_rule_names_that_it_never_had():
    policy = Policy(platforms=("linux/amd64", "linux/s390x"))
    assert list(objections(index("old"), index("new"), policy=policy)) == [Reason.INDEX_CHURN]


def test_what_is_not_pinned_loses_nothing_to_its_own_tag_and_may_to_another():
    policy, new = Policy(platforms=("linux/arm64",)), index("new", {"linux/amd64": "amd"})
    place = TrackedImage(reference("nginx:1"), LINE, policy)
    assert dict(list_hold_reasons(place, ResolvedTag(LINE, new.digest, new))) == {}
    elsewhere = ResolvedTag(TagRef(LINE.repository, "2"), new.digest, new)
    assert list(dict(list_hold_reasons(place, elsewhere))) == [Reason.PLATFORM_LOST]
    without_a_tag = TrackedImage(reference("nginx"), LINE, policy)
    assert list(dict(list_hold_reasons(without_a_tag, ResolvedTag(LINE, new.digest, new)))) == [Reason.PLATFORM_LOST]


def test_more_platforms_are_no_loss():
    assert (
        objections(index("old", {"linux/amd64": "amd"}), index("new", {"linux/amd64": "x", "linux/arm64": "y"})) == {}
    )


def test_a_change_of_kind_alone_is_no_reason():
    assert objections(manifest("old"), index("new")) == {}
    assert objections(index("old", {"linux/amd64": "amd"}), manifest("new")) == {}
    assert objections(manifest("old"), manifest("new")) == {}


def test_one_manifest_cannot_replace_an_index_of_two_platforms():
    assert list(objections(index("old"), manifest("new"))) == [Reason.PLATFORM_LOST]
    assert objections(index("old"), manifest("new"), platform="linux/amd64") == {}


def test_an_index_without_platforms_loses_none():
    old, new = (
        replace(index(word), children=(ChildManifest(digest(f"{word} child"), None),)) for word in ("old", "new")
    )
    assert objections(old, new) == {}


def test_the_rule_says_the_platforms_before_the_place_and_that_before_the_image():
    place = TrackedImage(reference("nginx:1", platform="linux/arm64"), LINE, Policy(platforms=("linux/s390x",)))
    assert get_platforms_in_use(place, index("old")) == ("linux/s390x",)
    assert get_platforms_in_use(replace(place, policy=Policy()), index("old")) == ("linux/arm64",)
    bare = TrackedImage(reference("nginx:1"), LINE, Policy())
    assert get_platforms_in_use(bare, index("old")) == ("linux/amd64", "linux/arm64")
    assert get_platforms_in_use(bare, None) == ()


def seen(*words):
    days = (datetime(2027, 1, number, tzinfo=UTC) for number in range(1, 1 + len(words)))
    return tuple(TagObservation(LINE, digest(word), day, day) for word, day in zip(words, days, strict=True))


def test_a_tag_that_went_back_to_what_it_had_left_is_held():
    new = index("new", {"linux/amd64": "x", "linux/arm64": "y"})
    found = objections(index("old"), new, observations=seen("new", "bad"))
    assert list(found) == [Reason.SEEN_BEFORE]
    assert objections(index("old"), new, observations=seen("old", "new")) == {}


def test_where_the_file_holds_what_the_tag_left_moving_back_is_no_hold():
    new = index("new", {"linux/amd64": "x", "linux/arm64": "y"})
    assert objections(index("old"), new, observations=seen("new", "old")) == {}


def day(number):
    return RegistryRecord(datetime(2027, 1, number, tzinfo=UTC))


def test_an_image_that_its_registry_had_earlier_is_older():
    new = index("new", {"linux/amd64": "x", "linux/arm64": "y"})
    found = objections(index("old"), new, registry_records={digest("old"): day(9), digest("new"): day(3)})
    assert list(found) == [Reason.OLDER]
    assert "2027-01-03" in found[Reason.OLDER]
    assert objections(index("old"), new, registry_records={digest("old"): day(3), digest("new"): day(9)}) == {}
    assert objections(index("old"), new, registry_records={digest("new"): day(3)}) == {}
    assert (
        objections(index("old"), new, registry_records={digest("old"): RegistryRecord(None), digest("new"): day(3)})
        == {}
    )


def test_another_tag_is_not_older_because_the_written_one_was_rebuilt_since():
    new = index("new", {"linux/amd64": "x", "linux/arm64": "y"})
    times = {digest("old"): day(9), digest("new"): day(3)}
    assert objections(index("old"), new, line=TagRef(LINE.repository, "2"), registry_records=times) == {}


def test_an_image_that_states_a_lower_version_is_older():
    old = index("old", annotations=((VERSION_ANNOTATION, "1.27.4"),))
    new = index("new", {"linux/amd64": "x", "linux/arm64": "y"}, annotations=((VERSION_ANNOTATION, "1.27.3"),))
    assert list(objections(old, new)) == [Reason.OLDER]
    assert list(objections(old, new, line=TagRef(LINE.repository, "2"))) == [Reason.OLDER]
    higher = replace(new, annotations=((VERSION_ANNOTATION, "1.27.10"),))
    assert objections(old, higher) == {}


def test_a_version_may_stand_at_the_descriptors_of_an_index():
    old, new = (
        replace(
            index(word), children=(ChildManifest(digest(word * 2), "linux/amd64", ((VERSION_ANNOTATION, version),)),)
        )
        for word, version in (("old", "3.12.8"), ("new", "3.12.7"))
    )
    assert list(objections(old, new)) == [Reason.OLDER]


@pytest.mark.parametrize(
    ("after", "before", "lower"),
    [
        *(("1.2.3", "1.2.4", True), ("1.2.9", "1.2.10", True), ("v1.2", "1.3", True), ("1.2.3-r1", "1.2.4-r0", True)),
        *(("1.2.4", "1.2.3", False), ("1.2.3", "1.2.3", False), ("1.2", "1.2.3", False), ("", "1.2.3", False)),
        *(("1.2.3", "", False), ("nightly", "1.2.3", False), ("20240101", "20240201", True), ("1.2rc1", "1.3", False)),
        *(("1.2.x", "1.2.4", False), ("9" * 40, "1", False)),
    ],
)
def test_versions_are_compared_only_where_that_is_plain(after, before, lower):
    assert is_lower_version(after, before) is lower


def test_an_image_that_its_owner_locked_is_not_left_for_one_that_nobody_locked():
    new = index("new", {"linux/amd64": "x", "linux/arm64": "y"})
    locked, loose = RegistryRecord(None, is_locked=True), RegistryRecord(None)
    assert list(objections(index("old"), new, registry_records={digest("old"): locked, digest("new"): loose})) == [
        Reason.LOCKED
    ]
    assert objections(index("old"), new, registry_records={digest("old"): locked, digest("new"): locked}) == {}
    assert objections(index("old"), new, registry_records={digest("old"): loose, digest("new"): loose}) == {}
    assert objections(index("old"), new, registry_records={digest("old"): locked}) == {}


DOCKER_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (RegistryRecord(None, media_type=DOCKER_TYPE), True),
        (RegistryRecord(None, media_type=DOCKER_TYPE, tags=("1.2",)), False),
        (RegistryRecord(None, media_type=DOCKER_TYPE, is_locked=True), False),
        (RegistryRecord(None, media_type="application/vnd.oci.image.manifest.v1+json"), False),
        (RegistryRecord(None), False),
        (None, False),
    ],
)
def test_a_pinned_image_that_retention_would_delete_is_said(record, said):
    place = TrackedImage(reference(f"nginx:1@{digest('old')}"), LINE, Policy())
    note = describe_retention_risk(
        place, ResolvedTag(LINE, digest("new"), registry_records={digest("old"): record} if record else {})
    )
    assert ("would delete it" in note) is said
