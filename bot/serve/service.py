"""Build the service from a config, with probes and upkeep, and run its threads until the service is stopped."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import IO

from bot import process
from bot.events import find_sender
from bot.model.errors import StateError
from bot.model.image_name import TagRef
from bot.model.limits import LIMIT_WINDOW
from bot.model.run_scope import RunScope
from bot.model.vocabulary import RunLevel
from bot.model.work import (
    BACKGROUND_LOOP,
    EVENT_LOOP,
    USER_LOOP,
    PollWork,
    SweepWork,
    WorkKind,
    WorkLoopScope,
    WorkPriority,
    WorkReason,
    WorkRequest,
)
from bot.ports import Clock, ProgressReporter
from bot.queues.job_waking import JobWaking
from bot.queues.thread_signal import ThreadSignal
from bot.serve.access import guard_from_web_sites
from bot.serve.api import list_api_routes
from bot.serve.app import EVENTS_PATH, Application
from bot.serve.claim_keeper import ClaimKeeper
from bot.serve.config_watch import ConfigWatch
from bot.serve.http import HttpRequest, Response, Route, Router
from bot.serve.http_server import HeaderProof, build_server
from bot.serve.job import Job
from bot.serve.json_log import STATE_ERROR, JsonLog
from bot.serve.kept_answer import keep_fix_trends, keep_stages
from bot.serve.metrics import MeasuredProcess, ServiceMetrics
from bot.serve.pages import create_failure_pages, list_page_routes
from bot.serve.pages.ports import PagePorts
from bot.serve.poll_job import PollJob
from bot.serve.receiver import ConfiguredSender, Receiver
from bot.serve.sweep_job import SweepJob
from bot.serve.tag_job import TagJob, list_visits
from bot.serve.visit_job import VisitJob
from bot.serve.work_tally import DeliveryTally
from bot.serve.worker import WorkLoop
from bot.settings import Settings, load
from bot.settings.sections.serve import ServeSection, SocketAddress
from bot.settings.sections.state import StateFile, StateServer
from bot.state.exposure.reader import DatabaseExposureReader
from bot.state.exposure.summaries import DatabaseExposureSummaries
from bot.state.inventory.event_inventory import DatabaseEventInventory
from bot.state.inventory.fleet_reader import DatabaseFleetReader
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.work.service_lock import lock_state_file
from bot.state.work.service_log import DatabaseServiceLog
from bot.state.work.service_reader import DatabaseServiceReader
from bot.wiring import FleetRun, SystemClock, build_fleet_context
from bot.wiring.service import ServiceStores
from bot.wiring.state import create_stage_reader
from bot.work_ports import WorkQueue, WorkRequester

INTERVAL = timedelta(minutes=1)
"""The time between two rounds. A visit that a minimum age or a date in a rule makes due is requested with up to this
delay.
"""
RECORDS_KEPT = timedelta(days=30)
"""How long records of deliveries and of finished work are kept."""


class Upkeep:
    """Requests due work and deletes old records at regular intervals. Several processes can do so at the same time."""

    def __init__(
        self,
        queue: WorkRequester,
        inventory: DatabaseEventInventory,
        service_log: DatabaseServiceLog,
        clock: Clock,
        log: JsonLog,
    ) -> None:
        self._queue, self._inventory, self._service_log = queue, inventory, service_log
        self._clock, self._log = clock, log

    def run(self, stop: threading.Event) -> None:
        """Do rounds until `stop` is set."""
        while not stop.is_set():
            try:
                self.do_round()
            except Exception as error:  # noqa: BLE001 - a bug must not end the thread, because nothing would restart it
                self._log.write_error(error)
            stop.wait(INTERVAL.total_seconds())

    def do_round(self) -> None:
        """Request missing sweeps, polls and due visits, and delete old records.

        Raises StateError if the state cannot be used.
        """
        now, trace = self._clock.now(), secrets.token_hex(8)
        hosts = self._inventory.list_registries()
        sweep = WorkRequest(SweepWork(), WorkPriority.SWEEP, WorkReason.SWEEP, trace)
        polls = (WorkRequest(PollWork(host), WorkPriority.SWEEP, WorkReason.POLL, trace) for host in hosts)
        self._queue.request_missing((sweep, *polls))
        due = list_visits(self._inventory.list_due_branches(now))
        self._queue.request_missing([WorkRequest(each, WorkPriority.SWEEP, WorkReason.DUE, trace) for each in due])
        self._service_log.delete_records(now - RECORDS_KEPT)


def build_page_ports(stores: ServiceStores, clock: Clock) -> PagePorts:
    """Return the sources of all data that pages and the API read.

    Pages about stages exist if the config has clusters or builds, or if the state already contains builds of own
    images.
    """
    settings, database = stores.settings, stores.database
    reader = create_stage_reader(database, settings)
    stage_reader = reader if reader.load_scope().has_more_than_merges else None
    return PagePorts(
        inventory=stores.reader,
        exposure=DatabaseExposureReader(database),
        exposure_summaries=DatabaseExposureSummaries(database),
        fleet=DatabaseFleetReader(database),
        reports=DatabaseInventoryStore(database),
        log=stores.log,
        service=DatabaseServiceReader(database),
        queue=stores.queue,
        trends=keep_fix_trends(stores.reader, clock, stage_reader),
        clock=clock,
        stage_reader=stage_reader,
        stages=keep_stages(stage_reader, clock) if stage_reader is not None else None,
        settings=settings.serve,
        has_private_scanners=any(each.private for each in settings.scanners),
    )


LIVE, READY = b"live\n", b"ready\n"
STATE_UNUSABLE = "the state cannot be used"
STOPPING = "the service is stopping"


class Health:
    """Answer the probes of Kubernetes and load balancers to one process: `GET /livez` and `GET /readyz`.

    The responses contain no details, because everyone who can connect can read them. The log contains the details.
    """

    def __init__(
        self,
        queue: WorkQueue,
        list_ended_threads: Callable[[], Sequence[str]],
        is_stopping: Callable[[], bool],
        log: JsonLog,
        config: ConfigWatch,
    ) -> None:
        """Create probes. `list_ended_threads` returns the names of threads that ended although they should run."""
        self._queue, self._log, self._config = queue, log, config
        self._list_ended_threads, self._is_stopping = list_ended_threads, is_stopping

    def list_routes(self) -> Iterable[Route]:
        """Yield the routes of the probes."""
        yield Route.build("GET", "/livez", self._answer_live)
        yield Route.build("GET", "/readyz", self._answer_ready)

    def _answer_live(self, _request: HttpRequest, _parts: Mapping[str, str]) -> Response:
        """Fail if only a new process can help.

        The probe does not check the state, because a new process could not use an unavailable state either.
        """
        return _build_response(LIVE, self._list_thread_problems())

    def _answer_ready(self, _request: HttpRequest, _parts: Mapping[str, str]) -> Response:
        """Fail if the process cannot store deliveries or do work.

        While the config is invalid, work fails and is tried again, but deliveries are stored. Therefore the probe
        succeeds, and only its text names the problem: another process would have the same config.
        """
        problems = self._list_thread_problems()
        if self._is_stopping():
            problems.append(STOPPING)
        try:
            self._queue.compute_figures()
        except StateError as error:
            self._log.write_error(error, path="/readyz")
            problems.append(STATE_UNUSABLE)
        invalid_since = self._config.find_invalid_since()
        remark = f"config: invalid since {invalid_since:%Y-%m-%dT%H:%M:%SZ}\n" if invalid_since is not None else ""
        return _build_response(READY + remark.encode(), problems)

    def _list_thread_problems(self) -> list[str]:
        if self._is_stopping():
            return []
        return [f"the thread `{name}` has ended" for name in self._list_ended_threads()]


def _build_response(success: bytes, problems: Sequence[str]) -> Response:
    return Response(503, "".join(f"{each}\n" for each in problems).encode()) if problems else Response(200, success)


GRACE = 25.0
"""The seconds within which running work can finish after the signal to stop. Kubernetes kills the process after 30."""
STOP_CHECK = 0.1
"""The seconds between two checks for a further signal while the service stops."""
ABANDONED = 1
"""The exit code of a process that could not keep its claims. The process manager should restart the process."""
LOOPS = (EVENT_LOOP, BACKGROUND_LOOP)
"""The loops of a process if other processes do work, too."""
LOOPS_OF_ONLY_WORKER = (*LOOPS, USER_LOOP)
"""The loops of the only process that does work."""


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """The options of a service from the command line."""

    config_file: Path
    level: RunLevel
    progress: ProgressReporter


class Service:
    """The threads of one process: the HTTP server, the loops that do work, and the upkeep."""

    def __init__(self, options: ServiceOptions, stores: ServiceStores, signal: ThreadSignal, log: JsonLog) -> None:
        """Create the service. `signal` wakes its loops if the config has no `queue`."""
        self._options, self._stores, self._signal, self._log = options, stores, signal, log
        self._clock, self._stop = SystemClock(), threading.Event()
        self._config = ConfigWatch(lambda: load(options.config_file, requires_forges=True), self._clock, log)
        self._worker = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._threads: list[threading.Thread] = []
        self._lock: IO[bytes] | None = None
        """The lock of a state in a file."""
        self._waking: JobWaking | None = None
        """Wakes the loops of this process if the config has a `queue`; otherwise None."""

    @contextmanager
    def lock_state(self) -> Iterator[None]:
        """If the state is in a file, lock it until the `with` block or this process ends.

        Raises StateError if another service uses the same state.
        """
        state = self._stores.settings.state
        if not isinstance(state, StateFile):
            yield
            return
        with lock_state_file(state.path) as self._lock:
            self._worker = "serve"  # earlier claims under this name belong to a process that ended
            for worker in self._list_workers():
                self._stores.queue.interrupt_claims(worker)
            yield

    def start_workers(self) -> None:
        """Start the threads that do work. If the state is in a file, this process must have locked it."""
        jobs, queue, create_waiter = self._build_jobs(), self._stores.queue, self._prepare_waking()
        for scope in self._list_loops():
            worker = f"{self._worker}-{scope.name}"
            loop = WorkLoop(
                worker=worker,
                scope=scope,
                jobs=jobs,
                queue=queue,
                keeper=ClaimKeeper(worker, queue, self._abandon_work, self._log),
                wait=create_waiter(scope.kinds),
                clock=self._clock,
                log=self._log,
            )
            self._start(scope.name, loop.run)
        if self._waking is not None:
            self._start("jobs", self._waking.run)

    def start_upkeep(self) -> None:
        """Start the thread that requests work that has become due."""
        stores = self._stores
        upkeep = Upkeep(stores.queue, stores.inventory, stores.log, self._clock, self._log)
        self._start("upkeep", upkeep.run)

    def start_server(self) -> str:
        """Start the HTTP server, and return its URL. Raises OSError if the address cannot be used."""
        large_paths = {
            f"{EVENTS_PATH}{each.name}": partial(each.is_proved_by_headers, self._clock)
            for each in list_senders(self._stores.settings)
            if each.kind.is_forge
        }
        ports = build_page_ports(self._stores, self._clock)
        application = Application(Router(self._list_routes(ports)), self._log, create_failure_pages(ports))
        return _start_server(self._stores.settings.serve.listen, application, large_paths)

    def start_monitoring(self, address: SocketAddress) -> str:
        """Start an HTTP server with the probes and metrics of `basebump work`, and return its URL.

        Raises OSError if the address cannot be used.
        """
        serve = replace(self._stores.settings.serve, listen=address, user_header=None)
        deliveries, measured = DeliveryTally(self._stores.log, ()), self._measure("work")
        metrics = ServiceMetrics(self._stores.metrics, deliveries, measured, serve.sweep)
        return _start_server(address, Application(Router(self._list_monitoring_routes(metrics, serve)), self._log), {})

    def stop(self, is_urgent: Callable[[], bool]) -> bool:
        """Start no further work, and wait for running work until GRACE has passed or `is_urgent` returns True.

        The claims on unfinished work are released, so that this work is done again, at once if there are other
        processes. The caller must then end this process, because its threads still do the work.

        Returns:
            True if all running work was finished.
        """
        self._stop.set()
        self._signal.send()
        deadline = time.monotonic() + GRACE
        while (running := self._list_running_threads()) and time.monotonic() < deadline and not is_urgent():
            running[0].join(STOP_CHECK)
        try:
            self._release_claims()
        except StateError as error:
            self._log.write_error(error)
        return not running

    def _prepare_waking(self) -> Callable[[Collection[WorkKind]], Callable[[float], None]]:
        """Return the function that creates the waiter of a loop, which returns when work is requested."""
        settings = self._stores.settings
        if not settings.uses_postgresql_queue or not isinstance(settings.state, StateServer):
            return lambda _: self._signal.create_waiter()

        def report(error: BaseException) -> None:
            self._log.write(STATE_ERROR, error=f"cannot receive jobs: {type(error).__name__}: {error}")

        waking = self._waking = JobWaking(settings.state.url, self._stores.queue.signal_due_work, report)
        return lambda kinds: waking.create_waiter(kinds, self._stop)

    def _release_claims(self) -> None:
        for worker in self._list_workers():
            self._stores.queue.release_claims(worker)

    def _list_workers(self) -> Iterable[str]:
        """Return the worker name of each loop."""
        return [f"{self._worker}-{scope.name}" for scope in self._list_loops()]

    def _list_loops(self) -> tuple[WorkLoopScope, ...]:
        return LOOPS if self._stores.settings.uses_postgresql_queue else LOOPS_OF_ONLY_WORKER

    def _abandon_work(self, reason: str) -> None:
        """End the process, because another process could be doing the same work.

        If the state is in a file, do nothing, because no other process uses the state.
        """
        if self._lock is None:
            self._log.write("abandoned", worker=self._worker, error=reason)
            process.end_children()
            os._exit(ABANDONED)

    def _start(self, name: str, run: Callable[[threading.Event], None]) -> None:
        thread = threading.Thread(target=run, args=(self._stop,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _build_run(self, level: RunLevel, scope: RunScope) -> FleetRun:
        """Return the services for a run. The config is read again, so that its changes take effect without a restart.

        Only sweeps read the clusters. Runs over some repositories use the running images that the last sweep read.
        """
        run = build_fleet_context(self._options.config_file, level, scope, self._options.progress)
        clusters = replace(run.context.clusters, is_read_by_sweeps=True)
        return replace(run, context=replace(run.context, clusters=clusters))

    def _build_jobs(self) -> Mapping[WorkKind, Job]:
        settings, inventory = self._stores.settings, self._stores.inventory
        serve = settings.serve
        return {
            WorkKind.TAG: TagJob(self._build_run, inventory),
            WorkKind.VISIT: VisitJob(self._build_run, self._options.level, _get_limit_window(settings)),
            WorkKind.SWEEP: SweepJob(self._build_run, serve.sweep),
            WorkKind.POLL: PollJob(self._build_run, inventory, serve.poll, self._clock),
        }

    def _list_routes(self, ports: PagePorts) -> Iterable[Route]:
        stores, senders = self._stores, list_senders(self._stores.settings)
        deliveries = DeliveryTally(stores.log, [each.name for each in senders])
        builds = stores.settings.builds
        own_tags = [TagRef(each.image.repository, each.image.tag) for each in builds if each.image.tag is not None]
        receiver = Receiver(senders, stores.inventory, deliveries, self._clock, self._log, own_tags)
        yield Route.build("POST", f"{EVENTS_PATH}{{name}}", receiver.receive)
        yield Route.build("OPTIONS", f"{EVENTS_PATH}{{name}}", receiver.receive)
        serve = stores.settings.serve
        metrics = ServiceMetrics(stores.metrics, deliveries, self._measure("serve"), serve.sweep, ports.stages)
        yield from self._list_monitoring_routes(metrics, serve)
        yield from list_page_routes(ports)
        yield from list_api_routes(ports)

    def _measure(self, command: str) -> MeasuredProcess:
        return MeasuredProcess(self._log, self._config, self._clock.now(), command)

    def _list_monitoring_routes(self, metrics: ServiceMetrics, serve: ServeSection) -> Iterable[Route]:
        """Yield the routes of the probes and the metrics."""
        health = Health(self._stores.queue, self._list_ended_threads, self._stop.is_set, self._log, self._config)
        yield from health.list_routes()
        metrics.begin()
        for each in metrics.list_routes():  # metrics contain names of registries
            yield replace(each, handler=guard_from_web_sites(each.handler, serve))

    def _list_running_threads(self) -> list[threading.Thread]:
        return [each for each in self._threads if each.is_alive()]

    def _list_ended_threads(self) -> list[str]:
        return [each.name for each in self._threads if not each.is_alive()]


def list_senders(settings: Settings) -> list[ConfiguredSender]:
    """Return the senders of a config with their secrets. Raises ConfigError if a secret is not set or too short."""
    serve: ServeSection = settings.serve
    return [
        ConfiguredSender(
            name=each.endpoint,
            kind=each.kind,
            sender=find_sender(each.kind),
            secret=settings.get_event_secret(each.secret_env, os.environ),
            registry=each.registry,
        )
        for each in serve.events
    ]


def _get_limit_window(settings: Settings) -> timedelta:
    return settings.limits.window if settings.limits is not None else LIMIT_WINDOW


def _start_server(address: SocketAddress, application: Application, large_paths: Mapping[str, HeaderProof]) -> str:
    """Start a thread that answers HTTP requests, and return the URL. Raises OSError if the address cannot be used."""
    host, port = address
    socket.getaddrinfo(host, port)  # waitress raises ValueError for a name that it cannot resolve
    server = build_server(application, host, port, large_paths)
    threading.Thread(target=server.run, name="server", daemon=True).start()
    return f"http://{address}"
