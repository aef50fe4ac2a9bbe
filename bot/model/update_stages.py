"""The progress of an image's update in each file that uses the image: proposed, merged, rebuilt, running."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from bot.model.build_link import LinkEvidence
from bot.model.ci import FailedCheck
from bot.model.image_name import Digest
from bot.model.inventory import BranchKey
from bot.model.usage import RequestLink

if TYPE_CHECKING:  # only annotations need this import, so it does not slow down the start
    from bot.model.workload import RunningImage


class UpdateStage(StrEnum):
    """The stages of an update, in their order. The values are words in reports, metrics and JSON."""

    PROPOSED = "proposed"
    """A pull request of basebump is open."""
    MERGED = "merged"
    """The file in the base branch contains the digest."""
    REBUILT = "rebuilt"
    """An own image was built on the digest. Only updates of files from which images are built have this stage."""
    RUNNING = "running"
    """Containers in clusters run the digest, or an own image that was built on it."""

    @property
    def position(self) -> int:
        """The position in the order; 0 is the first stage."""
        return _ORDER.index(self)


_ORDER = tuple(UpdateStage)


class UseKind(StrEnum):
    """The effect of a changed image reference in a file: a build, a deployment, or neither."""

    BUILD = "build"
    """An image is built on the image, as from a Dockerfile."""
    WORKLOAD = "workload"
    """Containers in a cluster run the image, as from a Kubernetes manifest."""
    OTHER = "other"
    """Neither a build nor a workload uses the image, as for the images of CI jobs.

    The last stage of an update is then `merged`.
    """


@dataclass(frozen=True, slots=True)
class StageScope:
    """The data that basebump reads besides the base branches. Reports contain only stages about such data."""

    has_builds: bool = False
    """True if basebump reads builds of own images."""
    has_clusters: bool = False
    """True if the config lists clusters."""

    @property
    def has_more_than_merges(self) -> bool:
        """True if there is any stage after `merged`."""
        return self.has_builds or self.has_clusters

    def list_stages(self, kind: UseKind) -> tuple[UpdateStage, ...]:
        """Return the stages that an update of a use of this kind passes."""
        common = (UpdateStage.PROPOSED, UpdateStage.MERGED)
        match kind:
            case UseKind.BUILD:
                running = (UpdateStage.RUNNING,) if self.has_clusters else ()
                return (*common, UpdateStage.REBUILT, *running) if self.has_builds else common
            case UseKind.WORKLOAD:
                return (*common, UpdateStage.RUNNING) if self.has_clusters else common
            case UseKind.OTHER:
                return common
        assert_never(kind)


class RebuildEvidence(StrEnum):
    """The evidence that an own image was built on an updated base image, strongest first."""

    LAYERS = "layers"
    PROVENANCE = "provenance"
    BUILD_TASK = "build-task"
    LABEL = "label"
    COMMIT = "commit"
    """The image states that it was built from a commit that contains the update."""


class WaitReason(StrEnum):
    """The reason why an update waits, in the order of the stages. Reasons why the next stage is unknown come last."""

    NOT_PROPOSED = "not-proposed"
    DECLINED = "declined"
    HELD = "held"
    REVIEW = "review"
    BUILD_FAILED = "build-failed"
    NOT_BUILT = "not-built"
    NOT_DEPLOYED = "not-deployed"
    OLDER_RUNS = "older-runs"
    NOT_SEEN = "not-seen"
    OTHER_DIGEST = "other-digest"
    NOT_PINNED = "not-pinned"
    IMAGE_UNKNOWN = "image-unknown"
    BASE_UNKNOWN = "base-unknown"
    SHARED_IMAGE = "shared-image"
    CLUSTER_NOT_READ = "cluster-not-read"

    @property
    def is_unknown(self) -> bool:
        """True if basebump cannot determine whether the update reached the next stage."""
        return self in _UNKNOWN

    @property
    def sentence(self) -> str:
        """The reason as a sentence."""
        return WAIT_SENTENCES[self]


_UNKNOWN = frozenset(
    {
        WaitReason.OTHER_DIGEST,
        WaitReason.NOT_PINNED,
        WaitReason.IMAGE_UNKNOWN,
        WaitReason.BASE_UNKNOWN,
        WaitReason.SHARED_IMAGE,
        WaitReason.CLUSTER_NOT_READ,
    }
)

WAIT_SENTENCES: dict[WaitReason, str] = {
    WaitReason.NOT_PROPOSED: "A newer digest is available, and no pull request for it is open.",
    WaitReason.DECLINED: "A newer digest is available, and a person closed a pull request that declines it.",
    WaitReason.HELD: "A newer digest is available, and the policy or a gate does not allow it now.",
    WaitReason.REVIEW: "The pull request was not merged yet.",
    WaitReason.BUILD_FAILED: "CI of the base branch failed after the merge.",
    WaitReason.NOT_BUILT: "No image was built on the digest in the file.",
    WaitReason.NOT_DEPLOYED: "The manifests of the fleet name older builds of the image, and none names the new build.",
    WaitReason.OLDER_RUNS: "Containers still run the image before the update.",
    WaitReason.NOT_SEEN: "No container in the clusters of the config runs the image.",
    WaitReason.OTHER_DIGEST: (
        "Containers run other digests of the image, and it is unknown whether these contain the update."
    ),
    WaitReason.NOT_PINNED: "The file contains no digest, so the image that a build or a cluster uses is unknown.",
    WaitReason.IMAGE_UNKNOWN: "It is unknown which image is built from the file, or no build of this image was read.",
    WaitReason.BASE_UNKNOWN: (
        "Images were built from the file, and neither their layers, their provenance nor their labels show on which "
        "base."
    ),
    WaitReason.SHARED_IMAGE: (
        "Containers run the image before and after the update, and other base branches still use the image before it."
    ),
    WaitReason.CLUSTER_NOT_READ: "Clusters of the config were not read since the stage was reached.",
}

_STATES_WITHOUT_STAGE: Mapping[WaitReason, str] = {
    WaitReason.NOT_PROPOSED: "not proposed",
    WaitReason.DECLINED: "declined",
    WaitReason.HELD: "held",
    WaitReason.NOT_PINNED: "not pinned",
}

STUCK_AFTER: Mapping[UpdateStage | None, timedelta] = {
    None: timedelta(days=7),
    UpdateStage.PROPOSED: timedelta(days=7),
    UpdateStage.MERGED: timedelta(days=1),
    UpdateStage.REBUILT: timedelta(days=1),
}
"""How long an update may wait in each stage before it counts as stuck.

