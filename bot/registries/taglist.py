"""Lists of tags: one page, and how to ask for the next one. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from bot.model.reference import is_tag
from bot.registries.manifest import NotARegistryError

_NEXT = re.compile(r"<(?P<target>[^<>]*)>\s*(?:;[^,]*)?;\s*rel=(?:\"next\"|next)(?=$|[;,\s])")
"""https://www.rfc-editor.org/rfc/rfc8288; registries send one link."""

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
    """
    found = _NEXT.search(link)
    query = found["target"].partition("?")[2] if found is not None else ""
    return query if _QUERY.fullmatch(query) else None
