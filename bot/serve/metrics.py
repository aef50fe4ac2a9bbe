"""The metrics of the service in Prometheus' text format: `GET /metrics`.

Counters are kept by each process, and begin with zero when the process starts. Other figures are read from the state,
and are therefore the same in all processes.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product

from bot import __version__
from bot.model.delivery import REPEATED, DeliveryOutcome
from bot.model.due_date import DueClass
from bot.model.errors import StateError
from bot.model.exposure_summary import ExposureSummary
from bot.model.service_metrics import PendingFigures
from bot.model.update_stages import UpdateStage
from bot.model.work import MAX_INTERRUPTIONS, WorkKind
from bot.reports.parts.exposure_metrics import render_exposure_metrics
from bot.reports.parts.prometheus_text import MetricType, render_family, render_histogram
from bot.reports.parts.stage_metrics import render_stage_metrics
from bot.reports.parts.stage_section import StageReport
from bot.serve.config_watch import ConfigWatch
from bot.serve.http import HttpRequest, Response, Route
from bot.serve.json_log import BUG, STATE_ERROR, JsonLog
from bot.serve.kept_answer import KeptAnswer
from bot.serve.work_tally import DELAY_BOUNDS, DeliveryTally, WorkTally
from bot.state.work.metrics_reader import DatabaseMetricsReader

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OUTCOMES = (*(each.value for each in DeliveryOutcome), REPEATED)
RESULTS = {False: "done", True: "failed"}
"""The values of the label `result`: for work that succeeded, and for work that failed after all attempts."""


@dataclass(frozen=True, slots=True)
class _StateFigures:
    """Figures that each request for the metrics reads from the state."""

    pending: Sequence[PendingFigures]
    overdue: Mapping[DueClass, int]
    """The numbers of open requests whose due date has passed."""
    exposure: ExposureSummary | None
    """The last summary of the fleet's exposure; None if there is none."""


@dataclass(frozen=True, slots=True)
class MeasuredProcess:
    """The process whose metrics are collected."""

    log: JsonLog
    config: ConfigWatch
    started_at: datetime
    command: str = "serve"


