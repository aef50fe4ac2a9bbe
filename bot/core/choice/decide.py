"""Decide whether an image reference is updated and to which digest, after its tags were looked up in the registry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from bot.core.choice.ages import determine_known_since, find_matured_digests, find_withdrawn_digests
from bot.core.choice.blocked import find_block_in_use, replace_blocked_digest
from bot.core.choice.candidates import build_candidate, get_target_manifest
from bot.core.choice.holds import (
    describe_acceptance,
    describe_ownership_change,
    describe_retention_risk,
    list_hold_reasons,
)
from bot.core.choice.tags import get_original_tag
from bot.core.notes import add_image_note
from bot.core.transition import shorten_digest
from bot.model.decision import (
    BlockedReference,
    Decision,
    HeldUpdate,
    ImageUpdate,
    TrackedImage,
    UnresolvedReference,
    UpdateCandidate,
    UpdateCause,
    UpToDate,
)
from bot.model.image import Resolution, ResolvedTag, UnresolvedTag
from bot.model.image_name import Digest
from bot.model.vocabulary import Reason


def decide(tracked_image: TrackedImage, resolutions: Sequence[Resolution], now: datetime) -> Decision:
    """Decide whether an image reference is updated, and to which digest.

    `resolutions` are the registry lookups of all tags that the reference may be updated to, most preferred first. The
    last one is the lookup of the tag in the file. If the update to the preferred tag is on hold (see
    `bot.core.choice.holds`), or if the registry lists this tag but has no image for it, the next tag is considered.

    If the registry no longer has the pinned digest, the reference is updated to the current digest of the tag in the
    file. Neither the minimum age nor a hold prevents this update, and no other tag is considered.

    A blocked digest is never chosen. If the file uses one, it is replaced (see `bot.core.choice.blocked`).
    """
    if (replacement := _replace_if_blocked(tracked_image, resolutions, now)) is not None:
        return replacement
    written_tag_decision = _decide_for_tag(tracked_image, resolutions[-1], now)
    if isinstance(written_tag_decision, ImageUpdate) and written_tag_decision.cause is UpdateCause.GONE:
        return written_tag_decision
    return _doubt_unknown_block(_choose_tag(tracked_image, resolutions, now), resolutions[-1])


def _doubt_unknown_block(decision: Decision, written: Resolution) -> Decision:
    """Return an `UpToDate` decision as unresolved if it is unknown whether the file's digest is blocked.

    `written` is the lookup of the tag in the file.
    """
    pinned_digest = decision.reference.image.digest
    if not isinstance(decision, UpToDate) or isinstance(written, UnresolvedTag) or pinned_digest is None:
        return decision
    unknown = written.unknown_blocks.get(pinned_digest)
    return UnresolvedReference(decision.tracked_image, Reason.LISTS_UNREAD, unknown) if unknown else decision


def _choose_tag(tracked_image: TrackedImage, resolutions: Sequence[Resolution], now: datetime) -> Decision:
    """Choose the tag and the digest to which a reference is updated."""
    hold_notes: list[str] = []
    first_hold: Decision | None = None
    waiting_update: ImageUpdate | None = None
    for resolution in _drop_stale_patches(resolutions):
        if missing_note := _describe_missing_tag(tracked_image, resolution):
            tracked_image = add_image_note(tracked_image, missing_note)
            continue
        decision = _decide_for_tag(tracked_image, resolution, now)
        match decision:
            case ImageUpdate():
                decision = _prepend_waiting_candidates(waiting_update, decision)
                if any(candidate.matures_at is None for candidate in decision.candidates):
                    return replace(decision, tracked_image=_add_notes(decision.tracked_image, hold_notes))
                waiting_update = decision
            case HeldUpdate(reason=Reason.DIGEST_BLOCKED, detail=why):
                tracked_image = add_image_note(tracked_image, why)
            case HeldUpdate(reason=reason, detail=why):
                first_hold = first_hold or decision
                if reason is not Reason.TOO_YOUNG:
                    hold_notes.append(f"`{resolution.tag_ref.tag}` comes later, and is held ({reason}): {why}.")
            case UpToDate() if first_hold or waiting_update:
                pass
            case _:
                return waiting_update or decision
    return waiting_update or first_hold or UpToDate(tracked_image)


def _describe_missing_tag(tracked_image: TrackedImage, resolution: Resolution) -> str:
    """Return a note if the registry lists a tag, but has no image for it; empty for any other tag."""
    if isinstance(resolution, UnresolvedTag) and resolution.is_definite and resolution.tag_ref != tracked_image.tag_ref:
        return f"`{resolution.tag_ref.tag}` is listed and cannot be taken: {resolution.detail}."
    return ""


def _replace_if_blocked(
    tracked_image: TrackedImage, resolutions: Sequence[Resolution], now: datetime
) -> ImageUpdate | BlockedReference | None:
    """Return the decision for a blocked digest; None if the file uses none.

    A digest that is gone is replaced in the same way if the tag points to a blocked digest now.
    """
    written = resolutions[-1]
    block = find_block_in_use(tracked_image, written)
    if block is not None:
        return replace_blocked_digest(tracked_image, resolutions, block, now)
    if isinstance(written, UnresolvedTag) or not _is_pinned_digest_gone(tracked_image, written):
        return None
    block = written.blocks.get(written.digest)
    if block is None:
        return None
    decision = replace_blocked_digest(tracked_image, resolutions, block, now)
    return replace(decision, cause=UpdateCause.GONE, block=None) if isinstance(decision, ImageUpdate) else decision


def _prepend_waiting_candidates(waiting_update: ImageUpdate | None, update: ImageUpdate) -> ImageUpdate:
    """Return `update` with the candidates of `waiting_update` before its own candidates.

    `waiting_update` is the update to a preferred tag whose digest is still too young. It is kept because `apply_gates`
    proposes a digest before the minimum age if the digest fixes vulnerabilities that are urgent according to the policy
    (`bypass_min_age_for`).

    `update` is returned unchanged if there is no waiting update, or if `update` replaces a digest that was withdrawn or
    is gone.
    """
    if waiting_update is None or update.cause is not UpdateCause.MOVED:
        return update
    return replace(update, candidates=(*waiting_update.candidates, *update.candidates))


def _add_notes(tracked_image: TrackedImage, notes: Iterable[str]) -> TrackedImage:
    for note in notes:
        tracked_image = add_image_note(tracked_image, note)
    return tracked_image


def _drop_stale_patches(resolutions: Sequence[Resolution]) -> Iterator[Resolution]:
    """Yield `resolutions` without the lookups of outdated patch tags.

    A patch tag such as `3.11-1` is a rebuild of the image `3.11` with newer packages. It is usually preferred to
    `3.11`. If `3.11` itself was pushed after the patch tag, then `3.11` has the newer packages and the patch tag is
    outdated.
    """
    resolved = [each for each in resolutions if isinstance(each, ResolvedTag)]
    push_times = {digest: record.pushed_at for each in resolved for digest, record in each.registry_records.items()}
    base_push_times = {each.tag_ref.tag: push_times.get(each.digest) for each in resolved}
    for resolution in resolutions:
        base_pushed_at = base_push_times.get(get_original_tag(resolution.tag_ref.tag) or "")
        pushed_at = push_times.get(resolution.digest) if isinstance(resolution, ResolvedTag) else None
        if base_pushed_at is None or pushed_at is None or pushed_at >= base_pushed_at:
            yield resolution


def _decide_for_tag(tracked_image: TrackedImage, resolution: Resolution, now: datetime) -> Decision:
    """Decide whether an image reference is updated to the current or an earlier digest of a tag."""
    match resolution:
        case UnresolvedTag(reason=reason, detail=detail):
            return UnresolvedReference(tracked_image, reason, detail)
        case ResolvedTag():
            return _compare_digests(
                add_image_note(tracked_image, describe_retention_risk(tracked_image, resolution)), resolution, now
            )
    assert_never(resolution)


def _compare_digests(tracked_image: TrackedImage, resolved: ResolvedTag, now: datetime) -> Decision:
    pinned_digest, current_manifest = tracked_image.reference.image.digest, resolved.manifest
    # A reference that pins the manifest of one platform is up to date while the current index has that manifest.
    if pinned_digest == resolved.digest or (current_manifest is not None and current_manifest.has_child(pinned_digest)):
        return UpToDate(tracked_image)
    if resolved.not_pullable_reason:
        return HeldUpdate(tracked_image, Reason.NOT_PULLABLE, resolved.not_pullable_reason)
    if (disallowed := _decide_if_disallowed(tracked_image, resolved, now)) is not None:
        return disallowed
    if _is_pinned_digest_gone(tracked_image, resolved):
        return ImageUpdate(
            tracked_image,
            (build_candidate(tracked_image, resolved, current_manifest),),
            UpdateCause.GONE,
            describe_ownership_change(resolved),
        )
    platform_manifest = resolved.same_platform_manifests.get(pinned_digest) if pinned_digest is not None else None
    if isinstance(platform_manifest, UnresolvedTag):
        return UnresolvedReference(tracked_image, platform_manifest.reason, platform_manifest.detail)
    notes: list[str] = []
    for reason, why in list_hold_reasons(tracked_image, resolved):
        accepted = describe_acceptance(tracked_image, reason, why, now)
        if not accepted:
            hold_note = f"What `{resolved.tag_ref.tag}` points to now is held ({reason}): {why}."
            earlier = tuple(_list_earlier_candidates(tracked_image, resolved, (hold_note,), now))
            return ImageUpdate(tracked_image, earlier) if earlier else HeldUpdate(tracked_image, reason, why)
        notes.append(accepted)
    if pinned_digest in find_withdrawn_digests(resolved.observations, resolved.digest):
        candidate = replace(
            build_candidate(tracked_image, resolved, get_target_manifest(tracked_image, resolved)), notes=tuple(notes)
        )
        return ImageUpdate(tracked_image, (candidate,), UpdateCause.WITHDRAWN)
    return _apply_min_age(tracked_image, resolved, tuple(notes), now)


def _is_pinned_digest_gone(tracked_image: TrackedImage, resolved: ResolvedTag) -> bool:
    """Return True if the registry no longer has the digest in the file. `resolved` can be the lookup of another tag."""
    pinned_digest = tracked_image.reference.image.digest
    return (
        resolved.tag_ref == tracked_image.tag_ref
        and pinned_digest is not None
        and pinned_digest in resolved.pinned_manifests
        and resolved.pinned_manifests[pinned_digest] is None
    )


def _decide_if_disallowed(tracked_image: TrackedImage, resolved: ResolvedTag, now: datetime) -> Decision | None:
    """Return the decision if a tag's digest is blocked or possibly blocked; None if the digest is allowed.

    The file itself uses no blocked digest. It can therefore be updated to an earlier digest that is newer than its own,
    or stay as it is.
    """
    target = get_target_manifest(tracked_image, resolved)
    digests = (resolved.digest, target.digest if target is not None else resolved.digest)
    block = next((resolved.blocks[each] for each in digests if each in resolved.blocks), None)
    unknown = next((resolved.unknown_blocks[each] for each in digests if each in resolved.unknown_blocks), "")
    if block is None and not unknown:
        return None
    note = f"What `{resolved.tag_ref.tag}` points to now is blocked: {block.reason}" if block is not None else unknown
    earlier = tuple(_list_earlier_candidates(tracked_image, resolved, (note,), now))
    if earlier:
        return ImageUpdate(tracked_image, earlier)
    if block is None:
        return UnresolvedReference(tracked_image, Reason.LISTS_UNREAD, unknown)
    return HeldUpdate(tracked_image, Reason.DIGEST_BLOCKED, note)


def _apply_min_age(
    tracked_image: TrackedImage, resolved: ResolvedTag, notes: tuple[str, ...], now: datetime
) -> Decision:
    """Return an update with all digests of a tag that may be proposed, or a `HeldUpdate` if all are too young.

    `notes` are added to the update if the tag's current digest is proposed.
    """
    candidates = tuple(_list_candidates(tracked_image, resolved, notes, now))
    if candidates:
        return ImageUpdate(tracked_image, candidates)
    known_since = determine_known_since(resolved.digest, resolved.observations, resolved.registry_records, now)
    matures_at = known_since + tracked_image.policy.min_age
    if resolved.retention_risks.intersection(_list_matured_digests(tracked_image, resolved, now)):
        return HeldUpdate(
            tracked_image,
            Reason.RETENTION_RISK,
            f"{shorten_digest(resolved.digest)} will be old enough on {matures_at:%Y-%m-%d}",
        )
    why = (
        f"{shorten_digest(resolved.digest)} is known since {known_since:%Y-%m-%d}, "
        f"and will be old enough on {matures_at:%Y-%m-%d}"
    )
    return HeldUpdate(tracked_image, Reason.TOO_YOUNG, why)


def _list_candidates(
    tracked_image: TrackedImage, resolved: ResolvedTag, notes: tuple[str, ...], now: datetime
) -> Iterator[UpdateCandidate]:
    """Yield the digests of a tag that may be proposed, newest first.

    If the tag's current digest has reached the minimum age, it is the only candidate, and `notes` are added to it. If
    it is too young, earlier digests that are old enough are candidates instead. If it is too young and the policy has
    exceptions from the minimum age (`bypass_min_age_for`), the current digest comes first, because it may fix an urgent
    vulnerability.
    """
    policy, target_manifest = tracked_image.policy, get_target_manifest(tracked_image, resolved)
    matures_at = (
        determine_known_since(resolved.digest, resolved.observations, resolved.registry_records, now) + policy.min_age
    )
    if matures_at <= now:
        yield replace(build_candidate(tracked_image, resolved, target_manifest), notes=notes)
        return
    if policy.bypass_min_age_for:
        yield replace(build_candidate(tracked_image, resolved, target_manifest), notes=notes, matures_at=matures_at)
    yield from _list_earlier_candidates(tracked_image, resolved, (), now)


def _list_earlier_candidates(
    tracked_image: TrackedImage, resolved: ResolvedTag, notes: tuple[str, ...], now: datetime
) -> Iterator[UpdateCandidate]:
    """Yield the earlier digests of a tag that are old enough and not on hold, newest first.

    A digest is on hold if there is a reason not to update to it (see `bot.core.choice.holds`) and no owner accepts this
    reason. `notes` are added to each of the yielded candidates.
    """
    old_enough = _list_matured_digests(tracked_image, resolved, now)
    for manifest in resolved.earlier_manifests:
        earlier_resolved = resolved.rewind_to(manifest)
        accepted = [
            describe_acceptance(tracked_image, reason, why, now)
            for reason, why in list_hold_reasons(tracked_image, earlier_resolved)
        ]
        if manifest.digest in old_enough and resolved.is_allowed(manifest.digest) and all(accepted):
            yield replace(build_candidate(tracked_image, resolved, manifest), notes=(*notes, *accepted))


def _list_matured_digests(tracked_image: TrackedImage, resolved: ResolvedTag, now: datetime) -> tuple[Digest, ...]:
    """Return the earlier digests of a tag that have reached the policy's minimum age, newest first."""
    if get_target_manifest(tracked_image, resolved) is not resolved.manifest:
        return ()  # earlier digests are indexes, but this reference pins the image of one platform
    pinned_digest = tracked_image.reference.image.digest if resolved.tag_ref == tracked_image.tag_ref else None
    return find_matured_digests(
        resolved.observations, resolved.digest, pinned_digest, tracked_image.policy.min_age, now
    )
