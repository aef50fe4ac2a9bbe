"""The formats in which registries and forges report events, with one module for each kind of sender.

All functions are pure. They check that a request comes from its sender, and parse the request. An event is only a hint.
Therefore basebump uses nothing in it except the names of tags, repositories and branches.
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
    """Return the `SENDER` of the module for this kind, such as the module `event_grid` for `event-grid`."""
    sender: EventSender = import_module(f"{__name__}.{kind.value.replace('-', '_')}").SENDER
    return sender
