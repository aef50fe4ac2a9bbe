"""The tasks of an Azure Container Registry that a newer base image starts, as Azure's resource manager lists them.

https://learn.microsoft.com/en-us/rest/api/containerregistry/tasks/list. Entra's token goes to the resource manager of
the registry's cloud, over https, and nowhere else.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from bot.model.diagnosis import Aim, Check, ok
from bot.model.errors import RegistryError
from bot.model.task import BuildTask, DockerStep, FileStep, InlineStep, OtherStep, Step
from bot.model.vocabulary import Reason
from bot.net import HostTrust, HttpClient, HttpError, RateLimitedError, Response, Url, plain
from bot.registries.azure_identity import AzureCloud, EntraIdentity, NoEntraTokenError, cloud_of

API_VERSION = "2019-06-01-preview"
"""The newest that every cloud has; of what is read here, later ones changed nothing."""
RIGHT = "Microsoft.ContainerRegistry/registries/tasks/read"
MAX_PAGE = 16 * 1024 * 1024
"""Bytes; a task has some two thousand, one that holds its file some ten."""
MAX_PAGES = 100
"""The largest registries have some thousand tasks."""
MAX_ENCODED = 1024 * 1024
"""Characters of a task file that Azure holds; it takes less itself."""
MAX_TEXT = 4096
"""Characters of a context or a path."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,50}", re.ASCII)


class _OddError(Exception):
    """An answer that is no list of tasks; the text says what is odd about it."""


@dataclass(frozen=True, slots=True)
class AcrTasks:
    """Implements `bot.ports.Builder` for one registry."""

    registry: str
    """As in canonical references."""
    resource: str
    """Its ID in the resource manager: `/subscriptions/…/registries/NAME`."""
    environment: Mapping[str, str] = field(repr=False)
    """Who we are to Entra; proxy and CA file."""
    sleep: Callable[[float], None] = time.sleep

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - runs of every level ask for them
        """Ask for the tasks. Raises RegistryError."""
        count = len(self.tasks())
        yield ok(self.registry, "list its tasks", f"there {'is 1' if count == 1 else f'are {count}'}")

    def tasks(self) -> tuple[BuildTask, ...]:
        """Return the tasks that may run when a base image is updated: neither they nor their trigger is disabled.

        Raises RegistryError, also where there are more pages than are read, and where they lead elsewhere.
        """
        try:
            cloud = cloud_of(self.registry, self.environment)
            token = EntraIdentity(cloud, self.environment).token(cloud.manager_scope)
        except NoEntraTokenError as error:
            raise self._error(Reason.DENIED, str(error)) from error
        try:
            pages = self._pages(cloud, token)
            return tuple(task for page in pages for entry in _list(page) if (task := self._task(entry)) is not None)
        except HttpError as error:
            reason = Reason.RATE_LIMITED if isinstance(error, RateLimitedError) else Reason.UNREACHABLE
            raise self._error(reason, str(error)) from error
        except _OddError as error:
            raise self._error(
                Reason.REGISTRY_ERROR, f"{cloud.manager} answered with no list of tasks: {error}"
            ) from None

    def _pages(self, cloud: AzureCloud, token: str) -> Iterator[dict[str, Any]]:
        """Yield every page, each from where the first one was. Raises HttpError, RegistryError, _OddError."""
        http = HttpClient({cloud.manager: HostTrust()}, environment=self.environment, sleep=self.sleep)
        first = Url.parse(f"https://{cloud.manager}{self.resource}/tasks?api-version={API_VERSION}")
        asked: set[str] = set()
        url: Url | None = first
        while url is not None:
            if url.origin != first.origin:
                raise _OddError(f"its next page is at {url.shown}, where Entra's token must not go")
            if str(url) in asked or len(asked) >= MAX_PAGES:
                raise _OddError("it has more pages than are read, or they go round in circles")
            asked.add(str(url))
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
            response = http.request("GET", str(url), headers=headers, limit=MAX_PAGE, redirects=0)
            if response.status != HTTPStatus.OK:
                raise self._refusal(cloud, response, token)
            page = _object(_json(response.body), "it")
            yield page
            following = page.get("nextLink")
            url = Url.parse(_text(following, "`nextLink`")) if following else None

    def _refusal(self, cloud: AzureCloud, response: Response, token: str) -> RegistryError:
        answered = f"{cloud.manager} answered {response.status}{_complaint(response, token)}"
        match response.status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                advice = f"give the identity a role with {RIGHT} on the registry, as Reader has"
                return self._error(Reason.DENIED, f"{answered}: {advice}")
            case HTTPStatus.NOT_FOUND:
                advice = "check `tasks:` of its entry; `az acr show --query id` prints what belongs there"
                return self._error(Reason.NOT_FOUND_OR_DENIED, f"{answered}: {advice}")
            case HTTPStatus.TOO_MANY_REQUESTS:
                return self._error(Reason.RATE_LIMITED, f"{answered}: run less often")
        return self._error(Reason.REGISTRY_ERROR, f"{answered}: try again later")

    def _error(self, reason: Reason, why: str) -> RegistryError:
        return RegistryError(self.registry, reason, f"Azure did not say which tasks it has: {why}", is_failure=True)

    def _task(self, entry: Any) -> BuildTask | None:
        """Read one task; None where no base image starts it. Raises _OddError.

        What is not said to be disabled counts, so that nothing is pinned which it would build.
        """
        task = _object(entry, "a task")
        name = _text(task.get("name"), "the name of a task")
        if not _NAME.fullmatch(name):
            raise _OddError("the name of a task is none")
        properties = _object(task.get("properties"), f"the task {name}")
        trigger = _object(properties.get("trigger") or {}, f"the trigger of {name}").get("baseImageTrigger")
        if trigger is None or _is_disabled(properties) or _is_disabled(_object(trigger, f"the trigger of {name}")):
            return None
        step = _object(properties.get("step"), f"the step of {name}")
        context = _text(step.get("contextPath") or "", f"the context of {name}")
        return BuildTask(self.registry, name, context, _step(step))


