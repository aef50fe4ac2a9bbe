"""The content of titles and commit messages: plain text without markup, limited to harmless characters."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from bot.core.evidence.compare import count_by_severity, distinct, exploited
from bot.core.markdown import Plain
from bot.core.proposal.group import Bundle, value_of
from bot.core.transition import short
from bot.model.decision import ImageUpdate
from bot.model.evidence import Severity, VulnerabilityDelta
from bot.model.reference import TagRef

VERSION = 1

_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/-]{1,100}", re.ASCII)
"""Folders and branches that may occur in titles and commit messages."""


@dataclass(frozen=True, slots=True)
class MoveView:
    """The update of one tag's digest."""

    line: Plain
    """Canonical repository and tag."""
    old: Plain | None
    """The replaced digest."""
    new: Plain
    """The new digest, with the tag if that changes."""


@dataclass(frozen=True, slots=True)
class HeadView:
    """The content of titles and commit messages; names are added, and never renamed within one `version`."""

    version: int
    headline: Plain
    fixed_count: int
    """Distinct fixed vulnerabilities, as far as they are known."""
    fixed_critical: int
    fixed_exploited: int
    """Fixed vulnerabilities that are known to be exploited."""
    moves: tuple[MoveView, ...]


def build_head(
    bundle: Bundle,
    updates: Sequence[ImageUpdate],
    deltas: Iterable[VulnerabilityDelta | None],
    listed: Collection[str] = (),
) -> HeadView:
    """Return the view of one proposal; `exploited_ids` are the ids of known exploited vulnerabilities."""
    fixed = [finding for delta in deltas if delta is not None for finding in delta.fixed]
    moves = sorted(
        {_move(update) for update in updates}, key=lambda move: (str(move.line), move.old is None, repr(move))
    )
    return HeadView(
        version=VERSION,
        headline=Plain(headline(bundle, updates)),
        fixed_count=distinct(fixed),
        fixed_critical=count_by_severity(fixed)[Severity.CRITICAL],
        fixed_exploited=distinct(exploited(fixed, listed)),
        moves=tuple(dict.fromkeys(moves)),
    )


def _move(update: ImageUpdate) -> MoveView:
    old = update.occurrence.reference.digest
    return MoveView(
        Plain(str(update.tracked_image.tag_ref)), Plain(old) if old else None, Plain(value_of(update.candidates[0]))
    )


def headline(bundle: Bundle, updates: Sequence[ImageUpdate]) -> str:
    """Return the title of a proposal: its images, and its folder and base branch if it has these.

    `Update python:3.12-slim to 4f3c2a1b9d0e`, `Update node:22.1.0 to 22.1.3 in web on release/1`, `Update redis:7 and 3
    more images (weekly)`.
    """
    if bundle.is_first:
        of = f" on {bundle.base}" if _PLAIN_PATH.fullmatch(bundle.base or "") else ""
        return f"Pin the base images of this repository{of}"
    lines: dict[TagRef, list[str]] = defaultdict(list)
    for update in updates:
        line = update.tracked_image.tag_ref
        lines[line].append(f"{update.occurrence.reference.name}:{line.tag}")
    image = min(lines[min(lines)], key=len)
    chosen = updates[0].candidates[0]
    others = len(lines) - 1
    more = f" and {others} more {'image' if others == 1 else 'images'}"
    return "".join(
        [
            "Update " if any(update.occurrence.reference.digest for update in updates) else "Pin ",
            image,
            more if others else f" to {chosen.tag or short(chosen.digest)}",
            f" in {bundle.folder}" if _PLAIN_PATH.fullmatch(bundle.folder or "") else "",
            f" on {bundle.base}" if _PLAIN_PATH.fullmatch(bundle.base or "") else "",
            f" ({bundle.about})" if isinstance(bundle.about, str) else "",
        ]
    )
