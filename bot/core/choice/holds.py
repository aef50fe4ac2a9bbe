"""Holds: reasons not to propose an update, because the newer image is not clearly better than the image in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from bot.core.choice.ages import find_withdrawn_digests, has_rolled_back
from bot.core.choice.platforms import is_same_platform
from bot.core.transition import shorten_digest
from bot.model.decision import TrackedImage
from bot.model.image import Manifest, ManifestKind, ResolvedTag
from bot.model.image_name import Digest
from bot.model.vocabulary import Reason

VERSION_ANNOTATION = "org.opencontainers.image.version"
"""https://github.com/opencontainers/image-spec/blob/main/annotations.md"""

_VERSION_PATTERN = re.compile(r"v?(\d{1,9}(?:\.\d{1,9})*)(?![\w.])")

HoldRule = Callable[[TrackedImage, ResolvedTag, Manifest | None], str]
"""A check that returns why the new image is not clearly better than the pinned image.

It returns an empty string if it has no objection."""


def list_hold_reasons(tracked_image: TrackedImage, resolved: ResolvedTag) -> Iterator[tuple[Reason, str]]:
    """Yield each reason not to propose the update to the tag's current digest (a hold), with an explanation."""
    pinned_digest = tracked_image.reference.image.digest
    pinned_manifest = resolved.pinned_manifests.get(pinned_digest) if pinned_digest is not None else None
    for reason, check in _HOLD_RULES.items():
        objection = check(tracked_image, resolved, pinned_manifest)
        if objection:
            yield reason, objection


def describe_acceptance(tracked_image: TrackedImage, reason: Reason, hold_detail: str, now: datetime) -> str:
    """Return a sentence about the owner who accepts a hold; empty if no owner accepts it.

    A hold is a reason not to propose an update. An owner can accept all holds with the same reason until a given date,
    in an `accept` entry of the policy. The sentence names the owner, this date and the owner's justification. `reason`
    is the reason of the hold, and `hold_detail` is its explanation.
    """
    for accepted_hold in tracked_image.policy.accept:
        if accepted_hold.hold is reason and now.date() <= accepted_hold.until:
            return (
                f"{accepted_hold.owner} answers until {accepted_hold.until} for a move in spite of {reason} "
                f"({hold_detail}): {accepted_hold.reason}"
            )
    return ""


def is_held(tracked_image: TrackedImage, resolved: ResolvedTag, now: datetime) -> bool:
    """Return True if there is a reason not to propose the update to the tag's current digest (a hold).

    A hold does not count if an owner accepts it in the policy, and this acceptance has not expired at `now`.
    """
    return not all(
        describe_acceptance(tracked_image, reason, why, now)
        for reason, why in list_hold_reasons(tracked_image, resolved)
    )


def get_platforms_in_use(tracked_image: TrackedImage, pinned_manifest: Manifest | None) -> tuple[str, ...]:
    """Return the platforms on which the image is used.

    They come from the first of these sources that names a platform:

    - the policy
    - the file
    - the pinned image, with all platforms for which it is built

    The result is empty if no source names a platform.
    """
    if tracked_image.policy.platforms:
        return tracked_image.policy.platforms
    if tracked_image.reference.platform is not None:
        return (tracked_image.reference.platform,)
    return pinned_manifest.platforms if pinned_manifest is not None else ()


def _get_required_platforms(
    tracked_image: TrackedImage, resolved: ResolvedTag, pinned_manifest: Manifest | None
) -> tuple[str, ...]:
    """Return the platforms that the new image must have, so that the update does not lose a platform in use.

    These are the platforms in use (see `get_platforms_in_use`) for which the pinned image is built. If the platforms of
    the pinned image are unknown, all platforms in use are returned. If the reference has no digest and keeps its tag,
    the result is empty, because such a reference already uses the new image.
    """
    used = get_platforms_in_use(tracked_image, pinned_manifest)
    pinned_platforms = pinned_manifest.platforms if pinned_manifest is not None else ()
    if pinned_manifest is not None and pinned_manifest.digest in resolved.pinned_platforms:
        pinned_platforms = (resolved.pinned_platforms[pinned_manifest.digest],)
    image = tracked_image.reference.image
    if image.digest is None and image.tag == resolved.tag_ref.tag:
        return ()  # a reference without a digest already uses the image that the tag points to
    return tuple(
        platform
        for platform in used
        if not pinned_platforms or any(is_same_platform(each, platform) for each in pinned_platforms)
    )


