"""The services that a run uses, and the options that the operator sets. All phases of the run get both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.branch_ports import PushStore
from bot.core.inventory.rebuild_effects import RebuildFinder
from bot.inventory_ports import (
    BuildInventory,
    ExposureSummaryStore,
    FailedCheckStore,
    HeldDigestStore,
    InventoryStore,
    OpeningLedger,
    OwnBuildStore,
    RunningImageStore,
    StageReader,
)
from bot.model.forge import ForgeLimits, GitRepository
from bot.model.image import TagDescriptor
from bot.model.image_name import TagRef
from bot.model.limits import ProposalLimits, RolloutOptions
from bot.model.own_build import ConfiguredBuild
from bot.model.policy import PolicyConfig
from bot.model.run_scope import RunScope
from bot.model.vocabulary import RunLevel
from bot.model.workload import StoredCluster
from bot.pipeline.failures import FailureLog
from bot.pipeline.references.reader_slots import ReaderSlots
from bot.pipeline.worker_pool import REGISTRY_POOL, SCAN_POOL, WorkerPool
from bot.ports import (
    AdvisorySource,
    Clock,
    ClusterReader,
    FileFormat,
    ImageBuilder,
    LookupStore,
    ProgressReporter,
    RulesReader,
    ScannerSelector,
    ScanStore,
    SignatureVerifier,
    SourceHistory,
    SupersededStore,
)
from bot.registry_ports import BuildReader, Registry, RegistryFacts


@dataclass(frozen=True, slots=True)
class StateStores:
    """The stores of one state. If no state is configured, they store nothing and return nothing."""

    has_state: bool
    """False if no state is configured."""
    lookups: LookupStore
    scans: ScanStore
    exposure_summaries: ExposureSummaryStore
    superseded_tags: SupersededStore
    pushes: PushStore
    inventory: InventoryStore
    openings: OpeningLedger
    held_digests: HeldDigestStore
    own_builds: OwnBuildStore
    build_inventory: BuildInventory
    stages: StageReader
    failed_checks: FailedCheckStore
    running_images: RunningImageStore


@dataclass(frozen=True, slots=True)
class ClusterServices:
    """The clusters of the config, and what runs in them."""

    readers: Sequence[ClusterReader] = ()
    known: tuple[StoredCluster, ...] | None = None
    """What is known about the clusters; None if the config lists no clusters, or if they were not read yet."""
    is_read_by_sweeps: bool = False
    """True if this run uses what the state contains, because the sweeps of the service read the clusters."""
    find_origin: Callable[[str], str] = str
    """Returns the repository upstream of a mirror or cache, or its argument. Clusters list images under this name."""


def _return_false(_: TagRef) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class KnownLookups:
    """Data that this run read in registries before it read the repositories. The data are not requested again."""

    descriptors: Mapping[TagRef, TagDescriptor] = field(default_factory=dict)
    tag_lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """All tags of a repository of images, by its canonical name."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """The services that a run uses, and the time at which its decisions are made."""

    formats: Sequence[FileFormat]
    registry: Registry
    select_scanner: ScannerSelector
    clock: Clock
    now: datetime
    """The time at which all decisions of a phase are made. The clock is read only between phases."""
    progress: ProgressReporter
    state: StateStores
    registry_facts: RegistryFacts
    build_reader: BuildReader
    read_rules: RulesReader
    builds: Sequence[ConfiguredBuild] = ()
    """The entries of `builds` in the config."""
    rebuild_finder: RebuildFinder | None = None
    """Finds out what merging a request leads to; None if no own images are known."""
    known_lookups: KnownLookups = KnownLookups()
    reader_hash: str = ""
    """A hash of what determines how files are read: the formats, their settings, and the version of basebump."""
    rules_hash: str = ""
    """A hash of the operator's config, without the repositories that it selects."""
    clusters: ClusterServices = field(default_factory=ClusterServices)
    builders: Sequence[ImageBuilder] = ()
    """Registries that build images themselves; empty for a scan of a folder, which no build task can use."""
    verifiers: Sequence[SignatureVerifier] = ()
    advisories: AdvisorySource | None = None
    """None if the config names neither public lists nor VEX documents."""
    source_history: SourceHistory | None = None
    """None if the config does not allow looking up the sources of images."""
    is_private: Callable[[TagRef], bool] = _return_false
    """Returns True if findings for the images of a tag must not be shown where everyone can read them."""
    reader_slots: ReaderSlots | None = None
    """The processes that may read the trees of repositories; None for only this one."""
    uses_default_scanner: bool = False
    """True if the config lists no scanners, so that Trivy or Grype is used if one of them is installed."""
    registry_pool: WorkerPool = REGISTRY_POOL
    scan_pool: WorkerPool = SCAN_POOL
    failures: FailureLog = field(default_factory=FailureLog)
    """The failures of this run. Every phase notes them here, so that its result need not contain them."""

    def with_new_log(self) -> RunContext:
        """Return the services with an empty log, for a new run, or for a part whose failures are reported apart."""
        return replace(self, failures=FailureLog())


@dataclass(frozen=True, slots=True)
class TemplateSources:
    """The Jinja sources of the texts that basebump writes."""

    title: str
    body: str
    summary: str
    """The body on forges whose bodies are short."""
    appendix: str
    """The evidence that does not fit in a short body."""
    message: str
    dashboard: str


@dataclass(frozen=True, slots=True)
class ProposalStyle:
    """The templates, naming options and forge limits that determine how proposals to one repository look."""

    branch_prefix: str
    templates: TemplateSources
    trailers: tuple[str, ...]
    """Trailers of every commit besides basebump's own."""
    limits: ForgeLimits
    has_status: bool = False
    """True if the evidence is also set as a commit status. Forges that do not support a status ignore this."""
    is_public: bool = False
    """True if everyone can read the proposals, so that private evidence is left out."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of a run from the config and the command line."""

    policy_config: PolicyConfig
    branch_prefix: str
    templates: TemplateSources
    level: RunLevel = RunLevel.REPORT
    scope: RunScope = field(default_factory=RunScope)
    has_dashboards: bool = False
    """True if each repository has a dashboard issue."""
    has_status: bool = True
    """True if the evidence is also shown as a commit status."""
    trailers: tuple[str, ...] = ()
    """Additional trailers of every commit, such as `Signed-off-by: …`."""
    rollout: RolloutOptions = field(default_factory=RolloutOptions)
    limits: ProposalLimits | None = None
    """None if the config sets no limits."""

    def build_style(self, limits: ForgeLimits, repository: GitRepository) -> ProposalStyle:
        """Return the style of proposals to a repository. `limits` are the limits of its forge."""
        return ProposalStyle(
            self.branch_prefix, self.templates, self.trailers, limits, self.has_status, repository.may_be_public
        )
