"""Checks for a `min_age` that no digest can reach, because nothing records how old a digest is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from bot.model.errors import ConfigProblem

Rules = Sequence[tuple[str, dict[str, Any]]]
"""Rules as the document has them, each with its location in the file."""

NEVER = "is never reached: without `state` basebump forgets when it first saw a digest; hint: set `state` to a database"
NOT_FOR_ALL = (
    "is never reached for some images of this rule: without `state`, ages are recorded only at {recording}; "
    "hint: set `state` to a database, or match only images of these registries with `match.image`"
)
_WILDCARD = re.compile(r"[*?]")


def problems(rules: Rules, recording: Collection[str]) -> Iterator[ConfigProblem]:
    """Yield a problem for every rule whose `min_age` cannot be reached in a config without `state`.

    Args:
        rules: The rules to check.
        recording: The registries that record the age of a digest themselves.
    """
    why = NOT_FOR_ALL.format(recording=", ".join(sorted(recording))) if recording else NEVER
    for where, rule in rules:
        if str(rule.get("min_age", "0d")).strip("0") in {"d", "h"}:
            continue
        if not _is_on_one_of(recording, rule.get("match")):
            yield ConfigProblem(f"{where}.min_age", why)


def _is_on_one_of(hosts: Collection[str], match: object) -> bool:
    """Return True if a rule matches only images on `hosts`; globs of a wrong type are reported elsewhere."""
    images = match.get("image") if isinstance(match, dict) else None
    globs = images if isinstance(images, list) else [images]
    return all(isinstance(glob, str) and _begins_with_one_of(hosts, glob) for glob in globs)


def _begins_with_one_of(hosts: Collection[str], glob: str) -> bool:
    fixed = _WILDCARD.split(glob, maxsplit=1)[0]
    return any(fixed.startswith(f"{host}/") for host in hosts)
