"""The Protocols for the inventory, which is the data in the state about the base branches of a fleet.

These Protocols complete those in `bot.ports`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # only signatures need these imports, so they do not slow down the start
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from bot.model.ci import FailedCheck
    from bot.model.decision import Transition
    from bot.model.evidence import Evidence
    from bot.model.exposed_images import (
        ContainerUse,
        ExposedImage,
        ExposureCoverage,
        ExposureQuery,
        ImageUse,
        ScanKey,
    )
    from bot.model.exposure_summary import FleetFindings, PublisherFix, StoredSummary
    from bot.model.fleet_history import BranchRequest, FleetHistory
    from bot.model.image_name import Digest, ImageName, TagRef
    from bot.model.inventory import BranchKey, BranchVisit, StoredBranch
    from bot.model.limits import Opening
    from bot.model.own_build import OwnBuild, StoredBuild
    from bot.model.report import RepositoryReport
    from bot.model.stage_facts import DockerfileKey, StageFacts
    from bot.model.update_stages import StageScope
    from bot.model.usage import ImageUsage, InventoryCoverage
    from bot.model.workload import ClusterOutcome, StoredCluster


class InventoryStore(Protocol):
    """The base branches that earlier runs read. Every method raises StateError if the state cannot be used.

    If the data is lost, the next run reads every base branch, and history starts again. Digests that failed CI in other
    repositories are no longer held. There is no other effect.
    """

    def load_branches(self, keys: Collection[BranchKey]) -> Mapping[BranchKey, StoredBranch]:
        """Return the stored data about these base branches. Branches that no run read are left out."""

    def load_reports(self, keys: Collection[BranchKey]) -> Mapping[BranchKey, RepositoryReport]:
        """Return the report of the last visit of these base branches, except branches without a usable report."""

    def load_evidence(self, transitions: Collection[Transition]) -> Mapping[Transition, Evidence]:
        """Return the evidence of the last visit for these transitions. Transitions without evidence are left out."""

    def list_users(self, image: ImageName) -> frozenset[BranchKey]:
        """Return the base branches that used an image at their last visit, even in references that were skipped.

        If `image` has a tag, only branches with this tag are returned.
        """

    def load_requests(self, repositories: Collection[str], since: datetime) -> Sequence[BranchRequest]:
        """Return the pull requests into all base branches that ever used one of these repositories of images.

        Pull requests that were opened before `since` are left out.
        """

    def record_visits(
        self, visits: Sequence[BranchVisit], evidence: Mapping[Transition, Evidence], at: datetime
    ) -> None:
        """Store the visits of a run that started at the time `at`.

        `evidence` is the evidence of the whole run, which is stored only for the transitions of settled branches.
        """

    def record_seen(self, keys: Collection[BranchKey], at: datetime) -> None:
        """Store that a run listed these base branches at the time `at`, whether it read them or not."""


class InventoryReader(Protocol):
    """Answers questions about a fleet from the state alone.

    Every method raises StateError if the state cannot be read.
    """

    def list_usages(self, image: ImageName) -> Sequence[ImageUsage]:
        """Return the references to an image, sorted by repository and file.

        If `image` has a tag, only references with this tag are returned, and if it has a digest, only references with
        this digest. The tag `latest` includes references that have neither a tag nor a digest.
        """

    def list_repositories(self, digest: Digest) -> Sequence[str]:
        """Return the repositories of images whose references contain a digest, sorted by name."""

    def list_pointing_tags(self, digest: Digest) -> Mapping[TagRef, datetime]:
        """Return the tags that pointed to a digest at their last lookup, sorted, each with the time of this lookup."""

    def load_coverage(self) -> InventoryCoverage:
        """Return the number of base branches in the state, and the age of the data."""

    def load_repository_history(self, repository: str) -> FleetHistory:
        """Return the history of all base branches of the repositories with this name, on any forge."""

    def load_image_history(self, image: ImageName) -> FleetHistory:
        """Return the history of an image in all base branches; only that of its tag if `image` has a tag."""

    def load_patch_history(self, since: datetime) -> FleetHistory:
        """Return the history of base branches with pull requests that fix vulnerabilities and ended after `since`.

        Open pull requests count, too. Earlier spans and all other pull requests are left out.
        """


class StageReader(Protocol):
    """Reads the facts about updates of images from the state. Every method raises StateError if that fails."""

    def load_scope(self) -> StageScope:
        """Return which data the config and the state contain besides the base branches: builds or clusters."""

    def has_updates_to_run(self) -> bool:
        """Return True if a merged pull request has a due date by which its update must run."""

    def load_image_facts(self, image: ImageName) -> StageFacts:
        """Return the facts about an image in all base branches, with all its tags and digests."""

    def load_repository_facts(self, *repositories: str) -> StageFacts:
        """Return the facts about all images in the base branches of repositories with these names, on any forge."""

    def load_fleet_facts(self) -> StageFacts:
        """Return the facts about all images in all base branches."""


class ExposureReader(Protocol):
    """Answers questions about exposure from the state. Every method raises StateError if the state cannot be read."""

    def list_exposed(self, query: ExposureQuery) -> Sequence[ExposedImage]:
        """Return the findings of known images, sorted by digest, whether the images are used or not."""

    def list_uses(self, digests: Collection[Digest]) -> Sequence[ImageUse]:
        """Return the references to digests, sorted by repository, also those whose tag points to one of the digests."""

    def list_containers(self, digests: Collection[Digest]) -> Sequence[ContainerUse]:
        """Return the containers that run images with these digests, or one platform of them, sorted by workload."""

    def list_newest(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, Digest]:
        """Return the digest to which each tag pointed at its last lookup. Tags without a lookup are left out."""

    def list_scans(self, digests: Collection[Digest]) -> Collection[ScanKey]:
        """Return the last successful scan or match of each platform of images, by each scanner."""

    def list_open_requests(self, repositories: Collection[str]) -> Sequence[BranchRequest]:
        """Return the open pull requests into base branches that use one of these repositories of images."""

    def load_coverage(self) -> ExposureCoverage:
        """Return how many images in use are known. Unknown images may have any vulnerability."""


class ExposureSummaryStore(Protocol):
    """The summaries of a fleet's exposure, one for each day. Every method raises StateError if the state fails."""

    def list_vulnerabilities(self) -> frozenset[str]:
        """Return the ids of all vulnerabilities that images have or had."""

    def load_fleet_findings(self, exploited_ids: Collection[str]) -> FleetFindings:
        """Return the findings of all images in use that are at least high, or among `exploited_ids`."""

    def add_publisher_fixes(self, fixes: Collection[PublisherFix]) -> None:
        """Store fixes that publishers took over. A fix that is stored already keeps its times."""

    def load_publisher_fixes(self, since: datetime) -> Sequence[PublisherFix]:
        """Return the fixes that publishers took over since a time."""

    def save_summary(self, summary: StoredSummary) -> None:
        """Store a summary, in place of an earlier one of the same day."""

    def load_last_summary(self) -> StoredSummary | None:
        """Return the last summary; None if there is none, or if another release wrote it."""

    def load_summaries(self, since: datetime) -> Sequence[StoredSummary]:
        """Return the summaries since a time, sorted by day. Documents of other releases are left out."""


