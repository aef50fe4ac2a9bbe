"""Two equal fleets: runs over one of them skip settled work, and runs over the other read everything.

Whatever happens to both of them, they must look the same afterwards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from support.forges.hosted_stand import HostedStand
from support.forges.stands import GitStand, LocalStand, ShownRequest
from support.runs.worlds import NOW, TEMPLATES, LoopbackHub
from support.values import SCANNER, finding

from bot.core.inventory.value_hashes import hash_values
from bot.inventory_ports import InventoryStore
from bot.model.errors import StateError
from bot.model.evidence import Scan, ScannerIdentity, ScanOutcome, ScanSubject, Severity
from bot.model.inventory import BranchKey, StoredBranch
from bot.model.policy import PolicyConfig, PolicyRule
from bot.model.report import RunReport
from bot.model.run_scope import RunScope
from bot.model.vocabulary import RunLevel
from bot.pipeline.run import run_fleets
from bot.pipeline.run_context import RunContext, RunOptions, StateStores
from bot.ports import FileTree
from bot.state.database import Database
from bot.state.exposure.store import DatabaseScanStore
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.lookups.lookup_store import DatabaseLookupStore
from bot.wiring.state import create_no_state

IMAGES = ("nginx", "python", "redis")


def build_files(digests: dict[str, str]) -> dict[str, str]:
    """Return files that use all images, with the digests that are known."""
    nginx, python, redis = (f"{name}:1" + (f"@{digests[name]}" if name in digests else "") for name in IMAGES)
    return {
        "Dockerfile": f"FROM {nginx}\nFROM {python}\n",
        "compose.yaml": f"services:\n  db:\n    image: {redis}\n",
        "README.md": "# A repository\n",
    }


_COMMIT = re.compile('"[0-9a-f]{12}"')
"""A commit in a mark."""
_FLEET_OUTCOME = re.compile(r"(?<=\| Tested \| )[^|\n]*· (?=by this repository)")


@dataclass(eq=False)
class DatedScanner:
    """A scanner whose database has a date. In each image, it finds one vulnerability, which depends on the date."""

    database: datetime = NOW
    findings: int = 1

    def get_identity(self) -> ScannerIdentity:
        return replace(SCANNER, database=self.database)

    def prefetch(self, subjects) -> None:
        """Do nothing."""

    def match_packages(self, release, packages) -> None:
        """Return None, because only images have findings."""

    def scan(self, subject: ScanSubject) -> ScanOutcome:
        found = tuple(
            finding(f"CVE-2026-{int(subject.digest[7:11], 16)}{number}", Severity.HIGH)
            for number in range(self.findings)
        )
        return Scan(self.get_identity(), "debian 12", found)


@dataclass(frozen=True, slots=True)
class SetClock:
    """A clock that a test sets."""

    time: datetime

    def now(self) -> datetime:
        return self.time


@dataclass
class TwinRepository:
    """A repository, and the state that runs store for it."""

    stand: GitStand
    state: StateStores
    read_count: int = 0
    """How often a run read the files of the repository."""

    def run(self, context: RunContext, options: RunOptions) -> RunReport:
        return run_fleets((ReadCountingFleet(self.stand.fleet(), self),), replace(context, state=self.state), options)

    def describe(self) -> dict[str, object]:
        """Return everything that a person can see in the repository, without the ids of commits."""
        git = self.stand.git
        branches = {name: (self.stand.files(name), git.log(f"refs/heads/{name}")[0].message) for name in git.branches()}
        if isinstance(self.stand, HostedStand):
            return {
                "branches": branches,
                "requests": [_describe_request(self.stand, each) for each in self.stand.requests()],
            }
        stored = {ref: git.run("cat-file", "blob", oid).decode() for ref, oid in git.refs("refs/basebump/").items()}
        return {"branches": branches, "stored": stored}


def _describe_request(stand: HostedStand, request: ShownRequest) -> ShownRequest:
    """Return a request without the parts that differ between equal fleets: server address and commit ids.

    Only the inventory knows how CI ended in the fleet, so that this is left out, too.
    """
    body = _FLEET_OUTCOME.sub("", _COMMIT.sub('"COMMIT"', request.body.replace(stand.server.host, "HOST")))
    return replace(request, body=body)


@dataclass(frozen=True, slots=True)
class ReadCountingFleet:
    """A fleet that counts how often a tree is opened, in the attribute `read_count` of `counter`."""

    fleet: object
    counter: Any

    def __getattr__(self, name: str):
        return getattr(self.fleet, name)

    def open_tree(self, repository) -> FileTree:
        self.counter.read_count += 1
        return self.fleet.open_tree(repository)


@dataclass
class TwinFleets:
    """The two fleets, and the world around them."""

    loopback: LoopbackHub
    folder: Path
    wrap_inventory: Callable[[InventoryStore], InventoryStore] = lambda store: store
    now: datetime = NOW
    policy_config: PolicyConfig = field(default_factory=lambda: PolicyConfig(own_globs=()))
    reader: str = "reader"
    scanner: DatedScanner = field(default_factory=DatedScanner)
    has_dashboards: bool = False
    digests: dict[str, str] = field(default_factory=dict)
    open_stand: Callable[[Path, dict[str, str]], GitStand] = LocalStand

    def __post_init__(self) -> None:
        self.digests = {name: str(self.loopback.move(name, "1", f"{name} 0")) for name in IMAGES}
        self.changing = self._start("changing")
        self.whole = self._start("whole")

    def _start(self, name: str) -> TwinRepository:
        database = Database.sqlite(self.folder / f"{name}.db")
        lookups, scans = (kind(database, lambda: self.now) for kind in (DatabaseLookupStore, DatabaseScanStore))
        state = replace(create_no_state(), lookups=lookups, scans=scans)
        if name == "changing":
            inventory = self.wrap_inventory(DatabaseInventoryStore(database))
            state = replace(state, has_state=True, inventory=inventory)
        return TwinRepository(self.open_stand(self.folder / name, build_files(self.digests)), state)

    def for_both(self, act: Callable[[GitStand], object]) -> None:
        """Do the same to both repositories."""
        for twin in (self.changing, self.whole):
            act(twin.stand)

    def run(self, scope: RunScope | None = None) -> tuple[RunReport, RunReport]:
        """Run over both, and return the reports. The time passes by a minute."""
        self.now += timedelta(minutes=1)
        context = replace(
            self.loopback.world(),
            now=self.now,
            clock=SetClock(self.now),
            select_scanner=lambda _: self.scanner,
            reader_hash=self.reader,
            rules_hash=hash_values((self.policy_config, self.has_dashboards)),
        )
        options = RunOptions(
            self.policy_config,
            "basebump/",
            TEMPLATES,
            RunLevel.PROPOSE,
            scope or RunScope(),
            has_dashboards=self.has_dashboards,
        )
        return self.changing.run(context, options), self.whole.run(context, options)

    def settle(self) -> None:
        """Run until nothing is left to do, so that the next run leaves the repository out."""
        for _ in range(4):
            before = self.changing.read_count
            self.run()
            if self.changing.read_count == before:
                return
        raise AssertionError("the repository is never settled")

    def end(self) -> None:
        for twin in (self.changing, self.whole):
            twin.stand.end()

    def assert_equal(self) -> None:
        assert self.changing.describe() == self.whole.describe()


def set_rules(twins: TwinFleets, **rule) -> None:
    """Replace the rules of the operator with one rule for all images."""
    twins.policy_config = replace(twins.policy_config, rules=(PolicyRule(**rule),))


def edit_stored(stand: LocalStand, branch: str, edit: Callable[[str], str]) -> None:
    """Edit the body of a proposal, as a person does."""
    ref = f"refs/basebump/proposals/{branch}"
    stand.edit_body(branch, edit(json.loads(stand.git.run("cat-file", "blob", stand.git.refs(ref)[ref]))["body"]))


class EqualToAnything(str):
    """A text that equals every other value, so that comparing it notices nothing."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class BlindInventory:
    """An inventory whose stored branches lack one of the conditions on which they depend."""

    inventory: InventoryStore
    omitted: str

    def __getattr__(self, name: str):
        return getattr(self.inventory, name)

    def load_branches(self, keys) -> dict[BranchKey, StoredBranch]:
        return {key: self._omit(stored) for key, stored in self.inventory.load_branches(keys).items()}

    def _omit(self, stored: StoredBranch) -> StoredBranch:
        settled = stored.settled
        if settled is None:
            return stored
        match self.omitted:
            case "tags":
                settled = replace(settled, tags=dict.fromkeys(settled.tags, EqualToAnything()))
            case "tag_lists":
                settled = replace(settled, tag_lists=dict.fromkeys(settled.tag_lists, EqualToAnything()))
            case "due_at":
                settled = replace(settled, due_at=None)
            case condition:
                settled = replace(settled, conditions=replace(settled.conditions, **{condition: EqualToAnything()}))
        return replace(stored, settled=settled)


@dataclass(frozen=True, slots=True)
class BrokenInventory:
    """An inventory whose state can be neither read nor written."""

    inventory: InventoryStore

    def __getattr__(self, name: str):
        raise StateError("the state is broken")
