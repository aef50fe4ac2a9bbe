"""The configuration of other bots that update images: Dependabot and Renovate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class BotUpdateType(StrEnum):
    """The kind of an update, with the values that Renovate's config uses."""

    MAJOR = "major"
    MINOR = "minor"
    PATCH = "patch"
    DIGEST = "digest"
    """The digest in the file is replaced with the digest that the tag points to."""
    PIN_DIGEST = "pinDigest"
    """A digest is added to a reference that has none."""


@dataclass(frozen=True, slots=True)
class IgnoredImages:
    """The images with one name, and the kinds of updates that Dependabot must not propose for them."""

    name: str
    """An image name without its registry. `*` matches any text."""
    update_types: frozenset[BotUpdateType] = frozenset(BotUpdateType)


@dataclass(frozen=True, slots=True)
class DependabotUpdate:
    """An entry under `updates` in a `dependabot.yml` that may apply to images."""

    line_number: int
    ecosystem: str
    """`docker`, `docker-compose` or `helm`."""
    folders: tuple[str, ...]
    """Globs for folders relative to the root of the tree. The empty string is the root."""
    branch: str | None = None
    """The branch to which the entry applies; None for the default branch."""
    allowed_names: tuple[str, ...] = ()
    """Image names in the same form as `IgnoredImages.name`; empty if all images are allowed."""
    ignored_images: tuple[IgnoredImages, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateTypeSettings:
    """Renovate's settings for kinds of updates, as set in one part of its config, such as a package rule.

    A field is None if this part of the config does not set it.
    """

    enabled: bool | None = None
    pin_digests: bool | None = None
    by_update_type: tuple[tuple[BotUpdateType, bool], ...] = ()
    """Kinds of updates that are enabled or disabled individually. The last entry for each kind applies."""


@dataclass(frozen=True, slots=True)
class PackageRule:
    """A package rule of Renovate. It applies to an update if all of the rule's matchers match."""

    settings: UpdateTypeSettings
    managers: tuple[str, ...] | None = None
    """Patterns for managers. This matcher, like the following ones, is None if the rule does not have it."""
    datasources: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    files: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    branches: tuple[str, ...] | None = None
    update_types: tuple[str, ...] | None = None
    dependency_types: tuple[str, ...] | None = None
    is_certain: bool = True
    """False if the rule has conditions that basebump cannot evaluate, so that it may apply to fewer updates."""


@dataclass(frozen=True, slots=True)
class ManagerSettings:
    """Renovate's settings for a manager, which is the part of Renovate that reads one kind of file."""

    manager: str
    settings: UpdateTypeSettings = UpdateTypeSettings()
    patterns: tuple[str, ...] = ()
    """Patterns of files that the manager reads in addition to its default files."""
    ignored_paths: tuple[str, ...] | None = None
    included_paths: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RenovateSettings:
    """The Renovate configuration of a repository, including those presets that basebump knows."""

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
    """Patterns of base branches; if it is empty, Renovate uses only the default branch."""
    custom_manager_patterns: tuple[str, ...] = ()
    """Patterns of files in which custom managers of the repository find images."""
    unread_presets: tuple[str, ...] = ()
    """Presets that were not read because they are stored elsewhere."""
    named_in_rules: frozenset[str] = frozenset()
    """Managers and datasources that rules name, regardless of what the rules set. A repository whose rules name them is
    assumed to use them."""
