"""Combines the restrictions and permissions of another bot, so that no basebump rule allows more than the other bot.

In Renovate, the last package rule that sets an option applies to an update. A basebump rule sets a key for all updates
of an image at once. Each key is therefore computed from parts that can only be present or absent, such as "major
updates are enabled". Absent parts forbid something.

A step that cannot be expressed exactly has two conditions. What it forbids, it forbids for at least the images that the
other bot restricts. What it permits, it permits for at most the images that the other bot permits. If it is unknown
which earlier steps apply to an image, only the parts that all of them leave present are present.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.core.globs import has_wildcard, is_any_glob_match
from bot.formats._syntax.renovate.presets import ConfigLayer, PlainValue
from bot.model.updater import BotUpdateType
from bot.starter.renovate_limits import list_merge_limits, list_version_limits, list_waiting_options
from bot.starter.translation import RuleValue

Match = Mapping[str, tuple[str, ...]]
"""The condition of a basebump rule. An empty condition matches all image references."""
Part = tuple[str, str]
"""A key of the policy, and a part of the value of this key, such as `("update", "major")`."""

VERSION_TYPES = (BotUpdateType.MAJOR, BotUpdateType.MINOR, BotUpdateType.PATCH)
_IMAGE_TYPES = (*VERSION_TYPES, BotUpdateType.DIGEST)
_LIMITS = (BotUpdateType.DIGEST, BotUpdateType.PATCH, BotUpdateType.MINOR, BotUpdateType.MAJOR)
"""The values of `update` and `max_update`, the narrowest first."""
_KEYS_BY_TYPE = {
    **dict.fromkeys(VERSION_TYPES, "update"),
    BotUpdateType.DIGEST: "ignore",
    BotUpdateType.PIN_DIGEST: "pin",
}
"""For each type of update, the key with which basebump can forbid it. Digests can only be forbidden with `ignore`."""
_ON: Part = ("ignore", "on")
_INCLUDED: Part = ("ignore", "included")
_PINS: Part = ("pin", "on")
_ENABLED = frozenset((key, part) for kind, key in _KEYS_BY_TYPE.items() for part in (kind, f"open {kind}"))
_UNHELD = frozenset(("automerge", f"free {kind}") for kind in _IMAGE_TYPES)
ALL_PARTS = frozenset({_ON, _INCLUDED, _PINS}) | _ENABLED | _UNHELD
"""The parts that are present if a config of another bot sets nothing. Automerge is then off."""
INCLUDED = frozenset({_INCLUDED})
"""The part that is absent for files that the other bot does not read at all."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The parts that a step removes (forbids) and adds (permits)."""

    removed: frozenset[Part] = frozenset()
    added: frozenset[Part] = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """A step that changes what is allowed for the images that `match` matches. Later steps override earlier ones."""

    match: Match
    effect: Effect


def read_effect(layer: ConfigLayer, possible: Sequence[str] | None, certain: Sequence[str] | None) -> Effect:
    """Return the effect of the settings in a layer of a Renovate config.

    Args:
        layer: The settings.
        possible: The types of updates that may be restricted; None if the layer is about all updates.
        certain: The types of updates that may be permitted; None as for `possible`.
    """
    blocks = {kind: layer.get(kind) for kind in _select(possible)}
    removed = _list_removals(layer, possible)
    added = _list_additions(layer, certain)
    for kind, block in blocks.items():
        if isinstance(block, Mapping):
            removed |= _list_block_removals(kind, block)
            added |= _list_block_additions(kind, block) if kind in _select(certain) else set()
    return Effect(frozenset(removed), frozenset(added))


def _list_removals(layer: ConfigLayer, types: Sequence[str] | None) -> set[Part]:
    kinds = _select(types)
    removed: set[Part] = set()
    if layer.get("enabled") is False:
        removed |= {_ON} if types is None else {(_KEYS_BY_TYPE[kind], kind) for kind in kinds}
    if layer.get("pinDigests") is False:
        removed.add(_PINS)
    if "automerge" in layer and layer["automerge"] is not True:
        removed |= {("automerge", _merge_type(kind)) for kind in kinds}
    if list_version_limits(layer):
        removed |= {("update", f"open {kind}") for kind in kinds if kind in VERSION_TYPES}
    if list_merge_limits(layer):
        removed |= {("automerge", f"free {_merge_type(kind)}") for kind in kinds}
    return removed


def _list_additions(layer: ConfigLayer, types: Sequence[str] | None) -> set[Part]:
    kinds = _select(types)
    added: set[Part] = set()
    if layer.get("enabled") is True:
        added |= {(_KEYS_BY_TYPE[kind], kind) for kind in kinds}
        added |= {_ON} if types is None else set()
    if layer.get("pinDigests") is True and types is None:
        added.add(_PINS)
    if layer.get("automerge") is True:
        added |= {("automerge", kind) for kind in kinds if kind in _IMAGE_TYPES}
    return added


