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


def build_index(word, children=BOTH, **more):
    listed = tuple(ChildManifest(digest(each), platform) for platform, each in children.items())
    return Manifest(digest(word), ManifestKind.INDEX, "application/vnd.oci.image.index.v1+json", listed, **more)


def build_manifest(word, **more):
    return Manifest(digest(word), ManifestKind.MANIFEST, "application/vnd.oci.image.manifest.v1+json", **more)


def list_holds(old, new, *, platform=None, policy=Policy(), held="old", line=LINE, **more):  # noqa: B008 - a frozen value
    image_reference = reference(f"nginx:1@{digest(held)}", platform=platform)
    resolved = ResolvedTag(line, new.digest, new, {digest("old"): old}, **more)
    return dict(list_hold_reasons(TrackedImage(image_reference, LINE, policy), resolved))


def test_index_with_new_images_for_same_platforms_is_not_held():
    assert list_holds(build_index("old"), build_index("new", {"linux/amd64": "amd2", "linux/arm64": "arm2"})) == {}


def test_new_index_of_unchanged_images_is_held_as_churn():
    found = list_holds(build_index("old"), build_index("new"))
    assert list(found) == [Reason.INDEX_CHURN]
    assert "same images" in found[Reason.INDEX_CHURN]


def test_new_index_with_a_new_image_for_a_platform_in_use_is_not_churn():
    assert list_holds(build_index("old"), build_index("new", BOTH | {"linux/arm64": "arm2"})) == {}


def test_churn_and_lost_platforms_are_detected_only_for_platforms_in_use():
    new = build_index("new", {"linux/amd64": "amd"})
    assert list(list_holds(build_index("old"), new)) == [Reason.PLATFORM_LOST]
    assert list(list_holds(build_index("old"), new, platform="linux/amd64")) == [Reason.INDEX_CHURN]
    assert list(list_holds(build_index("old"), new, policy=Policy(platforms=("linux/amd64",)))) == [Reason.INDEX_CHURN]


def test_update_is_held_when_new_image_lacks_a_platform():
    found = list_holds(build_index("old"), build_index("new", {"linux/amd64": "amd2"}))
    assert list(found) == [Reason.PLATFORM_LOST]
    assert "linux/arm64" in found[Reason.PLATFORM_LOST]


def test_platforms_of_policy_and_reference_are_required_if_old_image_is_unknown():
    new = build_index("new", {"linux/amd64": "amd2"})
    assert list(list_holds(None, new, platform="linux/arm64")) == [Reason.PLATFORM_LOST]
    assert list(list_holds(None, new, policy=Policy(platforms=("linux/arm64",)))) == [Reason.PLATFORM_LOST]
    assert list_holds(None, new, platform="linux/amd64") == {}
    assert list_holds(None, new) == {}


def test_platform_that_old_image_already_lacks_is_not_lost():
    old, new = build_index("old", {"linux/amd64": "amd"}), build_index("new", {"linux/amd64": "amd2"})
    for platforms in (("linux/arm64",), ("linux/amd64", "linux/arm64")):
        assert list_holds(old, new, policy=Policy(platforms=platforms)) == {}
    assert list_holds(old, new, platform="linux/arm64") == {}
    alone = build_manifest("old")
    arm64 = Policy(platforms=("linux/arm64",))
    assert list(list_holds(alone, new, policy=arm64)) == [Reason.PLATFORM_LOST]
    assert list_holds(alone, new, policy=arm64, pinned_platforms={digest("old"): "linux/amd64"}) == {}
    assert list(list_holds(alone, new, policy=arm64, pinned_platforms={digest("old"): "linux/arm64"})) == [
        Reason.PLATFORM_LOST
    ]


def test_churn_is_detected_even_if_index_lacks_a_platform_of_policy():
    policy = Policy(platforms=("linux/amd64", "linux/s390x"))
    assert list(list_holds(build_index("old"), build_index("new"), policy=policy)) == [Reason.INDEX_CHURN]


