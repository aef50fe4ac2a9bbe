"""Parse Go templates into trees of texts, outputs, assignments, and `if`, `with` and `range` blocks.

The nodes are named tuples and not dataclasses, to save time: a large chart has tens of thousands of nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bot.formats._syntax.helm.actions import ActionToken, TemplateAction, UnsupportedTemplateError, read_actions

MAX_ACTIONS = 20_000
"""Limit on the actions of one file. The longest templates of large charts have a few thousand."""
MAX_BLOCKS = 50
"""Limit on nested blocks. People nest at most about ten."""


class TextNode(NamedTuple):
    """Literal text of a template. It is never empty."""

    text: str


class OutputNode(NamedTuple):
    """An action that outputs the value of an expression."""

    tokens: tuple[ActionToken, ...]


class TemplateCall(NamedTuple):
    """An action that outputs the result of another template: `{{ template "name" . }}` or `{{ block "name" . }}`."""

    template: str
    argument: tuple[ActionToken, ...]


class VariableAssignment(NamedTuple):
    """An action that assigns the value of an expression to variables, such as `{{ $name := .Values.name }}`."""

    variables: Sequence[str]
    tokens: tuple[ActionToken, ...]


class BlockBranch(NamedTuple):
    """One branch of a block, such as `{{ if … }}` or `{{ else if … }}`, with its condition and its body."""

    keyword: str
    """`if`, `with` or `range`, or `else` for the last branch."""
    variables: Sequence[str]
    tokens: tuple[ActionToken, ...]
    body: TemplateBody


class ControlBlock(NamedTuple):
    """A block from `if`, `with` or `range` to the matching `end`."""

    branches: Sequence[BlockBranch]

    @property
    def can_be_empty(self) -> bool:
        return self.branches[-1].keyword != "else"


TemplateNode = TextNode | OutputNode | TemplateCall | VariableAssignment | ControlBlock
TemplateBody = Sequence[TemplateNode]


def read_blocks(text: str) -> tuple[TemplateBody, list[tuple[str, TemplateBody]]]:
    """Parse a template file. Return the nodes of the file itself, and (name, nodes) of each template that it defines.

    A file defines templates with `define` and `block`. Raises UnsupportedTemplateError.
    """
    if text.count("{{") > MAX_ACTIONS:
        raise UnsupportedTemplateError
    reader = _BlockReader(read_actions(text))
    body = reader.read_body(0)
    return body, reader.definitions


class _BlockReader:
    """Builds the trees of one file. Every method raises UnsupportedTemplateError."""

    def __init__(self, pieces: Iterator[str | TemplateAction]) -> None:
        self._pieces = pieces
        self.definitions: list[tuple[str, TemplateBody]] = []
        self._end_action = TemplateAction(())
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
                nodes.append(TextNode(piece))
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
                template = _parse_template_call(action)
                if action.keyword != "template":
                    self.definitions.append((template.template, self.read_body(depth + 1)))
                if action.keyword != "define":
                    nodes.append(template)
            case "break" | "continue":
                pass
            case _:
                variables, tokens = _split_assignment(action.tokens)
                nodes.append(VariableAssignment(variables, tokens) if variables else OutputNode(tokens))

    def _read_branches(self, opening: TemplateAction, depth: int) -> Iterator[BlockBranch]:
        while opening.keyword != "end":
            tokens = opening.tokens[1:] if opening.keyword == "else" else opening.tokens
            keyword = tokens[0].text if tokens else "else"
            variables, condition = _split_assignment(tokens[1:])
            yield BlockBranch(keyword, variables, condition, self.read_body(depth + 1))
            opening = self._end_action


def _parse_template_call(action: TemplateAction) -> TemplateCall:
    match action.tokens:
        case (_, ActionToken("text", name), *given):
            return TemplateCall(name, tuple(given))
        case _:
            raise UnsupportedTemplateError


def _split_assignment(tokens: tuple[ActionToken, ...]) -> tuple[list[str], tuple[ActionToken, ...]]:
    """Split `$a, $b := EXPRESSION` into the names of the variables and the tokens of the expression.

    If `tokens` are not an assignment, return no variables and all tokens. Raises UnsupportedTemplateError.
    """
    for at, token in enumerate(tokens[:4]):
        if token.kind == "sign" and token.text in {":=", "="}:
            variables = [each.text for each in tokens[:at] if each.text != ","]
            if not variables or not all(variable.startswith("$") for variable in variables):
                raise UnsupportedTemplateError
            return variables, tokens[at + 1 :]
    return [], tokens