A failed build counts at once. Reviews take some days in most teams, and builds and rollouts some hours. None stands for
updates that no pull request proposes.
"""


@dataclass(frozen=True, slots=True)
class ReachedStage:
    """A stage that an update reached."""

    stage: UpdateStage
    at: datetime
    is_exact: bool = True
    """False if the stage may have been reached earlier, because `at` is the time at which a run found it."""


@dataclass(frozen=True, slots=True)
class ImageUse:
    """An image reference in a file of a base branch."""

    key: BranchKey
    path: str
    line_number: int
    kind: UseKind
    repository: str
    """The canonical name of the repository of the image."""
    tag: str | None
    digest: Digest | None
    """The digest that the file contains; None if the reference is not pinned."""
    owners: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The image without its digest."""
        return f"{self.repository}:{self.tag}" if self.tag else self.repository


@dataclass(frozen=True, slots=True)
class UpdateBuild:
    """A build of an own image that contains the updated base image."""

    repository: str
    """The canonical name of the repository of the own image."""
    digest: Digest
    built_at: datetime | None
    evidence: RebuildEvidence
    link: LinkEvidence
    """The evidence that the own image is built from the file."""


@dataclass(frozen=True, slots=True)
class UpdateWait:
    """What an update waits for."""

    reason: WaitReason
    since: datetime | None
    """The time at which the last stage was reached; None if no stage was reached."""
    check: FailedCheck | None = None
    """The check that failed, for `build-failed`; None if its name is not known."""
    images: tuple[str, ...] = ()
    """The canonical names of the own images that are built from the file and wait for a build."""
    last_built_at: datetime | None = None
    """The time of the newest build of these images; None if it is not known."""
    manifests: tuple[ImageUse, ...] = ()
    """The references to older builds, for `not-deployed`."""
    workloads: tuple[RunningImage, ...] = ()
    """The containers that still run older images, for `older-runs` and `shared-image`. Private evidence."""
    clusters: tuple[str, ...] = ()
    """The clusters that were not read since then, for `cluster-not-read`. Private evidence."""


