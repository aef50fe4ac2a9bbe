"""Update candidates: the digests that a reference may be updated to, built from the lookup of a tag."""

from __future__ import annotations

from bot.model.decision import TrackedImage, UpdateCandidate
from bot.model.image import Manifest, ResolvedTag


def get_target_manifest(tracked_image: TrackedImage, resolved: ResolvedTag) -> Manifest | None:
    """Return the manifest that an image reference would be updated to; None if it was not fetched.

    This is usually the manifest that the tag points to. If the file pins the manifest of one platform instead of an
    index, it is the manifest for the same platform in the index that the tag points to now.
    """
    pinned_digest = tracked_image.reference.image.digest
    platform_manifest = resolved.same_platform_manifests.get(pinned_digest) if pinned_digest is not None else None
    return platform_manifest if isinstance(platform_manifest, Manifest) else resolved.manifest


def build_candidate(tracked_image: TrackedImage, resolved: ResolvedTag, manifest: Manifest | None) -> UpdateCandidate:
    """Return the candidate for an update to `manifest`, or to the tag's digest if `manifest` is None."""
    tag = resolved.tag_ref.tag if resolved.tag_ref != tracked_image.tag_ref else None
    if manifest is None:
        return UpdateCandidate(resolved.digest, (), tag)
    return UpdateCandidate(manifest.digest, manifest.platforms, tag)