def _step(step: dict[str, Any]) -> Step:
    """Read what a task does; a kind that nobody knows yet is no reason to know nothing of the other tasks."""
    match step:
        case {"type": "Docker", "dockerFilePath": str(path)} if path and len(path) <= MAX_TEXT:
            return DockerStep(path, tuple(_names(step.get("arguments"))))
        case {"type": "FileTask", "taskFilePath": str(path)} if path and len(path) <= MAX_TEXT:
            return FileStep(path)
        case {"type": "EncodedTask", "encodedTaskContent": str(encoded)} if len(encoded) <= MAX_ENCODED:
            try:
                return InlineStep(base64.b64decode(encoded, validate=True))
            except (binascii.Error, ValueError):
                return OtherStep()
        case _:
            return OtherStep()


def _names(arguments: Any) -> Iterator[str]:
    for argument in arguments if isinstance(arguments, list) else ():
        if isinstance(argument, dict) and isinstance(argument.get("name"), str):
            yield argument["name"]


def _is_disabled(what: dict[str, Any]) -> bool:
    return str(what.get("status")).lower() == "disabled"


def _list(page: dict[str, Any]) -> list[Any]:
    found = page.get("value")
    if not isinstance(found, list):
        raise _OddError("its `value` is no list")
    return found


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise _OddError("it is no JSON") from None


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _OddError(f"{what} is no object")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise _OddError(f"{what} is no text, or too long")
    return value


def _complaint(response: Response, token: str) -> str:
    """Return what the resource manager says is wrong, in brackets.

    https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md#handling-errors
    """
    try:
        error = json.loads(response.body)["error"]
        said = f"{error['code']}: {error.get('message') or ''}".rstrip(": ")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""  # a page for browsers says nothing that its status does not
    return f" ({plain(said, (token,))})"
