"""The paths and names of GitLab's API, and answers that have all of them."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from support.forges.server import ApiExchange
from support.parts import ROOT

_REFUSED = 400
_OF_EVERY_LIST = frozenset({"page", "per_page", "pagination"})
"""https://docs.gitlab.com/api/rest/#pagination."""


@functools.cache
def _all_names() -> dict[str, Any]:
    return json.loads((ROOT / "tests" / "contracts" / "gitlab_names.json").read_text(encoding="utf-8"))


def graphql_names() -> dict[str, dict[str, list[str]]]:
    """Return the arguments of each field of each type of its GraphQL."""
    return _all_names()["graphql"]


@functools.cache
def _names() -> dict[str, Any]:
    return {operation: names for operation, names in _all_names().items() if operation != "graphql"}


@functools.cache
def _routes() -> list[tuple[re.Pattern[str], str]]:
    operations = sorted(_names(), key=lambda operation: (operation.count("{"), -len(operation)))
    return [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(each))), each) for each in operations]


def operation_of(method: str, path: str) -> str | None:
    """Return the operation that a request with this quoted path is, None where GitLab describes none."""
    line = f"{method.lower()} {path}"
    return next((operation for pattern, operation in _routes() if pattern.fullmatch(line)), None)


def violations(exchange: ApiExchange) -> Iterator[str]:
    """Yield which paths and names of an exchange GitLab does not know."""
    operation = operation_of(exchange.method, exchange.asked.path)
    if operation is None:
        yield f"{exchange.line}: no such operation in the description"
        return
    known = _names()[operation]
    body: Mapping[str, Any] = exchange.request or {}
    said = {each.removesuffix("[]") for each in (*parse_qs(exchange.asked.query), *body)}
    yield from (f"{operation}: asks with {each}" for each in said - {*known["parameters"], *_OF_EVERY_LIST})
    for action in body.get("actions", []):
        yield from (f"{operation}: an action with {each}" for each in action.keys() - {*known["actions"]})
    if exchange.status < _REFUSED:
        answers = exchange.response if isinstance(exchange.response, list) else [exchange.response]
        for answer in answers:
            names = {*answer} if isinstance(answer, dict) else set()
            yield from (f"{operation}: answers with {each}" for each in names - {*known["answer"]})


def answer(operation: str, **known: object) -> dict[str, Any]:
    """Return an object with all keys of an operation's response; values that are not `known` are null."""
    names = _names()[operation]["answer"]
    assert known.keys() <= {*names}, f"{operation} does not answer with {known.keys() - {*names}}"
    return dict.fromkeys(names) | known
