"""Decides who is allowed to see pages and the API.

A reverse proxy authenticates users. Without a reverse proxy, the service listens only on a loopback address.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.model.config_types.addresses import is_loopback
from bot.serve.http import Handler, HttpRequest, Response
from bot.settings.sections.serve import ServeSection

_FORBIDDEN = 403
USER_MISSING = (
    b"This request does not name a user; hint: open the pages through the reverse proxy that sets the header of "
    b"`serve.user_header`\n"
)
FOREIGN_HOST = (
    b"This service answers only requests to `localhost`, because `serve.listen` is a loopback address; hint: behind a "
    b"reverse proxy, set `serve.user_header`\n"
)


def guard(handler: Handler, settings: ServeSection) -> Handler:
    """Return a handler that refuses requests without a user, and requests that other web sites cause in a browser."""

    def answer(request: HttpRequest, parts: Mapping[str, str]) -> Response:
        refusal = _find_refusal(request, settings)
        return Response(_FORBIDDEN, refusal) if refusal is not None else handler(request, parts)

    return answer


def guard_from_web_sites(handler: Handler, settings: ServeSection) -> Handler:
    """Return a handler for programs without a user.

    The handler refuses requests that other web sites cause in a browser.
    """

    def answer(request: HttpRequest, parts: Mapping[str, str]) -> Response:
        refusal = _find_foreign_host(request, settings) if settings.user_header is None else None
        return Response(_FORBIDDEN, refusal) if refusal is not None else handler(request, parts)

    return answer


def _find_refusal(request: HttpRequest, settings: ServeSection) -> bytes | None:
    if settings.user_header is not None:
        return None if request.headers.get(settings.user_header.lower(), "").strip() else USER_MISSING
    return _find_foreign_host(request, settings)


def _find_foreign_host(request: HttpRequest, settings: ServeSection) -> bytes | None:
    # A web site can let its own host name resolve to 127.0.0.1, and then read the responses of this service in
    # browsers.
    host = request.headers.get("host")
    is_foreign = host is not None and is_loopback(settings.listen[0]) and not is_loopback(_remove_port(host))
    return FOREIGN_HOST if is_foreign else None


def _remove_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
