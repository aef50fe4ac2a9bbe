"""The metrics of the service, parsed by Prometheus' own parser."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.parts import ROOT
from support.service.exposure import save_exposure
from support.service.work import API, NODE, WEB, finish_work, interrupt_work, request_work
from support.stage_scene import build_scene
from support.visits import PYTHON, build_request, build_visit
from support.visits import WEB as WEB_BRANCH

from bot import __version__
from bot.model.delivery import Delivery, DeliveryOutcome
from bot.model.due_date import DueClass
from bot.model.errors import StateError, UsageError
from bot.model.unfinished_update import UnfinishedUpdate
from bot.model.work import (
    PollWork,
    SweepWork,
    WorkKind,
)
from bot.reports.parts.stage_section import StageReport
from bot.serve import work_tally
from bot.serve.config_watch import ConfigWatch
from bot.serve.http import HttpRequest, Router
from bot.serve.json_log import JsonLog
from bot.serve.kept_answer import KeptAnswer
from bot.serve.metrics import CONTENT_TYPE, MeasuredProcess, ServiceMetrics
from bot.serve.work_tally import DeliveryTally
from bot.state.database import Database
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.work.metrics_reader import DatabaseMetricsReader
from bot.state.work.queue import DatabaseWorkQueue
from bot.state.work.service_log import DatabaseServiceLog
from bot.wiring import SystemClock

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
COUNTER_SUFFIXES = ("_total", "_bucket", "_count", "_sum")


class MetricsScene:
    """The state of a service, and the metrics of a process."""

    def __init__(self, path) -> None:
        self.path, self.is_config_valid = path, True
        database = Database.sqlite(path)
        self.queue, self.records = DatabaseWorkQueue(database), DatabaseServiceLog(database)
        self.start()

    def build_watch(self) -> ConfigWatch:
        def read_config() -> None:
            if not self.is_config_valid:
                raise UsageError("invalid")

        return ConfigWatch(read_config, SystemClock(), self.log)

    def start(self, scene: StageReport | None = None) -> None:
        """Begin with a new process. `scene` are the stages of the fleet, by default those of `build_scene`."""
        reader = DatabaseMetricsReader(Database.sqlite_unmigrated(self.path))
        self.log = JsonLog(SystemClock(), StringIO())
        self.deliveries = DeliveryTally(self.records, ["registry", "forge"])
        stages = KeptAnswer("stages", lambda _: scene or build_scene(), SystemClock())
        stages.load(timedelta(seconds=20))
        measured = MeasuredProcess(self.log, self.build_watch(), AT)
        self.metrics = ServiceMetrics(reader, self.deliveries, measured, timedelta(hours=12), stages)
        self.metrics.begin()

    def break_state(self) -> None:
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self.path.write_bytes(b"damaged" * 1000)

    def read(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Return the value of every sample by its name and labels."""
        response = Router(self.metrics.list_routes()).answer(HttpRequest("GET", "/metrics"))
        assert (response.status, response.content_type) == (200, CONTENT_TYPE)
        families = list(text_string_to_metric_families(response.body.decode()))
        assert all(family.documentation for family in families)
        every = [each for family in families for each in family.samples]
        found = {(each.name, frozenset(each.labels.items())): each.value for each in every}
        assert len(found) == len(every)
        return found

    def value(self, name: str, **labels: str) -> float | None:
        return self.read().get((f"basebump_{name}", frozenset(labels.items())))

    def request(self, key, **more) -> None:
        request_work(self.queue, key, **more)

    def finish(self, key, *, ended=AT, **more) -> None:
        finish_work(self.queue, key, ended, **more)

    def deliver(self, number: int, outcome=DeliveryOutcome.ACCEPTED, sender="registry", at=AT) -> None:
        self.deliveries.record_delivery(Delivery(sender, str(number), at, outcome, "trace-1"), ())


@pytest.fixture
def service(tmp_path):
    return MetricsScene(tmp_path / "state.db")


def test_metrics_describe_version_start_time_and_state_of_the_process(service):
    assert service.value("build_info", version=__version__, command="serve") == 1
    assert service.value("service_start_timestamp_seconds") == AT.timestamp()
    assert service.value("sweep_interval_seconds") == 12 * 3600
    assert service.value("state_usable") == 1


def test_metrics_count_pending_work_by_kind_and_state(service):
    service.request(WEB)
    service.request(API, delay=timedelta(hours=1))
    service.request(NODE)
    service.queue.claim_work("a", [WorkKind.TAG], 1, timedelta(minutes=1))
    assert service.value("queue_work", kind="visit", state="due") == 1
    assert service.value("queue_work", kind="visit", state="later") == 1
    assert service.value("queue_work", kind="visit", state="claimed") == 0
    assert service.value("queue_work", kind="tag", state="claimed") == 1
    assert service.value("queue_work", kind="sweep", state="due") == 0
    assert 0 < service.value("queue_oldest_due_seconds", kind="visit") < 60
    assert service.value("queue_oldest_due_seconds", kind="tag") == 0


