"""An emulator of Azure's resource manager on loopback, for one thing: the tasks of container registries.

As in https://learn.microsoft.com/en-us/rest/api/containerregistry/tasks/list. What does not fit is refused: a wrong
host, audience or tenant, a token that ran out, every credential that nobody asked for, and whoever has no role.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from support.clouds.entra import CLIENT, RESOURCE_MANAGER, TENANT, FakeEntra, RefusedError
from support.listener import HttpListener, HttpReply, ListeningService, ReceivedRequest
from support.registries.docker_registry import SelfSignedCertificate

API_VERSIONS = frozenset({"2018-09-01", "2019-04-01", "2019-06-01-preview", "2025-03-01-preview"})
CONTOSO = (
    "/subscriptions/4385cf00-2d3a-425a-832f-f4285b1c9dce/resourceGroups/builds"
    "/providers/Microsoft.ContainerRegistry/registries/contoso"
)
Json = dict[str, Any]


def docker(context: str | None, dockerfile: str = "Dockerfile", *arguments: str) -> Json:
    """Return a step that builds a Dockerfile; its arguments have values that must not be seen."""
    given = [{"name": name, "value": f"secret-of-{name}", "isSecret": True} for name in arguments]
    return {"type": "Docker", "contextPath": context, "dockerFilePath": dockerfile, "arguments": given}


def file_task(context: str | None, path: str = "acb.yaml") -> Json:
    return {"type": "FileTask", "contextPath": context, "taskFilePath": path}


def encoded(context: str | None, content: str) -> Json:
    text = base64.b64encode(content.encode()).decode()
    return {"type": "EncodedTask", "contextPath": context, "encodedTaskContent": text}


def task(step: Json, name: str = "build-web", *, status: str = "Enabled", base: Json | None = None) -> Json:
    """Return a task that a newer base image starts, as `az acr task create` makes one."""
    trigger = {"name": "base", "baseImageTriggerType": "Runtime", "status": "Enabled"} if base is None else base
    properties = {"status": status, "step": step, "trigger": {"baseImageTrigger": trigger, "sourceTriggers": None}}
    return {
        "id": f"{CONTOSO}/tasks/{name}",
        "name": name,
        "type": "Microsoft.ContainerRegistry/registries/tasks",
        "location": "westeurope",
        "properties": {"provisioningState": "Succeeded", "platform": {"os": "Linux"}} | properties,
    }


def run(name: str | None, images: list[Json], *, status: str = "Succeeded", **more: object) -> Json:
    """Return a run of a task, or of `az acr build` if there is no task."""
    properties = {"status": status, "task": name, "outputImages": images, "runType": "AutoBuild", **more}
    return {"id": f"{CONTOSO}/runs/ca1", "name": "ca1", "properties": properties}


@dataclass
class FakeResourceManager(ListeningService):
    """The resource manager of one cloud, from `with` to the end of it."""

    certificate: SelfSignedCertificate
    entra: FakeEntra
    audience: str = RESOURCE_MANAGER
    """Its address, which tokens must be for; only a proxy of the test knows where that is."""
    registries: Mapping[str, list[Json]] = field(default_factory=lambda: {CONTOSO: []})
    """By their IDs."""
    readers: frozenset[str] = frozenset({CLIENT})
    """Who has the role Reader, by the client's ID."""
    runs: list[Json] = field(default_factory=list)
    """The runs of all tasks, the newest first."""
    without_runs: frozenset[str] = frozenset()
    """Who may list tasks and not runs, by the client's ID."""
    page: int = 100
    """Tasks on one page."""
    reply: HttpReply | Callable[[ReceivedRequest], HttpReply] | None = None
    """Said to everybody instead."""

    def __post_init__(self) -> None:
        self._listener = HttpListener(self._answer, self.certificate)

    @property
    def host(self) -> str:
        return self.audience.removeprefix("https://")

    @property
    def tasks(self) -> list[Json]:
        return self.registries[CONTOSO]

    def _answer(self, received: ReceivedRequest) -> HttpReply:
        if self.reply is not None:
            return self.reply if isinstance(self.reply, HttpReply) else self.reply(received)
        try:
            return _json(200, self._route(received))
        except RefusedError as refused:
            return _json(refused.status, {"error": {"code": refused.code, "message": refused.said}})

    def _route(self, received: ReceivedRequest) -> Json:
        if received.headers.get("host") != self.host:
            raise RefusedError(421, "MisdirectedRequest", f"{received.headers.get('host')} is another host")
        client = client_of(self.entra, received, self.audience)
        split = urlsplit(received.path)
        query = {key: values[0] for key, values in parse_qs(split.query, strict_parsing=True).items()}
        if received.method != "GET" or received.body:
            raise RefusedError(405, "MethodNotAllowed", "tasks are only read")
        if query.pop("api-version", None) not in API_VERSIONS:
            raise RefusedError(400, "NoRegisteredProviderFound", "no such version of the API")
        start, top = query.pop("$skiptoken", "0"), query.pop("$top", None)
        if query or not start.isdigit():
            raise RefusedError(400, "InvalidParameter", f"nobody asked for {', '.join(query)}")
        is_runs = split.path.endswith("/runs")
        resource = split.path.removesuffix("/runs" if is_runs else "/tasks")
        if client not in self.readers:
            said = f"The client '{client}' does not have authorization to perform action over scope '{resource}'"
            raise RefusedError(403, "AuthorizationFailed", said)
        known = {each.lower(): tasks for each, tasks in self.registries.items()}
        if resource == split.path or resource.lower() not in known:
            raise RefusedError(404, "ResourceNotFound", f"The Resource '{resource}' was not found.")
        if is_runs:
            if client in self.without_runs:
                raise RefusedError(403, "AuthorizationFailed", f"The client '{client}' may not read runs.")
            return {"value": self.runs[: int(top or self.page)]}
        return self._page(received.path, known[resource.lower()], int(start))

    def _page(self, path: str, tasks: list[Json], start: int) -> Json:
        end = start + self.page
        following = f"https://{self.host}{path.partition('&')[0]}&%24skiptoken={end}"
        return {"value": tasks[start:end]} | ({"nextLink": following} if end < len(tasks) else {})


def client_of(entra: FakeEntra, received: ReceivedRequest, audience: str) -> str:
    """Return whose token a request carries, and nothing else that could be one."""
    scheme, _, token = received.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer":
        raise RefusedError(401, "AuthenticationFailed", "Authentication failed. The header is missing.")
    extra = {"cookie", "proxy-authorization", "x-ms-authorization-auxiliary"} & received.headers.keys()
    if extra or "token=" in received.path.replace("skiptoken=", ""):
        raise RefusedError(400, "InvalidRequest", f"a credential that nobody asked for: {', '.join(extra)}")
    try:
        claims = entra.read(token, audience)
    except jwt.ExpiredSignatureError:
        raise RefusedError(401, "ExpiredAuthenticationToken", "The access token expiry is in the past.") from None
    except jwt.InvalidAudienceError:
        raise RefusedError(401, "InvalidAuthenticationTokenAudience", "The audience is invalid.") from None
    except jwt.PyJWTError:
        raise RefusedError(401, "InvalidAuthenticationToken", "The access token is invalid.") from None
    if claims["tid"] != TENANT:
        raise RefusedError(401, "InvalidAuthenticationTokenTenant", "The token is of the wrong issuer.")
    return str(claims["appid"])


def _json(status: int, document: object) -> HttpReply:
    return HttpReply(status, json.dumps(document).encode(), {"Content-Type": "application/json"})
