"""What the operator wants: rules over images and places."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from bot.model.vocabulary import Reason, Role


class UpdateMode(StrEnum):
    """How far an image may move."""

    NONE = "none"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Match:
    """A condition on a place; what is None or empty matches everything. Texts are globs over the whole value."""

    image: tuple[str, ...] = ()
    """Canonical repositories: `docker.io/library/*`."""
    path: tuple[str, ...] = ()
    format: tuple[str, ...] = ()
    role: Role | None = None
    repository: tuple[str, ...] = ()
    """Names of git repositories."""
    base_branch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """Keys that are set hold where `match` matches; None leaves the key to a later rule."""

    match: Match = field(default_factory=Match)
    update: UpdateMode | None = None
    pin: bool | None = None
    tag: str | None = None
    ignore: bool | None = None
    labels: tuple[str, ...] | None = None
    require_scan: bool | None = None
    allow: tuple[Reason, ...] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds at one place, after every key found its rule."""

    update: UpdateMode = UpdateMode.DIGEST
    pin: bool = True
    tag: str | None = None
    """The tag that an untagged reference follows."""
    ignore: bool = False
    labels: tuple[str, ...] = ()
    require_scan: bool = False
    allow: tuple[Reason, ...] = ()
    """Warnings that do not hold: places closed for one of these reasons are open."""
    names_own: bool = False
    """Whether a matching rule says `role: own`, without which own images are left alone."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All that selecting and deciding needs of the operator's config."""

    rules: tuple[Rule, ...] = ()
    own: tuple[str, ...] | None = None
    """Globs of the operator's own images; None where it is not stated."""
    hosts: frozenset[str] = frozenset()
    """Registries that the operator listed."""
