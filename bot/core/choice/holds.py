"""Holds: reasons why a newer image is not clearly better than the one in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from bot.core.choice.ages import left_since, went_back
from bot.core.choice.platforms import is_same_platform
from bot.core.transition import short
from bot.model.decision import TrackedImage
from bot.model.image import Manifest, ManifestKind, ResolvedTag
from bot.model.reference import Digest
from bot.model.vocabulary import Reason

VERSION = "org.opencontainers.image.version"
"""https://github.com/opencontainers/image-spec/blob/main/annotations.md"""

_VERSION = re.compile(r"v?(\d{1,9}(?:\.\d{1,9})*)(?![\w.])")

Check = Callable[[TrackedImage, ResolvedTag, Manifest | None], str]
"""Returns why the new image is not clearly better than the pinned one; empty if the rule has no objection."""


def holds(selected: TrackedImage, resolved: ResolvedTag) -> Iterator[tuple[Reason, str]]:
    """Yield each reason to hold the update to the current digest of the tag, with its sentence."""
    held = selected.occurrence.reference.digest
    old = resolved.pinned_manifests.get(held) if held is not None else None
    for reason, check in _CHECKS.items():
        objection = check(selected, resolved, old)
        if objection:
            yield reason, objection


def acceptance(selected: TrackedImage, reason: Reason, why: str, now: datetime) -> str:
    """Return a sentence on who accepts a hold today, and why; empty if nobody does.

    `why` is the detail of the hold.
    """
    for each in selected.policy.accept:
        if each.reason is reason and now.date() <= each.until:
            return (
                f"{each.owner} answers until {each.until} for a move in spite of {reason} ({why}): {each.justification}"
            )
    return ""


def is_held(selected: TrackedImage, resolved: ResolvedTag, now: datetime) -> bool:
    """Return True if the update to the current digest of the tag has a hold that nobody accepts today."""
    return not all(acceptance(selected, reason, why, now) for reason, why in holds(selected, resolved))


def platforms_in_use(selected: TrackedImage, old: Manifest | None) -> tuple[str, ...]:
    """Return the platforms from the policy or the file, else all platforms of the pinned image, if known."""
    if selected.policy.platforms:
        return selected.policy.platforms
    if selected.occurrence.platform is not None:
        return (selected.occurrence.platform,)
    return old.platforms if old is not None else ()


def _at_stake(selected: TrackedImage, resolved: ResolvedTag, old: Manifest | None) -> tuple[str, ...]:
    """Return the platforms in use, without those that the pinned image never had."""
    used = platforms_in_use(selected, old)
    had = old.platforms if old is not None else ()
    if old is not None and old.digest in resolved.pinned_platforms:
        had = (resolved.pinned_platforms[old.digest],)
    reference = selected.occurrence.reference
    if reference.digest is None and reference.tag == resolved.tag_ref.tag:
        return ()  # an unpinned reference already uses the image that the tag points to
    return tuple(wanted for wanted in used if not had or any(is_same_platform(each, wanted) for each in had))


def _churn(selected: TrackedImage, resolved: ResolvedTag, old: Manifest | None) -> str:
    """Hold if all platforms in use have the same image as before: attestations alone change an index."""
    new = resolved.manifest
    if new is None or old is None or new.kind is not ManifestKind.INDEX or old.kind is not ManifestKind.INDEX:
        return ""
    used = _at_stake(selected, resolved, old)
    before, after = ([_images(index, platform) for platform in used or ("",)] for index in (old, new))
    if before != after or not all(before):
        return ""
    return f"{short(new.digest)} has the same {'image' if len(used) == 1 else 'images'} as {short(old.digest)}"


def _images(index: Manifest, platform: str) -> frozenset[Digest]:
    """Return the digests of an index for one platform, or all of them if `platform` is empty."""
    return frozenset(
        child.digest
        for child in index.children
        if not platform or (child.platform and is_same_platform(child.platform, platform))
    )


def _platform_lost(selected: TrackedImage, resolved: ResolvedTag, old: Manifest | None) -> str:
    new = resolved.manifest
    used = _at_stake(selected, resolved, old)
    if new is None:
        return ""
    held = selected.occurrence.reference.digest
    if held is not None and held in resolved.same_platform_manifests and resolved.same_platform_manifests[held] is None:
        return f"{short(new.digest)} has no image for the platform of {short(held)}"
    has = new.platforms or ((resolved.platform,) if resolved.platform else ())
    if new.kind is ManifestKind.MANIFEST and not has:
        return f"{short(new.digest)} has one platform in place of {_listed(used)}" if len(used) > 1 else ""
    lost = [wanted for wanted in used if not any(is_same_platform(each, wanted) for each in has)]
    return f"{short(new.digest)} has no {_listed(lost)}" if lost and has else ""