def _check_index_churn(tracked_image: TrackedImage, resolved: ResolvedTag, pinned_manifest: Manifest | None) -> str:
    """Return an explanation if the new index has the same images as the pinned index; otherwise empty.

    An index gets a new digest even if only the attestations in it are replaced. An update to such an index would change
    nothing, so it is put on hold. Only images for the platforms in use are compared.
    """
    current_manifest = resolved.manifest
    if (
        current_manifest is None
        or pinned_manifest is None
        or current_manifest.kind is not ManifestKind.INDEX
        or pinned_manifest.kind is not ManifestKind.INDEX
    ):
        return ""
    used = _get_required_platforms(tracked_image, resolved, pinned_manifest)
    before, after = (
        [_list_image_digests(index, platform) for platform in used or ("",)]
        for index in (pinned_manifest, current_manifest)
    )
    if before != after or not all(before):
        return ""
    noun = "image" if len(used) == 1 else "images"
    return f"{shorten_digest(current_manifest.digest)} has the same {noun} as {shorten_digest(pinned_manifest.digest)}"


def _list_image_digests(index: Manifest, platform: str) -> frozenset[Digest]:
    """Return the digests of the images for `platform` in an index. An empty `platform` means all platforms."""
    return frozenset(
        child.digest
        for child in index.children
        if not platform or (child.platform and is_same_platform(child.platform, platform))
    )


def _check_platform_lost(tracked_image: TrackedImage, resolved: ResolvedTag, pinned_manifest: Manifest | None) -> str:
    current_manifest = resolved.manifest
    used = _get_required_platforms(tracked_image, resolved, pinned_manifest)
    if current_manifest is None:
        return ""
    pinned_digest = tracked_image.reference.image.digest
    if (
        pinned_digest is not None
        and pinned_digest in resolved.same_platform_manifests
        and resolved.same_platform_manifests[pinned_digest] is None
    ):
        return (
            f"{shorten_digest(current_manifest.digest)} has no image for the platform of "
            f"{shorten_digest(pinned_digest)}"
        )
    current_platforms = current_manifest.platforms or ((resolved.platform,) if resolved.platform else ())
    if current_manifest.kind is ManifestKind.MANIFEST and not current_platforms:
        return (
            f"{shorten_digest(current_manifest.digest)} has one platform in place of {_join_words(used)}"
            if len(used) > 1
            else ""
        )
    lost = [platform for platform in used if not any(is_same_platform(each, platform) for each in current_platforms)]
    return f"{shorten_digest(current_manifest.digest)} has no {_join_words(lost)}" if lost and current_platforms else ""


def _check_seen_before(tracked_image: TrackedImage, resolved: ResolvedTag, pinned_manifest: Manifest | None) -> str:  # noqa: ARG001 - a HoldRule
    pinned_digest = tracked_image.reference.image.digest
    if not has_rolled_back(resolved.observations, resolved.digest) or pinned_digest is None:
        return ""
    withdrawn_digests = find_withdrawn_digests(resolved.observations, resolved.digest)
    if pinned_digest in withdrawn_digests:  # the publisher withdrew the pinned digest, so the update must not be held
        return ""
    withdrawn = _join_words(sorted(shorten_digest(each) for each in withdrawn_digests))
    return f"the tag went back to {shorten_digest(resolved.digest)} from {withdrawn}"


def _check_older(tracked_image: TrackedImage, resolved: ResolvedTag, pinned_manifest: Manifest | None) -> str:
    """Return an explanation if the new image was pushed before the pinned one, or states a lower version.

    The push times come from the registry; dates inside the images are not used. If the update changes the tag, push
    times are not compared, because an older release that was rebuilt today has a later push time than a newer release.
    """
    is_same_tag = resolved.tag_ref == tracked_image.tag_ref
    pinned_digest = tracked_image.reference.image.digest
    pinned_record = resolved.registry_records.get(pinned_digest) if pinned_digest is not None else None
    current_record = resolved.registry_records.get(resolved.digest)
    if (
        is_same_tag
        and pinned_record
        and current_record
        and pinned_record.pushed_at
        and current_record.pushed_at
        and current_record.pushed_at < pinned_record.pushed_at
    ):
        return (
            f"it was pushed on {current_record.pushed_at:%Y-%m-%d}, "
            f"the one in the file on {pinned_record.pushed_at:%Y-%m-%d}"
        )
    if pinned_manifest is None or resolved.manifest is None:
        return ""
    stated_before, stated_after = _get_stated_version(pinned_manifest), _get_stated_version(resolved.manifest)
    if not is_lower_version(stated_after, stated_before):
        return ""
    return f"it states version {stated_after}, the one in the file {stated_before}"


