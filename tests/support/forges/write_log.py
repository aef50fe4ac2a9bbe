"""The writes to a server as `docs/forge-requests.md` lists them: without names of branches and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from graphql import FieldNode, OperationDefinitionNode, parse
from support.forges.hosted_stand import HostedStand
from support.forges.server import ApiExchange
from support.parts import ROOT

HEADING = "## What is written when"
_NUMBER = re.compile(r"(?<=/)[0-9]+(?=/|$)")
_BRANCH = re.compile(r"basebump/[a-z0-9.-]+")
_ACCOUNT = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_COMMIT = re.compile(r"\b[0-9a-f]{40}\b")
_ROOT = re.compile(
    r"^/(?:repos/acme/web|projects/[0-9]+|projects/acme/shop/web|Acme Shop/_apis/git/repositories/[0-9a-f-]+)/"
)
"""What all paths that concern one repository begin with."""


def list_write_requests(stand: HostedStand, exchanges: Sequence[ApiExchange]) -> list[str]:
    """Return every write among some exchanges: method and path, or the name of a mutation."""
    return [_line(each) for each in exchanges if stand.server.changes(each.asked)]


def list_documented_requests(kind: str) -> dict[str, list[str]]:
    """Return the writes that the page lists for each situation of a forge."""
    text = (ROOT / "docs" / "forge-requests.md").read_text(encoding="utf-8")
    table = text.partition(HEADING)[2].partition("\n## ")[0]
    head, _, *rows = (line.strip("|").split("|") for line in table.splitlines() if line.startswith("|"))
    column = [each.strip() for each in head].index(f"`{kind}`")
    return {row[0].strip(): re.findall("`([^`]+)`", row[column]) for row in rows}


def _line(exchange: ApiExchange) -> str:
    path = unquote(exchange.asked.path)
    if path.endswith("/graphql"):
        return f"mutation {', '.join(_mutations(exchange.request['query']))}"
    if path.endswith("/git-receive-pack"):
        return "git push"
    below, found = _ROOT.subn("", path)
    assert found, f"{path} is not about the one repository"
    named = _ACCOUNT.sub("ACCOUNT", _COMMIT.sub("COMMIT", _BRANCH.sub("BRANCH", below)))
    return f"{exchange.method} {_NUMBER.sub('NUMBER', named)}"


def _mutations(text: str) -> Iterator[str]:
    for operation in parse(text).definitions:
        if isinstance(operation, OperationDefinitionNode):
            yield from (each.name.value for each in operation.selection_set.selections if isinstance(each, FieldNode))