def _seen_before(selected: TrackedImage, resolved: ResolvedTag, old: Manifest | None) -> str:  # noqa: ARG001 - a HoldRule
    held = selected.occurrence.reference.digest
    if not went_back(resolved.observations, resolved.digest) or held is None:
        return ""
    left = left_since(resolved.observations, resolved.digest)
    if held in left:  # the publisher withdrew the pinned digest, so the update is the remedy
        return ""
    return f"the tag went back to {short(resolved.digest)} from {_listed(sorted(short(each) for each in left))}"


def _older(selected: TrackedImage, resolved: ResolvedTag, old: Manifest | None) -> str:
    """Hold if the new image was pushed earlier, or states a lower version.

    Push times come from the registry; the dates in images do not count. Push times are compared only for the same
    tag, because an old release that is rebuilt today is not newer than the release after it.
    """
    is_same_line = resolved.tag_ref == selected.tag_ref
    held = selected.occurrence.reference.digest
    before = resolved.registry_records.get(held) if held is not None else None
    after = resolved.registry_records.get(resolved.digest)
    if (
        is_same_line
        and before
        and after
        and before.pushed_at
        and after.pushed_at
        and after.pushed_at < before.pushed_at
    ):
        return f"it was pushed on {after.pushed_at:%Y-%m-%d}, the one in the file on {before.pushed_at:%Y-%m-%d}"
    if old is None or resolved.manifest is None:
        return ""
    stated_before, stated_after = _version(old), _version(resolved.manifest)
    if not is_lower(stated_after, stated_before):
        return ""
    return f"it states version {stated_after}, the one in the file {stated_before}"


def is_lower(after: str, before: str) -> bool:
    """Return True if both versions have the same count of numbers and nothing else, and `after` is lower."""
    numbers = [tuple(map(int, found[1].split("."))) if found else () for found in map(_VERSION.match, (after, before))]
    return len(numbers[0]) == len(numbers[1]) and numbers[0] < numbers[1]


def _version(manifest: Manifest) -> str:
    """Return the version annotation of the index or manifest, which needs no further request; empty if absent."""
    said = [manifest.annotations, *(child.annotations for child in manifest.children)]
    return next((value for statements in said for key, value in statements if key == VERSION), "")


def _locked(selected: TrackedImage, resolved: ResolvedTag, old: Manifest | None) -> str:  # noqa: ARG001 - a HoldRule
    held = selected.occurrence.reference.digest
    if held is None or held not in resolved.registry_records or resolved.digest not in resolved.registry_records:
        return ""
    if not resolved.registry_records[held].is_locked or resolved.registry_records[resolved.digest].is_locked:
        return ""
    return f"{short(resolved.digest)} is not locked in its registry, as {short(held)} is"


def _listed(words: tuple[str, ...] | list[str]) -> str:
    return ", ".join(words)


_CHECKS: dict[Reason, Check] = {
    Reason.INDEX_CHURN: _churn,
    Reason.PLATFORM_LOST: _platform_lost,
    Reason.SEEN_BEFORE: _seen_before,
    Reason.OLDER: _older,
    Reason.LOCKED: _locked,
}
"""In the order in which the reasons are reported."""


def retention_note(selected: TrackedImage, resolved: ResolvedTag) -> str:
    """Return a note if a retention policy of the registry may delete the pinned image; else empty.

    Azure's retention deletes manifests that have no tag, are not locked, and have a Docker media type:
    https://learn.microsoft.com/azure/container-registry/container-registry-retention-policy
    """
    held = selected.occurrence.reference.digest
    record = resolved.registry_records.get(held) if held is not None else None
    if held is None or record is None or record.tags or record.is_locked or "docker" not in (record.media_type or ""):
        return ""
    return f"No tag keeps {short(held)}, and it is not locked: a retention policy of its registry would delete it."


def changed_hands(resolved: ResolvedTag) -> str:
    """Return why the replacement of a digest that is gone may have another owner; empty without a sign of it.

    Anyone can claim the name of a deleted registry or namespace. A new owner cannot backdate its tags, so a tag that
    was created after basebump first observed it shows the change.
    """
    record = resolved.registry_records.get(resolved.digest)
    if record is None or record.tag_created_at is None or not resolved.observations:
        return ""
    seen = resolved.observations[0].first_seen
    if record.tag_created_at <= seen:
        return ""
    return (
        f"The tag was made on {record.tag_created_at:%Y-%m-%d}, though it was there on {seen:%Y-%m-%d}: "
        "the name of the registry or the repository may have changed hands."
    )
