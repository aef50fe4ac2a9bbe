"""The configuration of other bots that update images: Dependabot and Renovate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class BotUpdateType(StrEnum):
    """The kind of an update; the values are Renovate's terms."""

    MAJOR = "major"
    MINOR = "minor"
    PATCH = "patch"
    DIGEST = "digest"
    """The digest in the file is replaced by the one that its tag points to."""
    PIN_DIGEST = "pinDigest"
    """A digest is added to a reference that has none."""


@dataclass(frozen=True, slots=True)
class IgnoredImages:
    """Images that Dependabot is configured not to update."""

    name: str
    """An image name without its registry; `*` matches anything."""
    update_types: frozenset[BotUpdateType] = frozenset(BotUpdateType)


@dataclass(frozen=True, slots=True)
class DependabotUpdate:
    """An entry of a `dependabot.yml` that may apply to images."""

    line_number: int
    ecosystem: str
    """`docker`, `docker-compose` or `helm`."""
    folders: tuple[str, ...]
    """Globs relative to the root of the tree, which is the empty string."""
    branch: str | None = None
    """The branch that the entry is for; None for the default branch."""
    allowed_names: tuple[str, ...] = ()
    """Image names in the same form as ignored ones; empty for all images."""
    ignored_images: tuple[IgnoredImages, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateTypeSettings:
    """Renovate's settings per kind of update at one level of its config; None for what that level does not set."""

    enabled: bool | None = None
    pin_digests: bool | None = None
    by_update_type: tuple[tuple[BotUpdateType, bool], ...] = ()
    """Kinds of updates that are enabled or disabled individually; the last entry for a kind applies."""


@dataclass(frozen=True, slots=True)
class PackageRule:
    """A package rule of Renovate; it applies where all of its matchers match."""

    settings: UpdateTypeSettings
    managers: tuple[str, ...] | None = None
    """Patterns, like all matchers; None if the rule does not have this matcher."""
    datasources: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    files: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    branches: tuple[str, ...] | None = None
    update_types: tuple[str, ...] | None = None
    is_certain: bool = True
    """True if these are all matchers of the rule; if not, it may apply to less than they match."""


@dataclass(frozen=True, slots=True)
class ManagerSettings:
    """Renovate's settings for a manager, which is the part of Renovate that reads one kind of file."""

    manager: str
    settings: UpdateTypeSettings = UpdateTypeSettings()
    patterns: tuple[str, ...] = ()
    """Patterns of files that it reads in addition to its default ones."""
    ignored_paths: tuple[str, ...] | None = None
    included_paths: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RenovateSettings:
    """The Renovate configuration of a repository, including presets as far as they are known."""

    settings: UpdateTypeSettings = UpdateTypeSettings()
    managers: tuple[ManagerSettings, ...] = ()
    """At most one entry for each manager."""
    enabled_managers: tuple[str, ...] = ()
    """If not empty, only these managers are enabled."""
    ignored_paths: tuple[str, ...] = ()
    included_paths: tuple[str, ...] = ()
    """If not empty, only these paths are read."""
    ignored_names: tuple[str, ...] = ()
    rules: tuple[PackageRule, ...] = ()
    """Later rules override earlier ones."""
    branches: tuple[str, ...] = ()
    """Patterns of base branches; only the default branch if empty."""
    custom_manager_patterns: tuple[str, ...] = ()
    """Patterns of files in which custom managers of the repository find images."""
    unread_presets: tuple[str, ...] = ()
    """Presets that were not read because they are stored elsewhere."""
    named_in_rules: frozenset[str] = frozenset()
    """Managers and datasources that rules name, whatever the rules set: a repository that names them uses them."""
