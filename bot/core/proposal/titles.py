"""The data that templates for titles and commit messages can use: plain text without special characters."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.core.evidence.effect import NO_FINDINGS, describe_unknown_effects, summarise_effect
from bot.core.markdown import Plain
from bot.core.proposal.update_groups import UpdateGroup, format_value
from bot.core.transition import get_first_transition, shorten_digest
from bot.model.decision import ImageUpdate, UpdateCause
from bot.model.evidence import Evidence
from bot.model.image_name import TagRef

VERSION = 1
MAX_TITLE_REASON = 60
"""The maximum number of characters of the reason of a block in a title. A title must still name the image."""

_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/-]{1,100}", re.ASCII)
"""Matches folders and branches that may be shown in titles and commit messages."""
_ISSUE_REFERENCE = re.compile(
    r"\bgh-\d|\b(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?)\b.*\b[a-z]\w*-\d",
    re.ASCII | re.IGNORECASE,
)
"""Matches names that refer to an issue of GitHub (`GH-1`), or that close an issue of another tracker (`fixes SHOP-1`).

https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/linking-a-pull-request-to-an-issue and
https://docs.gitlab.com/user/project/issues/managing_issues/#default-closing-pattern
"""


@dataclass(frozen=True, slots=True)
class TagUpdateView:
    """The new digest for one tag, and the digest that it replaces."""

    line: Plain
    """The canonical repository and the tag."""
    old: Plain | None
    """The replaced digest; None if the file has no digest."""
    new: Plain
    """The new digest. If the tag changes, the new tag comes before it."""


@dataclass(frozen=True, slots=True)
class TitleView:
    """The data that templates for titles and commit messages can use.

    New fields may be added at any time. Fields are renamed or removed only when `version` changes.
    """

    version: int
    headline: Plain
    fixed_count: int
    """Number of distinct vulnerabilities that are known to be fixed."""
    fixed_critical: int
    fixed_exploited: int
    """Number of fixed vulnerabilities that are known to be exploited."""
    introduced_count: int
    """Number of distinct vulnerabilities that are known to be new."""
    introduced_critical: int
    introduced_exploited: int
    effect: Plain | None
    """The numbers of fixed and added vulnerabilities with their worst severities, such as `fixes 252 (16 critical, 2
    exploited), adds 2 (1 critical)`. None if no two images were compared."""
    remarks: tuple[Plain, ...]
    """The unknown parts of the effect, with the reasons, such as `not scanned` and `old digest is gone`; empty if all
    is known.
    """
    moves: tuple[TagUpdateView, ...]


def build_title_view(
    update_group: UpdateGroup,
    updates: Sequence[ImageUpdate],
    evidence: Sequence[Evidence],
) -> TitleView:
    """Return the data for the title and the commit message of one proposal.

    Args:
        update_group: The group of the updates.
        updates: The updates of image references in the proposal.
        evidence: The evidence on each updated image that readers of the title may see.
    """
    effect = summarise_effect(evidence)
    fixed, added = (effect.fixed, effect.added) if effect is not None else (NO_FINDINGS, NO_FINDINGS)
    moves = sorted(
        {_build_tag_update_view(update) for update in updates},
        key=lambda move: (str(move.line), move.old is None, repr(move)),
    )
    return TitleView(
        version=VERSION,
        headline=Plain(build_short_title(update_group, updates)),
        fixed_count=fixed.count,
        fixed_critical=fixed.critical,
        fixed_exploited=fixed.exploited,
        introduced_count=added.count,
        introduced_critical=added.critical,
        introduced_exploited=added.exploited,
        effect=Plain(str(effect)) if effect is not None else None,
        remarks=tuple(map(Plain, (*_describe_gone(updates), *describe_unknown_effects(evidence)))),
        moves=tuple(dict.fromkeys(moves)),
    )


def _build_tag_update_view(update: ImageUpdate) -> TagUpdateView:
    old = update.reference.image.digest
    return TagUpdateView(
        Plain(str(update.tracked_image.tag_ref)), Plain(old) if old else None, Plain(format_value(update.candidates[0]))
    )


def build_short_title(update_group: UpdateGroup, updates: Sequence[ImageUpdate]) -> str:
    """Return the title of a proposal without its effect. It names the images, folder, base branch and group.

    A folder, base branch or group is left out if its name refers to an issue.

    Examples: `Update python:3.12-slim to 4f3c2a1b9d0e`, `Update node:22.1.0 to 22.1.3 in web on release/1`, `Update
    redis:7 and 3 more images (weekly)`.
    """
    base_suffix = f" on {update_group.base}" if _can_show_path(update_group.base) else ""
    are_moving = [_is_moving(each) for each in updates]
    if update_group.is_onboarding:
        verb = "Pin" if not any(are_moving) else "Update" if all(are_moving) else "Update and pin"
        return f"{_describe_blocks(updates)}{verb} the base images of this repository{base_suffix}"
    images_by_tag: dict[TagRef, list[str]] = defaultdict(list)
    for update in updates:
        tag_ref = update.tracked_image.tag_ref
        images_by_tag[tag_ref].append(f"{update.reference.image.name}:{tag_ref.tag}")
    image = min(images_by_tag[min(images_by_tag)], key=len)
    candidate = updates[0].candidates[0]
    others = len(images_by_tag) - 1
    more = f" and {others} more {'image' if others == 1 else 'images'}"
    return "".join(
        [
            _describe_blocks(updates),
            "Update " if any(are_moving) else "Pin ",
            image,
            more if others else f" to {candidate.tag or shorten_digest(candidate.digest)}",
            f" in {update_group.folder}" if _can_show_path(update_group.folder) else "",
            base_suffix,
            f" ({update_group.subject})" if _can_show_group(update_group.subject) else "",
        ]
    )


def _describe_blocks(updates: Sequence[ImageUpdate]) -> str:
    """Return the beginning of the title of a proposal that replaces a blocked digest; empty for any other proposal.

    The reason is left out if a forge would interpret it, or if there are several reasons. The body has all reasons.
    """
    reasons = {each.block.reason for each in updates if each.block is not None}
    if not reasons:
        return ""
    reason = min(reasons)
    is_shown = (
        len(reasons) == 1
        and len(reason) <= MAX_TITLE_REASON
        and str(Plain(reason)) == reason
        and not _ISSUE_REFERENCE.search(reason)
    )
    return f"Blocked: {reason.removesuffix('.')}. " if is_shown else "Blocked. "


def _describe_gone(updates: Sequence[ImageUpdate]) -> Iterator[str]:
    """Yield a remark if the registry no longer has digests that the files contain."""
    causes = {get_first_transition(each): each.cause for each in updates}
    gone = sum(cause is UpdateCause.GONE for cause in causes.values())
    if gone:
        yield "old digest is gone" if len(causes) == 1 else f"{gone} of {len(causes)} old digests gone"


def _is_moving(update: ImageUpdate) -> bool:
    """Return True if the reference moves to another digest or tag; False if it only gets a digest."""
    return bool(update.reference.image.digest or update.candidates[0].tag)


def _can_show_path(path: str | None) -> bool:
    return path is not None and _PLAIN_PATH.fullmatch(path) is not None and not _ISSUE_REFERENCE.search(path)


def _can_show_group(subject: str | TagRef | None) -> bool:
    """Return True if a proposal with the group's name in its title closes no issue when it is merged."""
    return isinstance(subject, str) and not _ISSUE_REFERENCE.search(subject)
