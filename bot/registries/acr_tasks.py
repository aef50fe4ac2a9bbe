"""Lists the tasks of an Azure Container Registry that are triggered by base image updates.

The list comes from Azure Resource Manager: https://learn.microsoft.com/en-us/rest/api/containerregistry/tasks/list. The
Entra token is sent only to the resource manager of the registry's cloud, over https.
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
from itertools import islice
from typing import Any

from bot.model.build_task import BuildTask, DockerStep, FileStep, InlineStep, OtherStep, TaskRun, TaskStep
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok
from bot.model.errors import InvalidReferenceError, RegistryError
from bot.model.image_name import DOCKER_HUB, Digest, ImageName, parse_sha256
from bot.model.vocabulary import Reason
from bot.net import HostTrust, HttpClient, HttpError, RateLimitedError, Response, Url, sanitize_text
from bot.registries.azure_identity import AzureCloud, EntraIdentity, NoEntraTokenError, get_azure_cloud

MAX_RUNS = 100
"""The largest number of runs that are requested, newest first. Most registries execute fewer runs between two runs of
basebump."""
MAX_IMAGES = 50
"""The largest number of images of one run. A task with many steps pushes about ten images."""
MAX_TEXT = 200
"""The largest length of a commit id, in characters."""

_HUB_SERVERS = frozenset({"registry.hub.docker.com", "registry-1.docker.io", "index.docker.io"})


def parse_run(entry: Any, tasks: Mapping[str, BuildTask]) -> TaskRun | None:
    """Parse a run of a task. Return None if the run did not succeed or pushed no image, or if the entry is invalid.

    `tasks` are the tasks of the registry by name.
    """
    properties = entry.get("properties") if isinstance(entry, dict) else None
    if not isinstance(properties, dict) or properties.get("status") != "Succeeded":
        return None
    images = tuple(_parse_images(properties.get("outputImages")))
    if not images:
        return None
    update, source = properties.get("imageUpdateTrigger"), properties.get("sourceTrigger")
    commit = source.get("commitId") if isinstance(source, dict) else None
    is_usable = isinstance(commit, str) and 0 < len(commit) <= MAX_TEXT and commit.isprintable()
    return TaskRun(
        images,
        tuple(_parse_images(update.get("images") if isinstance(update, dict) else None)),
        commit if is_usable else None,
        tasks.get(str(properties.get("task"))),
    )


def _parse_images(listed: Any) -> Iterator[tuple[str, Digest]]:
    for each in listed[:MAX_IMAGES] if isinstance(listed, list) else ():
        if isinstance(each, dict) and (digest := parse_sha256(str(each.get("digest")))) is not None:
            registry = str(each.get("registry"))
            host = DOCKER_HUB if registry in _HUB_SERVERS else registry
            try:
                yield ImageName.parse(f"{host}/{each.get('repository')}").repository, digest
            except InvalidReferenceError:
                continue


API_VERSION = "2019-06-01-preview"
"""The newest API version that every cloud supports. Later versions do not change the fields that basebump reads."""
REQUIRED_ACTION = "Microsoft.ContainerRegistry/registries/tasks/read"
MAX_PAGE = 16 * 1024 * 1024
"""The largest page, in bytes. A task takes about 2,000 bytes; a task with an embedded file takes about 10,000."""
MAX_PAGES = 100
"""The largest number of pages of one list. The largest registries have about a thousand tasks."""
MAX_ENCODED = 1024 * 1024
"""The largest embedded task file, in encoded characters. Azure's own limit is lower."""
MAX_TEXT = 4096
"""The largest length of a context or a path, in characters."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,50}", re.ASCII)


class _InvalidTaskListError(Exception):
    """A response is not a valid list of tasks. The message gives the reason."""


@dataclass(frozen=True, slots=True)
class AcrTasks:
    """Lists the tasks of one Azure Container Registry. Implements `bot.ports.ImageBuilder`."""

    registry: str
    """The host of the registry, as in canonical references."""
    resource_id: str
    """Azure's resource ID of the registry: `/subscriptions/…/registries/NAME`."""
    environment: Mapping[str, str] = field(repr=False)
    """Environment variables for the Entra identity, the proxy and the CA file."""
    sleep: Callable[[float], None] = time.sleep

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level list the tasks
        """List the tasks and report their number. Raises RegistryError if a request fails."""
        count = len(self.list_tasks())
        yield report_ok(self.registry, "list its tasks", f"{count} {'task' if count == 1 else 'tasks'} found")

    def list_tasks(self) -> tuple[BuildTask, ...]:
        """Return the tasks that an update of a base image can start.

        Disabled tasks and tasks with a disabled trigger are left out.

        Raises RegistryError if a request fails, if the list has more than MAX_PAGES pages, or if its next page is on
        another host.
        """
        entries = self._list_entries(f"tasks?api-version={API_VERSION}")
        try:
            return tuple(task for entry in entries if (task := self._parse_task(entry)) is not None)
        except _InvalidTaskListError as error:
            host = get_azure_cloud(self.registry, self.environment).manager_host
            raise self._make_error(
                Reason.REGISTRY_ERROR, f"{host} did not return a valid list of tasks: {error}"
            ) from None

    def list_runs(self) -> tuple[TaskRun, ...]:
        """Return the successful runs among the last MAX_RUNS runs, newest first. Invalid entries are left out.

        https://learn.microsoft.com/en-us/rest/api/container-registry-tasks/runs/list

        Raises RegistryError if a request fails.
        """
        entries = self._list_entries(f"runs?api-version={API_VERSION}&$top={MAX_RUNS}", 1)
        tasks = {each.name: each for each in self.list_tasks()} if entries else {}
        return tuple(run for entry in entries if (run := parse_run(entry, tasks)) is not None)

    def _list_entries(self, path: str, max_pages: int | None = None) -> list[Any]:
        """Return the entries of a list of the resource manager; at most those of the first `max_pages` pages.

        Raises RegistryError if a request fails or the list is invalid.
        """
        try:
            cloud = get_azure_cloud(self.registry, self.environment)
            token = EntraIdentity(cloud, self.environment).get_token(cloud.manager_scope)
        except NoEntraTokenError as error:
            raise self._make_error(Reason.DENIED, str(error)) from error
        try:
            pages = islice(self._fetch_pages(cloud, token, path), max_pages)
            return [entry for page in pages for entry in _get_value_list(page)]
        except HttpError as error:
            reason = Reason.RATE_LIMITED if isinstance(error, RateLimitedError) else Reason.UNREACHABLE
            raise self._make_error(reason, str(error)) from error
        except _InvalidTaskListError as error:
            raise self._make_error(
                Reason.REGISTRY_ERROR, f"{cloud.manager_host} did not return a valid list of tasks: {error}"
            ) from None

    def _fetch_pages(self, cloud: AzureCloud, token: str, path: str) -> Iterator[dict[str, Any]]:
        """Yield every page of a list. `path` is the part of the list's URL after the resource ID of the registry.

        Raises _InvalidTaskListError if the list is invalid, or if its next page is on another host than the first page.
        Raises HttpError if a request gets no response, and RegistryError if the manager refuses a request.
        """
        http = HttpClient({cloud.manager_host: HostTrust()}, environment=self.environment, sleep=self.sleep)
        first = Url.parse(f"https://{cloud.manager_host}{self.resource_id}/{path}")
        requested_urls: set[str] = set()
        url: Url | None = first
        while url is not None:
            if url.origin != first.origin:
                raise _InvalidTaskListError(
                    f"the next page of the list of tasks is on another host, {url.display_text}, which must not "
                    "receive the Entra token"
                )
            if str(url) in requested_urls:
                raise _InvalidTaskListError("a page of the list of tasks links back to an earlier page")
            if len(requested_urls) >= MAX_PAGES:
                raise _InvalidTaskListError(f"the list of tasks has more than {MAX_PAGES} pages")
            requested_urls.add(str(url))
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
            response = http.request("GET", str(url), headers=headers, limit=MAX_PAGE, max_redirects=0)
            if response.status != HTTPStatus.OK:
                raise self._make_refusal_error(cloud, response, token)
            page = _require_object(_parse_json(response.body), "the response")
            yield page
            next_link = page.get("nextLink")
            url = Url.parse(_require_text(next_link, "`nextLink`")) if next_link else None

    def _make_refusal_error(self, cloud: AzureCloud, response: Response, token: str) -> RegistryError:
        answer = f"{cloud.manager_host} answered {response.status}{_parse_error_details(response, token)}"
        match response.status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                hint = f"give the identity a role with {REQUIRED_ACTION} on the registry, such as Reader"
                return self._make_error(Reason.DENIED, f"{answer}; hint: {hint}")
            case HTTPStatus.NOT_FOUND:
                hint = "check `tasks:` in the registry's entry; `az acr show --query id` prints the expected value"
                return self._make_error(Reason.NOT_FOUND_OR_DENIED, f"{answer}; hint: {hint}")
            case HTTPStatus.TOO_MANY_REQUESTS:
                return self._make_error(Reason.RATE_LIMITED, f"{answer}; hint: run less often")
        return self._make_error(Reason.REGISTRY_ERROR, f"{answer}; hint: try again later")

    def _make_error(self, reason: Reason, details: str) -> RegistryError:
        return RegistryError(
            self.registry, reason, f"cannot list the tasks of {self.registry}: {details}", is_failure=True
        )

    def _parse_task(self, entry: Any) -> BuildTask | None:
        """Parse a task. Return None if no base image update can start the task.

        A task that does not state whether it is enabled counts as enabled. This is the safe choice: basebump does not
        pin the base image of an enabled task, because the digest of a pinned image never changes and would never start
        the task.

        Raises _InvalidTaskListError if the entry is invalid.
        """
        task = _require_object(entry, "a task")
        name = _require_text(task.get("name"), "the name of a task")
        if not _NAME.fullmatch(name):
            raise _InvalidTaskListError("the name of a task contains invalid characters or is too long")
        properties = _require_object(task.get("properties"), f"`properties` of the task {name}")
        trigger = _require_object(properties.get("trigger") or {}, f"the trigger of {name}").get("baseImageTrigger")
        if (
            trigger is None
            or _is_disabled(properties)
            or _is_disabled(_require_object(trigger, f"the trigger of {name}"))
        ):
            return None
        step = _require_object(properties.get("step"), f"the step of {name}")
        context = _require_text(step.get("contextPath") or "", f"the context of {name}")
        return BuildTask(self.registry, name, context, _parse_step(step))


