"""Sends list requests to the API server of a cluster with the official client, with limits on size and time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, assert_never

from kubernetes.client import ApiClient, AppsV1Api, BatchV1Api, Configuration, CoreV1Api
from kubernetes.config.config_exception import ConfigException
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from bot.clusters.cluster_errors import ClusterError, ExpiredListError
from bot.clusters.object_kind import ObjectKind
from bot.model.workload import ClusterProblem
from bot.net import (
    CA_ADVICE,
    ExchangeAllowance,
    UnsendableSecretError,
    clean_secret,
    describe_cause,
    limit_exchanges,
    sanitize_text,
)

PAGE_SIZE = 250
"""The number of objects in one response. kubectl lists 500; pods with long specifications have up to 100 KiB. Whoever
can create pods can make them large. Therefore fewer objects are requested if a response is too large."""
MIN_PAGE_SIZE = 10
"""The smallest number of objects in one response. Even if all objects have the largest possible size, this many fit
into one response."""
MAX_PAGE_BYTES = 64 * 1024 * 1024
"""The maximum size of a page, in bytes. A pod usually has about 10,000 bytes, and Kubernetes limits an object to 1.5
MiB."""
MAX_PAGES = 1000
"""The maximum number of pages of one list: 250,000 objects. Kubernetes supports clusters of up to 150,000 pods."""
MAX_TOTAL_BYTES = 4 * 1024**3
"""The maximum size of all pages that are read from one cluster, in bytes. Pages are read one after another, and not
kept."""
MAX_ERROR_BYTES = 64 * 1024
"""The maximum size of the body of an error, in bytes. A `Status` object has a few hundred bytes."""
CONNECT_TIMEOUT = 10
"""Seconds to wait for a connection. An API server that does not respond within this time is not reachable from this
network."""
READ_TIMEOUT = 60
"""Seconds to wait for the next bytes of a response. API servers end requests after this time by default."""
MAX_DURATION = 300
"""Seconds in which a cluster must be read, so that a slow cluster does not stop a run. Reading 5,000 pods takes a few
seconds."""
_CHUNK = 256 * 1024
_CA_ADVICE = "set `ca`, or `certificate-authority` in the kubeconfig"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""Requests only the metadata of the objects that own pods, which is a tenth of their size:
https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches"""


@dataclass(slots=True)
class ReadingCost:
    """The cost of reading a cluster so far."""

    requests: int = 0
    received: int = 0


