"""The stores of a run without a state."""
# ruff: noqa: ARG002 - the signatures are those of the Protocols

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.core.evidence.finding_keys import FindingKey
from bot.model.branch_ownership import BranchPush
from bot.model.ci import FailedCheck
from bot.model.contents import InstalledPackage
from bot.model.decision import Transition
from bot.model.evidence import (
    Evidence,
    Finding,
    FixDate,
    NotScanned,
    Scan,
    ScannerIdentity,
    ScanSubject,
    StoredPackages,
)
from bot.model.exposed_images import ExposureCoverage, ImageInUse
from bot.model.exposure_summary import FleetFindings, PublisherFix, StoredSummary
from bot.model.fleet_history import BranchRequest
from bot.model.forge import GitRepository
from bot.model.history import SupersededTag, TagObservation
from bot.model.image import CachedManifest, TagDescriptor
from bot.model.image_name import Digest, ImageName, TagRef
from bot.model.inventory import BranchKey, BranchVisit, StoredBranch
from bot.model.limits import Opening
from bot.model.own_build import OwnBuild, StoredBuild
from bot.model.report import RepositoryReport
from bot.model.stage_facts import DockerfileKey, StageFacts
from bot.model.update_stages import StageScope
from bot.model.workload import ClusterOutcome, StoredCluster


