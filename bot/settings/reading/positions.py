"""Find the positions of config keys in the YAML text, for the messages about problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import yaml

from bot.model.errors import ConfigProblem, FilePosition
from bot.settings.reading.yaml_file import MAX_BYTES


def add_positions(content: bytes, problems: Iterable[ConfigProblem]) -> tuple[ConfigProblem, ...]:
    """Return the problems with the positions of their keys, in the order of these positions.

    If a key is not in the file, the problem gets the position of the mapping in which the key is missing. Problems that
    have a position keep it. If the content is not valid YAML, the problems are returned unchanged.
    """
    root = _compose(content)
    if root is None:  # `problems` contains the error
        return tuple(problems)
    located = (
        each if each.position is not None or not each.key else replace(each, position=_find_position(root, each.key))
        for each in problems
    )
    return tuple(sorted(located, key=_get_place))


def read_line_numbers(content: bytes) -> Callable[[str], int | None]:
    """Return a function that returns the line number of a key such as `updates[0].ignore`, or of its nearest parent.

    The line number is None if the content is not valid YAML.
    """
    root = _compose(content)
    return lambda key: None if root is None else _find_position(root, key).line


def _compose(content: bytes) -> yaml.Node | None:
    """Return the root of the first bytes of a YAML file; None if they are not valid YAML."""
    try:
        root: yaml.Node | None = yaml.compose(content[:MAX_BYTES].decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        return None
    return root


def _get_place(problem: ConfigProblem) -> tuple[bool, int, int]:
    """Return the sort key of a problem. Problems without a position come last."""
    position = problem.position
    return (False, position.line, position.column) if position is not None else (True, 0, 0)


def _find_position(root: yaml.Node, key: str) -> FilePosition:
    """Return the position of a key such as `policy[0].match.image`, or of its nearest parent that is in the file."""
    node, mark, rest = root, root.start_mark, key
    while rest:
        step = _find_child(node, rest)
        if step is None:
            break
        node, mark, rest = step
    return FilePosition(mark.line + 1, mark.column + 1)


def _find_child(node: yaml.Node, key: str) -> tuple[yaml.Node, yaml.Mark, str] | None:
    """Return the child whose name `key` starts with, the position of the child, and the rest of `key`.

    The longest matching name is chosen, because names can contain dots. Return None if there is no such child.
    """
    if isinstance(node, yaml.SequenceNode) and key.startswith("["):
        index, _, rest = key[1:].partition("]")
        if index.isdecimal() and int(index) < len(node.value):
            child = node.value[int(index)]
            return child, child.start_mark, rest
    if isinstance(node, yaml.MappingNode):
        text = key.removeprefix(".")
        names = [(name, child) for name, child in node.value if _is_first_name(text, str(name.value))]
        if names:
            name, child = max(names, key=lambda each: len(str(each[0].value)))
            return child, name.start_mark, text[len(str(name.value)) :]
    return None


def _is_first_name(text: str, name: str) -> bool:
    return bool(name) and text.startswith(name) and text[len(name) : len(name) + 1] in {"", ".", "["}
