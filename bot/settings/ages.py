"""What is wrong with a `min_age` that no digest could ever reach: nobody would know since when it is there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from bot.model.errors import ConfigProblem

Rules = Sequence[tuple[str, dict[str, Any]]]
"""Each with its place in the file."""

NEVER = "is never reached: without `state:` basebump forgets when it first saw a digest; name a database there"
NOT_FOR_ALL = (
    "is never reached for all that the rule is about: without `state:` there is a record of ages only at {recording}; "
    "name a database under `state`, or only such registries under `match.image`"
)
_WILDCARD = re.compile(r"[*?]")


def problems(rules: Rules, recording: Collection[str]) -> Iterator[ConfigProblem]:
    """Yield what is wrong without a `state`; `recording` are the registries that keep a record of their own."""
    why = NOT_FOR_ALL.format(recording=", ".join(sorted(recording))) if recording else NEVER
    for where, rule in rules:
        if str(rule.get("min_age", "0d")).strip("0") in {"d", "h"}:
            continue
        if not _is_on_one_of(recording, rule.get("match")):
            yield ConfigProblem(f"{where}.min_age", why)


def _is_on_one_of(hosts: Collection[str], match: object) -> bool:
    """Say whether a rule is about images on `hosts` alone; of what is written wrongly, others complain."""
    images = match.get("image") if isinstance(match, dict) else None
    globs = images if isinstance(images, list) else [images]
    return all(isinstance(glob, str) and _begins_with_one_of(hosts, glob) for glob in globs)


def _begins_with_one_of(hosts: Collection[str], glob: str) -> bool:
    fixed = _WILDCARD.split(glob, maxsplit=1)[0]
    return any(fixed.startswith(f"{host}/") for host in hosts)