class NoState:
    """Implements the Protocols of all stores for configs without `state`: stores nothing, and returns nothing.

    Every run is like the first run. It reads all branches with their content, and counts only its own proposals.
    """

    # bot.ports.LookupStore

    def load_observations(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, tuple[TagObservation, ...]]:
        """Return no observations."""
        return {}

    def load_descriptors(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, TagDescriptor]:
        """Return no descriptors."""
        return {}

    def record_tags(self, descriptors: Mapping[TagRef, TagDescriptor], at: datetime) -> None:
        """Do nothing."""

    def load_manifests(self, digests: Collection[Digest]) -> Mapping[Digest, CachedManifest]:
        """Return no manifests."""
        return {}

    def save_manifests(self, manifests: Iterable[CachedManifest]) -> None:
        """Do nothing."""

    # bot.ports.ScanStore

    def load_scans(
        self, scanner: ScannerIdentity, subjects: Collection[ScanSubject], *, is_private: bool
    ) -> Mapping[ScanSubject, Scan]:
        """Return no scans."""
        return {}

    def load_packages(
        self, scanner_name: str, subjects: Collection[ScanSubject], *, is_private: bool
    ) -> Mapping[ScanSubject, StoredPackages]:
        """Return no packages."""
        return {}

    def list_images_in_use(self) -> Sequence[ImageInUse]:
        """Return no images."""
        return ()

    def list_newest_images(self) -> Sequence[ImageInUse]:
        """Return no images."""
        return ()

    def load_fix_dates(
        self, scanner_name: str, subjects: Collection[ScanSubject], *, is_private: bool
    ) -> Mapping[ScanSubject, Mapping[FindingKey, FixDate]]:
        """Return no dates."""
        return {}

    def save_scans(self, scans: Mapping[ScanSubject, Scan], *, is_private: bool) -> None:
        """Do nothing."""

    def save_unscanned(
        self, scanner_name: str, outcomes: Mapping[ScanSubject, NotScanned], *, is_private: bool
    ) -> None:
        """Do nothing."""

    def save_matches(
        self,
        scanner: ScannerIdentity,
        release: str,
        matches: Mapping[InstalledPackage, Sequence[Finding]],
        subjects: Collection[ScanSubject],
        *,
        is_private: bool,
    ) -> None:
        """Do nothing."""

    # bot.inventory_ports.ExposureSummaryStore

    def list_vulnerabilities(self) -> frozenset[str]:
        """Return no vulnerabilities."""
        return frozenset()

    def load_fleet_findings(self, exploited_ids: Collection[str]) -> FleetFindings:
        """Return no findings."""
        return FleetFindings({}, (), (), {}, ExposureCoverage(0, 0, None))

    def add_publisher_fixes(self, fixes: Collection[PublisherFix]) -> None:
        """Store nothing."""

    def load_publisher_fixes(self, since: datetime) -> Sequence[PublisherFix]:
        """Return no fixes."""
        return ()

    def save_summary(self, summary: StoredSummary) -> None:
        """Store nothing."""

    def load_last_summary(self) -> StoredSummary | None:
        """Return no summary."""
        return None

    def load_summaries(self, since: datetime) -> Sequence[StoredSummary]:
        """Return no summaries."""
        return ()

    # bot.ports.SupersededStore: no superseded tags are known besides those that the run itself checks

    def load(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, SupersededTag]:
        """Return no superseded tags."""
        return {}

    def record(self, superseded_tags: Mapping[TagRef, SupersededTag | None], at: datetime) -> None:
        """Do nothing."""

    # bot.branch_ports.PushStore

    def load_pushes(self, repository: GitRepository) -> Mapping[str, BranchPush]:
        """Return no commits."""
        return {}

    def record_pushes(self, pushes: Mapping[GitRepository, Mapping[str, BranchPush]], at: datetime) -> None:
        """Do nothing."""

    # bot.inventory_ports.InventoryStore

    def load_branches(self, keys: Collection[BranchKey]) -> Mapping[BranchKey, StoredBranch]:
        """Return no branches."""
        return {}

    def load_reports(self, keys: Collection[BranchKey]) -> Mapping[BranchKey, RepositoryReport]:
        """Return no reports."""
        return {}

    def load_evidence(self, transitions: Collection[Transition]) -> Mapping[Transition, Evidence]:
        """Return no evidence."""
        return {}

    def list_users(self, image: ImageName) -> frozenset[BranchKey]:
        """Return no branches."""
        return frozenset()

    def load_requests(self, repositories: Collection[str], since: datetime) -> Sequence[BranchRequest]:
        """Return no requests."""
        return ()

    def record_visits(
        self, visits: Sequence[BranchVisit], evidence: Mapping[Transition, Evidence], at: datetime
    ) -> None:
        """Do nothing."""

    def record_seen(self, keys: Collection[BranchKey], at: datetime) -> None:
        """Do nothing."""

    # bot.inventory_ports.OpeningLedger

    def reserve(
        self, choose: Callable[[Sequence[Opening]], Sequence[Opening]], at: datetime, window: timedelta
    ) -> None:
        """Call `choose` with no openings, and store nothing."""
        choose(())

    def give_back(self, openings: Collection[Opening], at: datetime) -> None:
        """Do nothing."""

    # bot.inventory_ports.HeldDigestStore

    def load_held_digests(self, tag_ref: TagRef) -> Sequence[Digest]:
        """Return no digests."""
        return ()

    # bot.inventory_ports.OwnBuildStore

    def record_builds(self, builds: Iterable[OwnBuild], at: datetime) -> None:
        """Do nothing."""

    def load_builds(self, images: Collection[str] | None = None) -> Sequence[StoredBuild]:
        """Return no builds."""
        return ()

    # bot.inventory_ports.BuildInventory

    def list_references(
        self, is_wanted: Callable[[str], bool], repositories: Collection[str] = ()
    ) -> Sequence[ImageName]:
        """Return no references."""
        return ()

    def list_base_digests(self, repositories: Collection[str] = ()) -> Sequence[ImageName]:
        """Return no digests."""
        return ()

    def list_build_files(self, repositories: Collection[str] = ()) -> Mapping[DockerfileKey, Collection[str]]:
        """Return no files."""
        return {}

    # bot.inventory_ports.StageReader

    def load_scope(self) -> StageScope:
        """Return a scope without builds and clusters."""
        return StageScope()

    def has_updates_to_run(self) -> bool:
        """Return False."""
        return False

    def load_image_facts(self, image: ImageName) -> StageFacts:
        """Return no facts."""
        return StageFacts(StageScope())

    def load_repository_facts(self, *repositories: str) -> StageFacts:
        """Return no facts."""
        return StageFacts(StageScope())

    def load_fleet_facts(self) -> StageFacts:
        """Return no facts."""
        return StageFacts(StageScope())

    # bot.inventory_ports.FailedCheckStore

    def record_checks(self, checks: Mapping[BranchKey, FailedCheck | None], heads: Mapping[BranchKey, str]) -> None:
        """Do nothing."""

    # bot.inventory_ports.RunningImageStore

    def record_clusters(self, outcomes: Iterable[ClusterOutcome], at: datetime) -> None:
        """Do nothing."""

    def load_clusters(self) -> Sequence[StoredCluster]:
        """Return no clusters."""
        return ()
