"""An operator's proxy on loopback: it connects known host names to emulators, and refuses all others."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, Self

import pytest


class ProxyTunnel:
    """Serves CONNECT from `with` to the end of it; `ports` are of loopback, by `host:port`."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        self.asked: list[str] = []
        """Who was to be connected to, in the order of the questions."""
        tunnel = self

        class TunnelHandler(StreamRequestHandler):
            rbufsize = 0

            def handle(self) -> None:
                _, target, _ = self.rfile.readline().decode("ascii").split(" ")
                while self.rfile.readline().strip():
                    pass
                tunnel.asked.append(target)
                if target not in ports:
                    self.wfile.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                    return
                with socket.create_connection(("127.0.0.1", ports[target])) as there:
                    self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                    back = threading.Thread(target=_pour, args=(there, self.connection), daemon=True)
                    back.start()
                    _pour(self.connection, there)
                    back.join()

        class TunnelServer(ThreadingTCPServer):
            daemon_threads = True

        self._server = TunnelServer(("127.0.0.1", 0), TunnelHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a client of this proxy; loopback is reached directly."""
        return {"HTTPS_PROXY": f"http://127.0.0.1:{self._server.server_address[1]}", "NO_PROXY": "127.0.0.1"}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def refuse_dns_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process resolve no name, so that it reaches hosts only through a proxy, or by their address."""
    real = socket.getaddrinfo

    def resolve_loopback(host: str, *arguments: Any, **options: Any) -> list[Any]:
        if host != "127.0.0.1":
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_loopback)


def _pour(source: socket.socket, target: socket.socket) -> None:
    """Hand on all that comes, and then that no more will."""
    with contextlib.suppress(OSError):
        while received := source.recv(65536):
            target.sendall(received)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
