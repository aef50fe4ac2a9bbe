"""Holds: what makes a newer image no plain improvement over the one in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from bot.core.choice.ages import left_since, went_back
from bot.core.choice.platforms import is_same_platform
from bot.core.transition import short
from bot.model.decision import Selected
from bot.model.image import Kind, Manifest, Resolved
from bot.model.reference import Digest
from bot.model.vocabulary import Reason

VERSION = "org.opencontainers.image.version"
"""https://github.com/opencontainers/image-spec/blob/main/annotations.md"""

_VERSION = re.compile(r"v?(\d{1,9}(?:\.\d{1,9})*)(?![\w.])")

Check = Callable[[Selected, Resolved, Manifest | None], str]
"""Returns why the image that the line points to is not plainly better, empty where it does not object."""


def holds(selected: Selected, resolved: Resolved) -> Iterator[tuple[Reason, str]]:
    """Yield every reason to hold the move to what the line points to, with its sentence."""
    held = selected.occurrence.reference.digest
    old = resolved.held.get(held) if held is not None else None
    for reason, check in _CHECKS.items():
        objection = check(selected, resolved, old)
        if objection:
            yield reason, objection


def acceptance(selected: Selected, reason: Reason, why: str, now: datetime) -> str:
    """Say who answers today for moving in spite of a hold, and why; empty where nobody does.

    `why` is what the hold is about.
    """
    for each in selected.policy.accept:
        if each.reason is reason and now.date() <= each.until:
            return f"{each.owner} answers until {each.until} for a move in spite of {reason} ({why}): {each.because}"
    return ""


def is_held(selected: Selected, resolved: Resolved, now: datetime) -> bool:
    """Say whether a move to what the line points to is held, and nobody answers for it today."""
    return not all(acceptance(selected, reason, why, now) for reason, why in holds(selected, resolved))


def platforms_in_use(selected: Selected, old: Manifest | None) -> tuple[str, ...]:
    """Return the platforms that a rule or the place names, else all of the image in the file, where that is known."""
    if selected.policy.platforms:
        return selected.policy.platforms
    if selected.occurrence.platform is not None:
        return (selected.occurrence.platform,)
    return old.platforms if old is not None else ()


def _at_stake(selected: Selected, resolved: Resolved, old: Manifest | None) -> tuple[str, ...]:
    """Return the platforms in use, without those that the image in the file never had, where that is known."""
    used = platforms_in_use(selected, old)
    had = old.platforms if old is not None else ()
    if old is not None and old.digest in resolved.held_platforms:
        had = (resolved.held_platforms[old.digest],)
    reference = selected.occurrence.reference
    if reference.digest is None and reference.tag == resolved.line.tag:
        return ()  # it is built or run with what the tag points to, which is pinned as it is
    return tuple(wanted for wanted in used if not had or any(is_same_platform(each, wanted) for each in had))


def _churn(selected: Selected, resolved: Resolved, old: Manifest | None) -> str:
    """Object where everything in use has the same image behind it: attestations alone make an index new."""
    new = resolved.manifest
    if new is None or old is None or new.kind is not Kind.INDEX or old.kind is not Kind.INDEX:
        return ""
    used = _at_stake(selected, resolved, old)
    before, after = ([_images(index, platform) for platform in used or ("",)] for index in (old, new))
    if before != after or not all(before):
        return ""
    return f"{short(new.digest)} has the same {'image' if len(used) == 1 else 'images'} as {short(old.digest)}"


def _images(index: Manifest, platform: str) -> frozenset[Digest]:
    """Return the images of an index for one platform, or all of them where it is empty."""
    return frozenset(
        child.digest
        for child in index.children
        if not platform or (child.platform and is_same_platform(child.platform, platform))
    )


