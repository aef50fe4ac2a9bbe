"""Whole runs in tests: a registry with moving tags, a scanner with preset findings, a fixed clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.registries.no_facts import NoFacts

from bot import resources
from bot.branch_ports import PushStore
from bot.cli.terminal import NoProgress
from bot.core.inventory.value_hashes import hash_values
from bot.demo.images import DemoPackage, ImageStore, build_debian_root, build_image, build_index, build_layer
from bot.demo.loopback_registry import LoopbackRegistry
from bot.formats import load_all_formats
from bot.inventory_ports import HeldDigestStore, InventoryStore, OpeningLedger
from bot.model.evidence import Finding, NotScanned, Scan, ScannerIdentity, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.fleet_plan import MAX_PLAN_AGE
from bot.model.image_name import Digest, TagRef
from bot.model.policy import PolicyConfig
from bot.model.report import RunReport
from bot.model.vocabulary import RunLevel
from bot.pipeline.plans.apply_plan import ApplyContext, apply_plan, check_plan
from bot.pipeline.plans.plan_run import PlannedRun, PlanOrigin, plan_run
from bot.pipeline.run import run_fleets
from bot.pipeline.run_context import ClusterServices, RunContext, RunOptions, TemplateSources
from bot.plan_file import parse_plan
from bot.ports import AdvisorySource, Fleet, StateStore, SupersededStore
from bot.registries.endpoints import RegistryEntry
from bot.registries.oci import OciRegistry
from bot.registry_ports import Registry, RegistryFacts
from bot.scanners.no_scanner import NoScanner
from bot.settings import load_repository_rules
from bot.state.database import Database
from bot.state.inventory.held_digests import DatabaseHeldDigests
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.lookups.opening_ledger import DatabaseOpeningLedger
from bot.state.lookups.push_store import DatabasePushStore
from bot.state.lookups.state_store import DatabaseStateStore
from bot.state.lookups.superseded_tags import DatabaseSupersededStore
from bot.state.no_state import NoInventoryStore, NoOpeningLedger, NoPushStore, NoStateStore, NoSupersededStore
from bot.verifiers.cosign import CosignVerifier

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
        "state_store": NoStateStore(),
        "superseded_store": NoSupersededStore(),
        "push_store": NoPushStore(),
        "inventory_store": NoInventoryStore(),
        "opening_ledger": NoOpeningLedger(),
        "registry_facts": NoFacts(),
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
    memory: StateStore = field(default_factory=NoStateStore)
    ends: SupersededStore = field(default_factory=NoSupersededStore)
    pushes: PushStore = field(default_factory=NoPushStore)
    inventory: InventoryStore = field(default_factory=NoInventoryStore)
    ledger: OpeningLedger = field(default_factory=NoOpeningLedger)
    held_digests: HeldDigestStore | None = None
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
            state_store=self.memory,
            superseded_store=self.ends,
            push_store=self.pushes,
            inventory_store=self.inventory,
            opening_ledger=self.ledger,
            held_digests=self.held_digests,
            registry_facts=self.facts,
            clusters=self.clusters,
            verifiers=(CosignVerifier(registry.create_artifacts()),),
            advisories=self.advisories,
            is_private=self.is_private,
            clock=StandingClock(self.now),
            now=self.now,
        )

    def remember(self, database: Database) -> None:
        """Keep everything that runs remember in a database."""
        self.memory = DatabaseStateStore(database, lambda: self.now)
        self.ends = DatabaseSupersededStore(database)
        self.pushes = DatabasePushStore(database)
        self.inventory = DatabaseInventoryStore(database)
        self.ledger = DatabaseOpeningLedger(database)
        self.held_digests = DatabaseHeldDigests(database)

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
