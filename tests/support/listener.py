"""An HTTP server on loopback that answers by a function and records the requests."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from support.registries.docker_registry import SelfSignedCertificate


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it came."""

    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One answer; Content-Length is added unless it is there."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    drip: float = 0.0
    """Seconds before every byte of the body."""


class HttpListener:
    """Serves from `with` to the end of it; an `answer` that raises is a test that fails (it answers 599)."""

    def __init__(
        self, answer: Callable[[ReceivedRequest], HttpReply], tls: SelfSignedCertificate | None = None
    ) -> None:
        self.received: list[ReceivedRequest] = []
        self.connections = 0
        listener = self

        class RecordingHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                listener.connections += 1
                super().setup()

            def log_message(self, *_: object) -> None: ...

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                lowered = {name.lower(): value for name, value in self.headers.items()}
                received = ReceivedRequest(self.command, self.path, lowered, self.rfile.read(length))
                listener.received.append(received)
                try:
                    reply = answer(received)
                except Exception as error:  # noqa: BLE001 - whatever it is, the test has to see it
                    reply = HttpReply(599, repr(error).encode())
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "HEAD":
                    return
                step = 1 if reply.drip else len(reply.body) or 1
                for start in range(0, len(reply.body), step):
                    time.sleep(reply.drip)
                    try:
                        self.wfile.write(reply.body[start : start + step])
                    except OSError:
                        return  # whoever asked has gone

            do_HEAD = do_POST = do_CONNECT = do_GET  # noqa: N815 - the names that http.server looks for

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), RecordingHandler)
        self._server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.path, tls.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "https" if tls else "http"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def host(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self.host}"

    @property
    def asked(self) -> list[str]:
        """Method and path of each request, in the order they came."""
        return [f"{received.method} {received.path}" for received in self.received]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class ListeningService:
    """A service that a `HttpListener` simulates. The service listens until the end of the `with` block."""

    _listener: HttpListener

    def __enter__(self) -> Self:
        self._listener.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.__exit__()

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def received(self) -> list[ReceivedRequest]:
        return self._listener.received