class ServiceMetrics:
    """Collects the metrics of one process. Several threads can use it."""

    def __init__(
        self,
        reader: DatabaseMetricsReader,
        deliveries: DeliveryTally,
        process: MeasuredProcess,
        sweep_interval: timedelta,
        stages: KeptAnswer[StageReport] | None = None,
    ) -> None:
        """Prepare the metrics of a process.

        If `stages` is None, the metrics of stages are left out: the config has neither clusters nor builds, or the
        metrics are those of a worker.
        """
        self._reader, self._deliveries, self._stages = reader, deliveries, stages
        self._process, self._sweep_interval = process, sweep_interval
        self._work = WorkTally(reader)
        self._lock = threading.Lock()
        self._has_last_times = False

    def list_routes(self) -> Iterable[Route]:
        """Yield the route of the metrics."""
        yield Route.build("GET", "/metrics", self._answer)

    def begin(self) -> None:
        """Begin to count finished work. Without this call, the first request for the metrics begins to count.

        Raises StateError if the state cannot be used.
        """
        self._work.update()

    def _answer(self, _request: HttpRequest, _parts: Mapping[str, str]) -> Response:
        return Response(200, self.render().encode(), CONTENT_TYPE)

    def render(self) -> str:
        """Return all metrics. If the state cannot be used, metrics from the state are missing or outdated."""
        figures, stages = self._read_state(), self._stages.load(timedelta()) if self._stages is not None else None
        lines = [
            *self._render_process(is_usable=figures is not None),
            *(_render_pending(figures.pending) if figures is not None else ()),
            *self._render_work(),
            *self._render_deliveries(),
            *(_render_overdue(figures.overdue, stages) if figures is not None else ()),
            *(render_stage_metrics(stages) if stages is not None else ()),
            *(render_exposure_metrics(figures.exposure) if figures is not None and figures.exposure else ()),
        ]
        return "\n".join(lines) + "\n"

    def _read_state(self) -> _StateFigures | None:
        """Update the counts, and return the figures from the state; None if the state cannot be used."""
        try:
            self._work.update()
            with self._lock:
                if not self._has_last_times:
                    self._deliveries.add_last_times(self._reader.find_last_deliveries(self._deliveries.senders))
                    self._has_last_times = True
            reader = self._reader
            return _StateFigures(
                reader.compute_pending_figures(), reader.count_overdue_requests(), reader.load_exposure()
            )
        except StateError as error:
            self._process.log.write_error(error, path="/metrics")
            return None

    def _render_process(self, *, is_usable: bool) -> Iterator[str]:
        labels = {"version": __version__, "command": self._process.command}
        yield from render_family("build_info", "Version of basebump, and the command of this process.", [(labels, 1)])
        yield from _render_number(
            "service_start_timestamp_seconds", "Start of this process.", self._process.started_at.timestamp()
        )
        yield from _render_number(
            "state_usable", "1 if the state could be read for these metrics, or else 0.", is_usable
        )
        is_valid = self._process.config.find_invalid_since() is None
        yield from _render_number("config_valid", "1 if the config is valid, or else 0.", is_valid)
        for name, event, meaning in (
            ("state_errors_total", STATE_ERROR, "Failures to read or write the state in this process."),
            ("bugs_total", BUG, "Errors in basebump itself in this process, which its log describes."),
        ):
            yield from render_family(name, meaning, [({}, self._process.log.count_entries(event))], MetricType.COUNTER)

    def _render_work(self) -> Iterator[str]:
        work = self._work
        samples = [
            ({"kind": kind.value, "result": RESULTS[is_failure]}, work.results[kind, is_failure])
            for kind, is_failure in product(WorkKind, RESULTS)
        ]
        yield from render_family(
            "work_total", "Work that ended since this process started, by its result.", samples, MetricType.COUNTER
        )
        hosts = sorted({host for host, _ in work.polls})
        polls = [
            ({"host": host, "result": RESULTS[is_failure]}, work.polls[host, is_failure])
            for host, is_failure in product(hosts, RESULTS)
        ]
        yield from render_family(
            "polls_total", "Polls that ended since this process started, by registry.", polls, MetricType.COUNTER
        )
        yield from render_family(
            "proposals_opened_total",
            "Proposals that were opened since this process started.",
            [({}, work.opened)],
            MetricType.COUNTER,
        )
        yield from render_histogram(
            "push_to_proposal_seconds",
            "Time from a delivery about a push until the visit that opened proposals for it ended.",
            DELAY_BOUNDS,
            work.delays,
            work.total_delay,
        )
        last = [({"kind": kind.value}, at.timestamp()) for kind, at in sorted(work.last_successes.items())]
        yield from render_family("last_success_timestamp_seconds", "End of the last work that did not fail.", last)
        interval = self._sweep_interval.total_seconds()
        yield from _render_number("sweep_interval_seconds", "The time between two sweeps.", interval)

    def _render_deliveries(self) -> Iterator[str]:
        deliveries = self._deliveries
        counts = [
            ({"sender": sender, "outcome": outcome}, deliveries.counts[sender, outcome])
            for sender, outcome in product(deliveries.senders, OUTCOMES)
        ]
        yield from render_family(
            "deliveries_total", "Deliveries that this process recorded.", counts, MetricType.COUNTER
        )
        times = [
            ({"sender": sender, "outcome": outcome}, at.timestamp())
            for (sender, outcome), at in sorted(deliveries.last_times.items())
        ]
        yield from render_family("last_delivery_timestamp_seconds", "Time of the last delivery.", times)


def _render_number(name: str, meaning: str, value: float) -> Iterator[str]:
    """Yield the lines of a gauge without labels."""
    return render_family(name, meaning, [({}, float(value))])


def _render_pending(figures: Iterable[PendingFigures]) -> Iterator[str]:
    figures = tuple(figures)
    states = [
        ({"kind": each.kind.value, "state": state}, count)
        for each in figures
        for state, count in (("later", each.later), ("due", each.due), ("claimed", each.claimed))
    ]
    yield from render_family(
        "queue_work", "Pending work that is due later, that is due, or that a worker is doing.", states
    )
    failing = [({"kind": each.kind.value}, each.failing) for each in figures]
    yield from render_family("queue_failing", "Pending work whose last attempt failed.", failing)
    interrupted = [({"kind": each.kind.value}, each.interrupted) for each in figures]
    yield from render_family(
        "queue_interrupted", f"Pending work that ended {MAX_INTERRUPTIONS} or more processes in a row.", interrupted
    )
    ages = [({"kind": each.kind.value}, each.oldest_due_age.total_seconds()) for each in figures]
    yield from render_family("queue_oldest_due_seconds", "Time since the oldest work that waits became due.", ages)


def _render_overdue(requests: Mapping[DueClass, int], stages: StageReport | None) -> Iterator[str]:
    """Yield the numbers of overdue fixes. Merged fixes are left out until it is known which updates run."""
    counts: dict[UpdateStage, Mapping[DueClass, int]] = {UpdateStage.PROPOSED: requests}
    if stages is not None:
        unfinished = [each for each in stages.stages.unfinished if each.is_overdue(stages.now)]
        counts[UpdateStage.MERGED] = Counter(each.due_for for each in unfinished)
    samples = [
        ({"fixes": due_class.value, "state": state.value}, by_class.get(due_class, 0))
        for state, by_class in counts.items()
        for due_class in DueClass
    ]
    yield from render_family(
        "overdue",
        "Fixes whose due date has passed, by the reason for the date, and by the stage that they reached.",
        samples,
    )
