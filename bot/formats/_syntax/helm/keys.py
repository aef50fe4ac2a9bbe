"""Walk the values of a Helm chart, each with the keys down to it and what these keys mean."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from bot.formats._syntax.yaml.nodes import Document, Mapping, Node, Sequence, TooDeepError
from bot.formats._syntax.yaml.trees import MAX_NESTING

MAX_KEYS_LENGTH = 4000
"""Limit on the characters of the keys down to one value, since locators hold all of them."""
_ESCAPES = {ord("~"): "~0", ord("/"): "~1", ord("#"): "~2"}
"""Makes locators unique: two key paths of a document never have the same one."""


class Context(Enum):
    """Whether the key around a value names an image, images, or neither."""

    NOTHING = auto()
    IMAGE = auto()
    IMAGES = auto()


class Step(NamedTuple):
    """A mapping or sequence that is entered on the walk through the values."""

    node: Mapping | Sequence
    inside: dict[str, Node]
    keys: tuple[str, ...] = ()
    context: Context = Context.NOTHING
    is_in_list: bool = False

    @property
    def is_too_far(self) -> bool:
        return len(self.keys) > MAX_NESTING or sum(map(len, self.keys)) > MAX_KEYS_LENGTH


class Value(NamedTuple):
    """A value under a key of a mapping, or an item of a sequence."""

    around: Step
    key: str
    node: Node
    step: Step | None
    """The collection that the value is; None for a scalar."""


def walk_values(document: Document, root: Node) -> Iterator[Value]:
    """Yield all values below `root`, the mapping of values. Raises TooDeepError."""
    if not isinstance(root, Mapping | Sequence):
        return
    pending = [Step(root, dict(document.look(root)))]
    while pending:
        around = pending.pop()
        if around.is_too_far:  # in practice an alias to a collection that contains it
            raise TooDeepError
        is_in_list = around.is_in_list or isinstance(around.node, Sequence)
        below: list[Step] = []
        for key, node in around.inside.items():
            step = None
            if isinstance(node, Mapping | Sequence):
                keys, context = (*around.keys, key), _context(around, key)
                step = Step(node, dict(document.look(node)), keys, context, is_in_list)
                below.append(step)
            yield Value(around, key, node, step)
        pending += reversed(below)


def locate(locator: str, keys: tuple[str, ...]) -> str:
    """Return the locator of the value under `keys`, below the locator of the mapping of values."""
    return "/".join((locator, *(each.translate(_ESCAPES) for each in keys)))


def _context(step: Step, key: str) -> Context:
    """Return the context of a key; the items of a list have the context of the list."""
    if isinstance(step.node, Sequence):
        return step.context
    word = key.lower()
    if word.endswith("images"):
        return Context.IMAGES
    return Context.IMAGE if word.endswith("image") else Context.NOTHING
