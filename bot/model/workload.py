"""The images that containers in Kubernetes clusters run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from bot.model.image_name import Digest


@dataclass(frozen=True, slots=True, order=True)
class Workload:
    """The object that a team deploys, and whose pods run containers."""

    cluster: str
    """The name of the cluster in the config."""
    namespace: str
    kind: str
    """The kind of the topmost owner of the pods, such as `Deployment` or `CronJob`; `Pod` for a pod without an
    owner."""
    name: str

    @property
    def title(self) -> str:
        """The workload as reports show it, such as `prod/payments/Deployment/web`."""
        return f"{self.cluster}/{self.namespace}/{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class RunningImage:
    """An image that a container of a workload runs. Two digests of the same container are two values."""

    workload: Workload
    container: str
    repository: str
    """The canonical name of the repository of the image.

    The name of a mirror is replaced by the name of its upstream.
    """
    tag: str | None
    """The tag in the pod; None if the pod names no tag."""
    digest: Digest | None
    """The digest that the cluster reports, of an index or of the manifest of one platform; None if it reports none."""
    pods: int
    """The number of pods whose container runs the image.

    If no pod of a CronJob runs, the pods of its last Job count.
    """
    since: datetime | None
    """The start of the first of these containers; None if the cluster does not report it."""


class RunningImages(tuple[RunningImage, ...]):  # noqa: SLOT001 - the number of pods is kept in its attributes
    """Containers that run an image. Many updates share one value, so that its pods are counted once."""

    @cached_property
    def pods(self) -> Mapping[Workload, int]:
        """The number of pods of each workload, sorted."""
        return _count_pods(self)


def count_pods(images: Iterable[RunningImage]) -> Mapping[Workload, int]:
    """Return the number of pods of each workload, sorted. Several containers of a pod count once."""
    return images.pods if isinstance(images, RunningImages) else _count_pods(images)


def _count_pods(images: Iterable[RunningImage]) -> Mapping[Workload, int]:
    pods: dict[Workload, int] = {}
    for each in images:
        pods[each.workload] = max(pods.get(each.workload, 0), each.pods)
    return dict(sorted(pods.items()))


@dataclass(frozen=True, slots=True)
class ClusterReading:
    """All images that ran in a cluster when it was read."""

    cluster: str
    images: tuple[RunningImage, ...]


class ClusterProblem(StrEnum):
    """The reason that a cluster could not be read."""

    UNREACHABLE = "unreachable"
    LOGIN_FAILED = "login-failed"
    FORBIDDEN = "forbidden"
    """The account is not allowed to list pods or their owners."""
    TOO_LARGE = "too-large"
    """The cluster has more pods or larger objects than basebump reads."""
    INVALID_ANSWER = "invalid-answer"


@dataclass(frozen=True, slots=True)
class UnreadCluster:
    """The result of a failure to read a cluster. It is then unknown which images run in the cluster now."""

    cluster: str
    problem: ClusterProblem
    detail: str


ClusterOutcome = ClusterReading | UnreadCluster


@dataclass(frozen=True, slots=True)
class StoredRunningImage:
    """An image that ran in a cluster, as the state remembers it."""

    image: RunningImage
    first_seen_at: datetime
    """The time of the first reading of the cluster that found the image in the container."""
    ended_at: datetime | None = None
    """The time of the first reading that did not find it any more; None if the last reading found it."""


@dataclass(frozen=True, slots=True)
class StoredCluster:
    """The state's data about a cluster."""

    cluster: str
    read_at: datetime | None
    """The time of the last reading that succeeded; None if none did."""
    failure: UnreadCluster | None
    """The failure of the last attempt; None if it succeeded."""
    images: Sequence[StoredRunningImage] = ()


@dataclass(frozen=True, slots=True)
class RunningPlace:
    """The pods of one namespace that run an image."""

    cluster: str
    namespace: str
    pods: int
    as_of: datetime | None = None
    """The time of the reading that found them, if the cluster could not be read again; None if it was read now."""


@dataclass(frozen=True, slots=True)
class RunningUse:
    """The namespaces in which an image runs, or an own image that was built on it."""

    own_image: str | None
    """The canonical name of the repository of the own image; None if the pods run the image itself."""
    places: tuple[RunningPlace, ...]
    """The namespaces with the most pods first."""
