"""What is wrong with a `min_age` that no digest could ever reach: nobody would know since when it is there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from bot.model.errors import ConfigProblem

Rules = Sequence[tuple[str, dict[str, Any]]]
"""Each with its place in the file."""

NEVER = "is never reached: without `state:` basebump forgets when it first saw a digest; name a database there"
_WILDCARD = re.compile(r"[*?]")


def problems(rules: Rules, recording: Collection[str]) -> Iterator[ConfigProblem]:
    """Yield what is wrong without a `state`; `recording` are the registries that keep a record of their own."""
    for where, rule in rules:
        if str(rule.get("min_age", "0d")).strip("0") in {"d", "h"}:
            continue
        if not any(_may_be_on(host, rule.get("match")) for host in recording):
            yield ConfigProblem(f"{where}.min_age", NEVER)


def _may_be_on(host: str, match: object) -> bool:
    """Say whether a rule may be about an image on `host`; of what is written wrongly, others complain."""
    images = match.get("image") if isinstance(match, dict) else None
    if images is None:
        return True
    globs = images if isinstance(images, list) else [images]
    return any(_may_name(host, glob) for glob in globs if isinstance(glob, str))


def _may_name(host: str, glob: str) -> bool:
    """Compare what comes before the first wildcard, which is never wrong about what cannot match."""
    fixed, *wild = _WILDCARD.split(glob, maxsplit=1)
    beginning = f"{host}/"
    return fixed.startswith(beginning) or (bool(wild) and beginning.startswith(fixed))
