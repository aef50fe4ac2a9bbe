"""The values of a Helm chart, each with the keys down to it and what they say of it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from bot.formats._syntax.yaml.nodes import Document, Mapping, Node, Sequence, TooDeepError
from bot.formats._syntax.yaml.trees import MAX_NESTING

MAX_KEYS_LENGTH = 4000
"""Characters of the keys down to one value: locators hold them all."""
_ESCAPES = {ord("~"): "~0", ord("/"): "~1", ord("#"): "~2"}
"""So that no two ways through a document have one locator."""


class Context(Enum):
    """What the keys around something say of it."""

    NOTHING = auto()
    IMAGE = auto()
    IMAGES = auto()


class Step(NamedTuple):
    """A collection on the way through the values."""

    node: Mapping | Sequence
    inside: dict[str, Node]
    keys: tuple[str, ...] = ()
    context: Context = Context.NOTHING
    is_in_list: bool = False

    @property
    def is_too_far(self) -> bool:
        return len(self.keys) > MAX_NESTING or sum(map(len, self.keys)) > MAX_KEYS_LENGTH


class Value(NamedTuple):
    """What stands under a key, or as an item."""

    around: Step
    key: str
    node: Node
    step: Step | None
    """Itself, where it is a collection."""


def walk_values(document: Document, root: Node) -> Iterator[Value]:
    """Yield all that is below `root`, the mapping of values. Raises TooDeepError."""
    if not isinstance(root, Mapping | Sequence):
        return
    pending = [Step(root, dict(document.look(root)))]
    while pending:
        around = pending.pop()
        if around.is_too_far:  # an alias to what it is inside of, if nobody made it up
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
    """Return the locator of what stands under `keys`, from what the values stand under."""
    return "/".join((locator, *(each.translate(_ESCAPES) for each in keys)))


def _context(step: Step, key: str) -> Context:
    """Return what a key says of what stands under it; the items of a list are what the list is."""
    if isinstance(step.node, Sequence):
        return step.context
    word = key.lower()
    if word.endswith("images"):
        return Context.IMAGES
    return Context.IMAGE if word.endswith("image") else Context.NOTHING