def test_update_of_unpinned_reference_loses_platform_only_to_another_tag():
    policy, new = Policy(platforms=("linux/arm64",)), build_index("new", {"linux/amd64": "amd"})
    tracked_image = TrackedImage(reference("nginx:1"), LINE, policy)
    assert dict(list_hold_reasons(tracked_image, ResolvedTag(LINE, new.digest, new))) == {}
    elsewhere = ResolvedTag(TagRef(LINE.repository, "2"), new.digest, new)
    assert list(dict(list_hold_reasons(tracked_image, elsewhere))) == [Reason.PLATFORM_LOST]
    without_a_tag = TrackedImage(reference("nginx"), LINE, policy)
    assert list(dict(list_hold_reasons(without_a_tag, ResolvedTag(LINE, new.digest, new)))) == [Reason.PLATFORM_LOST]


def test_index_with_additional_platforms_is_not_held():
    assert (
        list_holds(
            build_index("old", {"linux/amd64": "amd"}), build_index("new", {"linux/amd64": "x", "linux/arm64": "y"})
        )
        == {}
    )


def test_change_between_index_and_single_manifest_is_not_held():
    assert list_holds(build_manifest("old"), build_index("new")) == {}
    assert list_holds(build_index("old", {"linux/amd64": "amd"}), build_manifest("new")) == {}
    assert list_holds(build_manifest("old"), build_manifest("new")) == {}


def test_single_manifest_that_replaces_index_loses_a_platform():
    assert list(list_holds(build_index("old"), build_manifest("new"))) == [Reason.PLATFORM_LOST]
    assert list_holds(build_index("old"), build_manifest("new"), platform="linux/amd64") == {}


def test_index_that_states_no_platforms_loses_no_platform():
    old, new = (
        replace(build_index(word), children=(ChildManifest(digest(f"{word} child"), None),)) for word in ("old", "new")
    )
    assert list_holds(old, new) == {}


def test_platforms_in_use_come_from_policy_then_reference_then_image():
    tracked_image = TrackedImage(reference("nginx:1", platform="linux/arm64"), LINE, Policy(platforms=("linux/s390x",)))
    assert get_platforms_in_use(tracked_image, build_index("old")) == ("linux/s390x",)
    assert get_platforms_in_use(replace(tracked_image, policy=Policy()), build_index("old")) == ("linux/arm64",)
    bare = TrackedImage(reference("nginx:1"), LINE, Policy())
    assert get_platforms_in_use(bare, build_index("old")) == ("linux/amd64", "linux/arm64")
    assert get_platforms_in_use(bare, None) == ()


def build_observations(*words):
    days = (datetime(2027, 1, number, tzinfo=UTC) for number in range(1, 1 + len(words)))
    return tuple(TagObservation(LINE, digest(word), day, day) for word, day in zip(words, days, strict=True))


def test_update_to_digest_that_tag_had_earlier_is_held_as_seen_before():
    new = build_index("new", {"linux/amd64": "x", "linux/arm64": "y"})
    found = list_holds(build_index("old"), new, observations=build_observations("new", "bad"))
    assert list(found) == [Reason.SEEN_BEFORE]
    assert list_holds(build_index("old"), new, observations=build_observations("old", "new")) == {}


def test_rollback_from_digest_in_file_is_not_held():
    new = build_index("new", {"linux/amd64": "x", "linux/arm64": "y"})
    assert list_holds(build_index("old"), new, observations=build_observations("new", "old")) == {}


def build_registry_record(number):
    return RegistryRecord(datetime(2027, 1, number, tzinfo=UTC))


