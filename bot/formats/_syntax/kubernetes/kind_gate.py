"""Decide without parsing whether the object in a section may have an image field, by its kind."""

from __future__ import annotations

from bot.formats._syntax.kubernetes.kinds import KINDS
from bot.formats._syntax.kubernetes.prefilter import is_only_kind, is_without_kind, may_hold_images
from bot.formats._syntax.kubernetes.templated_lines import TEMPLATE_OPENER

_KINDS_WITH_FIELDS = frozenset(kind.encode() for _, kind in KINDS)


def may_have_fields(raw: bytes) -> bool:
    """Return False if a section certainly has no image field and nothing about images in other files.

    This is the case if `may_hold_images` returns False, if the section is no object, or if it is a single object of a
    kind without image fields that contains no other object and no PodSpec. The kind makes no difference for a section
    with templates, because it is read line by line if it is not YAML.
    """
    if not may_hold_images(raw):
        return False
    has_known_kind = not is_without_kind(raw) and (
        not is_only_kind(raw, _has_no_fields) or may_have_common_fields(raw) or may_have_shapes(raw)
    )
    return has_known_kind or TEMPLATE_OPENER.search(raw) is not None


def _has_no_fields(kind: bytes) -> bool:
    return kind not in _KINDS_WITH_FIELDS and not kind.endswith(b"List")


def may_have_common_fields(raw: bytes) -> bool:
    """Return False if the object in a section certainly has none of the fields that objects of all kinds can have."""
    return raw.find(b"\\") >= 0 or raw.find(b"function") >= 0


def may_have_shapes(raw: bytes) -> bool:
    """Return False if the object in a section certainly contains no other object and no PodSpec."""
    return raw.find(b"\\") >= 0 or raw.find(b"containers") >= 0 or raw.count(b"apiVersion") > 1
