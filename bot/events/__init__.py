"""The forms in which registries and forges report events: one module for each kind of sender.

All functions are pure. They check whether a request is proved, and parse it. An event is only a hint, so that nothing
in it is used except names of tags and repositories.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from bot.model.delivery import SenderKind

if TYPE_CHECKING:
    from bot.work_ports import EventSender


@cache
def find_sender(kind: SenderKind) -> EventSender:
    """Return the `SENDER` of the module that is named like the kind, such as `event_grid` for `event-grid`."""
    sender: EventSender = import_module(f"{__name__}.{kind.value.replace('-', '_')}").SENDER
    return sender