def test_image_pushed_before_image_in_file_is_held_as_older():
    new = build_index("new", {"linux/amd64": "x", "linux/arm64": "y"})
    found = list_holds(
        build_index("old"),
        new,
        registry_records={digest("old"): build_registry_record(9), digest("new"): build_registry_record(3)},
    )
    assert list(found) == [Reason.OLDER]
    assert "2027-01-03" in found[Reason.OLDER]
    assert (
        list_holds(
            build_index("old"),
            new,
            registry_records={digest("old"): build_registry_record(3), digest("new"): build_registry_record(9)},
        )
        == {}
    )
    assert list_holds(build_index("old"), new, registry_records={digest("new"): build_registry_record(3)}) == {}
    assert (
        list_holds(
            build_index("old"),
            new,
            registry_records={digest("old"): RegistryRecord(None), digest("new"): build_registry_record(3)},
        )
        == {}
    )


def test_another_tag_pushed_before_image_in_file_is_not_held_as_older():
    new = build_index("new", {"linux/amd64": "x", "linux/arm64": "y"})
    times = {digest("old"): build_registry_record(9), digest("new"): build_registry_record(3)}
    assert list_holds(build_index("old"), new, line=TagRef(LINE.repository, "2"), registry_records=times) == {}


def test_image_with_lower_version_annotation_is_held_as_older():
    old = build_index("old", annotations=((VERSION_ANNOTATION, "1.27.4"),))
    new = build_index("new", {"linux/amd64": "x", "linux/arm64": "y"}, annotations=((VERSION_ANNOTATION, "1.27.3"),))
    assert list(list_holds(old, new)) == [Reason.OLDER]
    assert list(list_holds(old, new, line=TagRef(LINE.repository, "2"))) == [Reason.OLDER]
    higher = replace(new, annotations=((VERSION_ANNOTATION, "1.27.10"),))
    assert list_holds(old, higher) == {}


def test_version_annotation_in_descriptors_of_index_is_compared():
    old, new = (
        replace(
            build_index(word),
            children=(ChildManifest(digest(word * 2), "linux/amd64", ((VERSION_ANNOTATION, version),)),),
        )
        for word, version in (("old", "3.12.8"), ("new", "3.12.7"))
    )
    assert list(list_holds(old, new)) == [Reason.OLDER]


@pytest.mark.parametrize(
    ("after", "before", "lower"),
    [
        *(("1.2.3", "1.2.4", True), ("1.2.9", "1.2.10", True), ("v1.2", "1.3", True), ("1.2.3-r1", "1.2.4-r0", True)),
        *(("1.2.4", "1.2.3", False), ("1.2.3", "1.2.3", False), ("1.2", "1.2.3", False), ("", "1.2.3", False)),
        *(("1.2.3", "", False), ("nightly", "1.2.3", False), ("20240101", "20240201", True), ("1.2rc1", "1.3", False)),
        *(("1.2.x", "1.2.4", False), ("9" * 40, "1", False)),
    ],
)
def test_version_is_lower_only_if_both_versions_are_plain(after, before, lower):
    assert is_lower_version(after, before) is lower


def test_update_from_locked_image_to_unlocked_image_is_held():
    new = build_index("new", {"linux/amd64": "x", "linux/arm64": "y"})
    locked, loose = RegistryRecord(None, is_locked=True), RegistryRecord(None)
    assert list(
        list_holds(build_index("old"), new, registry_records={digest("old"): locked, digest("new"): loose})
    ) == [Reason.LOCKED]
    assert list_holds(build_index("old"), new, registry_records={digest("old"): locked, digest("new"): locked}) == {}
    assert list_holds(build_index("old"), new, registry_records={digest("old"): loose, digest("new"): loose}) == {}
    assert list_holds(build_index("old"), new, registry_records={digest("old"): locked}) == {}


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
def test_retention_risk_of_pinned_image_is_noted(record, said):
    tracked_image = TrackedImage(reference(f"nginx:1@{digest('old')}"), LINE, Policy())
    note = describe_retention_risk(
        tracked_image, ResolvedTag(LINE, digest("new"), registry_records={digest("old"): record} if record else {})
    )
    assert ("would delete it" in note) is said
