"""Lists of tags: one page, and how to ask for the next one. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from bot.model.reference import is_tag
from bot.registries.manifest import NotARegistryError

MAX_LINK = 16 * 1024
"""Characters of a Link header; a page's place in the list takes some hundred."""

_LINK = re.compile(r"<(?P<target>[^<>]*)>(?P<parameters>[^<]*)")
"""https://www.rfc-editor.org/rfc/rfc8288; registries send one link, and proxies join those that they add."""

_RELATION = re.compile(r';\s*rel\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s;,"]+))', re.IGNORECASE)
_QUERY = re.compile(r"[!-\"$-~]{1,2048}")
"""Printable ASCII without the mark that ends a query."""


def parse_tags(body: bytes) -> tuple[str, ...]:
    """Return the tags of one page; what could not be one is left out. Raises NotARegistryError."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise NotARegistryError("it is not JSON") from None
    tags: Any = document.get("tags", "") if isinstance(document, dict) else ""
    if tags is None:
        return ()
    if not isinstance(tags, list):
        raise NotARegistryError("it lists no tags")
    return tuple(tag for tag in tags if isinstance(tag, str) and is_tag(tag))


def next_page(link: str) -> str | None:
    """Return the query of the page that follows, None where there is none.

    Nothing else of the link counts: the next page is asked for where this one was, so that a registry that names
    another host, on purpose or because it does not know its own name, is shown no credential there.
    Raises NotARegistryError where there is a next page that cannot be asked for: a list without its end shows nothing.
    """
    if len(link) > MAX_LINK:
        raise NotARegistryError("it links to more than a next page")
    for found in _LINK.finditer(link):
        relation = _RELATION.search(found["parameters"])
        if relation is None or "next" not in (relation["quoted"] or relation["bare"] or "").lower().split():
            continue
        query = found["target"].partition("#")[0].partition("?")[2]
        if not _QUERY.fullmatch(query):
            raise NotARegistryError("it links to a next page without saying which")
        return query
    return None
