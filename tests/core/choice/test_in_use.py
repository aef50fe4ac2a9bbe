from dataclasses import replace

import pytest
from support.values import digest, update

from bot.core.choice.in_use import build_use_transition
from bot.core.transition import DEFAULT_PLATFORM, get_first_transition
from bot.model.decision import HeldUpdate, RefusedUpdate, SkippedReference, Transition, UncheckedReference, UpToDate
from bot.model.image import ChildManifest, Manifest, ManifestKind, ResolvedTag, UnresolvedTag
from bot.model.image_name import Digest
from bot.model.vocabulary import Reason

PINNED, NEWER = digest("pinned"), digest("newer")
UPDATE = update(f"nginx:1@{PINNED}", "newer")
UNPINNED = update("nginx:1", "newer")
TAG = UPDATE.tracked_image.tag_ref


def index(*children: tuple[Digest, str], at: Digest = NEWER) -> Manifest:
    return Manifest(at, ManifestKind.INDEX, "index", tuple(ChildManifest(*child) for child in children))


def test_update_is_compared_with_the_digest_in_the_file():
    assert build_use_transition(UPDATE, ResolvedTag(TAG, NEWER)) == get_first_transition(UPDATE)


def test_refused_update_is_compared_as_the_update():
    refused = RefusedUpdate(UPDATE, Reason.UNSIGNED)
    assert build_use_transition(refused, ResolvedTag(TAG, NEWER)) == get_first_transition(UPDATE)


def test_held_update_is_compared_with_the_digest_of_the_tag():
    held = HeldUpdate(UPDATE.tracked_image, Reason.TOO_YOUNG, "")
    assert build_use_transition(held, ResolvedTag(TAG, NEWER)) == Transition(TAG, PINNED, NEWER, (DEFAULT_PLATFORM,))


@pytest.mark.parametrize("decision", [UNPINNED, UpToDate(UNPINNED.tracked_image)])
def test_image_in_use_of_a_reference_without_digest_is_the_digest_of_the_tag(decision):
    found = build_use_transition(decision, ResolvedTag(TAG, NEWER))
    assert found == Transition(TAG, None, NEWER, (DEFAULT_PLATFORM,))


def test_image_in_use_before_an_update_to_another_tag_is_the_digest_of_the_tag_in_the_file():
    candidate = replace(UNPINNED.candidates[0], digest=digest("other"), tag="2")
    found = build_use_transition(replace(UNPINNED, candidates=(candidate,)), ResolvedTag(TAG, NEWER))
    assert found == Transition(TAG, NEWER, digest("other"), (DEFAULT_PLATFORM,), "2")


def test_up_to_date_image_has_no_newer_digest():
    found = build_use_transition(UpToDate(UPDATE.tracked_image), ResolvedTag(TAG, PINNED))
    assert found == Transition(TAG, None, PINNED, (DEFAULT_PLATFORM,))


def test_pinned_image_in_use_is_known_without_a_lookup_of_the_tag():
    found = build_use_transition(UpToDate(UPDATE.tracked_image), UnresolvedTag(TAG, Reason.UNREACHABLE, ""))
    assert found == Transition(TAG, None, PINNED, (DEFAULT_PLATFORM,))


def test_image_of_one_platform_in_the_index_of_the_tag_is_the_newest():
    resolved = ResolvedTag(TAG, NEWER, index((PINNED, "linux/arm64")), pinned_platforms={PINNED: "linux/arm64"})
    found = build_use_transition(UpToDate(UPDATE.tracked_image), resolved)
    assert found == Transition(TAG, None, PINNED, ("linux/arm64",))


def test_older_image_of_one_platform_is_compared_with_the_same_platform():
    same = Manifest(digest("arm"), ManifestKind.MANIFEST, "manifest")
    resolved = ResolvedTag(
        TAG,
        NEWER,
        index((same.digest, "linux/arm64"), (digest("amd"), DEFAULT_PLATFORM)),
        same_platform_manifests={PINNED: same},
        pinned_platforms={PINNED: "linux/arm64"},
    )
    found = build_use_transition(HeldUpdate(UPDATE.tracked_image, Reason.TOO_YOUNG, ""), resolved)
    assert found == Transition(TAG, PINNED, same.digest, ("linux/arm64",))


@pytest.mark.parametrize(
    "decision",
    [
        SkippedReference(UPDATE.reference, Reason.IGNORED),
        SkippedReference(UPDATE.reference, Reason.IGNORED, UPDATE.tracked_image),
        UncheckedReference(UPDATE.tracked_image),
    ],
)
def test_skipped_and_unchecked_references_have_no_exposure(decision):
    assert build_use_transition(decision, ResolvedTag(TAG, NEWER)) is None


def test_image_in_use_is_unknown_without_digest_and_lookup():
    unresolved = UnresolvedTag(TAG, Reason.UNREACHABLE, "")
    assert build_use_transition(UpToDate(UNPINNED.tracked_image), unresolved) is None