def _parse_step(step: dict[str, Any]) -> TaskStep:
    """Parse the step of a task; return `OtherStep` if the step is invalid, or has a type that basebump cannot read.

    An unreadable step does not make the list of tasks unusable; basebump then only does not know which images this task
    builds.
    """
    match step:
        case {"type": "Docker", "dockerFilePath": str(path)} if path and len(path) <= MAX_TEXT:
            return DockerStep(path, tuple(_parse_argument_names(step.get("arguments"))))
        case {"type": "FileTask", "taskFilePath": str(path)} if path and len(path) <= MAX_TEXT:
            return FileStep(path)
        case {"type": "EncodedTask", "encodedTaskContent": str(encoded)} if len(encoded) <= MAX_ENCODED:
            try:
                return InlineStep(base64.b64decode(encoded, validate=True))
            except (binascii.Error, ValueError):
                return OtherStep()
        case _:
            return OtherStep()


def _parse_argument_names(arguments: Any) -> Iterator[str]:
    for argument in arguments if isinstance(arguments, list) else ():
        if isinstance(argument, dict) and isinstance(argument.get("name"), str):
            yield argument["name"]


def _is_disabled(document: dict[str, Any]) -> bool:
    return str(document.get("status")).lower() == "disabled"


def _get_value_list(page: dict[str, Any]) -> list[Any]:
    values = page.get("value")
    if not isinstance(values, list):
        raise _InvalidTaskListError("`value` is not a list")
    return values


def _parse_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise _InvalidTaskListError("the response is not JSON") from None


def _require_object(value: Any, subject: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _InvalidTaskListError(f"{subject} is not an object")
    return value


def _require_text(value: Any, subject: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise _InvalidTaskListError(f"{subject} is not a string of at most {MAX_TEXT} characters")
    return value


def _parse_error_details(response: Response, token: str) -> str:
    """Return the error in a response of the resource manager, such as ` (CODE: message)`, to append to a sentence.

    Return an empty string if the response contains no error.

    https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md#handling-errors
    """
    try:
        error = json.loads(response.body)["error"]
        details = f"{error['code']}: {error.get('message') or ''}".rstrip(": ")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""  # an HTML error page adds no detail to the status code
    return f" ({sanitize_text(details, (token,))})"