def _select(types: Sequence[str] | None) -> list[BotUpdateType]:
    return [kind for kind in BotUpdateType if types is None or kind in types]


def _merge_type(kind: BotUpdateType) -> BotUpdateType:
    """Return the type under which basebump merges an update. It treats adding a digest like replacing one."""
    return BotUpdateType.DIGEST if kind is BotUpdateType.PIN_DIGEST else kind


def _list_block_removals(kind: BotUpdateType, block: Mapping[str, PlainValue]) -> set[Part]:
    """Return the parts that a block such as `"major": {…}` removes. Package rules do not override a block."""
    removed: set[Part] = set()
    if block.get("enabled") is False:
        removed.add((_KEYS_BY_TYPE[kind], f"open {kind}"))
    if list_version_limits(block) and kind in VERSION_TYPES:
        removed.add(("update", f"open {kind}"))
    if ("automerge" in block and block["automerge"] is not True) or _is_merge_limited(block):
        removed |= {("automerge", f"{prefix} {_merge_type(kind)}") for prefix in ("free", "block")}
    return removed


def _list_block_additions(kind: BotUpdateType, block: Mapping[str, PlainValue]) -> set[Part]:
    if block.get("automerge") is True and not _is_merge_limited(block) and kind in _IMAGE_TYPES:
        return {("automerge", f"{prefix} {kind}") for prefix in ("free", "block")}
    return set()


def _is_merge_limited(block: Mapping[str, PlainValue]) -> bool:
    """Return True if a block restricts automatic merges, or delays updates of a single type."""
    return bool(list_merge_limits(block) or list_waiting_options(block))


def apply_effect(parts: frozenset[Part], effect: Effect) -> frozenset[Part]:
    """Return the parts that are present after an effect."""
    return (parts - effect.removed) | effect.added


def evaluate_key(key: str, parts: frozenset[Part]) -> RuleValue:
    """Return the value of a policy key that allows at most what the parts allow."""
    match key:
        case "ignore":
            kind = BotUpdateType.DIGEST
            return not parts >= {_ON, _INCLUDED, (key, kind), (key, f"open {kind}")}
        case "pin":
            kind = BotUpdateType.PIN_DIGEST
            return parts >= {_PINS, (key, kind), (key, f"open {kind}")}
        case "update":
            return _find_limit({kind for kind in VERSION_TYPES if {(key, kind), (key, f"open {kind}")} <= parts})
        case _:
            merged = {
                kind
                for kind in _IMAGE_TYPES
                if ("automerge", f"free {kind}") in parts and parts & {(key, kind), (key, f"block {kind}")}
            }
            return {"max_update": _find_limit(merged) if BotUpdateType.DIGEST in merged else "none"}


def _find_limit(allowed: set[BotUpdateType]) -> str:
    """Return the widest limit up to which all types of updates are allowed; `digest` if there is none."""
    limit = _LIMITS[0]
    for kind in _LIMITS[1:]:
        if kind not in allowed:
            break
        limit = kind
    return str(limit)


def combine_steps(initial: frozenset[Part], steps: Iterable[Step]) -> Iterator[tuple[Match, Mapping[str, RuleValue]]]:
    """Yield the condition and the keys for each step, in the order of the steps.

    If the rules are applied in the reverse order and the first rule that sets a key applies, no image is allowed more
    than what the steps allow. `initial` are the parts before the first step.
    """
    history: dict[str, list[tuple[Match, frozenset[Part]]]] = {}
    for step in steps:
        keys: dict[str, RuleValue] = {}
        for key in dict.fromkeys(key for key, _ in sorted(step.effect.removed | step.effect.added)):
            earlier = list(_list_earlier_states(step.match, history.setdefault(key, []), initial))
            parts = apply_effect(frozenset.intersection(*earlier), step.effect)
            history[key].append((step.match, parts))
            value = evaluate_key(key, parts)
            if any(evaluate_key(key, each) != value for each in earlier):
                keys[key] = value
        yield step.match, keys


def _list_earlier_states(
    match: Match, history: Sequence[tuple[Match, frozenset[Part]]], initial: frozenset[Part]
) -> Iterator[frozenset[Part]]:
    """Yield the parts that may be present for an image that `match` matches."""
    for earlier_match, parts in reversed(history):
        if can_overlap(match, earlier_match):
            yield parts
        if not earlier_match or earlier_match == match:
            return
    yield initial


def can_overlap(first: Match, second: Match) -> bool:
    """Return False if no image reference can match both conditions."""
    return all(_can_share_value(first[key], second[key]) for key in first.keys() & second.keys())


def _can_share_value(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    if any(map(has_wildcard, first)) and any(map(has_wildcard, second)):
        return True
    literals, globs = (second, first) if any(map(has_wildcard, first)) else (first, second)
    return any(is_any_glob_match(globs, each) for each in literals)
