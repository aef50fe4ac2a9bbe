"""Stores that store nothing, for runs without a configured state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.model.branch_ownership import BranchPush
from bot.model.decision import Transition
from bot.model.evidence import Evidence, Scan, ScannerIdentity, ScanSubject
from bot.model.fleet_history import BranchRequest
from bot.model.forge import GitRepository
from bot.model.history import SupersededTag, TagObservation
from bot.model.image import CachedManifest, TagDescriptor
from bot.model.image_name import Digest, ImageName, TagRef
from bot.model.inventory import BranchKey, BranchVisit, StoredBranch
from bot.model.limits import Opening
from bot.model.report import RepositoryReport


class NoStateStore:
    """Implements `bot.ports.StateStore` for configs without `state`. Every run is like the first run."""

    def load_observations(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, tuple[TagObservation, ...]]:  # noqa: ARG002 - the Protocol's
        """Return no observations."""
        return {}

    def load_descriptors(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, TagDescriptor]:  # noqa: ARG002 - the Protocol's signature
        """Return no descriptors."""
        return {}

    def record_tags(self, descriptors: Mapping[TagRef, TagDescriptor], at: datetime) -> None:
        """Do nothing."""

    def load_manifests(self, digests: Collection[Digest]) -> Mapping[Digest, CachedManifest]:  # noqa: ARG002 - the Protocol's
        """Return no manifests."""
        return {}

    def save_manifests(self, manifests: Iterable[CachedManifest]) -> None:
        """Do nothing."""

    def load_scans(self, scanner: ScannerIdentity, subjects: Collection[ScanSubject]) -> Mapping[ScanSubject, Scan]:  # noqa: ARG002 - the Protocol's signature
        """Return no scans."""
        return {}

    def save_scans(self, scans: Mapping[ScanSubject, Scan]) -> None:
        """Do nothing."""


class NoSupersededStore:
    """Implements `bot.ports.SupersededStore` for configs without `state`.

    A run checks only some tags. Without stored results of earlier runs, no other superseded tags are known.
    """

    def load(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, SupersededTag]:  # noqa: ARG002 - the Protocol's signature
        """Return no superseded tags."""
        return {}

    def record(self, superseded_tags: Mapping[TagRef, SupersededTag | None], at: datetime) -> None:
        """Do nothing."""


class NoPushStore:
    """Implements `bot.branch_ports.PushStore` for configs without `state`. Every run reads the content of branches."""

    def load_pushes(self, repository: GitRepository) -> Mapping[str, BranchPush]:  # noqa: ARG002 - the Protocol's
        """Return no commits."""
        return {}

    def record_pushes(self, pushes: Mapping[GitRepository, Mapping[str, BranchPush]], at: datetime) -> None:
        """Do nothing."""


class NoInventoryStore:
    """Implements `bot.inventory_ports.InventoryStore` for configs without `state`. Every run reads all branches."""

    is_available = False

    def load_branches(self, keys: Collection[BranchKey]) -> Mapping[BranchKey, StoredBranch]:  # noqa: ARG002 - the Protocol's
        """Return no branches."""
        return {}

    def load_reports(self, keys: Collection[BranchKey]) -> Mapping[BranchKey, RepositoryReport]:  # noqa: ARG002 - the Protocol's
        """Return no reports."""
        return {}

    def load_evidence(self, transitions: Collection[Transition]) -> Mapping[Transition, Evidence]:  # noqa: ARG002 - the Protocol's
        """Return no evidence."""
        return {}

    def list_users(self, image: ImageName) -> frozenset[BranchKey]:  # noqa: ARG002 - the Protocol's signature
        """Return no branches."""
        return frozenset()

    def load_requests(self, repositories: Collection[str], since: datetime) -> Sequence[BranchRequest]:  # noqa: ARG002 - the Protocol's
        """Return no requests."""
        return ()

    def record_visits(
        self, visits: Sequence[BranchVisit], evidence: Mapping[Transition, Evidence], at: datetime
    ) -> None:
        """Do nothing."""

    def record_seen(self, keys: Collection[BranchKey], at: datetime) -> None:
        """Do nothing."""


class NoOpeningLedger:
    """Implements `bot.inventory_ports.OpeningLedger` for configs without `state`. Each run counts alone."""

    def reserve(
        self,
        choose: Callable[[Sequence[Opening]], Sequence[Opening]],
        at: datetime,  # noqa: ARG002 - the Protocol's signature
        window: timedelta,  # noqa: ARG002 - the Protocol's signature
    ) -> None:
        """Call `choose` with no openings, and store nothing."""
        choose(())

    def give_back(self, openings: Collection[Opening], at: datetime) -> None:
        """Do nothing."""
