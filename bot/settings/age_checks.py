"""Checks for a `min_age` that no digest can reach, because nothing records how old a digest is.

`state` records when basebump first saw a digest. Without `state`, only the registry itself can record the age.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from bot.model.errors import ConfigProblem

RuleEntries = Sequence[tuple[str, dict[str, Any]]]
"""Rules as parsed from the file, each after its location in the file."""

NO_RECORDED_AGES = (
    "is never reached: without `state` basebump forgets when it first saw a digest; hint: set `state` to a database"
)
PARTLY_RECORDED_AGES = (
    "is never reached for some images of this rule: without `state`, ages are recorded only at {recording}; "
    "hint: set `state` to a database, or match only images of these registries with `match.image`"
)
_WILDCARD = re.compile(r"[*?]")


def check_min_ages(rules: RuleEntries, age_registries: Collection[str]) -> Iterator[ConfigProblem]:
    """Yield a problem for every rule with a `min_age` that some of its images can never reach.

    Call this function only if the operator's config has no `state`. With `state`, basebump itself records all ages.

    Args:
        rules: The rules to check.
        age_registries: The hosts of the registries that record the age of a digest themselves.
    """
    message = (
        PARTLY_RECORDED_AGES.format(recording=", ".join(sorted(age_registries))) if age_registries else NO_RECORDED_AGES
    )
    for where, rule in rules:
        if str(rule.get("min_age", "0d")).strip("0") in {"d", "h"}:
            continue
        if not _is_limited_to_hosts(age_registries, rule.get("match")):
            yield ConfigProblem(f"{where}.min_age", message)


def _is_limited_to_hosts(hosts: Collection[str], match: object) -> bool:
    """Return True if a rule can match only images of the registries `hosts`.

    Every glob under `image` must begin with one of the hosts, as `acme.azurecr.io/*` does. Return False if the rule has
    no glob for images, or if a glob is not a string. Another check reports a glob that is not a string.

    Args:
        hosts: The hosts of registries.
        match: The value of the rule's key `match`.
    """
    images = match.get("image") if isinstance(match, dict) else None
    globs = images if isinstance(images, list) else [images]
    return all(isinstance(glob, str) and _has_host_prefix(hosts, glob) for glob in globs)


def _has_host_prefix(hosts: Collection[str], glob: str) -> bool:
    literal_prefix = _WILDCARD.split(glob, maxsplit=1)[0]
    return any(literal_prefix.startswith(f"{host}/") for host in hosts)
