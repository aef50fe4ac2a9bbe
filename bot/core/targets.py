"""Targets: from the tags of a repository to the lines that a place may move to, and whether its own has ended."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.tags import ended, patched, successor
from bot.model.decision import Selected
from bot.model.policy import UpdateMode
from bot.model.reference import Line
from bot.model.source import Slot

_BEYOND_DIGEST = frozenset({UpdateMode.PATCH, UpdateMode.MINOR, UpdateMode.MAJOR})


def wants_tags(selected: Selected) -> bool:
    """Say whether a place may move to another tag: by a rule, and where there is room to write one."""
    policy = selected.policy
    may_move = policy.update in _BEYOND_DIGEST or policy.replace_ended
    return may_move and isinstance(selected.occurrence.tag, Slot) and selected.occurrence.reference.tag is not None


def targets(selected: Selected, offered: Sequence[str], *, counted: bool, named: str | None = None) -> tuple[Line, ...]:
    """Return the lines that a place may move to, the farthest first; the written one is the last.

    `counted` says whether bare numbers behind a tag are those of its patches; `named` is what the operator says comes
    after a line that is over, and counts where it is `offered`.
    """
    line, policy = selected.line, selected.policy
    if not wants_tags(selected):
        return (line,)
    tags: list[str | None] = []
    if policy.update in _BEYOND_DIGEST:
        goal = successor(line.tag, offered, policy.update, variants=policy.os_variants)
        tags += [patched(goal, offered, counted=counted) if goal else None, goal]
        tags.append(patched(line.tag, offered, counted=counted))
    if policy.replace_ended:
        tags.append(_after(line.tag, offered, named))
    lines = [Line(line.repository, tag) for tag in tags if tag is not None]
    return tuple(dict.fromkeys((*lines, line)))


def _after(tag: str, offered: Sequence[str], named: str | None) -> str | None:
    if named is not None:
        return named if named in offered else None
    ending = ended(tag, offered)
    return ending.successor if ending is not None else None
