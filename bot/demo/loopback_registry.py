"""A small read-only registry on loopback, which `basebump demo` uses instead of the internet.

It implements the pull part of https://github.com/opencontainers/distribution-spec/blob/main/spec.md.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

from bot.demo.images import ImageStore, compute_digest

IDLE_TIMEOUT = 30
"""The number of seconds after which a connection without a request is closed."""

_OBJECT_PATH = re.compile(
    r"/v2/(?P<repository>[a-z0-9._/-]+)/(?P<kind>manifests|blobs)/(?P<reference>[A-Za-z0-9._:-]+)"
)
_TAGS_PATH = re.compile(r"/v2/(?P<repository>[a-z0-9._/-]+)/tags/list")


@dataclass(frozen=True, slots=True)
class ServedRequest:
    """A request that the registry answered."""

    method: str
    path: str
    status: int


@dataclass(frozen=True, slots=True)
class _RegistryResponse:
    status: HTTPStatus
    content: bytes
    media_type: str = "application/json"
    digest: str = ""


class LoopbackRegistry:
    """A registry that serves the images in `store` until its `with` statement ends.

    Changes of `store` take effect at once.
    """

    def __init__(self, store: ImageStore) -> None:
        self._server = _RegistryServer(store)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def host(self) -> str:
        """`127.0.0.1:PORT`. The registry serves plain HTTP."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def served_requests(self) -> tuple[ServedRequest, ...]:
        """The requests that the registry has answered so far, in order."""
        return tuple(self._server.served_requests)


class _RegistryServer(ThreadingHTTPServer):
    request_queue_size = 64  # a run looks up all tags at once, and if the queue is full, a client waits for a second

    def __init__(self, store: ImageStore) -> None:
        super().__init__(("127.0.0.1", 0), _RegistryHandler)
        self.store = store
        self.served_requests: list[ServedRequest] = []
        self._open_connections: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        self._open_connections.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        if isinstance(request, socket.socket):
            self._open_connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that close their connection. All other errors are bugs, and are printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # typeshed's alias is private

    def server_close(self) -> None:
        super().server_close()
        for connection in list(
            self._open_connections
        ):  # clients keep connections open, and the threads would wait for further requests
            self.shutdown_request(connection)


class _RegistryHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "basebump-demo"
    disable_nagle_algorithm = True  # otherwise every response waits for the client's delayed acknowledgement
    wbufsize = -1  # headers and content are sent together
    timeout = IDLE_TIMEOUT
    server: _RegistryServer

    def do_GET(self) -> None:
        self._send_response(self._create_response())

    def do_HEAD(self) -> None:
        self._send_response(self._create_response())

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name in http.server
        """Log nothing, because the terminal shows the demo."""

    def _create_response(self) -> _RegistryResponse:
        path = urlsplit(self.path).path
        if path in {"/v2", "/v2/"}:
            return _RegistryResponse(HTTPStatus.OK, b"{}")
        if tags := _TAGS_PATH.fullmatch(path):
            return self._list_tags(tags["repository"])
        match = _OBJECT_PATH.fullmatch(path)
        if match is None:
            return _build_error("NAME_INVALID", "this registry serves manifests, blobs and lists of tags")
        if match["kind"] == "manifests":
            return self._find_manifest(match["repository"], match["reference"])
        return self._find_blob(match["repository"], match["reference"])

    def _find_manifest(self, repository: str, reference: str) -> _RegistryResponse:
        stored = self.server.store.find_manifest(repository, reference)
        if stored is None:
            return _build_error("MANIFEST_UNKNOWN", "the repository has no such tag or digest")
        if not self._is_acceptable(stored.media_type):
            return _build_error(
                "MANIFEST_UNKNOWN", f"its media type is {stored.media_type}, which the client does not accept"
            )
        if self.headers.get("If-None-Match") == f'"{stored.digest}"':
            return _RegistryResponse(HTTPStatus.NOT_MODIFIED, b"", stored.media_type, stored.digest)
        return _RegistryResponse(HTTPStatus.OK, stored.content, stored.media_type, stored.digest)

    def _find_blob(self, repository: str, digest: str) -> _RegistryResponse:
        content = self.server.store.find_blob(repository, digest)
        if content is None:
            return _build_error("BLOB_UNKNOWN", "the repository has no such blob")
        return _RegistryResponse(HTTPStatus.OK, content, "application/octet-stream", compute_digest(content))

    def _list_tags(self, repository: str) -> _RegistryResponse:
        tags = list(self.server.store.list_tags(repository))
        if not tags:
            return _build_error("NAME_UNKNOWN", "the registry has no such repository")
        return _RegistryResponse(HTTPStatus.OK, json.dumps({"name": repository, "tags": tags}).encode())

    def _is_acceptable(self, media_type: str) -> bool:
        """Return True if the client accepts a media type.

        A client without an Accept header accepts every media type.
        """
        ranges = ",".join(self.headers.get_all("Accept", [])).split(",")
        accepted = {item.partition(";")[0].strip() for item in ranges} - {""}
        return not accepted or not accepted.isdisjoint({media_type, "*/*", "application/*"})

    def _send_response(self, response: _RegistryResponse) -> None:
        self.server.served_requests.append(ServedRequest(self.command, self.path, response.status))
        self.send_response(response.status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        if response.digest:
            self.send_header("Docker-Content-Digest", response.digest)
            self.send_header("ETag", f'"{response.digest}"')
        if response.status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", response.media_type)
            self.send_header("Content-Length", str(len(response.content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.content)


def _build_error(code: str, message: str) -> _RegistryResponse:
    """Return a response with the status 404 and the error in the JSON form of the distribution specification."""
    return _RegistryResponse(
        HTTPStatus.NOT_FOUND, json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    )
