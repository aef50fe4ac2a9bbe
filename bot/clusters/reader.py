"""Reads the images that run in a cluster, and the workloads that run them.

First, the pods are listed. After them, the ReplicaSets and Jobs between the pods and their workloads are listed, if any
pod has such an owner. The number of requests therefore depends on the number of pages, and not on the number of pods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bot.clusters.cluster_errors import ClusterError, ExpiredListError
from bot.clusters.object_kind import ObjectKind
from bot.clusters.pod_tally import JOB, PodTally
from bot.clusters.pods import POD, InvalidObjectError, Owner, parse_name, parse_owner
from bot.core.globs import is_any_glob_match
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem
from bot.model.errors import BasebumpError
from bot.model.workload import ClusterOutcome, ClusterProblem, ClusterReading, RunningImage, UnreadCluster

if TYPE_CHECKING:  # only a run that connects to a cluster imports the official client
    from bot.clusters.client import ClusterClient

Result = TypeVar("Result")

MAX_ATTEMPTS = 3
"""The largest number of times that a list is read from the start. The server keeps the rest of a list for five minutes
or more."""
MAX_IMAGES = 200_000
"""The maximum number of distinct images in the containers of workloads. This limits the memory for a cluster."""
SIZE_CHECK = 1000
"""The number of pods after which basebump compares the number of images with the limit."""
_LISTED_OWNERS = {"ReplicaSet": ObjectKind.REPLICA_SETS, JOB: ObjectKind.JOBS}
"""The kinds of objects that own pods and usually have an owner themselves: a Deployment, a Rollout or a CronJob."""


@dataclass(frozen=True, slots=True)
class KubernetesCluster:
    """Implements `bot.ports.ClusterReader` for one cluster."""

    name: str
    connect: Callable[[], ClusterClient]
    """Opens a connection. Raises ClusterError if the server cannot be used, and BasebumpError if there is no login."""
    find_origin: Callable[[str], str]
    """Returns the upstream repository of a repository in a mirror or cache; any other repository unchanged."""
    namespaces: tuple[str, ...] = ()
    """The namespaces to read; empty for all namespaces."""
    excluded_namespaces: tuple[str, ...] = ()
    """Globs for the namespaces to leave out."""

    def read_images(self) -> ClusterOutcome:
        """Return the images that the containers of all pods run now, or the reason why they are not known."""
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
        """List one object of each kind, and yield a result for each kind."""
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
        tally = PodTally()
        for namespace in self._list_scopes():
            tally.add_all(_retry_expired(partial(self._read_pods, client, namespace)))
            if tally.count_images() > MAX_IMAGES:
                raise _make_size_error()
        parents: dict[Owner, Owner] = {}
        for kind, listed in _LISTED_OWNERS.items():
            owners = tally.list_owners(kind)
            for namespace in self._list_scopes() if owners else ():
                parents.update(_retry_expired(partial(_read_parents, client, listed, namespace, owners)))
        return tuple(tally.list_images(self.name, parents))

    def _read_pods(self, client: ClusterClient, namespace: str | None) -> PodTally:
        tally = PodTally()
        for number, pod in enumerate(client.list_objects(ObjectKind.PODS, namespace)):
            if not self._is_excluded(pod):
                tally.add_pod(pod, self.find_origin)
            if number % SIZE_CHECK == 0 and tally.count_images() > MAX_IMAGES:
                raise _make_size_error()
        return tally

    def _is_excluded(self, pod: dict[str, Any]) -> bool:
        return bool(self.excluded_namespaces) and is_any_glob_match(
            self.excluded_namespaces, parse_name(pod, POD).namespace
        )


def _make_size_error() -> ClusterError:
    return ClusterError(ClusterProblem.TOO_LARGE, f"the containers of the cluster run more than {MAX_IMAGES} images")


def _read_parents(
    client: ClusterClient, listed: ObjectKind, namespace: str | None, wanted: set[Owner]
) -> dict[Owner, Owner]:
    """Return the owner of each object in `wanted` that has an owner. Objects that no longer exist are left out."""
    kind = next(kind for kind, each in _LISTED_OWNERS.items() if each is listed)
    parents: dict[Owner, Owner] = {}
    for item in client.list_objects(listed, namespace):
        each = parse_name(item, kind)
        if each in wanted:
            parents[each] = parse_owner(item, kind)
    return parents


def _retry_expired(read: Callable[[], Result]) -> Result:
    """Return the result of `read`, which is called again if the rest of its list expired."""
    for _ in range(MAX_ATTEMPTS):
        try:
            return read()
        except ExpiredListError:
            continue
    raise ClusterError(
        ClusterProblem.UNREACHABLE, f"the server dropped the rest of a list {MAX_ATTEMPTS} times, before it was read"
    )
