"""Several writers at the same time: threads, and independent processes."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from itertools import pairwise

import pytest
from support.parts import ROOT
from support.values import digest

from bot.model.image import CachedManifest, Manifest, ManifestKind, TagDescriptor
from bot.model.image_name import TagRef
from bot.model.inventory import BranchKey
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.tables import TAG_OBSERVATIONS, write_rows

LINES = [TagRef(f"ghcr.io/acme/{number}", "1") for number in range(20)]
ROUNDS = 25
pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from bot.model.image import CachedManifest, Manifest, ManifestKind, TagDescriptor
from bot.model.inventory import BranchKey, BranchVisit
from bot.model.image_name import TagRef
from bot.model.report import RepositoryReport
from bot.state.database import Database
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.lookups.lookup_store import DatabaseLookupStore

now = datetime(2026, 11, 25, tzinfo=UTC)
print("ready", flush=True)
sys.stdin.readline()
database = {opening}
memory, inventory = DatabaseLookupStore(database, lambda: now), DatabaseInventoryStore(database)
branches = [BranchKey("github", "github.com", f"acme/{{number}}", "main") for number in range({lines})]
lines = [TagRef(f"ghcr.io/acme/{{number}}", "1") for number in range({lines})]
for turn in range({rounds}):
    digest = "sha256:" + f"{{turn:064x}}"
    memory.record_tags({{line: TagDescriptor(digest, "m") for line in lines[:: {step}]}}, now + timedelta(hours=turn))
    memory.save_manifests([CachedManifest(Manifest(digest, ManifestKind.MANIFEST, "m", (), ()), frozenset())])
    memory.load_observations(lines)
    visits = [
        BranchVisit(key, f"{{turn:040x}}", "r", RepositoryReport("github", key.repository, "main"), (), False)
        for key in branches[:: {step}]
    ]
    inventory.record_visits(visits, {{}}, now + timedelta(hours=turn))
    inventory.record_seen(branches, now + timedelta(hours=turn))
"""


def start(location, rounds: int, step: int = 1) -> subprocess.Popen:
    program = PROGRAM.format(opening=location.opening, lines=len(LINES), rounds=rounds, step=step)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, text=True, **pipes)


def race(processes: list[subprocess.Popen]) -> list[str]:
    """Start all writers at the same moment, and return the errors of each."""
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[1] for process in processes]
    return [error for process, error in zip(processes, said, strict=True) if process.returncode or error]


def test_two_processes_that_write_the_same_tags_lose_no_observations(state_location):
    """Both processes record one digest after the other, in opposite orders of tags. Each digest is one observation."""
    assert race([start(state_location, ROUNDS), start(state_location, ROUNDS, step=-1)]) == []
    memory = state_location.memory()
    for line, sightings in memory.load_observations(LINES).items():
        assert all(earlier.digest != later.digest for earlier, later in pairwise(sightings)), line
        assert all(earlier.last_seen <= later.first_seen for earlier, later in pairwise(sightings)), line
        assert len({sighting.digest for sighting in sightings}) == len(sightings), line
        assert sightings[-1].digest == f"sha256:{ROUNDS - 1:064x}"
    assert memory.load_descriptors(LINES).keys() == set(LINES)
    assert len(memory.load_manifests([f"sha256:{turn:064x}" for turn in range(ROUNDS)])) == ROUNDS
    keys = [BranchKey("github", "github.com", f"acme/{number}", "main") for number in range(len(LINES))]
    stored = DatabaseInventoryStore(state_location.database()).load_branches(keys)
    assert [stored[key].head for key in keys] == [f"{ROUNDS - 1:040x}"] * len(keys)


def test_processes_that_open_a_new_database_at_once_create_the_tables_once(create_location):
    location = create_location()
    assert race([start(location, rounds=1) for _ in range(4)]) == []
    assert location.memory().load_observations(LINES).keys() == set(LINES)


def test_threads_can_use_one_store_concurrently(lookup_store, state_location):
    def write(number: int) -> None:
        lookup_store.record_tags(
            {line: TagDescriptor(digest(str(number)), "m") for line in LINES},
            state_location.now + timedelta(minutes=number),
        )
        lookup_store.save_manifests(
            [CachedManifest(Manifest(digest(str(number)), ManifestKind.MANIFEST, "m", (), ()), frozenset())]
        )
        assert lookup_store.load_descriptors(LINES).keys() == set(LINES)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(32)))
    for sightings in lookup_store.load_observations(LINES).values():
        assert sightings[-1].digest == digest("31")
        assert all(earlier.digest != later.digest for earlier, later in pairwise(sightings))
    assert len(lookup_store.load_manifests([digest(str(number)) for number in range(32)])) == 32


def test_waiting_writer_reads_data_written_during_the_wait(state_location):
    """This does not depend on the server's default isolation level. A snapshot from before the wait is outdated."""
    if "postgresql" in state_location.opening:
        with state_location.database().open_for_writing() as connection:
            name = connection.engine.url.database
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
    database, memory = state_location.database(), state_location.memory()
    (line, *_), claim = LINES, TagDescriptor(digest("A"), "m")
    first = {"repository": line.repository, "tag": line.tag, "ordinal": 0, "digest": claim.digest}
    with ThreadPoolExecutor(1) as threads:
        with database.open_for_writing() as connection:
            waiting = threads.submit(memory.record_tags, {line: claim}, state_location.now + timedelta(hours=1))
            assert not wait([waiting], timeout=0.5).done
            write_rows(
                connection,
                TAG_OBSERVATIONS,
                [first | {"first_seen": state_location.now, "last_seen": state_location.now}],
            )
        waiting.result()
    (sighting,) = memory.load_observations([line])[line]
    assert (sighting.first_seen, sighting.last_seen) == (state_location.now, state_location.now + timedelta(hours=1))
