"""Checks of the keys of a config file that concern the service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.model.config_types.addresses import SQLITE
from bot.model.delivery import SenderKind
from bot.model.errors import ConfigProblem
from bot.settings.document import Document

NEEDS_REGISTRY = frozenset({SenderKind.DISTRIBUTION.value})
"""The senders whose events name the registry as the pushing client does, which can be any name."""


def check_service(document: Document) -> Iterator[ConfigProblem]:
    """Yield the problems of `serve` and `queue`."""
    state, serve = document.get("state"), document.get("serve")
    if state is None and "serve" in document:
        yield ConfigProblem(
            "serve", "requires `state`, which holds the pending work; hint: add `state: sqlite:///PATH`"
        )
    if "queue" in document and (not isinstance(state, str) or state.startswith(SQLITE)):
        yield ConfigProblem(
            "queue", "requires a `state` in PostgreSQL; hint: set `state: postgresql://HOST/NAME`, or remove `queue`"
        )
    events = serve.get("events") if isinstance(serve, dict) else None
    yield from _check_senders([each for each in events if isinstance(each, dict)] if isinstance(events, list) else [])


def _check_senders(senders: list[dict[str, Any]]) -> Iterator[ConfigProblem]:
    names: set[object] = set()
    for index, sender in enumerate(senders):
        where, name = f"serve.events[{index}]", sender.get("name", sender.get("kind"))
        if isinstance(name, str) and name in names:
            yield ConfigProblem(
                f"{where}.name", f"an earlier entry is named `{name}`, too; hint: set another `name`, as in `{name}-2`"
            )
        names.add(name if isinstance(name, str) else None)
        if sender.get("kind") in NEEDS_REGISTRY and "registry" not in sender:
            yield ConfigProblem(
                f"{where}.registry",
                "is required, because the events name the registry as the pushing client does; hint: set it to the "
                "registry as image references name it",
            )
