"""How many times runs were killed, on which forge: said at the end of a run of tests, of those that passed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import pytest

_PROPERTY = "killed before every write"


def note_kills(request: pytest.FixtureRequest, forge: str, kills: int) -> None:
    """Note that one scene was played with a run killed at so many points, each of them healed."""
    request.node.user_properties.append((_PROPERTY, (forge, kills)))


def summarize_kills(passed: Iterable[pytest.TestReport]) -> str | None:
    """Return one line for all forges; None where no run was killed."""
    points: dict[str, list[int]] = defaultdict(list)
    for report in passed:
        for name, value in report.user_properties:
            if name == _PROPERTY:
                forge, kills = value
                points[forge].append(kills)
    if not points:
        return None
    each = (f"{forge} {sum(kills)} points in {len(kills)} scenes" for forge, kills in sorted(points.items()))
    return f"{_PROPERTY}: {', '.join(each)}"
