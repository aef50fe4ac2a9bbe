"""The image in use, and the newer digest that may contain fixes for it."""

from __future__ import annotations

from dataclasses import replace

from bot.core.transition import choose_platforms, get_first_transition
from bot.model.decision import (
    Decision,
    ImageUpdate,
    RefusedUpdate,
    SkippedReference,
    Transition,
    UncheckedReference,
    get_tracked_image,
)
from bot.model.image import Manifest, Resolution, ResolvedTag
from bot.model.image_name import Digest


def build_use_transition(decision: Decision, resolution: Resolution | None) -> Transition | None:
    """Return the transition from the image in use to the newest digest of its tag, which shows where fixes exist.

    The image in use is the digest in the file. If the file contains no digest, it is the digest that the tag points to.
    If no newer digest is known, `old` of the transition is None, and `new` is the image in use. For an update, `new` is
    the digest that is proposed.

    `resolution` is the lookup of the tag in the file. Return None if the image in use is not known, or if the decision
    is to skip the reference.
    """
    tracked_image = get_tracked_image(decision)
    if tracked_image is None or isinstance(decision, SkippedReference | UncheckedReference):
        return None
    resolved = resolution if isinstance(resolution, ResolvedTag) else None
    in_use = tracked_image.reference.image.digest or (resolved.digest if resolved is not None else None)
    if in_use is None:
        return None
    update = decision.update if isinstance(decision, RefusedUpdate) else decision
    if isinstance(update, ImageUpdate):
        target = get_first_transition(update)
        return replace(target, old=in_use if in_use != target.new else None)
    newest, available = (in_use, ()) if resolved is None else _find_newest(in_use, resolved)
    platforms = choose_platforms(tracked_image, available)
    return Transition(tracked_image.tag_ref, in_use if in_use != newest else None, newest, platforms)


def _find_newest(in_use: Digest, resolved: ResolvedTag) -> tuple[Digest, tuple[str, ...]]:
    """Return the digest of a tag that is compared with the digest in use, and the platforms of its image if known.

    If the image of one platform is in use, this is the image of the same platform in the tag's index.
    """
    platform = resolved.pinned_platforms.get(in_use) or resolved.platform
    single = (platform,) if platform else ()
    if resolved.manifest is not None and resolved.manifest.has_child(in_use):
        return in_use, single
    same_platform = resolved.same_platform_manifests.get(in_use)
    if isinstance(same_platform, Manifest):
        return same_platform.digest, single
    return resolved.digest, (resolved.manifest.platforms if resolved.manifest is not None else ()) or single
