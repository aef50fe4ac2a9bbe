"""Types for rules of another bot that are translated to rules of basebump's policy."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from bot.model.errors import InvalidReferenceError
from bot.model.image_name import DOCKER_HUB, ImageName
from bot.model.source import FilePath

RuleValue = str | bool | tuple[str, ...] | Mapping[str, str]
"""The value of a key in a policy rule, in the form of the config file."""
_UPDATES_BELOW = {"major": "minor", "minor": "patch", "patch": "digest"}
"""For each type of updates, the value of `update` that excludes this type. The largest type comes first."""
_UNSUPPORTED_GLOB = frozenset("{}[]()!+@\\|,")
"""Characters that have a special meaning in Renovate's globs, but are literal in basebump's globs."""


@dataclass(frozen=True, slots=True)
class TranslatedRule:
    """One rule for basebump's `policy`."""

    origin: str
    """The position of the original rule, such as `packageRules[2] of renovate.json`."""
    keys: Mapping[str, RuleValue]
    match: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The condition of the rule. An empty condition matches all image references."""


@dataclass(frozen=True, slots=True)
class UntranslatedSetting:
    """A setting of another bot for which basebump has no certain equivalent."""

    origin: str
    reason: str


@dataclass(frozen=True, slots=True)
class BotTranslation:
    """The config of another bot, translated to rules of basebump."""

    bot: str
    """`Renovate` or `Dependabot`."""
    path: FilePath
    rules: tuple[TranslatedRule, ...]
    """The rules in the order of basebump's policy: the first rule that matches and sets a key applies."""
    untranslated: tuple[UntranslatedSetting, ...]
    handover: str
    """A sentence and lines with the change that makes the other bot ignore images."""
    base_branches: tuple[str, ...] = ()
    """The branches that the other bot updates; empty if it updates the default branch."""


class UntranslatableError(Exception):
    """Raised if a condition or value of another bot cannot be expressed in a rule of basebump.

    The message is the reason.
    """


def find_update_limit(excluded_types: Collection[str]) -> str:
    """Return the value of `update` that excludes the given types of updates: `major`, `minor` and `patch`.

    Raises:
        UntranslatableError: If `excluded_types` is empty or contains any other type.
    """
    if not excluded_types or not set(excluded_types) <= _UPDATES_BELOW.keys():
        names = ", ".join(sorted(excluded_types))
        raise UntranslatableError(f"basebump cannot exclude these types of updates: {names}")
    return [limit for update_type, limit in _UPDATES_BELOW.items() if update_type in excluded_types][-1]


def drop_automerge(rules: Iterable[TranslatedRule]) -> list[TranslatedRule]:
    """Return the rules without the permission to merge automatically, because a delay could not be translated."""
    return [
        replace(rule, keys={key: value for key, value in rule.keys.items() if key != "automerge"}) for rule in rules
    ]


def drop_hidden_keys(rules: Iterable[TranslatedRule]) -> Iterator[TranslatedRule]:
    """Yield the rules without keys that have no effect, because an earlier rule sets them for all image references."""
    hidden: set[str] = set()
    for rule in rules:
        keys = {key: value for key, value in rule.keys.items() if key not in hidden}
        if keys:
            yield replace(rule, keys=keys)
        if not rule.match:
            hidden.update(keys)


def convert_image_name(name: str) -> str:
    """Return the glob for canonical repositories that corresponds to an image name or a glob for image names.

    Raises:
        UntranslatableError: If `name` is neither an image name nor a glob for image names.
    """
    if "*" not in name and "?" not in name:
        try:
            return ImageName.parse(name).repository
        except InvalidReferenceError:
            raise UntranslatableError(f"`{name}` is not the name of an image") from None
    glob = convert_path_glob(name)
    first, slash, _ = glob.partition("/")
    if first == "**" or (slash and ("." in first or ":" in first or first == "localhost")):
        return glob
    return f"{DOCKER_HUB}/{glob}" if slash else f"{DOCKER_HUB}/library/{glob}"


def convert_path_glob(glob: str) -> str:
    """Return the basebump glob for a glob of another bot. Raises UntranslatableError if there is no such glob."""
    if _UNSUPPORTED_GLOB.intersection(glob) or not glob.strip():
        raise UntranslatableError(f"basebump's globs cannot express `{glob}`")
    return glob
