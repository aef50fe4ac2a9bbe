"""Sends the requests of Azure's libraries with `HttpClient`, whose guard, proxy and CA settings then apply."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlencode

from azure.core.pipeline.transport import HttpResponse, HttpTransport
from azure.core.rest import HttpRequest
from azure.core.utils import case_insensitive_dict

from bot.net import HttpClient, Response

MAX_RESPONSE_SIZE = 1024 * 1024
"""The largest response, in bytes. Tokens have a few thousand bytes, and the metadata of an image a few hundred bytes
per tag."""

SendRequest = Callable[[HttpRequest], Response]


class AzureTransport(HttpTransport[HttpRequest, HttpResponse]):
    """Makes an Azure library send its requests with basebump's function `send`.

    This class does not repeat failed requests, because `send` does.
    """

    def __init__(self, send: SendRequest) -> None:
        self._send = send

    def send(self, request: HttpRequest, **_: object) -> HttpResponse:
        return _AzureResponse(request, self._send(request))

    def open(self) -> None: ...

    def close(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


class _AzureResponse(HttpResponse):
    """A complete response in the form that Azure's libraries expect."""

    def __init__(self, request: HttpRequest, response: Response) -> None:
        super().__init__(request, response)  # type: ignore[arg-type]  # the base is older than such requests
        self.status_code = response.status
        self.headers = case_insensitive_dict(response.headers)
        self.content_type = response.headers.get("content-type")
        phrases = {status.value: status.phrase for status in HTTPStatus}
        self.reason = phrases.get(response.status, "")
        self._body = response.body

    def body(self) -> bytes:
        return self._body


def make_sender(http: HttpClient) -> SendRequest:
    """Return a function that sends a library's requests with `http`, without following redirects."""

    def send(request: HttpRequest) -> Response:
        content = request.content
        body = urlencode(content).encode() if isinstance(content, dict) else content
        return http.request(
            request.method,
            request.url,
            headers=dict(request.headers),
            body=body,
            limit=MAX_RESPONSE_SIZE,
            max_redirects=0,
        )

    return send