def test_metrics_count_failed_work_that_waits_for_a_retry_as_failing(service):
    service.request(WEB)
    [claimed] = service.queue.claim_work("a", [WorkKind.VISIT], 1, timedelta(minutes=1))
    service.queue.postpone_work("a", claimed, timedelta(minutes=2), "the forge is down")
    assert service.value("queue_failing", kind="visit") == 1
    assert service.value("queue_failing", kind="tag") == 0


def test_metrics_count_work_as_interrupted_after_repeated_crashes(service):
    service.request(WEB)
    for expected in (0, 0, 1):
        interrupt_work(service.queue, WEB)
        service.queue.claim_work("next", [WorkKind.VISIT], 1, timedelta(minutes=1))
        assert service.value("queue_interrupted", kind="visit") == expected
        service.queue.release_claims("next")
    assert service.value("queue_interrupted", kind="tag") == 0
    assert service.value("queue_failing", kind="visit") == 0


def test_metrics_count_finished_work_by_kind_and_result(service):
    service.finish(WEB)
    service.finish(API, is_failure=True)
    service.finish(PollWork("docker.io"))
    service.finish(PollWork('hostile"\n}'), is_failure=True)
    assert service.value("work_total", kind="visit", result="done") == 1
    assert service.value("work_total", kind="visit", result="failed") == 1
    assert service.value("work_total", kind="sweep", result="done") == 0
    assert service.value("polls_total", host="docker.io", result="done") == 1
    assert service.value("polls_total", host="docker.io", result="failed") == 0
    assert service.value("polls_total", host='hostile"\n}', result="failed") == 1


def test_metrics_keep_the_time_of_the_last_success_after_a_restart(service):
    service.finish(SweepWork(), ended=AT - DAY)
    service.finish(SweepWork(), ended=AT, is_failure=True)
    assert service.value("last_success_timestamp_seconds", kind="sweep") == (AT - DAY).timestamp()
    service.start()
    assert service.value("last_success_timestamp_seconds", kind="sweep") == (AT - DAY).timestamp()
    service.finish(SweepWork(), ended=AT)
    assert service.value("last_success_timestamp_seconds", kind="sweep") == AT.timestamp()
    assert service.value("last_success_timestamp_seconds", kind="poll") is None


def test_metrics_have_a_histogram_of_the_time_from_push_to_proposal(service):
    for seconds in (4, 5, 31, 100_000):
        service.finish(WEB, opened=1, pushed_at=AT - seconds * SECOND)
    service.finish(API, opened=0, pushed_at=AT - SECOND)
    service.finish(API, opened=2)
    found = {
        labels: value
        for (name, labels), value in service.read().items()
        if name == "basebump_push_to_proposal_seconds_bucket"
    }
    buckets = {float(dict(labels)["le"]): value for labels, value in found.items()}
    assert [buckets[each] for each in (5, 10, 30, 45, 21600, float("inf"))] == [2, 2, 2, 3, 3, 4]
    assert sorted(buckets.values()) == [buckets[bound] for bound in sorted(buckets)]
    assert service.value("push_to_proposal_seconds_count") == 4
    assert service.value("push_to_proposal_seconds_sum") == 100_040
    assert service.value("proposals_opened_total") == 6


def test_metrics_counters_never_decrease_if_records_are_deleted(service):
    service.finish(WEB, opened=1, pushed_at=AT - SECOND)
    service.deliver(1)
    before = {key: value for key, value in service.read().items() if key[0].endswith(COUNTER_SUFFIXES)}
    service.records.delete_records(AT + DAY)
    after = service.read()
    assert all(after[key] == value for key, value in before.items())
    for number in range(5):
        service.finish(API, ended=AT + number * DAY)
        later = service.read()
        assert all(later[key] >= value for key, value in before.items())
    assert service.value("work_total", kind="visit", result="done") >= 4


def test_metrics_count_work_once_even_if_records_appear_out_of_order(service, monkeypatch):
    hidden = []
    read = DatabaseMetricsReader.list_ended

    def list_most(self, after_id, limit):
        return tuple(each for each in read(self, after_id, limit) if each.id not in hidden)

    monkeypatch.setattr(DatabaseMetricsReader, "list_ended", list_most)
    hidden.append(2)
    for _ in range(3):
        service.finish(WEB)
    assert service.value("work_total", kind="visit", result="done") == 2
    hidden.clear()
    assert service.value("work_total", kind="visit", result="done") == 3
    assert service.value("work_total", kind="visit", result="done") == 3


def test_metrics_count_more_records_than_fit_on_one_page(service, monkeypatch):
    monkeypatch.setattr(work_tally, "PAGE_SIZE", 4)
    monkeypatch.setattr(work_tally, "OVERLAP", 2)
    for _ in range(11):
        service.finish(WEB)
    assert service.value("work_total", kind="visit", result="done") == 11


def test_metrics_of_a_new_process_count_only_work_that_ends_after_the_start(service):
    service.finish(WEB)
    service.start()
    assert service.value("work_total", kind="visit", result="done") == 0
    service.finish(WEB)
    assert service.value("work_total", kind="visit", result="done") == 1


