"""Common part of forges on loopback: they listen, record exchanges, and fail on demand."""

from __future__ import annotations

import json
import re
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from support.forges.counted import SimulatedKill
from support.forges.webhooks import ServerWebhooks

from bot.model.forge import ForgeLimits

UNHANDLED = 599
"""How a request is answered that no route is for; it fails the test in the end."""
READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class ForgeReply:
    """A response; bytes are sent unchanged, None means no body, and other values are sent as JSON."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ApiRequest:
    """One request as it came."""

    method: str
    path: str
    """Below the root of the API, as it was quoted, without the query."""
    query: str
    body: Any
    headers: Mapping[str, str]
    """Names in lower case."""

    @property
    def words(self) -> dict[str, str]:
        """The query, taken apart."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True)
class ApiExchange:
    """One request and its answer; a request that died has status 0."""

    asked: ApiRequest
    status: int
    response: Any = None

    @property
    def method(self) -> str:
        return self.asked.method

    @property
    def target(self) -> str:
        """Path and query below the root of the API, the path unquoted."""
        path = unquote(self.asked.path)
        return f"{path}?{self.asked.query}" if self.asked.query else path

    @property
    def request(self) -> Any:
        return self.asked.body

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the request."""
        return self.asked.headers

    @property
    def line(self) -> str:
        return f"{self.method} {self.target}"


@dataclass
class ServerFault:
    """Something that goes wrong with the next requests of one kind."""

    pattern: re.Pattern[str]
    reply: ForgeReply | None
    """None: the connection ends without an answer."""
    works: bool
    """Whether the request is carried out all the same."""
    times: int


class ForgeServer(ABC):
    """A forge on 127.0.0.1, from `with` to the end of it, when all that happened is held against the description."""

    def __init__(self, prefix: str) -> None:
        """`prefix` is the path of the API."""
        self.exchanges: list[ApiExchange] = []
        self.writes: list[ApiExchange] = []
        """Every request that may change something, refused ones included."""
        self.unhandled: list[str] = []
        self.is_dead = False
        self.webhooks: ServerWebhooks | None = None
        """What is sent if something changes; None if the forge sends nothing."""
        self._prefix = prefix
        self._faults: list[ServerFault] = []
        self._fatal: int | None = None
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @abstractmethod
    def perform(self, asked: ApiRequest) -> ForgeReply:
        """Carry out a request and return the response."""

    def changes(self, asked: ApiRequest) -> bool:
        """Return True if a request can change data."""
        return asked.method not in READING

    @abstractmethod
    def find_contract_problems(self, exchange: ApiExchange) -> Iterator[str]:
        """Yield in which way an exchange is not as the forge describes it."""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def api(self) -> str:
        return f"http://{self.host}{self._prefix}"

    @property
    def lines(self) -> list[str]:
        """Method and target of each request, in the order they came."""
        return [exchange.line for exchange in self.exchanges]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it, and fail the test if anything was not as the forge describes it."""
        self._server.shutdown()
        self._thread.join()
        if self.webhooks is not None:
            self.webhooks.stop()
        self._server.server_close()
        wrong = [*self.unhandled, *self.violations()]
        assert not wrong, "\n".join(wrong)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def violations(self) -> Iterator[str]:
        for each in self.exchanges:
            if each.status and each.status != UNHANDLED:
                yield from self.find_contract_problems(each)

    def fail(self, request: str, reply: ForgeReply | None, *, works: bool = False, times: int = 1) -> None:
        """Let the next requests that `request` (a pattern over `METHOD target`) matches end with `reply`."""
        self._faults.append(ServerFault(re.compile(request), reply, works, times))

    def mend(self) -> None:
        """Let nothing go wrong any more."""
        self._faults.clear()

    @abstractmethod
    def problem(self, status: int, message: str) -> ForgeReply:
        """Return a refusal in the forge's form, for `fail`."""

    def reply(self, body: object) -> ForgeReply:
        """Return an answer 200, for `fail`."""
        return ForgeReply(200, body)

    def die_before(self, write: int) -> None:
        """Let the connection of the `write`-th write from now end before it is carried out, and all that follow."""
        self._fatal = len(self.writes) + write

    def revive(self) -> None:
        self.is_dead, self._fatal = False, None

    @contextmanager
    def watched(self) -> Iterator[list[str]]:
        """Collect the lines of the requests made inside."""
        before = len(self.exchanges)
        lines: list[str] = []
        yield lines
        lines += self.lines[before:]

    def answer(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> ForgeReply | None:
        """Answer one request; None ends the connection."""
        with self._lock:
            url = urlsplit(target)
            body = self.body_of(headers, raw)
            asked = ApiRequest(method, url.path.removeprefix(self._prefix), url.query, body, headers)
            reply = self._answer(asked)
            status, said = (reply.status, reply.body) if reply else (0, None)
            self.exchanges.append(ApiExchange(asked, status, said))
            if status and self.changes(asked):
                self.writes.append(self.exchanges[-1])
            self.deliver()
            return reply

    def deliver(self) -> None:
        """Send the changes since the last call to the hooks, as the forge does after each change."""
        if self.webhooks is not None:
            with self._lock:
                self.webhooks.deliver()

    def body_of(self, headers: Mapping[str, str], raw: bytes) -> Any:
        """Return the body of a request in the form that `perform` expects."""
        return json.loads(raw) if raw else None

    def _answer(self, asked: ApiRequest) -> ForgeReply | None:
        if self.changes(asked) and self._fatal == len(self.writes) + 1:
            self.is_dead = True
        if self.is_dead:
            return None
        fault = self._fault(ApiExchange(asked, 0).line)
        if fault is None:
            return self._performed(asked)
        if fault.works:
            self._performed(asked)
        return fault.reply

    def _performed(self, asked: ApiRequest) -> ForgeReply:
        try:
            return self.perform(asked)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test has to see it
            return self.refuse(f"{asked.method} {unquote(asked.path)}: {error!r}")

    def refuse(self, what: str) -> ForgeReply:
        """Answer an unsupported request, and fail the test."""
        self.unhandled.append(what)
        return ForgeReply(UNHANDLED, {"message": what})

    def _fault(self, line: str) -> ServerFault | None:
        for fault in self._faults:
            if fault.times > 0 and fault.pattern.search(line):
                fault.times -= 1
                return fault
        return None


def _handler(server: ForgeServer) -> type[BaseHTTPRequestHandler]:
    class ForgeRequestHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            if self.headers.get("Transfer-Encoding") == "chunked":
                raw = b"".join(iter(self._chunk, b""))
            else:
                length = int(self.headers.get("Content-Length") or 0)
                raw = self.rfile.read(length)
                if len(raw) < length:  # the client was killed while it sent the request
                    self.close_connection = True
                    return
            lowered = {name.lower(): value for name, value in self.headers.items()}
            reply = server.answer(self.command, self.path, lowered, raw)
            if reply is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            kind, body = _encoded(reply.body)
            self.send_response(reply.status)
            headers = {"Content-Type": kind, "Content-Length": str(len(body))}
            for name, value in {**headers, **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _chunk(self) -> bytes:
            chunk = self.rfile.read(int(self.rfile.readline(), 16))
            self.rfile.readline()
            return chunk

        do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names that http.server looks for

    return ForgeRequestHandler


def _encoded(body: Any) -> tuple[str, bytes]:
    if isinstance(body, bytes):
        return "application/octet-stream", body
    return "application/json; charset=utf-8", b"" if body is None else json.dumps(body).encode()


class CrashableServer:
    """A fleet, a forge or a dashboard whose process ends where the server's connections do."""

    def __init__(self, inner: object, server: ForgeServer) -> None:
        self._inner = inner
        self._server = server

    @property
    def limits(self) -> ForgeLimits:
        return self._inner.limits

    def __getattr__(self, verb: str) -> Callable[..., object]:
        return lambda *words: self._live(getattr(self._inner, verb), words)

    def _live(self, verb: Callable[..., object], words: Sequence[object]) -> object:
        try:
            answer = verb(*words)
        finally:
            if self._server.is_dead:
                self._server.revive()
                raise SimulatedKill
        return CrashableServer(answer, self._server) if _has_verbs(answer) else answer


def _has_verbs(answer: object) -> bool:
    """Return True if a result is a forge or a dashboard, which must be closed."""
    return hasattr(answer, "close") and not isinstance(answer, Iterator)
