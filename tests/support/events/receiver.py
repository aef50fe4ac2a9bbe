"""A receiver on loopback that reads the events of basebump's own form."""

from __future__ import annotations

from datetime import UTC, datetime

from support.events.deliveries import SECRET
from support.listener import HttpListener, HttpReply, ListeningService, ReceivedRequest

from bot.events import find_sender
from bot.model.delivery import EventRequest, ParsedDelivery, SenderKind, UnreadableDeliveryError


class SignedReceiver(ListeningService):
    """Answers like basebump's receiver, and keeps the events of requests that are proved."""

    def __init__(self, failures: int = 0) -> None:
        """Create a receiver whose first answers are errors."""
        self._failures = failures
        self.parsed: list[ParsedDelivery] = []
        self._listener = HttpListener(self._answer)

    @property
    def url(self) -> str:
        return f"{self._listener.url}/events/signed"

    @property
    def tags(self) -> list[str]:
        """The tags in the order of the events."""
        return [str(event.tag_ref) for each in self.parsed for event in each.events]

    def _answer(self, received: ReceivedRequest) -> HttpReply:
        sender = find_sender(SenderKind.SIGNED)
        request = EventRequest(received.method, received.headers, {}, received.body)
        if received.path != "/events/signed" or not sender.is_proved(request, SECRET, datetime.now(UTC)):
            return HttpReply(401)
        try:
            self.parsed.append(sender.parse_delivery(request, None))
        except UnreadableDeliveryError as error:
            return HttpReply(400, str(error).encode())
        if self._failures:
            self._failures -= 1
            return HttpReply(503)
        return HttpReply(202)