class ClusterClient:
    """Lists objects of one cluster. One thread uses the client, for one reading of the cluster."""

    def __init__(
        self,
        configuration: Configuration,
        now: Callable[[], float] = time.monotonic,
        max_duration: float = MAX_DURATION,
    ) -> None:
        self._cost = ReadingCost()
        self._deadline = now() + max_duration
        self._now = now
        self._configuration = configuration
        self._clients = {
            accept: _BoundedApiClient(configuration, accept, self._receive, self._get_remaining_seconds)
            for accept in ("application/json", _METADATA_ONLY)
        }

    @property
    def cost(self) -> ReadingCost:
        """The number of requests that the client has sent, and of bytes that it has received."""
        return self._cost

    def close(self) -> None:
        """Close the connections to the server."""
        for client in self._clients.values():
            client.rest_client.pool_manager.clear()

    def list_objects(self, kind: ObjectKind, namespace: str | None) -> Iterator[dict[str, Any]]:
        """Yield the objects of a kind in a namespace, or in all namespaces if `namespace` is None.

        Raises:
            ClusterError: If the list cannot be read completely.
            ExpiredListError: If the server no longer has the rest of the list, so that only a part of it was yielded.
        """
        token: str | None = None
        size = PAGE_SIZE
        for _ in range(MAX_PAGES):
            try:
                page = self._fetch_page(kind, namespace, token, size)
            except _LargePageError:
                if size == MIN_PAGE_SIZE:
                    raise
                size = max(MIN_PAGE_SIZE, size // 5)
                continue
            size = min(PAGE_SIZE, size * 2)
            items, next_token = _parse_page(page)
            yield from items
            if next_token is None:
                return
            if next_token == token:
                raise ClusterError(ClusterProblem.INVALID_ANSWER, f"the server returned a page of {kind} again")
            token = next_token
        raise ClusterError(
            ClusterProblem.TOO_LARGE, f"the cluster has more {kind} than the limit of {MAX_PAGES * PAGE_SIZE}"
        )

    def try_list(self, kind: ObjectKind, namespace: str | None) -> None:
        """List one object of a kind. Raises ClusterError if the list cannot be read."""
        _parse_page(self._fetch_page(kind, namespace, None, 1))

    def _fetch_page(self, kind: ObjectKind, namespace: str | None, token: str | None, size: int) -> bytes:
        options: dict[str, Any] = {"limit": size, "_preload_content": False}
        if token is not None:
            options["_continue"] = token
        if namespace is not None:
            options["namespace"] = namespace
        try:
            body: bytes = self._find_method(kind, namespace)(**options)
        except _RefusedError as error:
            raise self._translate_refusal(error, kind, namespace) from None
        except (ConfigException, OSError, ValueError):  # the client reads the token file of a pod again every minute
            raise ClusterError(ClusterProblem.LOGIN_FAILED, "the token of the service account cannot be read") from None
        return body

    def _find_method(self, kind: ObjectKind, namespace: str | None) -> Callable[..., bytes]:
        """Return the method of the client that lists the objects of a kind."""
        plain, metadata = self._clients.values()
        match kind:
            case ObjectKind.PODS:
                api = CoreV1Api(plain)
                method = api.list_pod_for_all_namespaces if namespace is None else api.list_namespaced_pod
            case ObjectKind.REPLICA_SETS:
                api = AppsV1Api(metadata)
                method = (
                    api.list_replica_set_for_all_namespaces if namespace is None else api.list_namespaced_replica_set
                )
            case ObjectKind.JOBS:
                api = BatchV1Api(metadata)
                method = api.list_job_for_all_namespaces if namespace is None else api.list_namespaced_job
            case _:
                assert_never(kind)
        found: Callable[..., bytes] = method
        return found

    def _get_remaining_seconds(self) -> float:
        """Return the seconds that are left for reading the cluster. Raises ClusterError if no time is left."""
        remaining = self._deadline - self._now()
        if remaining <= 0:
            raise ClusterError(ClusterProblem.UNREACHABLE, "reading the cluster took too long")
        return remaining

    def _receive(self, response: BaseHTTPResponse) -> bytes:
        """Return the body of a response.

        Raises ClusterError if the body exceeds a limit, and _RefusedError if the status is not 200.
        """
        self._cost.requests += 1
        is_success = response.status == HTTPStatus.OK
        limit = MAX_PAGE_BYTES if is_success else MAX_ERROR_BYTES
        body = bytearray()
        while chunk := response.read1(_CHUNK, decode_content=True):
            body += chunk
            self._cost.received += len(chunk)
            self._get_remaining_seconds()
            if len(body) > limit or self._cost.received > MAX_TOTAL_BYTES:
                is_large_page = is_success and self._cost.received <= MAX_TOTAL_BYTES
                error = _LargePageError if is_large_page else ClusterError
                raise error(ClusterProblem.TOO_LARGE, "the server's response is larger than the limit of basebump")
        if not is_success:
            raise _RefusedError(response.status, bytes(body))
        return bytes(body)

    def _translate_refusal(
        self, error: _RefusedError, kind: ObjectKind, namespace: str | None
    ) -> ClusterError | ExpiredListError:
        secrets = [each.rpartition(" ")[2] for each in self._configuration.api_key.values()]
        message = sanitize_text(_parse_message(error.body), secrets)
        detail = f": {message}" if message else ""
        match error.status:
            case HTTPStatus.GONE:
                return ExpiredListError(f"the list of {kind} expired")
            case HTTPStatus.UNAUTHORIZED:
                hint = "the token may have expired, or the cluster does not accept this kind of login"
                return ClusterError(
                    ClusterProblem.LOGIN_FAILED, f"the server refused the credential{detail}; hint: {hint}"
                )
            case HTTPStatus.FORBIDDEN:
                where = "--all-namespaces" if namespace is None else f"--namespace {namespace}"
                command = f"kubectl auth can-i list {kind.group_resource} {where}"
                return ClusterError(
                    ClusterProblem.FORBIDDEN,
                    f"the account is not allowed to list {kind}{detail}; hint: apply deploy/kubernetes/clusters/role, "
                    f"and try `{command}`",
                )
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
                return ClusterError(ClusterProblem.UNREACHABLE, f"the server answered {status}{detail}")
            case status:
                return ClusterError(ClusterProblem.INVALID_ANSWER, f"the server answered {status}{detail}")


class _LargePageError(ClusterError):
    """A single response is larger than the largest response that basebump reads."""


class _RefusedError(Exception):
    """The server answered with another status than 200."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self.body = status, body
        super().__init__(status)


class _BoundedApiClient(ApiClient):  # type: ignore[misc]  # the client has no types
    """The official client, which builds requests, with limits on responses.

    The limits are needed for these reasons: the official client reads a response completely before it checks anything,
    it follows redirects, and its timeouts start again with each byte. Its errors quote the headers of a request, and
    thus the credential.
    """

    def __init__(
        self,
        configuration: Configuration,
        accept: str,
        receive: Callable[[BaseHTTPResponse], bytes],
        get_remaining_seconds: Callable[[], float],
    ) -> None:
        super().__init__(configuration)
        self.set_default_header("Accept", accept)
        self._receive, self._get_remaining_seconds = receive, get_remaining_seconds
        self._allowance = ExchangeAllowance(get_remaining_seconds())
        limit_exchanges(self.rest_client.pool_manager, self._allowance)

    def request(self, method: str, url: str, **options: Any) -> bytes:
        self._allowance.seconds = self._get_remaining_seconds()
        try:
            headers = {name: clean_secret(value) for name, value in options["headers"].items()}
        except UnsendableSecretError as error:
            raise ClusterError(ClusterProblem.LOGIN_FAILED, f"the credential cannot be sent: {error}") from None
        try:
            response: BaseHTTPResponse = self.rest_client.pool_manager.request(
                method,
                url,
                fields=options.get("query_params"),
                headers=headers,
                preload_content=False,
                redirect=False,
                retries=False,
                timeout=Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT),
            )
            try:
                return self._receive(response)
            finally:
                response.close()
        except (HTTPError, OSError, ValueError) as error:
            cause = describe_cause(error)[0].replace(CA_ADVICE, _CA_ADVICE)
            raise ClusterError(ClusterProblem.UNREACHABLE, f"the server did not answer: {cause}") from None


def _parse_page(body: bytes) -> tuple[list[dict[str, Any]], str | None]:
    """Return the objects of a page, and the token of the next page; None instead of the token for the last page.

    Raises ClusterError if the cluster cannot be read.
    """
    try:
        page = json.loads(body)
    except (ValueError, RecursionError):
        page = None
    items = page.get("items") if isinstance(page, dict) else None
    metadata = page.get("metadata") if isinstance(page, dict) else None
    if items is None and isinstance(page, dict) and "items" in page:
        items = []  # Go writes an empty list as null
    if (
        not isinstance(items, list)
        or not isinstance(metadata, dict)
        or not all(isinstance(each, dict) for each in items)
    ):
        raise ClusterError(ClusterProblem.INVALID_ANSWER, "the server's response is not a list of objects")
    token = metadata.get("continue")
    return items, token if isinstance(token, str) and token else None


def _parse_message(body: bytes) -> str:
    """Return the message of a `Status` object; an empty string if `body` is not such an object."""
    try:
        status = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    message = status.get("message") if isinstance(status, dict) else None
    return message if isinstance(message, str) else ""
