"""Parse Go templates into trees of texts, outputs, assignments, and the branches of `if`, `with` and `range`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.formats._syntax.helm.actions import Action, NotUnderstoodError, Token, read_actions

MAX_ACTIONS = 20_000
"""Limit on the actions of a file; the longest templates of large charts have some thousand."""
MAX_BLOCKS = 50
"""Limit on nested blocks; people stop at ten."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text that is written literally; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Output:
    """An expression whose value is written."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A call of another template, whose result is written."""

    template: str
    given: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Assignment:
    """An assignment of an expression to variables."""

    variables: Sequence[str]
    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """One of the bodies of a block, with its condition."""

    keyword: str
    """`if`, `with`, `range`, or `else` for the last branch."""
    variables: Sequence[str]
    tokens: tuple[Token, ...]
    body: Body


@dataclass(frozen=True, slots=True)
class Block:
    """A block from `if`, `with` or `range` to its `end`."""

    branches: Sequence[Branch]

    @property
    def may_be_nothing(self) -> bool:
        return self.branches[-1].keyword != "else"


Node = Text | Output | Template | Assignment | Block
Body = Sequence[Node]


def read_blocks(text: str) -> tuple[Body, list[tuple[str, Body]]]:
    """Return the nodes that a file renders, and the templates that it defines, by name.

    Raises UnsupportedTemplateError.
    """
    if text.count("{{") > MAX_ACTIONS:
        raise NotUnderstoodError
    reader = _Reader(read_actions(text))
    body = reader.body(0)
    return body, reader.defined


class _Reader:
    """Builds the tree of one file. Every method raises UnsupportedTemplateError."""

    def __init__(self, pieces: Iterator[str | Action]) -> None:
        self._pieces = pieces
        self.defined: list[tuple[str, Body]] = []
        self._ending = Action(())
        """The `end` or `else` that ended the last body."""

    def body(self, depth: int) -> Body:
        """Return the nodes up to the next `end` or `else`; at depth 0, up to the end of the file."""
        if depth > MAX_BLOCKS:
            raise NotUnderstoodError
        nodes: list[Node] = []
        for piece in self._pieces:
            if isinstance(piece, str):
                nodes.append(Text(piece))
            elif piece.keyword in {"end", "else"}:
                self._ending = piece
                if not depth:
                    raise NotUnderstoodError
                return nodes
            else:
                nodes += self._nodes(piece, depth)
        if depth:
            raise NotUnderstoodError
        return nodes

    def _nodes(self, action: Action, depth: int) -> Iterator[Node]:
        match action.keyword:
            case "if" | "with" | "range":
                yield Block(list(self._branches(action, depth)))
            case "define" | "block" | "template":
                template = _template(action)
                if action.keyword != "template":
                    self.defined.append((template.template, self.body(depth + 1)))
                if action.keyword != "define":
                    yield template
            case "break" | "continue":
                pass
            case _:
                variables, tokens = _assigned(action.tokens)
                yield Assignment(variables, tokens) if variables else Output(tokens)

    def _branches(self, opening: Action, depth: int) -> Iterator[Branch]:
        while opening.keyword != "end":
            tokens = opening.tokens[1:] if opening.keyword == "else" else opening.tokens
            keyword = tokens[0].text if tokens else "else"
            variables, condition = _assigned(tokens[1:])
            yield Branch(keyword, variables, condition, self.body(depth + 1))
            opening = self._ending


def _template(action: Action) -> Template:
    match action.tokens:
        case (_, Token("text", name), *given):
            return Template(name, tuple(given))
        case _:
            raise NotUnderstoodError


def _assigned(tokens: tuple[Token, ...]) -> tuple[list[str], tuple[Token, ...]]:
    """Split `$a, $b := EXPRESSION` into its variables and the expression. Raises UnsupportedTemplateError."""
    for at, token in enumerate(tokens[:4]):
        if token.kind == "sign" and token.text in {":=", "="}:
            variables = [each.text for each in tokens[:at] if each.text != ","]
            if not variables or not all(variable.startswith("$") for variable in variables):
                raise NotUnderstoodError
            return variables, tokens[at + 1 :]
    return [], tokens
