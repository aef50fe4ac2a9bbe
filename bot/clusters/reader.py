"""Reads which images run in a cluster, and which workloads run them.

Pods are listed first, and then the ReplicaSets and Jobs between the pods and their workloads, if there are any. The
number of requests therefore depends on the number of pages, and not on the number of pods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from bot.clusters.errors import ClusterError, ExpiredListError
from bot.clusters.object_kind import ObjectKind
from bot.clusters.pods import InvalidObjectError, Owner, PodImage, list_running_images, parse_name, parse_owner
from bot.core.globs import is_any_glob_match
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem
from bot.model.errors import BasebumpError
from bot.model.reference import Digest
from bot.model.workload import ClusterOutcome, ClusterProblem, ClusterReading, RunningImage, UnreadCluster, Workload

if TYPE_CHECKING:  # the official client is imported only by a run that connects to a cluster
    from bot.clusters.client import ClusterClient

Result = TypeVar("Result")

MAX_ATTEMPTS = 3
"""How often a list is read from the start. The server keeps the rest of a list for five minutes or more."""
MAX_IMAGES = 200_000
"""The maximum number of distinct images in containers of workloads. It bounds the memory for a cluster."""
_LISTED_OWNERS = {"ReplicaSet": ObjectKind.REPLICA_SETS, "Job": ObjectKind.JOBS}
"""The kinds that own pods and are usually owned themselves: by a Deployment, a Rollout or a CronJob."""


@dataclass(slots=True)
class _Usage:
    """The pods whose container runs an image."""

    pods: int = 0
    since: datetime | None = None

    def add(self, pods: int, since: datetime | None) -> None:
        self.pods += pods
        if since is not None and (self.since is None or since < self.since):
            self.since = since


_ImageKey = tuple[str, str, str | None, Digest | None]
"""The container, and the repository, the tag and the digest of its image."""


@dataclass(frozen=True, slots=True)
class KubernetesCluster:
    """Implements `bot.ports.ClusterReader` for one cluster."""

    name: str
    connect: Callable[[], ClusterClient]
    """Opens a connection. Raises ClusterError, or another BasebumpError if there is no login."""
    find_origin: Callable[[str], str]
    """Returns the repository upstream of a mirror or cache, or its argument."""
    namespaces: tuple[str, ...] = ()
    """The namespaces to read; empty for all namespaces."""
    excluded_namespaces: tuple[str, ...] = ()
    """Globs for the namespaces to leave out."""

    def read_images(self) -> ClusterOutcome:
        """Return the images that the containers of all pods run now, or the reason that they are not known."""
        try:
            client = self.connect()
            try:
                images = self._read_images(client)
            finally:
                client.close()
        except ClusterError as error:
            return UnreadCluster(self.name, error.problem, str(error))
        except BasebumpError as error:
            return UnreadCluster(self.name, ClusterProblem.LOGIN_FAILED, str(error))
        except InvalidObjectError:
            detail = "the server's response contains an object that is not one of Kubernetes"
            return UnreadCluster(self.name, ClusterProblem.INVALID_ANSWER, detail)
        return ClusterReading(self.name, images)

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level read clusters
        """List one object of each kind, and yield a check for each."""
        subject = f"cluster {self.name}"
        try:
            client = self.connect()
        except BasebumpError as error:
            yield report_problem(subject, "log in", str(error))
            return
        try:
            for kind in ObjectKind:
                action = f"list {kind}"
                try:
                    for namespace in self._list_scopes():
                        client.try_list(kind, namespace)
                except BasebumpError as error:
                    yield report_problem(subject, action, str(error))
                else:
                    yield report_ok(subject, action, "the account may list them")
        finally:
            client.close()

    def _list_scopes(self) -> Sequence[str | None]:
        return self.namespaces or (None,)

    def _read_images(self, client: ClusterClient) -> tuple[RunningImage, ...]:
        by_owner: dict[Owner, dict[_ImageKey, _Usage]] = {}
        for namespace in self._list_scopes():
            by_owner.update(_retry_expired(partial(self._read_pods, client, namespace)))
            if sum(map(len, by_owner.values())) > MAX_IMAGES:
                raise _make_size_error()
        owners = {kind: {each for each in by_owner if each.kind == kind} for kind in _LISTED_OWNERS}
        parents: dict[Owner, Owner] = {}
        for kind, found in owners.items():
            for namespace in self._list_scopes() if found else ():
                parents.update(_retry_expired(partial(_read_parents, client, kind, namespace, found)))
        return tuple(self._build_images(by_owner, parents))

    def _read_pods(self, client: ClusterClient, namespace: str | None) -> dict[Owner, dict[_ImageKey, _Usage]]:
        found: dict[Owner, dict[_ImageKey, _Usage]] = {}
        count = 0
        for pod in client.list_objects(ObjectKind.PODS, namespace):
            owner = parse_owner(pod)
            if self.excluded_namespaces and is_any_glob_match(self.excluded_namespaces, owner.namespace):
                continue
            for image, since in _group_containers(list_running_images(pod, self.find_origin)).items():
                usages = found.setdefault(owner, {})
                if image not in usages:
                    count += 1
                    usages[image] = _Usage()
                usages[image].add(1, since)
            if count > MAX_IMAGES:
                raise _make_size_error()
        return found

    def _build_images(
        self, by_owner: dict[Owner, dict[_ImageKey, _Usage]], parents: dict[Owner, Owner]
    ) -> Iterator[RunningImage]:
        """Yield the images of each workload, sorted. The images of all ReplicaSets of a Deployment are added up."""
        merged: dict[Owner, dict[_ImageKey, _Usage]] = {}
        for owner, usages in by_owner.items():
            into = merged.setdefault(parents.get(owner, owner), {})
            for image, usage in usages.items():
                into.setdefault(image, _Usage()).add(usage.pods, usage.since)
        for owner, usages in sorted(merged.items()):
            workload = Workload(self.name, owner.namespace, owner.kind, owner.name)
            for key, usage in sorted(usages.items(), key=lambda each: tuple(part or "" for part in each[0])):
                yield RunningImage(workload, *key, usage.pods, usage.since)


def _make_size_error() -> ClusterError:
    return ClusterError(ClusterProblem.TOO_LARGE, f"the containers of the cluster run more than {MAX_IMAGES} images")


def _group_containers(images: Iterator[PodImage]) -> dict[_ImageKey, datetime | None]:
    """Return the images of a pod with the start of their containers. Each counts once for the pod."""
    return {(each.container, each.repository, each.tag, each.digest): each.started_at for each in images}


def _read_parents(client: ClusterClient, kind: str, namespace: str | None, wanted: set[Owner]) -> dict[Owner, Owner]:
    """Return the owner of each object in `wanted` that has one. Objects that no longer exist are missing."""
    parents: dict[Owner, Owner] = {}
    for item in client.list_objects(_LISTED_OWNERS[kind], namespace):
        each = parse_name(item, kind)
        if each in wanted:
            parents[each] = parse_owner(item, kind)
    return parents


def _retry_expired(read: Callable[[], Result]) -> Result:
    """Return the result of `read`, which starts again if the rest of its list expired. Raises ClusterError."""
    for _ in range(MAX_ATTEMPTS):
        try:
            return read()
        except ExpiredListError:
            continue
    raise ClusterError(
        ClusterProblem.UNREACHABLE, f"the server dropped the rest of a list {MAX_ATTEMPTS} times, before it was read"
    )