def is_lower_version(after: str, before: str) -> bool:
    """Return True if version `after` is lower than version `before`.

    Only the leading numbers of the versions are compared. The result is False if the versions do not have equally many
    numbers, as in `1.9` and `1.10.0`.
    """
    numbers = [
        tuple(map(int, found[1].split("."))) if found else () for found in map(_VERSION_PATTERN.match, (after, before))
    ]
    return len(numbers[0]) == len(numbers[1]) and numbers[0] < numbers[1]


def _get_stated_version(manifest: Manifest) -> str:
    """Return the version in the annotations of a manifest; empty if there is none.

    For an index, the annotations of the images in it are included. Labels in the image config are not read, because
    fetching the config would take another request.
    """
    annotation_sets = [manifest.annotations, *(child.annotations for child in manifest.children)]
    return next(
        (value for annotation_pairs in annotation_sets for key, value in annotation_pairs if key == VERSION_ANNOTATION),
        "",
    )


def _check_locked(tracked_image: TrackedImage, resolved: ResolvedTag, pinned_manifest: Manifest | None) -> str:  # noqa: ARG001 - a HoldRule
    pinned_digest = tracked_image.reference.image.digest
    if (
        pinned_digest is None
        or pinned_digest not in resolved.registry_records
        or resolved.digest not in resolved.registry_records
    ):
        return ""
    if not resolved.registry_records[pinned_digest].is_locked or resolved.registry_records[resolved.digest].is_locked:
        return ""
    return f"{shorten_digest(resolved.digest)} is not locked in its registry, as {shorten_digest(pinned_digest)} is"


def _join_words(words: tuple[str, ...] | list[str]) -> str:
    return ", ".join(words)


_HOLD_RULES: dict[Reason, HoldRule] = {
    Reason.INDEX_CHURN: _check_index_churn,
    Reason.PLATFORM_LOST: _check_platform_lost,
    Reason.SEEN_BEFORE: _check_seen_before,
    Reason.OLDER: _check_older,
    Reason.LOCKED: _check_locked,
}
"""The checks, in the order in which their reasons are reported."""


def describe_retention_risk(tracked_image: TrackedImage, resolved: ResolvedTag) -> str:
    """Return a note if the registry may delete the pinned image because of its retention policy; otherwise empty.

    This concerns Azure, whose retention policy deletes manifests that have no tag, are not locked, and have a Docker
    media type: https://learn.microsoft.com/azure/container-registry/container-registry-retention-policy
    """
    pinned_digest = tracked_image.reference.image.digest
    record = resolved.registry_records.get(pinned_digest) if pinned_digest is not None else None
    if (
        pinned_digest is None
        or record is None
        or record.tags
        or record.is_locked
        or "docker" not in (record.media_type or "")
    ):
        return ""
    return (
        f"No tag keeps {shorten_digest(pinned_digest)}, and it is not locked: "
        "a retention policy of its registry would delete it."
    )


def describe_ownership_change(resolved: ResolvedTag) -> str:
    """Return a note if the tag was created again, possibly by a new owner of the repository; otherwise empty.

    Call this if the pinned digest is gone. One possible cause is that the registry or namespace was deleted, and that
    another person claimed its name and pushed a tag with the old name. The registry states when the tag was created,
    and a new owner cannot backdate this. If basebump observed a tag with this name even before that time, the present
    tag must be a new one.
    """
    record = resolved.registry_records.get(resolved.digest)
    if record is None or record.tag_created_at is None or not resolved.observations:
        return ""
    first_observed = resolved.observations[0].first_seen
    if record.tag_created_at <= first_observed:
        return ""
    return (
        f"The tag was made on {record.tag_created_at:%Y-%m-%d}, though it was there on {first_observed:%Y-%m-%d}: "
        "the name of the registry or the repository may have changed hands."
    )
