"""Parse Go templates into trees of texts, actions, and `if`, `with` and `range` blocks.

The trees consist of lists and tuples and not of dataclasses, to save time: a large chart has tens of thousands of
nodes.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.formats._syntax.helm.actions import TemplateAction, UnsupportedTemplateError, read_actions

MAX_BLOCKS = 50
"""Limit on nested blocks. People nest at most about ten."""

ControlBlock = list[tuple[TemplateAction, "TemplateBody"]]
"""A block from `if`, `with` or `range` to the matching `end`: the actions that start its branches, with the bodies."""
TemplateNode = str | TemplateAction | ControlBlock
"""A node of a template. A string is a literal text, which is never empty. An action assigns the value of its expression
to its variables, or outputs the value if it has no variables."""
TemplateBody = list[TemplateNode]


def read_blocks(text: str, *, with_texts: bool = True) -> tuple[TemplateBody, list[tuple[str, TemplateBody]]]:
    """Parse a template file. Return the nodes of the file itself, and (name, nodes) of each template that it defines.

    A file defines templates with `define` and `block`. If `with_texts` is False, literal texts are left out, which
    saves time. Raises UnsupportedTemplateError if the template is not valid or exceeds a limit.
    """
    reader = _BlockReader(iter(read_actions(text, with_texts=with_texts)))
    body = reader.read_body(0)
    return body, reader.definitions


class _BlockReader:
    """Builds the trees of one file.

    Every method raises UnsupportedTemplateError if a block has no `end`, if an `end` has no block, or if blocks are
    nested too deeply.
    """

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
            if isinstance(piece, str) or not piece.keyword:
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
        if action.keyword in {"if", "with", "range"}:
            nodes.append(self._read_branches(action, depth))
        elif action.keyword in {"define", "block"}:
            self.definitions.append((action.name, self.read_body(depth + 1)))
            if action.keyword == "block":
                nodes.append(action)

    def _read_branches(self, opening: TemplateAction | None, depth: int) -> ControlBlock:
        branches: ControlBlock = []
        while opening is not None and opening.keyword != "end":
            branches.append((opening, self.read_body(depth + 1)))
            opening = self._end_action
        return branches


def can_be_empty(block: ControlBlock) -> bool:
    """Return True if the block has no `else`, and so outputs nothing if all its conditions are false."""
    last_branch, _ = block[-1]
    return last_branch.name != "else"
