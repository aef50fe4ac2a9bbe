"""Parse Go templates into trees of texts, outputs, assignments, and `if`, `with` and `range` blocks.

The nodes are named tuples and not dataclasses, to save time: a large chart has tens of thousands of nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bot.formats._syntax.helm.actions import (
    ActionExpression,
    TemplateAction,
    UnsupportedTemplateError,
    read_actions,
)

MAX_ACTIONS = 20_000
"""Limit on the actions of one file. The longest templates of large charts have a few thousand."""
MAX_BLOCKS = 50
"""Limit on nested blocks. People nest at most about ten."""


class OutputNode(NamedTuple):
    """An action that outputs the value of an expression."""

    expression: ActionExpression


class TemplateCall(NamedTuple):
    """An action that outputs the result of another template: `{{ template "name" . }}` or `{{ block "name" . }}`."""

    template: str
    argument: ActionExpression


class VariableAssignment(NamedTuple):
    """An action that assigns the value of an expression to variables, such as `{{ $name := .Values.name }}`."""

    variables: Sequence[str]
    expression: ActionExpression


class BlockBranch(NamedTuple):
    """One branch of a block, such as `{{ if … }}` or `{{ else if … }}`, with its condition and its body."""

    keyword: str
    """`if`, `with` or `range`, or `else` for the last branch."""
    variables: Sequence[str]
    expression: ActionExpression
    body: TemplateBody


class ControlBlock(NamedTuple):
    """A block from `if`, `with` or `range` to the matching `end`."""

    branches: Sequence[BlockBranch]

    @property
    def can_be_empty(self) -> bool:
        return self.branches[-1].keyword != "else"


TemplateNode = str | OutputNode | TemplateCall | VariableAssignment | ControlBlock
"""A node of a template. A string is a literal text, which is never empty."""
TemplateBody = Sequence[TemplateNode]


def read_blocks(text: str, *, with_texts: bool = True) -> tuple[TemplateBody, list[tuple[str, TemplateBody]]]:
    """Parse a template file. Return the nodes of the file itself, and (name, nodes) of each template that it defines.

    A file defines templates with `define` and `block`. If `with_texts` is False, literal texts are left out, which
    saves time. Raises UnsupportedTemplateError.
    """
    if text.count("{{") > MAX_ACTIONS:
        raise UnsupportedTemplateError
    reader = _BlockReader(read_actions(text, with_texts=with_texts))
    body = reader.read_body(0)
    return body, reader.definitions


class _BlockReader:
    """Builds the trees of one file. Every method raises UnsupportedTemplateError."""

    def __init__(self, pieces: Iterator[str | TemplateAction]) -> None:
        self._pieces = pieces
        self.definitions: list[tuple[str, TemplateBody]] = []
        self._end_action: TemplateAction | None = None
        """The `end` or `else` after the last body."""

    def read_body(self, depth: int) -> TemplateBody:
        """Return the nodes up to the `end` or `else` that closes the current body.

        `depth` is the number of blocks and definitions around the body. At depth 0, the body ends with the file.
        """
        if depth > MAX_BLOCKS:
            raise UnsupportedTemplateError
        nodes: list[TemplateNode] = []
        for piece in self._pieces:
            if isinstance(piece, str):
                nodes.append(piece)
            elif piece.keyword in {"end", "else"}:
                self._end_action = piece
                if not depth:
                    raise UnsupportedTemplateError
                return nodes
            else:
                self._add_nodes(nodes, piece, depth)
        if depth:
            raise UnsupportedTemplateError
        return nodes

    def _add_nodes(self, nodes: list[TemplateNode], action: TemplateAction, depth: int) -> None:
        """Add the nodes of one action to `nodes`. The action of a block takes all pieces up to its `end`."""
        match action.keyword:
            case "if" | "with" | "range":
                nodes.append(ControlBlock(list(self._read_branches(action, depth))))
            case "define" | "block" | "template":
                if action.keyword != "template":
                    self.definitions.append((action.name, self.read_body(depth + 1)))
                if action.keyword != "define":
                    nodes.append(TemplateCall(action.name, action.expression))
            case "break" | "continue":
                pass
            case _ if action.variables:
                nodes.append(VariableAssignment(action.variables, action.expression))
            case _:
                nodes.append(OutputNode(action.expression))

    def _read_branches(self, opening: TemplateAction | None, depth: int) -> Iterator[BlockBranch]:
        while opening is not None and opening.keyword != "end":
            body = self.read_body(depth + 1)
            yield BlockBranch(opening.name or opening.keyword, opening.variables, opening.expression, body)
            opening = self._end_action
