"""Whole runs in tests: a registry with moving tags, a scanner with preset findings, a fixed clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.registries.no_facts import NoFacts

from bot import resources
from bot.cli.terminal import NoProgress
from bot.core.inventory.value_hashes import hash_values
from bot.demo.images import DemoPackage, ImageStore, build_debian_root, build_image, build_index, build_layer
from bot.demo.loopback_registry import LoopbackRegistry
from bot.formats import load_all_formats
from bot.model.evidence import Finding, NotScanned, Scan, ScannerIdentity, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.fleet_plan import MAX_PLAN_AGE
from bot.model.image_name import Digest, TagRef
from bot.model.own_build import ConfiguredBuild
from bot.model.policy import PolicyConfig
from bot.model.report import RunReport
from bot.model.vocabulary import RunLevel
from bot.pipeline.plans.apply_plan import ApplyContext, apply_plan, check_plan
from bot.pipeline.plans.plan_run import PlannedRun, PlanOrigin, plan_run
from bot.pipeline.run import run_fleets
from bot.pipeline.run_context import ClusterServices, RunContext, RunOptions, StateStores, TemplateSources
from bot.plan_file import parse_plan
from bot.ports import AdvisorySource, Fleet
from bot.registries.endpoints import RegistryEntry
from bot.registries.oci import OciRegistry
from bot.registry_ports import Registry, RegistryFacts
from bot.scanners.no_scanner import NoScanner
from bot.settings import load_repository_rules
from bot.state.after_merge.failed_checks import DatabaseFailedChecks
from bot.state.after_merge.own_builds import DatabaseOwnBuilds
from bot.state.after_merge.running_images import DatabaseRunningImages
from bot.state.after_merge.stage_reader import DatabaseStageReader, StageSources
from bot.state.database import Database
from bot.state.exposure.store import DatabaseScanStore
from bot.state.exposure.summaries import DatabaseExposureSummaries
from bot.state.inventory.build_inventory import DatabaseBuildInventory
from bot.state.inventory.held_digests import DatabaseHeldDigests
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.lookups.lookup_store import DatabaseLookupStore
from bot.state.lookups.opening_ledger import DatabaseOpeningLedger
from bot.state.lookups.push_store import DatabasePushStore
from bot.state.lookups.superseded_tags import DatabaseSupersededStore
from bot.verifiers.cosign import CosignVerifier
from bot.wiring.state import create_no_state

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ORIGIN = PlanOrigin("0.1.0", "0" * 32)
"""The version and the config hash of all plans in tests."""


BODY_TEMPLATE = resources.prepend_proposal_macros(resources.read_template("body.md.j2"))
SUMMARY_TEMPLATE, APPENDIX_TEMPLATE = (
    resources.prepend_proposal_macros(resources.read_template(f"{name}.md.j2")) for name in ("summary", "appendix")
)
TEMPLATES = TemplateSources(
    resources.read_template("title.txt.j2"),
    BODY_TEMPLATE,
    SUMMARY_TEMPLATE,
    APPENDIX_TEMPLATE,
    resources.read_template("message.txt.j2"),
    resources.read_template("dashboard.md.j2"),
)


class StandingClock:
    """Always the same time."""

    def __init__(self, at: datetime = NOW) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at


def build_context(registry: Registry | None = None, **changes) -> RunContext:
    """Return the context of a run at NOW that scans nothing, stores nothing and shows no progress."""
    services = {
        "formats": load_all_formats(),
        "registry": registry or OciRegistry(environment={}),
        "select_scanner": lambda _: NoScanner(),
        "clock": StandingClock(),
        "now": NOW,
        "progress": NoProgress(),
        "state": create_no_state(),
        "registry_facts": NoFacts(),
        "build_reader": OciRegistry(environment={}).create_builds(),
        "read_rules": load_repository_rules,
    }
    return RunContext(**{**services, **changes})


class PresetScanner:
    """A scanner with findings for the given digests only.

    Scanners that are told something else have databases of different times.
    """

    def __init__(self, findings: dict[Digest, tuple[Finding, ...]], database: datetime = NOW) -> None:
        self.findings = findings
        self.database = database
        self.expected: list[ScanSubject] = []
        self.asked: list[ScanSubject] = []

    def get_identity(self) -> ScannerIdentity:
        return ScannerIdentity("Told", "1", self.database)

    def prefetch(self, subjects) -> None:
        self.expected = [*self.expected, *subjects]

    def match_packages(self, release, packages) -> None:
        """Return None, because only images have findings."""

    def scan(self, subject: ScanSubject) -> ScanOutcome:
        self.asked.append(subject)
        if subject.digest not in self.findings:
            return NotScanned(UnscannedReason.IMAGE_GONE)
        return Scan(self.get_identity(), "debian 12", self.findings[subject.digest])


def build(content: str):
    """Return an index of two platforms whose digest depends on `content`."""
    root = build_layer(build_debian_root("12.7", [DemoPackage("base-files", content)]))
    return build_index([build_image([root]), build_image([root], platform="linux/arm64")])


@dataclass
class LoopbackHub:
    """A registry on loopback in place of Docker Hub, and the other parts that a run needs."""

    registry: LoopbackRegistry
    store: ImageStore
    rulebook: PolicyConfig = field(
        default_factory=lambda: PolicyConfig(own_globs=(), listed_hosts=frozenset({"docker.io"}))
    )
    scanner: NoScanner | PresetScanner = field(default_factory=NoScanner)
    entries: tuple[RegistryEntry, ...] = ()
    state: StateStores = field(default_factory=create_no_state)
    builds: Sequence[ConfiguredBuild] = ()
    facts: RegistryFacts = field(default_factory=NoFacts)
    clusters: ClusterServices = field(default_factory=ClusterServices)
    advisories: AdvisorySource | None = None
    is_private: Callable[[TagRef], bool] = lambda _: False
    """Of which lines what is found is not for everybody."""
    now: datetime = NOW
    """The time of the next run."""

    def move(self, repository: str, tag: str, content: str) -> Digest:
        """Point a tag to an image with `content`."""
        return self.store.set_tag(f"library/{repository}", tag, build(content))

    def hub(self) -> RegistryEntry:
        """Return the entry by which it is asked for Docker Hub."""
        return RegistryEntry("docker.io", mirror=self.registry.host, is_insecure=True)

    def world(self) -> RunContext:
        registry = OciRegistry(self.entries or (self.hub(),), environment={}, sleep=lambda _: None)
        return build_context(
            registry,
            select_scanner=lambda _: self.scanner,
            state=self.state,
            build_reader=registry.create_builds(),
            builds=self.builds,
            registry_facts=self.facts,
            clusters=self.clusters,
            verifiers=(CosignVerifier(registry.create_artifacts()),),
            advisories=self.advisories,
            is_private=self.is_private,
            clock=StandingClock(self.now),
            now=self.now,
        )

    def remember(self, database: Database, clusters: Sequence[str] = ()) -> None:
        """Keep the state of the next runs in a database. `clusters` are the names of the clusters in the config."""
        own_builds, running_images = DatabaseOwnBuilds(database), DatabaseRunningImages(database)
        self.state = StateStores(
            has_state=True,
            lookups=DatabaseLookupStore(database, lambda: self.now),
            scans=DatabaseScanStore(database, lambda: self.now),
            exposure_summaries=DatabaseExposureSummaries(database),
            superseded_tags=DatabaseSupersededStore(database),
            pushes=DatabasePushStore(database),
            inventory=DatabaseInventoryStore(database),
            openings=DatabaseOpeningLedger(database),
            held_digests=DatabaseHeldDigests(database),
            own_builds=own_builds,
            build_inventory=DatabaseBuildInventory(database),
            stages=DatabaseStageReader(database, StageSources(running_images, own_builds, clusters, self.builds)),
            failed_checks=DatabaseFailedChecks(database),
            running_images=running_images,
        )

    def keep(self, **stores: object) -> None:
        """Replace some stores of the state."""
        self.state = replace(self.state, **stores)

    def run(self, fleets: Iterable[Fleet], level: RunLevel = RunLevel.PROPOSE, **orders) -> RunReport:
        wanted = self._build_options(level, orders)
        return run_fleets(tuple(fleets), self._build_world(wanted), wanted)

    def plan(self, fleets: Iterable[Fleet], level: RunLevel = RunLevel.PROPOSE, **orders) -> PlannedRun:
        """Return the plan of a run."""
        wanted = self._build_options(level, orders)
        return plan_run(tuple(fleets), self._build_world(wanted), wanted, ORIGIN)

    def apply(self, plan: bytes, fleets: Iterable[Fleet], max_age: timedelta = MAX_PLAN_AGE, **orders) -> RunReport:
        """Perform the plan in a file, with no service but the forge."""
        parsed = parse_plan(plan)
        check_plan(parsed, ORIGIN, "basebump/", self.now, max_age)
        services = ApplyContext(load_all_formats(), load_repository_rules, StandingClock(self.now), NoProgress())
        return apply_plan(parsed, tuple(fleets), services, self._build_options(parsed.level, orders))

    def _build_options(self, level: RunLevel, orders: dict[str, object]) -> RunOptions:
        return RunOptions(self.rulebook, "basebump/", **{"templates": TEMPLATES, "level": level, **orders})

    def _build_world(self, wanted: RunOptions) -> RunContext:
        return replace(self.world(), rules_hash=hash_values((replace(wanted, level=RunLevel.REPORT),)))


@contextmanager
def start_hub() -> Iterator[LoopbackHub]:
    """Start an empty registry, which ends with the block."""
    store = ImageStore()
    with LoopbackRegistry(store) as registry:
        yield LoopbackHub(registry, store)


def list_outcomes(report: RunReport) -> list[str]:
    """Return the outcomes of the proposals, in the order of the report."""
    return [proposal.outcome.value for repository in report.repositories for proposal in repository.proposals]


def write_tree(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Write files into a folder."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder
