"""Replace blocked digests with the newest image that is not blocked, even if it is older than the one in the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from bot.core.choice.blocklist import find_listed_digest
from bot.core.choice.candidates import build_candidate, get_target_manifest
from bot.core.choice.holds import describe_acceptance, list_hold_reasons
from bot.core.notes import add_reference_notes
from bot.core.transition import shorten_digest
from bot.model.blocklist import Block, Blocklist
from bot.model.decision import (
    BlockedReference,
    Decision,
    HeldUpdate,
    ImageUpdate,
    SkippedReference,
    SupersededReference,
    TrackedImage,
    UnresolvedReference,
    UpdateCandidate,
    UpdateCause,
    UpToDate,
)
from bot.model.image import Replacement, Resolution, ResolvedTag, UnresolvedTag
from bot.model.source import EditSlot
from bot.model.vocabulary import FOLDER_REASONS, Reason

IGNORED_HOLDS = frozenset({Reason.OLDER, Reason.SEEN_BEFORE})
"""Holds that do not apply to the replacement of a blocked digest, which is expected to be older."""
NOTHING_KNOWN = (
    "the registry, the state and the history of the file contain no earlier image of the tag, and the registry has no "
    "other tag of the same version"
)


def find_block_in_use(tracked_image: TrackedImage, resolution: Resolution) -> Block | None:
    """Return the block of the digest that a file uses; None if the digest is not known to be blocked.

    `resolution` is the lookup of the tag in the file. A reference without a digest uses the digest that its tag points
    to.
    """
    if isinstance(resolution, UnresolvedTag):
        return None
    return resolution.blocks.get(tracked_image.reference.image.digest or resolution.digest)


def replace_blocked_digest(
    tracked_image: TrackedImage, resolutions: Sequence[Resolution], block: Block, now: datetime
) -> ImageUpdate | BlockedReference:
    """Return the update that replaces the blocked digest of a reference, or a `BlockedReference` if none is known.

    `resolutions` are the lookups of all tags that the reference may be updated to, as in `decide`. Here, the tag in the
    file, which is last in `resolutions`, is tried first, so that the update changes as little as possible. Neither the
    minimum age nor the holds for older images apply.
    """
    *others, written = resolutions
    objections: list[str] = []
    unresolved: list[str] = []
    for resolution in (written, *others):
        if isinstance(resolution, UnresolvedTag):
            unresolved.append(f"`{resolution.tag_ref.tag}` could not be looked up: {resolution.detail}")
            continue
        candidates = tuple(_list_candidates(tracked_image, resolution, now, objections))
        if candidates:
            return ImageUpdate(tracked_image, candidates, UpdateCause.BLOCKED, block=block)
        unresolved += (*resolution.unknown_blocks.values(), *resolution.unread_sources)
    if not unresolved and not any(each.replacements for each in resolutions if isinstance(each, ResolvedTag)):
        objections.append(NOTHING_KNOWN)
    reasons = dict.fromkeys((*unresolved, *objections))
    return BlockedReference(tracked_image, block, "; ".join(reasons), is_certain=not unresolved)


def _list_candidates(
    tracked_image: TrackedImage, resolved: ResolvedTag, now: datetime, objections: list[str]
) -> Iterator[UpdateCandidate]:
    """Yield the digests of a tag that may replace a blocked digest, most preferred first.

    For each digest that must not be used, an explanation is appended to `objections`.
    """
    objection = _find_objection(tracked_image, resolved, now)
    if not objection:
        yield build_candidate(tracked_image, resolved, get_target_manifest(tracked_image, resolved))
        return
    objections.append(objection)
    for each in resolved.replacements:
        earlier = resolved.point_to(each)
        if not _can_write_tag(tracked_image, each):
            continue
        objection = _find_objection(tracked_image, earlier, now)
        if objection:
            objections.append(objection)
            continue
        candidate = build_candidate(tracked_image, earlier, get_target_manifest(tracked_image, earlier))
        note = f"{shorten_digest(candidate.digest)} is the newest known image that is not blocked: {each.source}."
        yield replace(candidate, tag=each.tag or candidate.tag, goes_back=True, notes=(*candidate.notes, note))


def _can_write_tag(tracked_image: TrackedImage, replacement: Replacement) -> bool:
    """Return True if the tag of the replacement can be written to the file, or need not be written."""
    return replacement.tag is None or isinstance(tracked_image.reference.tag_slot, EditSlot)


def _find_objection(tracked_image: TrackedImage, resolved: ResolvedTag, now: datetime) -> str:
    """Return why a reference must not be updated to the digest that a tag points to; empty if the update is allowed."""
    if resolved.not_pullable_reason:
        return resolved.not_pullable_reason
    pinned_digest = tracked_image.reference.image.digest
    platform_manifest = resolved.same_platform_manifests.get(pinned_digest) if pinned_digest is not None else None
    if isinstance(platform_manifest, UnresolvedTag):
        return platform_manifest.detail
    target = get_target_manifest(tracked_image, resolved)
    for digest in dict.fromkeys((resolved.digest, target.digest if target is not None else resolved.digest)):
        if digest in resolved.blocks and digest == pinned_digest:
            return f"`{resolved.tag_ref.tag}` still points to it"
        if digest in resolved.blocks:
            return f"{shorten_digest(digest)} is blocked, too: {resolved.blocks[digest].reason}"
        if digest in resolved.unknown_blocks:
            return resolved.unknown_blocks[digest]
    for reason, why in list_hold_reasons(tracked_image, resolved):
        if reason not in IGNORED_HOLDS and not describe_acceptance(tracked_image, reason, why, now):
            return f"{shorten_digest(resolved.digest)} is held ({reason}): {why}"
    return ""


def apply_unread_lists(decision: Decision, blocklist: Blocklist) -> Decision:
    """Return the decision, adjusted if the tag or a list of blocked digests could not be read.

    An unread list could block any digest, so nothing is proposed. A digest that an entry names is blocked, whether or
    not its tag could be looked up.
    """
    unread = "; ".join(f"{key} could not be read: {error}" for key, error in blocklist.unread)
    match decision:
        case ImageUpdate(block=Block() as block) if unread:
            return BlockedReference(decision.tracked_image, block, unread, is_certain=False)
        case UnresolvedReference(tracked_image=tracked_image, detail=detail):
            digest = tracked_image.reference.image.digest
            listed = find_listed_digest(blocklist, tracked_image.tag_ref.repository, digest)
            return decision if listed is None else BlockedReference(tracked_image, listed, detail, is_certain=False)
        case ImageUpdate() | UpToDate() | SupersededReference() | HeldUpdate() if unread:
            return UnresolvedReference(decision.tracked_image, Reason.LISTS_UNREAD, unread)
        case _:
            return decision


_POSSIBLY_IN_USE = frozenset({Reason.REPLACED_BY_KUSTOMIZE, *FOLDER_REASONS})
"""Reasons to skip a reference whose digest may be deployed nevertheless."""


def report_block(decision: Decision, blocklist: Blocklist) -> Decision:
    """Return the decision, or a `BlockedReference` if a skipped reference that may be in use has a blocked digest.

    Outputs only count skipped references. The digest of an image that a kustomization replaces, or of a file in a
    folder of tests, may still be deployed.
    """
    match decision:
        case SkippedReference(reason=reason, tracked_image=TrackedImage() as image) if reason in _POSSIBLY_IN_USE:
            listed = find_listed_digest(blocklist, image.reference.image.repository, image.reference.image.digest)
            why = f"basebump does not edit it ({reason})"
            return decision if listed is None else BlockedReference(image, listed, why)
        case _:
            return decision


def add_block_note(selection: TrackedImage | SkippedReference, blocklist: Blocklist) -> TrackedImage | SkippedReference:
    """Add a note to a skipped reference if an entry blocks its digest, because basebump does not replace it."""
    if not isinstance(selection, SkippedReference):
        return selection
    image = selection.reference.image
    block = find_listed_digest(blocklist, image.repository, image.digest)
    if block is None:
        return selection
    reference = add_reference_notes(selection.reference, f"Its digest is blocked: {block.reason}")
    return replace(selection, reference=reference)
