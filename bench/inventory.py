"""Measure the inventory in SQLite and PostgreSQL: `python bench/inventory.py [REPOSITORIES …]`.

Without arguments, fleets of 10,000 and 100,000 repositories are made up, which takes some minutes. Each repository uses
four of 300 tags, was visited three times in a year, and had two merged pull requests. In 15 % of the repositories,
another pull request is open. From 400 repositories, own images are built. They run in two clusters, beside a thousand
other containers. Unless stated otherwise, times are processor times of the client. The time of a query is the smallest
of several.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from sqlalchemy import text  # noqa: E402 - the folders are put on the path above
from support.postgresql import PostgresqlServer  # noqa: E402
from support.values import digest  # noqa: E402
from support.visits import build_request, build_verdict, build_visit  # noqa: E402

from bot.core.inventory.ci_counts import count_outcomes  # noqa: E402
from bot.core.inventory.patch_times import find_patches  # noqa: E402
from bot.core.inventory.stage_funnels import find_fleet_stages  # noqa: E402
from bot.inventory_ports import StageReader  # noqa: E402
from bot.model.image import TagDescriptor  # noqa: E402
from bot.model.image_name import Digest, ImageName, TagRef  # noqa: E402
from bot.model.inventory import BranchConditions, BranchKey, BranchVisit, SettledBranch, StoredRequest  # noqa: E402
from bot.model.own_build import BaseEvidence, BuiltOn, ConfiguredBuild, OwnBuild  # noqa: E402
from bot.model.proposal import RequestState  # noqa: E402
from bot.model.workload import ClusterReading, RunningImage, Workload  # noqa: E402
from bot.state.after_merge.own_builds import DatabaseOwnBuilds  # noqa: E402
from bot.state.after_merge.running_images import DatabaseRunningImages  # noqa: E402
from bot.state.after_merge.stage_reader import DatabaseStageReader, StageSources  # noqa: E402
from bot.state.database import Database  # noqa: E402
from bot.state.inventory.reader import DatabaseInventoryReader  # noqa: E402
from bot.state.inventory.store import DatabaseInventoryStore  # noqa: E402
from bot.state.lookups.lookup_store import DatabaseLookupStore  # noqa: E402

DAY = timedelta(days=1)
NOW = datetime.now(UTC)
ROUNDS = (300 * DAY, 100 * DAY, DAY)
"""How long ago the visits of a repository were. At each visit, all tags have new digests."""
TAGS = [TagRef(f"docker.io/library/base{number}", f"{number % 7}-slim") for number in range(300)]
BATCH = 1000
OWN_IMAGES, OTHER_CONTAINERS = 400, 1000
PER_REPOSITORY = 4
OPEN_PERCENT = 15
COLLECT_EVERY = 1_000_000
"""The value that the command line sets (`bot.cli.app`)."""
IMAGE = ImageName.parse("base7:0-slim")
CONFIG = "schema: 1\nstate: {state}\nforges: [{{kind: github, repositories: [acme/r0], token_env: TOKEN}}]\n"


def build_fleet_visit(number: int, turn: int) -> BranchVisit:
    """Return the visit of a repository in one of the rounds."""
    key = BranchKey("github", "github.com", f"acme/r{number:06}", "main")
    tags = [TAGS[(number * 7 + place * 31) % (len(TAGS) if place else 40)] for place in range(PER_REPOSITORY)]
    held = {tag_ref: get_digest(tag_ref, turn) for tag_ref in dict.fromkeys(tags)}
    owners = (f"@acme/team{number % 50}",)
    verdicts = [
        build_verdict(f"{tag_ref}@{held[tag_ref]}", path=f"service{place}/Dockerfile", owners=owners)
        for place, tag_ref in enumerate(tags)
    ]
    head = f"{turn}{number:039x}"
    conditions = BranchConditions(head, "7" * 40, "a" * 32, None, "r" * 32, "u" * 32, "e" * 32)
    requests = list_requests(number, tags[0], turn)
    return build_visit(
        *verdicts, key=key, head=head, reader="r" * 32, requests=requests, settled=SettledBranch(conditions, held)
    )


def list_requests(number: int, tag_ref: TagRef, turn: int) -> tuple[StoredRequest, ...]:
    """Return a merged pull request for each earlier round and, in 15 % of the repositories, an open one."""
    has_open = turn == len(ROUNDS) - 1 and number % 100 < OPEN_PERCENT
    return tuple(
        build_request(
            turn_of_request + 1,
            RequestState.MERGED if turn_of_request < turn else RequestState.OPEN,
            branch=f"basebump/{turn_of_request}",
            targets=(f"{tag_ref}@{get_digest(tag_ref, turn_of_request + 1)}",),
            url=f"https://github.com/acme/r{number:06}/pull/{turn_of_request + 1}",
            opened_at=NOW - ROUNDS[turn_of_request] + DAY,
            ended_at=NOW - ROUNDS[turn_of_request] + (2 + number % 30) * DAY if turn_of_request < turn else None,
            fixes={"critical": number % 3, "high": 1},
        )
        for turn_of_request in range(turn + has_open)
    )


def get_digest(tag_ref: TagRef, turn: int) -> Digest:
    return digest(f"{tag_ref}{turn}")


def fill(database: Database, count: int) -> float:
    """Fill the database; return the processor time for the visit of a thousand repositories."""
    inventory, observations = DatabaseInventoryStore(database), DatabaseLookupStore(database, lambda: NOW)
    took = []
    for turn, ago in enumerate(ROUNDS):
        descriptors = {tag_ref: TagDescriptor(get_digest(tag_ref, turn), "") for tag_ref in TAGS}
        observations.record_tags(descriptors, NOW - ago - DAY)
        for start in range(0, count, BATCH):
            visits = [build_fleet_visit(number, turn) for number in range(start, min(start + BATCH, count))]
            began = time.process_time()
            inventory.record_visits(visits, {}, NOW - ago)
            took.append(time.process_time() - began)
    return sorted(took)[len(took) // 2]


def deploy(database: Database) -> StageReader:
    """Store builds of own images and containers, and return a reader of the stages of updates."""
    builds, configured, containers = [], [], {"prod": [], "test": []}
    for number in range(OWN_IMAGES):
        image, tag_ref = f"registry.example.com/apps/a{number}", TAGS[(number * 7) % 40]
        configured.append(
            ConfiguredBuild(
                repository=f"acme/r{number:06}", dockerfile="service0/Dockerfile", image=ImageName(image, None, None)
            )
        )
        for turn, ago in enumerate(ROUNDS):
            base = BuiltOn(tag_ref.repository, get_digest(tag_ref, turn), BaseEvidence.LAYERS)
            builds.append(OwnBuild(image, digest(f"{image}{turn}"), NOW - ago + DAY, None, None, bases=(base,)))
        for place, cluster in enumerate(containers):
            turn = 2 if (number + place) % 3 else 1
            containers[cluster].append(build_container(cluster, number, image, "1", digest(f"{image}{turn}")))
    for number in range(OTHER_CONTAINERS):
        tag_ref = TAGS[number % len(TAGS)]
        running = get_digest(tag_ref, 1 + number % 2)
        containers["prod"].append(
            build_container("prod", OWN_IMAGES + number, tag_ref.repository, tag_ref.tag, running)
        )
    clusters, own_builds = DatabaseRunningImages(database), DatabaseOwnBuilds(database)
    own_builds.record_builds(builds, NOW)
    clusters.record_clusters([ClusterReading(name, tuple(images)) for name, images in containers.items()], NOW)
    return DatabaseStageReader(database, StageSources(clusters, own_builds, tuple(containers), configured))


def build_container(cluster: str, number: int, repository: str, tag: str, running: Digest) -> RunningImage:
    workload = Workload(cluster, f"namespace{number % 50}", "Deployment", f"app{number}")
    return RunningImage(workload, "app", repository, tag, running, 3, None)


def measure(act: Callable[[], object], times: int = 5) -> tuple[float, float]:
    """Return the processor time and the elapsed time of the fastest of several calls."""
    results = []
    for _ in range(times):
        began, began_processor = time.monotonic(), time.process_time()
        act()
        results.append((time.process_time() - began_processor, time.monotonic() - began))
    return min(results, key=lambda each: each[1])


def measure_process(folder: Path, *arguments: str) -> float:
    """Return the processor time of a whole basebump process: the smallest of three."""
    environment, results = {**os.environ, "PYTHONPATH": str(PROJECT)}, []
    command = [sys.executable, "-m", "bot", *arguments]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for _ in range(3):
        began = os.times()
        subprocess.run(command, cwd=folder, check=True, env=environment, **silent)
        ended = os.times()
        results.append(ended.children_user + ended.children_system - began.children_user - began.children_system)
    return min(results)


def report(database: Database, state: str, count: int, measure_size: Callable[[], float]) -> None:
    """Fill a database with a fleet, and print a table with the cost of its use."""
    print(f"\n{state.partition(':')[0]}, {count:,} repositories, {PER_REPOSITORY * count:,} references")
    print_row("record 1,000 visits", fill(database, count))
    print(f"  {'size of the state':<48} {measure_size():8.0f} MiB", flush=True)
    inventory, reader = DatabaseInventoryStore(database), DatabaseInventoryReader(database)
    keys = [BranchKey("github", "github.com", f"acme/r{number:06}", "main") for number in range(10_000)]
    print_row("load 10,000 branches", *measure(lambda: inventory.load_branches(keys)))
    print_row("load 10,000 reports", *measure(lambda: inventory.load_reports(keys), 1))
    print_row(
        "record that 10,000 branches were listed", *measure(lambda: inventory.record_seen(keys, datetime.now(UTC)), 1)
    )
    users = len(inventory.list_users(IMAGE))
    print_row(f"users of an image ({users:,} repositories)", *measure(lambda: inventory.list_users(IMAGE)))
    print_row(f"usages of an image ({users:,} repositories)", *measure(lambda: reader.list_usages(IMAGE)))
    print_row("coverage", *measure(reader.load_coverage))
    print_row("history of a repository", *measure(lambda: reader.load_repository_history("acme/r000007")))
    print_row("history of an image", *measure(lambda: reader.load_image_history(IMAGE), 2))
    repositories = {IMAGE.repository}
    requests = inventory.load_requests(repositories, NOW - 365 * DAY)
    targets = {target for each in requests for target in each.request.targets}
    title = f"pull requests for an image ({len(requests):,})"
    print_row(title, *measure(lambda: inventory.load_requests(repositories, NOW - 365 * DAY), 2))
    title = f"how CI ended on their {len(targets):,} digests"
    print_row(title, *measure(lambda: count_outcomes(requests, targets), 1))
    since = NOW - 90 * DAY
    history = reader.load_patch_history(since)
    patches = len(find_patches(history))
    print_row(f"read the fixes of 90 days ({patches:,})", *measure(lambda: reader.load_patch_history(since), 1))
    print_row("compute the times to patch of these fixes", *measure(lambda: find_patches(history), 1))
    stages = deploy(database)
    facts = stages.load_fleet_facts()
    print_row(f"read the facts about {len(facts.uses):,} updates", *measure(stages.load_fleet_facts, 1))
    print_row("find the stages of these updates", *measure(lambda: find_fleet_stages(facts, NOW), 1))
    print_row("read the facts about one image", *measure(lambda: stages.load_image_facts(IMAGE), 2))
    print_row("read the facts about one repository", *measure(lambda: stages.load_repository_facts("acme/r000007"), 2))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "basebump.yaml").write_text(CONFIG.format(state=state), encoding="utf-8")
        print_row("process: usage of an image", measure_process(Path(folder), "usage", str(IMAGE)))
        print_row("process: history of a repository", measure_process(Path(folder), "history", "acme/r000007"))


def print_row(title: str, processor_time: float, elapsed: float | None = None) -> None:
    shown = f"{1000 * elapsed:8.0f} ms elapsed" if elapsed is not None else ""
    print(f"  {title:<48} {1000 * processor_time:8.0f} ms {shown}", flush=True)


def measure_inventory(counts: Iterable[int]) -> None:
    """Print a table for each combination of a database and a number of repositories."""
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "state.db"
            report(
                Database.sqlite(path),
                f"sqlite:///{path}",
                count,
                lambda folder=folder: sum(each.stat().st_size for each in Path(folder).iterdir()) / 2**20,
            )
    with PostgresqlServer() as server:
        for count in counts:
            address = server.fresh()
            database = Database.postgresql(address)
            report(database, address, count, lambda database=database: measure_postgresql(database))


def measure_postgresql(database: Database) -> float:
    """Return the size of a PostgreSQL database in MiB, after its statistics were updated."""
    with database.open_for_writing() as connection:
        connection.execute(text("ANALYZE"))
    with database.open_for_reading() as connection:
        size: int = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    return size / 2**20


if __name__ == "__main__":
    gc.set_threshold(COLLECT_EVERY, *gc.get_threshold()[1:])
    measure_inventory([int(each) for each in sys.argv[1:]] or [10_000, 100_000])