@dataclass(frozen=True, slots=True)
class UpdateProgress:
    """How far one update of one image reference got."""

    use: ImageUse
    digest: Digest | None
    """The digest to which the update goes; None if it is unknown, as for an update that no pull request proposes."""
    reached: tuple[ReachedStage, ...]
    """The stages that the update reached, in their order. `proposed` is missing if basebump did not propose it."""
    wait: UpdateWait | None
    """What the update waits for; None if it reached its last stage."""
    is_latest: bool = True
    """False if a later update of the same image reference is proposed, or is to be proposed. The digest is then in the
    file, and it can still be of interest whether it runs."""
    request: RequestLink | None = None
    """The pull request that proposes or proposed the update."""
    due_at: datetime | None = None
    """The time by which the update is to reach the stage that the policy names; None if it has no due date."""
    builds: tuple[UpdateBuild, ...] = ()
    """The builds that contain the update, newest first."""
    workloads: tuple[RunningImage, ...] = ()
    """The containers that run the update. Private evidence."""

    @property
    def stage(self) -> UpdateStage | None:
        """The last stage that the update reached; None if it is not proposed, or if nothing is known."""
        return self.reached[-1].stage if self.reached else None

    @property
    def since(self) -> datetime | None:
        """The time at which the last stage was reached."""
        return self.reached[-1].at if self.reached else None

    def get_time(self, stage: UpdateStage) -> datetime | None:
        """Return the time at which the update reached a stage; None if it did not, or if the time is not known."""
        return next((each.at for each in self.reached if each.stage is stage), None)

    def describe_state(self, scope: StageScope) -> str:
        """Return how far the update got and what is missing, such as `merged, not rebuilt`."""
        if self.stage is None:
            return _STATES_WITHOUT_STAGE.get(self.wait.reason, "not known") if self.wait is not None else "not known"
        later = [each for each in scope.list_stages(self.use.kind) if each.position > self.stage.position]
        if self.wait is None or not later:
            return self.stage.value
        missing = "not known whether" if self.wait.reason.is_unknown else "not"
        return f"{self.stage.value}, {missing} {later[0].value}"

    def is_stuck(self, now: datetime) -> bool:
        """Return True if the update waits longer than usual.

        An update with an unknown next stage is never stuck. An image that no container runs is not stuck either,
        because it might not be deployed at all.
        """
        wait = self.wait
        if wait is None or wait.since is None or wait.reason.is_unknown or wait.reason is WaitReason.NOT_SEEN:
            return False
        if wait.reason is WaitReason.BUILD_FAILED:
            return True
        return self.stage in STUCK_AFTER and now - wait.since >= STUCK_AFTER[self.stage]


@dataclass(frozen=True, slots=True)
class StageCount:
    """The uses of an image whose latest update is in one stage."""

    done: int = 0
    """The uses for which this is the last stage."""
    waiting: int = 0
    """The uses that are known to wait for the next stage."""
    unknown: int = 0
    """The uses for which it is unknown whether they reached the next stage."""
    stuck: int = 0
    """The uses in `waiting` that wait longer than usual."""

    @property
    def uses(self) -> int:
        """The number of uses in the stage."""
        return self.done + self.waiting + self.unknown


@dataclass(frozen=True, slots=True)
class StageFunnel:
    """The uses of one image by the stage of their latest update. Each use counts once."""

    image: str
    """The image without its digest."""
    stages: tuple[UpdateStage, ...]
    """The stages that at least one of the uses passes."""
    counts: Mapping[UpdateStage, StageCount]
    """The uses in each of `stages`."""
    not_proposed: int
    """The uses for which a newer digest is available that no pull request proposes."""
    declined: int
    """The uses for which a newer digest is available that a person declined by closing a pull request."""
    held: int
    """The uses for which a newer digest is available that the policy or a gate does not allow now."""
    unknown: int
    """The uses with an unknown stage, because their files contain no digest."""

    @property
    def not_updated(self) -> int:
        """The number of uses for which a newer digest is available without an open pull request."""
        return self.not_proposed + self.declined + self.held

    @property
    def uses(self) -> int:
        """The number of uses of the image."""
        return self.not_updated + self.unknown + sum(each.uses for each in self.counts.values())

    @property
    def stuck(self) -> int:
        """The number of uses whose update waits longer than usual."""
        return sum(each.stuck for each in self.counts.values())


class UnwantedReason(StrEnum):
    """The reason that a running digest must be replaced."""

    GONE = "gone"
    """The registry no longer has the digest, so that a new pod cannot start."""
    BLOCKED = "blocked"
    """The operator blocked the digest."""


@dataclass(frozen=True, slots=True)
class UnwantedImage:
    """A running image whose digest is gone or blocked."""

    image: RunningImage
    reason: UnwantedReason


@dataclass(frozen=True, slots=True)
class ClusterCoverage:
    """The age of the data about a cluster. The name is private evidence."""

    cluster: str
    read_at: datetime | None
    """The time of the last reading that succeeded; None if none did."""
    problem: str | None = None
    """The reason that the last reading failed; None if it succeeded."""
