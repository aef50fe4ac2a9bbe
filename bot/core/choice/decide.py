"""Decide whether an image reference is updated, once the registry has resolved its tag."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from bot.core.choice.ages import known_since, left_since, matured
from bot.core.choice.holds import acceptance, changed_hands, holds, retention_note
from bot.core.choice.tags import original_of
from bot.core.notes import noted
from bot.core.transition import short
from bot.model.decision import (
    Decision,
    HeldUpdate,
    ImageUpdate,
    TrackedImage,
    UnresolvedReference,
    UpdateCandidate,
    UpdateCause,
    UpToDate,
)
from bot.model.image import Manifest, Resolution, ResolvedTag, UnresolvedTag
from bot.model.reference import Digest
from bot.model.vocabulary import Reason


def decide(selected: TrackedImage, resolutions: Sequence[Resolution], now: datetime) -> Decision:
    """Decide on an image reference by comparing its digest with the tags that it may be updated to.

    If the update to one tag is held, or that tag has no image, an update to a nearer tag may still be an improvement.
    A pinned digest that the registry no longer has is replaced by a digest of the written tag, because such a
    replacement ignores age and holds, which an update to another tag must respect.

    `resolutions` has the resolved tags, the farthest update first; the last is the tag written in the file.
    """
    along_its_line = _decide(selected, resolutions[-1], now)
    if isinstance(along_its_line, ImageUpdate) and along_its_line.cause is UpdateCause.GONE:
        return along_its_line
    held: list[str] = []
    first: Decision | None = None
    waiting: ImageUpdate | None = None
    for resolution in _without_stale_patches(resolutions):
        if isinstance(resolution, UnresolvedTag) and resolution.is_definite and resolution.tag_ref != selected.tag_ref:
            selected = noted(
                selected, f"`{resolution.tag_ref.tag}` is listed and cannot be taken: {resolution.detail}."
            )
            continue
        decision = _decide(selected, resolution, now)
        match decision:
            case ImageUpdate():
                decision = _after(waiting, decision)
                if any(candidate.matures_at is None for candidate in decision.candidates):
                    return replace(decision, tracked_image=_noted(decision.tracked_image, held))
                waiting = decision
            case HeldUpdate(reason=reason, detail=why):
                first = first or decision
                if reason is not Reason.TOO_YOUNG:
                    held.append(f"`{resolution.tag_ref.tag}` comes later, and is held ({reason}): {why}.")
            case UpToDate() if first or waiting:
                pass
            case _:
                return waiting or decision
    return waiting or first or UpToDate(selected)


def _after(waiting: ImageUpdate | None, update: ImageUpdate) -> ImageUpdate:
    """Add the candidates of `waiting_update` before those of `update`, unless `update` replaces a withdrawn digest.

    The waiting candidates are too young, and are taken only if the vulnerabilities that they fix allow this.
    """
    if waiting is None or update.cause is not UpdateCause.MOVED:
        return update
    return replace(update, candidates=(*waiting.candidates, *update.candidates))


def _noted(selected: TrackedImage, notes: Iterable[str]) -> TrackedImage:
    for note in notes:
        selected = noted(selected, note)
    return selected


def _without_stale_patches(resolutions: Sequence[Resolution]) -> Iterator[Resolution]:
    """Yield the resolutions without patch builds that are older than the last push of the tag that they patch.

    A base tag that was pushed again later has the newer packages.
    """
    resolved = [each for each in resolutions if isinstance(each, ResolvedTag)]
    pushed = {digest: record.pushed_at for each in resolved for digest, record in each.registry_records.items()}
    originals = {each.tag_ref.tag: pushed.get(each.digest) for each in resolved}
    for resolution in resolutions:
        original = originals.get(original_of(resolution.tag_ref.tag) or "")
        own = pushed.get(resolution.digest) if isinstance(resolution, ResolvedTag) else None
        if original is None or own is None or own >= original:
            yield resolution


def _decide(selected: TrackedImage, resolution: Resolution, now: datetime) -> Decision:
    """Decide on an image reference for one tag, by the current digest of the tag and its earlier ones."""
    match resolution:
        case UnresolvedTag(reason=reason, detail=detail):
            return UnresolvedReference(selected, reason, detail)
        case ResolvedTag():
            return _compare(noted(selected, retention_note(selected, resolution)), resolution, now)
    assert_never(resolution)


def _compare(selected: TrackedImage, resolved: ResolvedTag, now: datetime) -> Decision:
    held, new = selected.occurrence.reference.digest, resolved.manifest
    # A reference that pins the manifest of one platform is up to date while the current index has that manifest.
    if held == resolved.digest or (new is not None and new.has_child(held)):
        return UpToDate(selected)
    if resolved.not_pullable_reason:
        return HeldUpdate(selected, Reason.NOT_PULLABLE, resolved.not_pullable_reason)
    is_written = resolved.tag_ref == selected.tag_ref
    if (
        is_written
        and held is not None
        and held in resolved.pinned_manifests
        and resolved.pinned_manifests[held] is None
    ):
        return ImageUpdate(selected, (_candidate(selected, resolved, new),), UpdateCause.GONE, changed_hands(resolved))
    kept = resolved.same_platform_manifests.get(held) if held is not None else None
    if isinstance(kept, UnresolvedTag):
        return UnresolvedReference(selected, kept.reason, kept.detail)
    notes: list[str] = []
    for reason, why in holds(selected, resolved):
        accepted = acceptance(selected, reason, why, now)
        if not accepted:
            newest = f"What `{resolved.tag_ref.tag}` points to now is held ({reason}): {why}."
            earlier = tuple(_earlier(selected, resolved, (newest,), now))
            return ImageUpdate(selected, earlier) if earlier else HeldUpdate(selected, reason, why)
        notes.append(accepted)
    if held in left_since(resolved.observations, resolved.digest):
        candidate = replace(_candidate(selected, resolved, _goal(selected, resolved)), notes=tuple(notes))
        return ImageUpdate(selected, (candidate,), UpdateCause.WITHDRAWN)
    return _of_age(selected, resolved, tuple(notes), now)


def _goal(selected: TrackedImage, resolved: ResolvedTag) -> Manifest | None:
    """Return the manifest to update to: the index, or its image for the platform if the file pins one platform."""
    held = selected.occurrence.reference.digest
    kept = resolved.same_platform_manifests.get(held) if held is not None else None
    return kept if isinstance(kept, Manifest) else resolved.manifest


def _of_age(selected: TrackedImage, resolved: ResolvedTag, notes: tuple[str, ...], now: datetime) -> Decision:
    """Propose the newest digests that satisfy `min_age`; `notes` are about the current digest of the tag."""
    candidates = tuple(_candidates(selected, resolved, notes, now))
    if candidates:
        return ImageUpdate(selected, candidates)
    since = known_since(resolved.digest, resolved.observations, resolved.registry_records, now)
    mature = since + selected.policy.min_age
    if resolved.retention_risks.intersection(_matured(selected, resolved, now)):
        return HeldUpdate(
            selected, Reason.RETENTION_RISK, f"{short(resolved.digest)} will be old enough on {mature:%Y-%m-%d}"
        )
    why = f"{short(resolved.digest)} is known since {since:%Y-%m-%d}, and will be old enough on {mature:%Y-%m-%d}"
    return HeldUpdate(selected, Reason.TOO_YOUNG, why)


def _candidates(
    selected: TrackedImage, resolved: ResolvedTag, notes: tuple[str, ...], now: datetime
) -> Iterator[UpdateCandidate]:
    """Yield the possible digests, newest first; one that is too young only if its fixes may lift the minimum age."""
    policy, goal = selected.policy, _goal(selected, resolved)
    mature = known_since(resolved.digest, resolved.observations, resolved.registry_records, now) + policy.min_age
    if mature <= now:
        yield replace(_candidate(selected, resolved, goal), notes=notes)
        return
    if policy.bypass_min_age_for:
        yield replace(_candidate(selected, resolved, goal), notes=notes, matures_at=mature)
    yield from _earlier(selected, resolved, (), now)


def _earlier(
    selected: TrackedImage, resolved: ResolvedTag, notes: tuple[str, ...], now: datetime
) -> Iterator[UpdateCandidate]:
    """Yield the earlier digests of the tag that are old enough and not held, newest first, each with `notes`."""
    old_enough = _matured(selected, resolved, now)
    for manifest in resolved.earlier_manifests:
        then = resolved.rewind_to(manifest)
        accepted = [acceptance(selected, reason, why, now) for reason, why in holds(selected, then)]
        if manifest.digest in old_enough and all(accepted):
            yield replace(_candidate(selected, resolved, manifest), notes=(*notes, *accepted))


def _matured(selected: TrackedImage, resolved: ResolvedTag, now: datetime) -> tuple[Digest, ...]:
    """Return the earlier digests of the tag that are old enough for an image reference, newest first."""
    if _goal(selected, resolved) is not resolved.manifest:
        return ()  # earlier digests are indexes, and this reference pins the manifest of one platform
    held = selected.occurrence.reference.digest if resolved.tag_ref == selected.tag_ref else None
    return matured(resolved.observations, resolved.digest, held, selected.policy.min_age, now)


def _candidate(selected: TrackedImage, resolved: ResolvedTag, manifest: Manifest | None) -> UpdateCandidate:
    tag = resolved.tag_ref.tag if resolved.tag_ref != selected.tag_ref else None
    if manifest is None:
        return UpdateCandidate(resolved.digest, (), tag)
    return UpdateCandidate(manifest.digest, manifest.platforms, tag)
