"""An API server of Kubernetes on loopback, which answers lists page by page.

Every answer is compared with Kubernetes' own description of its API.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from jsonschema import Draft202012Validator
from support.listener import HttpListener, HttpReply, ListeningService, ReceivedRequest
from support.parts import ROOT
from support.registries.docker_registry import SelfSignedCertificate

TOKEN = "token-of-the-reader"
CONTRACT = json.loads((ROOT / "tests" / "contracts" / "kubernetes.json").read_text(encoding="utf-8"))
METADATA_LIST = "as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_LISTS = {
    "pods": ("/api/v1", "v1", "PodList", "io.k8s.api.core.v1.PodList"),
    "replicasets": ("/apis/apps/v1", "apps/v1", "ReplicaSetList", "io.k8s.api.apps.v1.ReplicaSetList"),
    "jobs": ("/apis/batch/v1", "batch/v1", "JobList", "io.k8s.api.batch.v1.JobList"),
}
_LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"
_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_STATUS = "io.k8s.apimachinery.pkg.apis.meta.v1.Status"


def check_contract(name: str, value: object) -> None:
    """Raise an error if a value does not match the schema of Kubernetes for `name`."""
    Draft202012Validator(CONTRACT | {"$ref": f"#/$defs/{name}"}).validate(value)


@dataclass
class KubernetesStand(ListeningService):
    """A cluster with objects, and an account that may list some kinds of them."""

    pods: list[dict[str, Any]] = field(default_factory=list)
    replicasets: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    allowed: set[tuple[str, str | None]] = field(default_factory=lambda: {(each, None) for each in _LISTS})
    """The resources that the account may list, each in a namespace or in all (None)."""
    expirations: int = 0
    """The number of further pages that are refused because the list expired."""
    interfere: Callable[[ReceivedRequest], HttpReply | None] = lambda _: None
    """Returns another answer for a request."""
    token: str = TOKEN
    """The token in kubeconfigs."""
    accepts: Callable[[str], bool] = lambda token: token == TOKEN
    """Returns True for the token of the account."""
    is_validating: bool = True
    """False if answers are not compared with the description, because that takes long for thousands of objects."""
    tls: SelfSignedCertificate | None = None

    def __post_init__(self) -> None:
        self._listener = HttpListener(self._answer, self.tls)

    @property
    def url(self) -> str:
        return self._listener.url

    @property
    def asked(self) -> list[str]:
        return self._listener.asked

    @property
    def connections(self) -> int:
        return self._listener.connections

    def write_kubeconfig(self, path: Path, user: Mapping[str, Any] | None = None, **cluster: Any) -> Path:
        """Write a kubeconfig with one context, `stand`."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "stand",
            "contexts": [{"name": "stand", "context": {"cluster": "stand", "user": "reader"}}],
            "clusters": [{"name": "stand", "cluster": {"server": self.url, **cluster}}],
            "users": [{"name": "reader", "user": {"token": self.token} if user is None else dict(user)}],
        }
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    def _answer(self, received: ReceivedRequest) -> HttpReply:
        other = self.interfere(received)
        if other is not None:
            return other
        scheme, _, token = received.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.accepts(token):
            return self._refuse(401, "Unauthorized", "Unauthorized")
        parts = urlsplit(received.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        for resource, (prefix, *_) in _LISTS.items():
            namespace = _match(parts.path, prefix, resource)
            if namespace is not False:
                return self._list(resource, namespace, query, received.headers.get("accept", ""))
        return self._refuse(404, "NotFound", "the server could not find the requested resource")

    def _list(self, resource: str, namespace: str | None, query: Mapping[str, str], accept: str) -> HttpReply:
        if not {(resource, None), (resource, namespace)} & self.allowed:
            where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
            message = f'{resource} is forbidden: User "reader" cannot list resource "{resource}" {where}'
            return self._refuse(403, "Forbidden", message)
        assert query.keys() <= {"limit", "continue"}, query
        items = [each for each in getattr(self, resource) if namespace in (None, each["metadata"]["namespace"])]
        limit, start = int(query.get("limit", "0")) or len(items), 0
        if "continue" in query:
            if self.expirations:
                self.expirations -= 1
                return self._refuse(410, "Expired", "The provided continue parameter is too old")
            start = int(base64.b64decode(query["continue"]))
        return self._send_page(resource, items, start, limit, accept)

    def _send_page(self, resource: str, items: list[dict[str, Any]], start: int, limit: int, accept: str) -> HttpReply:
        _, api_version, kind, definition = _LISTS[resource]
        page = items[start : start + limit]
        metadata: dict[str, Any] = {"resourceVersion": "2000"}
        if start + limit < len(items):
            metadata["continue"] = base64.b64encode(str(start + limit).encode()).decode()
            metadata["remainingItemCount"] = len(items) - start - limit
        answer = {"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": page}
        if self.is_validating:
            check_contract(definition, answer)
        if METADATA_LIST in accept:
            answer = _reduce_to_metadata(answer)
            if self.is_validating:
                check_contract(_LIST_META, answer["metadata"])
                for each in answer["items"]:
                    check_contract(_OBJECT_META, each["metadata"])
        return _send(200, answer)

    def _refuse(self, status: int, reason: str, message: str) -> HttpReply:
        answer = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": status,
        }
        check_contract(_STATUS, answer)
        return _send(status, answer)


def _match(path: str, prefix: str, resource: str) -> str | bool | None:
    """Return the namespace in which a path lists a resource, None for all namespaces, and False if it does not."""
    if path == f"{prefix}/{resource}":
        return None
    start, end = f"{prefix}/namespaces/", f"/{resource}"
    return path[len(start) : -len(end)] if path.startswith(start) and path.endswith(end) else False


def _reduce_to_metadata(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return a list with only the metadata of its objects.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
    """
    items: Iterable[dict[str, Any]] = (
        {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": each["metadata"]}
        for each in answer["items"]
    )
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": answer["metadata"],
        "items": list(items),
    }


def _send(status: int, answer: object) -> HttpReply:
    return HttpReply(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})