def _platform_lost(selected: Selected, resolved: Resolved, old: Manifest | None) -> str:
    new = resolved.manifest
    used = _at_stake(selected, resolved, old)
    if new is None:
        return ""
    held = selected.occurrence.reference.digest
    if held is not None and held in resolved.kept and resolved.kept[held] is None:
        return f"{short(new.digest)} has no image for the platform of {short(held)}"
    has = new.platforms or ((resolved.platform,) if resolved.platform else ())
    if new.kind is Kind.MANIFEST and not has:
        return f"{short(new.digest)} has one platform in place of {_listed(used)}" if len(used) > 1 else ""
    lost = [wanted for wanted in used if not any(is_same_platform(each, wanted) for each in has)]
    return f"{short(new.digest)} has no {_listed(lost)}" if lost and has else ""


def _seen_before(selected: Selected, resolved: Resolved, old: Manifest | None) -> str:  # noqa: ARG001 - a Check
    held = selected.occurrence.reference.digest
    if not went_back(resolved.history, resolved.digest) or held is None:
        return ""
    left = left_since(resolved.history, resolved.digest)
    if held in left:  # then the publisher took back what the file holds, and moving back is what there is to do
        return ""
    return f"the tag went back to {short(resolved.digest)} from {_listed(sorted(short(each) for each in left))}"


def _older(selected: Selected, resolved: Resolved, old: Manifest | None) -> str:
    """Compare the registry's own times, and the versions that both images state; never the dates that they state.

    The times only along one tag: an old release that is rebuilt today is no newer than the release after it.
    """
    is_same_line = resolved.line == selected.line
    held = selected.occurrence.reference.digest
    before = resolved.recorded.get(held) if held is not None else None
    after = resolved.recorded.get(resolved.digest)
    if is_same_line and before and after and before.pushed and after.pushed and after.pushed < before.pushed:
        return f"it was pushed on {after.pushed:%Y-%m-%d}, the one in the file on {before.pushed:%Y-%m-%d}"
    if old is None or resolved.manifest is None:
        return ""
    stated_before, stated_after = _version(old), _version(resolved.manifest)
    if not is_lower(stated_after, stated_before):
        return ""
    return f"it states version {stated_after}, the one in the file {stated_before}"


def is_lower(after: str, before: str) -> bool:
    """Say whether one stated version is plainly lower than another: numbers of one length, and nothing else."""
    numbers = [tuple(map(int, found[1].split("."))) if found else () for found in map(_VERSION.match, (after, before))]
    return len(numbers[0]) == len(numbers[1]) and numbers[0] < numbers[1]


def _version(manifest: Manifest) -> str:
    """Return the version that an image states where it costs no further request: in its index or its manifest."""
    said = [manifest.annotations, *(child.annotations for child in manifest.children)]
    return next((value for statements in said for key, value in statements if key == VERSION), "")


def _locked(selected: Selected, resolved: Resolved, old: Manifest | None) -> str:  # noqa: ARG001 - a Check
    held = selected.occurrence.reference.digest
    if held is None or held not in resolved.recorded or resolved.digest not in resolved.recorded:
        return ""
    if not resolved.recorded[held].is_locked or resolved.recorded[resolved.digest].is_locked:
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
"""In the order in which they are said."""


def retention_note(selected: Selected, resolved: Resolved) -> str:
    """Say that the image in the file may be deleted under it, where its registry's record says so.

    Azure's retention deletes what has no tag, is not locked, and is of Docker's kind:
    https://learn.microsoft.com/azure/container-registry/container-registry-retention-policy
    """
    held = selected.occurrence.reference.digest
    record = resolved.recorded.get(held) if held is not None else None
    if held is None or record is None or record.tags or record.is_locked or "docker" not in (record.media_type or ""):
        return ""
    return f"No tag keeps {short(held)}, and it is not locked: a retention policy of its registry would delete it."


def changed_hands(resolved: Resolved) -> str:
    """Say why what took the place of a digest that is gone may be somebody else's.

    Names of deleted registries and namespaces can be had by anybody. Whoever has one now cannot make its tags older.
    """
    record = resolved.recorded.get(resolved.digest)
    if record is None or record.tag_made is None or not resolved.history:
        return ""
    seen = resolved.history[0].first_seen
    if record.tag_made <= seen:
        return ""
    return (
        f"The tag was made on {record.tag_made:%Y-%m-%d}, though it was there on {seen:%Y-%m-%d}: "
        "the name of the registry or the repository may have changed hands."
    )