class HeldDigestStore(Protocol):
    """The digests that the files of the fleet contained before."""

    def load_held_digests(self, tag_ref: TagRef) -> Sequence[Digest]:
        """Return the digests that base branches contained for a tag, the most recently added digest first.

        Raises StateError if the state cannot be read.
        """


class RunningImageStore(Protocol):
    """The images that ran in clusters when these were read.

    Every method raises StateError if the state cannot be used.
    """

    def record_clusters(self, outcomes: Iterable[ClusterOutcome], at: datetime) -> None:
        """Store the outcomes of reading clusters at the time `at`.

        If a cluster could not be read, the stored data about it is kept.
        """

    def load_clusters(self) -> Sequence[StoredCluster]:
        """Return the stored data about all clusters, sorted by name."""


class OwnBuildStore(Protocol):
    """The builds of own images that runs read from registries. Every method raises StateError if the state fails.

    If the data is lost, the next run reads the builds again.
    """

    def record_builds(self, builds: Iterable[OwnBuild], at: datetime) -> None:
        """Store builds that were read at the time `at`. A stored build keeps the time at which it was first read."""

    def load_builds(self, images: Collection[str] | None = None) -> Sequence[StoredBuild]:
        """Return the stored builds of own images, sorted by image and digest; of all images if `images` is None.

        `images` are the canonical names of the repositories of own images.
        """


class FailedCheckStore(Protocol):
    """The checks that failed on the last commits of base branches. The method raises StateError if the state fails.

    If the data is lost, the next run reads the checks again.
    """

    def record_checks(self, checks: Mapping[BranchKey, FailedCheck | None], heads: Mapping[BranchKey, str]) -> None:
        """Store the failed check of the last commit of some base branches; None for a branch without a failed check.

        `heads` are the last commits of these base branches. The stored checks of all other base branches are deleted.
        """


class BuildInventory(Protocol):
    """The own images and the base images in the files of the fleet. Every method raises StateError if that fails."""

    def list_references(
        self, is_wanted: Callable[[str], bool], repositories: Collection[str] = ()
    ) -> Sequence[ImageName]:
        """Return the distinct references of the fleet to some images, sorted. Their names are canonical.

        `is_wanted` returns True for the canonical names of the repositories of these images. If `repositories` is not
        empty, only the references in these git repositories are returned.
        """

    def list_base_digests(self, repositories: Collection[str] = ()) -> Sequence[ImageName]:
        """Return the past and present digests of the tags in files from which images are built.

        The most recently added digests come first. If `repositories` is not empty, only the tags in these git
        repositories count.
        """

    def list_build_files(self, repositories: Collection[str] = ()) -> Mapping[DockerfileKey, Collection[str]]:
        """Return the files from which images are built, each with the canonical names of its base images.

        If `repositories` is not empty, only the files of these git repositories are returned.
        """


class OpeningLedger(Protocol):
    """The proposals that runs with the same state opened recently. Both methods raise StateError if the state fails.

    If the data is lost, each run counts only its own proposals, until the window of the limits has passed.
    """

    def reserve(
        self, choose: Callable[[Sequence[Opening]], Sequence[Opening]], at: datetime, window: timedelta
    ) -> None:
        """Call `choose` with the openings since `at - window`, and store the openings that it returns.

        No other run can reserve at the same time. Without a state, `choose` gets no openings, and nothing is stored.
        """

    def give_back(self, openings: Collection[Opening], at: datetime) -> None:
        """Remove openings that were reserved at the time `at` and did not take place.

        Openings that another run also reserved are kept, because that run may have opened the proposals.
        """
