"""Measure the pages and the API of the service: `python bench/service_pages.py [REPOSITORIES]`.

The fleet is that of `bench/inventory.py` in SQLite, with REPOSITORIES repositories (by default, 10,000). The state also
contains 10,000 deliveries, 5,000 pieces of pending work, 400 own images and two clusters. Times are measured for whole
requests without HTTP: the median and the slowest of several. The fixes over time and the stages of updates are computed
in the background, and kept for ten minutes. Their first computations have separate rows.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from statistics import median

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests"), str(PROJECT / "bench")]

from inventory import COLLECT_EVERY, deploy, fill  # noqa: E402 - the folders are put on the path above
from support.service.year import build_ports  # noqa: E402
from support.values import digest  # noqa: E402

from bot.inventory_ports import StageReader  # noqa: E402
from bot.model.delivery import Delivery, DeliveryOutcome  # noqa: E402
from bot.model.work import VisitWork, WorkPriority, WorkReason, WorkRequest  # noqa: E402
from bot.serve.api import list_api_routes  # noqa: E402
from bot.serve.http import HttpRequest, Router  # noqa: E402
from bot.serve.pages import list_page_routes  # noqa: E402
from bot.settings.sections.serve import ServeSection  # noqa: E402
from bot.state.database import Database  # noqa: E402

NOW = datetime.now(UTC)
DELIVERIES, PENDING = 10_000, 5_000
TIMES = 7
ADDRESSES = (
    ("/", {}),
    ("/proposals", {"show": "fixes"}),
    ("/proposals", {"show": "merged"}),
    ("/trends", {}),
    ("/stages", {}),
    ("/stages", {"show": "images"}),
    ("/images", {}),
    ("/repositories", {}),
    ("/search", {"q": "r00123"}),
    ("/queue", {}),
    ("/events", {}),
    ("/health", {}),
    ("/images/docker.io/library/base7:0-slim", {}),
    ("/repositories/github/github.com/acme/r000007", {}),
    ("/api/v1/summary", {}),
    ("/api/v1/stages", {}),
    ("/api/v1/usage", {"image": "base7:0-slim"}),
    ("/api/v1/proposals", {}),
    ("/api/v1/queue", {}),
)


def add_work(database: Database) -> None:
    """Add deliveries and pending work."""
    ports = build_ports(database, NOW)
    for index in range(DELIVERIES):
        received_at = NOW - timedelta(minutes=4 * index)
        subjects = (f"acme/r{index:06}",)
        delivery = Delivery(
            "github", digest(f"{index}"), received_at, DeliveryOutcome.ACCEPTED, f"{index:016x}", subjects
        )
        ports.log.record_delivery(delivery, ())
    ports.queue.request_work(
        [
            WorkRequest(
                VisitWork("github", "github.com", f"acme/r{index:06}"), WorkPriority.SWEEP, WorkReason.SWEEP, "a"
            )
            for index in range(PENDING)
        ]
    )


def measure_pages(database: Database, stage_reader: StageReader) -> None:
    """Print the time of the first page before anything is computed, of the computations, and of each page."""
    ports = build_ports(database, NOW, ServeSection(user_header="User"), stage_reader)
    router = Router([*list_page_routes(ports), *list_api_routes(ports)])
    began = time.monotonic()
    router.answer(HttpRequest("GET", "/", {}, {"user": "bench"}))
    print_row("/ before anything is computed", [time.monotonic() - began], 0)
    ports.trends.load(timedelta(minutes=5))
    print_row("the fixes over time, in the background", [time.monotonic() - began], 0)
    ports.stages.load(timedelta(minutes=5))
    print_row("the stages of updates, in the background", [time.monotonic() - began], 0)
    for path, query in ADDRESSES:
        took, size = [], 0
        for _ in range(TIMES):
            began = time.monotonic()
            response = router.answer(HttpRequest("GET", path, query, {"user": "bench"}))
            took.append(time.monotonic() - began)
            size = len(response.body)
            assert response.status == HTTPStatus.OK, path
        print_row(path + "".join(f"?{name}={value}" for name, value in query.items()), took, size)


def print_row(title: str, took: list[float], size: int) -> None:
    print(
        f"  {title:<52} {1000 * median(took):7.0f} ms  slowest {1000 * max(took):6.0f} ms  {size / 1024:7.0f} KiB",
        flush=True,
    )


if __name__ == "__main__":
    gc.set_threshold(COLLECT_EVERY, *gc.get_threshold()[1:])
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        state = Database.sqlite(Path(folder) / "state.db")
        fill(state, count)
        add_work(state)
        print(f"{count:,} repositories, {DELIVERIES:,} deliveries, {PENDING:,} pieces of pending work")
        measure_pages(state, deploy(state))
