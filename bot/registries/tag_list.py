"""Parses a page of a tag list, and the link to the next page. This module does no I/O."""

from __future__ import annotations

import json
import re
from typing import Any

from bot.model.image_name import is_tag
from bot.registries.manifest import NotARegistryError

MAX_TAGS = 200_000
"""The largest number of tags of one repository. The largest known repositories have about 60,000."""
MAX_LINK_LENGTH = 16 * 1024
"""The largest Link header, in characters. It takes a few hundred characters to state the position of a page in the
list."""

_LINK = re.compile(r"<(?P<target>[^<>]*)>(?P<parameters>[^<]*)")
"""https://www.rfc-editor.org/rfc/rfc8288. Registries send one link, and proxies append other links."""

_RELATION = re.compile(r';\s*rel\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s;,"]+))', re.IGNORECASE)
_QUERY = re.compile(r"[!-\"$-~]{1,2048}")
"""Printable ASCII without `#`, which ends a query."""


def parse_tags(body: bytes) -> tuple[str, ...]:
    """Return the valid tags on one page.

    Raises NotARegistryError if the page itself is invalid, or if it may contain more than MAX_TAGS tags. A page with
    too many tags is not parsed, because two million short tags fit into one response, and take hundreds of megabytes
    when parsed.
    """
    if body.count(b",") > MAX_TAGS:
        raise NotARegistryError(f"a page of the tag list has more than {MAX_TAGS} values")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise NotARegistryError("the response is not JSON") from None
    tags: Any = document.get("tags", "") if isinstance(document, dict) else ""
    if tags is None:
        return ()
    if not isinstance(tags, list):
        raise NotARegistryError("`tags` is not a list")
    return tuple(tag for tag in tags if isinstance(tag, str) and is_tag(tag))


def parse_next_page(link: str) -> str | None:
    """Return the query string of the next page; None if there is no next page.

    `link` is the Link header of a response. The caller sends only the query to the same path of the same host. The host
    and path in the link are ignored, because a registry may name another host. The registry may do so to attack, or
    because it is behind a proxy and does not know its own name.

    Raises NotARegistryError if the link to the next page cannot be used. The list would be incomplete without the next
    page, and basebump would conclude that a tag does not exist although it does.
    """
    if len(link) > MAX_LINK_LENGTH:
        raise NotARegistryError("the Link header of the registry's response is too long")
    for match in _LINK.finditer(link):
        relation = _RELATION.search(match["parameters"])
        if relation is None or "next" not in (relation["quoted"] or relation["bare"] or "").lower().split():
            continue
        query = match["target"].partition("#")[0].partition("?")[2]
        if not _QUERY.fullmatch(query):
            raise NotARegistryError("the registry's link to the next page of the list has no valid query string")
        return query
    return None
