"""The GitHub that listens: it lets in, answers, remembers, breaks down on demand."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from support.github.calls import Call, ProblemError, Reply
from support.github.contract import violations
from support.github.graphql import GraphQL, UnknownQueryError, execute
from support.github.routes import find_route, let_in
from support.github.shapes import Shapes
from support.github.state import Token, World

_UNHANDLED = 599


@dataclass(frozen=True)
class Exchange:
    """One request and its answer; a request that died has status 0."""

    method: str
    target: str
    """Path and query below the root of the API, unquoted."""
    request: Any
    status: int
    response: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the request, names in lower case."""

    @property
    def line(self) -> str:
        return f"{self.method} {self.target}"


@dataclass
class Fault:
    """Something that goes wrong with the next requests of one kind."""

    pattern: re.Pattern[str]
    reply: Reply | None
    """None: the connection ends without an answer."""
    works: bool
    """Whether the request is carried out all the same."""
    times: int


class GitHubServer:
    """A GitHub on 127.0.0.1, from `with` to the end of it, when all that happened is held against the description."""

    def __init__(self, folder: Path, *, enterprise: bool = False, graphql: GraphQL = GraphQL.WHOLE) -> None:
        self.world = World(folder)
        self.graphql = graphql
        self.exchanges: list[Exchange] = []
        self.unhandled: list[str] = []
        self.is_dead = False
        self._prefix = "/api/v3" if enterprise else ""
        self._graphql_path = "/api/graphql" if enterprise else "/graphql"
        self._faults: list[Fault] = []
        self._fatal: int | None = None
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """Of the API."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{self._prefix}"

    @property
    def lines(self) -> list[str]:
        """Method and target of each request, in the order they came."""
        return [exchange.line for exchange in self.exchanges]

    @property
    def writes(self) -> list[Exchange]:
        """Every request that may change something, refused ones included."""
        return [exchange for exchange in self.exchanges if exchange.method != "GET" and exchange.status]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it, and fail the test if anything was not as GitHub describes it."""
        self._server.shutdown()
        self._thread.join()
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
            is_described = each.status and not each.target.startswith(self._graphql_path)
            if is_described and each.status != _UNHANDLED:
                yield from violations(
                    each.method,
                    each.target,
                    each.request,
                    each.status,
                    each.response,
                    has_body=each.request is not None,
                )

    def fail(self, request: str, reply: Reply | None, *, works: bool = False, times: int = 1) -> None:
        """Let the next requests that `request` (a pattern over `METHOD target`) matches end with `reply`."""
        self._faults.append(Fault(re.compile(request), reply, works, times))

    def problem(self, status: int, message: str, **headers: str) -> Reply:
        """Return a refusal in GitHub's form."""
        return ProblemError(status, message, **headers).reply

    def reply(self, body: object) -> Reply:
        """Return an answer 200, for `fail`."""
        return Reply(200, body)

    def reply_of(self, path: str) -> Reply:
        """Return what the server would answer a GET, without anybody asking."""
        world, shapes = self.world, Shapes(self.url, self.world)
        token = next(iter(world.tokens.values()))
        call = Call("GET", path, {}, None, token, world, shapes, self.url)
        route = find_route("GET", path)
        assert route is not None
        handler, words = route
        let_in(call, words)
        return handler(call, *words.values())

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

    def answer(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> Reply | None:
        """Answer one request; None ends the connection."""
        with self._lock:
            return self._answer(method, target, headers, raw)

    def _answer(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> Reply | None:
        url = urlsplit(target)
        is_graphql = unquote(url.path) == self._graphql_path
        path = unquote(url.path) if is_graphql else unquote(url.path).removeprefix(self._prefix)
        shown = f"{path}?{url.query}" if url.query else path
        request = json.loads(raw) if raw else None
        if method != "GET" and self._fatal == len(self.writes) + 1:
            self.is_dead = True
        if self.is_dead:
            self.exchanges.append(Exchange(method, shown, request, 0, headers=headers))
            return None
        fault = self._fault(f"{method} {shown}")
        reply: Reply | None = None
        if fault is None or fault.works:
            call = Call(
                method=method,
                path=path,
                query=dict(parse_qsl(url.query, keep_blank_values=True)),
                body=request,
                token=None,
                world=self.world,
                shapes=Shapes(self.url, self.world),
                root=self.url,
            )
            reply = self._perform(call, headers, is_graphql=is_graphql)
        if fault is not None:
            reply = fault.reply
        status, body = (reply.status, reply.body) if reply else (0, None)
        self.exchanges.append(Exchange(method, shown, request, status, body, headers))
        return reply

    def _perform(self, call: Call, headers: Mapping[str, str], *, is_graphql: bool) -> Reply:
        try:
            call.token = self._token(headers)
            if is_graphql:
                return execute(call, self.graphql)
            route = find_route(call.method, call.path)
            if route is None:
                return self._unhandled(f"{call.method} {call.path}: no such route here")
            handler, words = route
            let_in(call, words)
            return handler(call, *words.values())
        except ProblemError as problem:
            return problem.reply
        except UnknownQueryError as error:
            return self._unhandled(f"GraphQL: {error}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test has to see it
            return self._unhandled(f"{call.method} {call.path}: {error!r}")

    def _unhandled(self, what: str) -> Reply:
        self.unhandled.append(what)
        return Reply(_UNHANDLED, {"message": what})

    def _token(self, headers: Mapping[str, str]) -> Token | None:
        _, _, secret = headers.get("authorization", "").partition(" ")
        if not secret:
            return None
        if secret not in self.world.tokens:
            raise ProblemError(401, "Bad credentials")
        return self.world.tokens[secret]

    def _fault(self, line: str) -> Fault | None:
        for fault in self._faults:
            if fault.times > 0 and fault.pattern.search(line):
                fault.times -= 1
                return fault
        return None


def _handler(server: GitHubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            lowered = {name.lower(): value for name, value in self.headers.items()}
            reply = server.answer(self.command, self.path, lowered, raw)
            if reply is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            body = b"" if reply.body is None else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            headers = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(body))}
            for name, value in {**headers, **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names that http.server looks for

    return Handler
