"""Targets: from the tags of a repository to the lines that a place may move to, and whether its own has ended."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.tags import ended, patched, successor
from bot.model.decision import Selected
from bot.model.hosts import is_acr
from bot.model.policy import UpdateMode
from bot.model.reference import Line
from bot.model.source import Slot

_BEYOND_DIGEST = frozenset({UpdateMode.PATCH, UpdateMode.MINOR, UpdateMode.MAJOR})


def wants_tags(selected: Selected) -> bool:
    """Say whether a place may move to another tag: by a rule, and where there is room to write one."""
    policy = selected.policy
    may_move = policy.update in _BEYOND_DIGEST or policy.replace_ended
    return may_move and isinstance(selected.occurrence.tag, Slot) and selected.occurrence.reference.tag is not None


def targets(selected: Selected, offered: Sequence[str]) -> tuple[Line, ...]:
    """Return the lines that a place may move to, the farthest first; the written one is the last."""
    line, policy = selected.line, selected.policy
    if not wants_tags(selected):
        return (line,)
    tags: list[str | None] = []
    if policy.update in _BEYOND_DIGEST:
        goal = successor(line.tag, offered, policy.update, variants=policy.os_variants)
        tags += [_patched(line, goal, offered) if goal else None, goal, _patched(line, line.tag, offered)]
    if policy.replace_ended and (ending := ended(line.tag, offered)):
        tags.append(ending.successor)
    lines = [Line(line.repository, tag) for tag in tags if tag is not None]
    return tuple(dict.fromkeys((*lines, line)))


def _patched(line: Line, tag: str, offered: Sequence[str]) -> str | None:
    return patched(tag, offered, counted=is_acr(line.host))