def test_metrics_count_deliveries_by_sender_and_outcome(service):
    for number in (1, 2, 2):
        service.deliver(number)
    for _ in range(3):
        service.deliver(9, DeliveryOutcome.REFUSED, at=AT + SECOND)
    assert service.value("deliveries_total", sender="registry", outcome="accepted") == 2
    assert service.value("deliveries_total", sender="registry", outcome="repeated") == 1
    assert service.value("deliveries_total", sender="registry", outcome="refused") == 3
    assert service.value("deliveries_total", sender="forge", outcome="accepted") == 0
    last = service.value("last_delivery_timestamp_seconds", sender="registry", outcome="refused")
    assert last == (AT + SECOND).timestamp()
    assert service.value("last_delivery_timestamp_seconds", sender="forge", outcome="accepted") is None


def test_metrics_keep_the_time_of_the_last_delivery_after_a_restart(service):
    service.deliver(1)
    service.start()
    last = service.value("last_delivery_timestamp_seconds", sender="registry", outcome="accepted")
    assert last == AT.timestamp()
    assert service.value("deliveries_total", sender="registry", outcome="accepted") == 0


def test_metrics_of_the_process_remain_if_the_state_cannot_be_used(service):
    service.finish(WEB)
    service.read()
    service.break_state()
    assert service.value("state_usable") == 0
    assert service.value("state_errors_total") >= 1
    assert service.value("work_total", kind="visit", result="done") == 1
    assert service.value("queue_work", kind="visit", state="due") is None


def test_metrics_count_overdue_fixes_before_and_after_the_merge(service):
    scene = build_scene()
    waiting = next(each for each in scene.stages.updates if each.wait is not None and not each.wait.reason.is_unknown)
    unfinished = [
        UnfinishedUpdate(WEB_BRANCH, build_request(), scene.now + days * DAY, DueClass.HIGH, waiting)
        for days in (-1, 1)
    ]
    service.start(replace(scene, stages=replace(scene.stages, unfinished=tuple(unfinished))))
    due = [
        build_request(number, due_at=SystemClock().now() + days * DAY, due_for=DueClass.CRITICAL)
        for number, days in enumerate((-2, -1, 1), 1)
    ]
    inventory = DatabaseInventoryStore(Database.sqlite(service.path))
    inventory.record_visits([build_visit(requests=tuple(due))], {}, AT)
    assert service.value("overdue", fixes="critical", state="proposed") == 2
    assert service.value("overdue", fixes="high", state="proposed") == 0
    assert service.value("overdue", fixes="high", state="merged") == 1
    service.break_state()
    assert service.value("overdue", fixes="critical", state="proposed") is None


def test_metrics_count_logged_bugs(service):
    service.log.write("bug", error="of a test")
    assert service.value("bugs_total") == 1


def test_metrics_do_not_count_a_delivery_that_could_not_be_stored(service):
    service.break_state()
    with pytest.raises(StateError):
        service.deliver(1)
    assert service.value("deliveries_total", sender="registry", outcome="accepted") == 0


def test_monitoring_docs_list_every_metric_with_type_and_labels(service):
    service.finish(PollWork("docker.io"))
    service.deliver(1)
    save_exposure(Database.sqlite(service.path), AT)
    families = list(text_string_to_metric_families(service.metrics.render()))
    names = {
        f"{each.name}_total" if each.type == "counter" else each.name: (
            each.type,
            ", ".join(f"`{name}`" for name in each.samples[0].labels if name != "le"),
        )
        for each in families
    }
    page = (ROOT / "docs" / "service-monitoring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(basebump_[a-z_]+)` \| ([a-z]+) \| (.*?) ?\|", page, re.MULTILINE)
    assert {name: (kind, labels) for name, kind, labels in rows} == names


@pytest.mark.parametrize("is_valid", [True, False])
def test_metric_of_the_config_is_zero_while_the_config_is_invalid(service, is_valid):
    service.is_config_valid = is_valid
    assert service.value("config_valid") == is_valid


def test_metrics_of_the_exposure_exist_as_soon_as_a_run_stored_a_summary(service):
    assert service.value("digests_in_use") is None
    save_exposure(Database.sqlite(service.path), AT)
    assert service.value("exposed_images", severity="critical", fix="in-update") == 1
    assert service.value("exposed_images", severity="high", fix="unknown") == 0
    assert service.value("oldest_fix_timestamp_seconds", severity="critical", fix="in-update") == (
        (AT - 9 * DAY).timestamp()
    )
    assert service.value("oldest_fix_timestamp_seconds", severity="high", fix="in-update") is None
    assert (service.value("known_digests"), service.value("digests_in_use")) == (2, 3)
    assert service.value("publisher_lag_seconds", image=PYTHON.repository, fixes="debian") == 12 * DAY.total_seconds()
    assert service.value("matched_timestamp_seconds") == (AT - timedelta(hours=5)).timestamp()


def test_metrics_of_the_exposure_leave_out_private_findings(service):
    """Everyone who can connect can read the metrics."""
    save_exposure(Database.sqlite(service.path), AT)
    values = [value for (name, labels), value in service.read().items() if ("severity", "exploited") in labels]
    assert set(values) == {0}
