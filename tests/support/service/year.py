"""A made-up year of a fleet in a real state: visits, requests, evidence, deliveries and work."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.exposure import RELEASE, ListedVulnerability, VulnerabilityDatabase
from support.values import digest, finding, scan
from support.visits import CONDITIONS, build_request, build_verdict, build_visit

from bot.core.inventory.exposure_summary import build_stored_summary
from bot.core.inventory.fleet_exposure import list_urgent_uses
from bot.core.inventory.publisher_lag import find_publisher_fixes
from bot.inventory_ports import StageReader
from bot.model.ci import CiOutcome
from bot.model.contents import InstalledPackage
from bot.model.decision import Transition
from bot.model.delivery import Delivery, DeliveryOutcome, SenderKind
from bot.model.evidence import (
    Evidence,
    Finding,
    NotScanned,
    ScanSubject,
    Severity,
    UnscannedReason,
    VulnerabilityDelta,
)
from bot.model.image import TagDescriptor
from bot.model.image_name import Digest, TagRef
from bot.model.inventory import BranchKey, BranchVisit, SettledBranch, StoredRequest
from bot.model.proposal import RequestState
from bot.model.report import Verdict
from bot.model.vocabulary import Reason, ReferenceStatus
from bot.model.work import (
    FinishedWork,
    SweepWork,
    TagWork,
    VisitWork,
    WorkKind,
    WorkPriority,
    WorkReason,
    WorkRequest,
)
from bot.model.workload import RunningPlace, RunningUse
from bot.serve.kept_answer import keep_fix_trends, keep_stages
from bot.serve.pages.ports import PagePorts
from bot.settings.sections.serve import SenderEntry, ServeSection
from bot.state.database import Database
from bot.state.exposure.reader import DatabaseExposureReader
from bot.state.exposure.store import DatabaseScanStore
from bot.state.exposure.summaries import DatabaseExposureSummaries
from bot.state.inventory.fleet_reader import DatabaseFleetReader
from bot.state.inventory.reader import DatabaseInventoryReader
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.lookups.lookup_store import DatabaseLookupStore
from bot.state.work.queue import DatabaseWorkQueue
from bot.state.work.service_log import DatabaseServiceLog
from bot.state.work.service_reader import DatabaseServiceReader

DAY, WEEK = timedelta(days=1), timedelta(days=7)
WEEKS = 52
SWEEP = timedelta(hours=5)
IMAGES = (
    ("docker.io/library/python", "3.12-slim"),
    ("docker.io/library/node", "22"),
    ("docker.io/library/debian", "12"),
    ("docker.io/library/golang", "1.23"),
    ("mcr.microsoft.com/dotnet/aspnet", "8.0"),
    ("docker.io/library/nginx", "1.27"),
    ("acmeregistry.azurecr.io/base/java", "21"),
)
TAGS = tuple(TagRef(*each) for each in IMAGES)
NAMES = (
    *("web", "api", "shop", "billing", "search", "ingest", "ml-training", "auth", "mail", "docs", "ledger", "reports"),
    *("checkout", "pricing", "catalog", "images", "gateway", "scheduler", "exports", "sessions"),
)
TEAMS = ("@acme/web", "@acme/data", "@acme/platform")
MERGE_SHARES = {"@acme/web": 0.6, "@acme/data": 0.3, "@acme/platform": 0.5}
FIXES = ({"high": 2}, {"critical": 1, "high": 4}, {"exploited": 1, "high": 1}, {"medium": 4}, {})
PUBLIC = "acme/docs"
FINDINGS = tuple(
    finding(identifier, severity, package, installed=installed, fixed_in=f"{installed}.1", title=title)
    for identifier, severity, package, installed, title in (
        ("CVE-2026-3094", Severity.CRITICAL, "xz-utils", "5.4.1-0.2", "backdoor in liblzma"),
        ("CVE-2026-6387", Severity.CRITICAL, "openssh-client", "9.2p1", "race in a signal handler"),
        ("CVE-2026-2511", Severity.HIGH, "openssl", "3.0.14-1", "unbounded growth of memory"),
        ("CVE-2026-4741", Severity.HIGH, "libexpat1", "2.5.0-1", "integer overflow"),
        ("CVE-2026-0553", Severity.MEDIUM, "gnutls", "3.7.9-2", "timing side channel"),
    )
)


@dataclass
class SceneClock:
    """Implements `bot.ports.Clock`."""

    time: datetime

    def now(self) -> datetime:
        return self.time


@dataclass
class YearRepository:
    key: BranchKey
    owner: str
    tags: Sequence[TagRef]
    held: dict[TagRef, int] = field(default_factory=dict)
    requests: dict[TagRef, StoredRequest] = field(default_factory=dict)


class FleetYear:
    """Writes the history of a fleet into a database, week after week, until `now`."""

    def __init__(self, database: Database, now: datetime, weeks: int = WEEKS) -> None:
        self.database, self.now, self._weeks = database, now, weeks
        self._inventory = DatabaseInventoryStore(database)
        self._observations = DatabaseLookupStore(database, lambda: now)
        self._random = random.Random(4)
        self._number = 100
        self.repositories = [
            YearRepository(
                BranchKey("github", "github.com", f"acme/{name}", "main"),
                self._random.choice(TEAMS),
                self._random.sample(TAGS, 2 + index % 2),
            )
            for index, name in enumerate(NAMES)
        ]

    def write(self) -> None:
        for week in range(self._weeks):
            at = self.now - (self._weeks - week) * WEEK + 6 * DAY + timedelta(hours=20)
            versions = {tag: (week + index) // 4 for index, tag in enumerate(TAGS)}
            self._observations.record_tags(
                {tag: TagDescriptor(get_digest(tag, version), "") for tag, version in versions.items()}, at
            )
            evidence: dict[Transition, Evidence] = {}
            visits = [self._visit(each, versions, at, evidence) for each in self.repositories]
            self._inventory.record_visits(visits, evidence, at)

    def list_newest(self) -> frozenset[Digest]:
        """Return the digest to which each tag points at the end of the year."""
        return frozenset(get_digest(tag, (self._weeks - 1 + index) // 4) for index, tag in enumerate(TAGS))

    def _visit(
        self,
        repository: YearRepository,
        versions: dict[TagRef, int],
        at: datetime,
        evidence: dict[Transition, Evidence],
    ) -> BranchVisit:
        verdicts, requests = [], []
        for index, tag in enumerate(repository.tags):
            requests += self._move(repository, tag, versions[tag], at)
            verdicts.append(self._judge(repository, tag, versions[tag], f"services/{index}/Dockerfile", evidence))
        settled = SettledBranch(
            replace(CONDITIONS, is_public=repository.key.repository == PUBLIC),
            {tag: get_digest(tag, versions[tag]) for tag in repository.tags},
        )
        unread = repository.key.repository == "acme/ledger"
        return build_visit(
            *verdicts,
            key=repository.key,
            requests=tuple(requests),
            settled=None if unread else settled,
            has_unread_files=unread,
        )

    def _move(self, repository: YearRepository, tag: TagRef, version: int, at: datetime) -> list[StoredRequest]:
        """Merge or open the request for a tag, and return the outcome."""
        changed = []
        request = repository.requests.get(tag)
        if request is not None and self._random.random() < MERGE_SHARES[repository.owner]:
            ended_at = max(at - timedelta(hours=self._random.randint(1, 100)), request.opened_at or at)
            ci = self._random.choice([CiOutcome.PASSED, CiOutcome.PASSED, CiOutcome.NONE])
            changed.append(replace(request, state=RequestState.MERGED, ended_at=ended_at, ci=ci))
            repository.held[tag] = repository.held.get(tag, 0) + 1
            del repository.requests[tag]
        if repository.held.get(tag, 0) < version and tag not in repository.requests:
            self._number += 1
            target = repository.held.get(tag, 0) + 1
            repository.requests[tag] = build_request(
                self._number,
                branch=f"basebump/{tag.path.rpartition('/')[2]}-{tag.tag}",
                targets=(f"{tag}@{get_digest(tag, target)}",),
                url=f"https://github.com/{repository.key.repository}/pull/{self._number}",
                opened_at=at,
                fixes=self._random.choice(FIXES),
                due_at=at + self._random.choice([10, 20, 30]) * DAY,
                ci=self._random.choice([CiOutcome.PASSED, CiOutcome.PENDING, CiOutcome.FAILED]),
            )
        return [*changed, *([repository.requests[tag]] if tag in repository.requests else [])]

    def _judge(
        self, repository: YearRepository, tag: TagRef, version: int, path: str, evidence: dict[Transition, Evidence]
    ) -> Verdict:
        held = repository.held.get(tag, 0)
        written = f"{tag}@{get_digest(tag, held)}" if tag.path != "library/nginx" else str(tag)
        more = {"path": path, "owners": (repository.owner,)}
        if held >= version:
            return build_verdict(written, ReferenceStatus.UP_TO_DATE, **more)
        old = get_digest(tag, held) if "@" in written else None
        transition = Transition(tag, old, get_digest(tag, held + 1), ("linux/amd64",))
        evidence[transition] = build_evidence(transition)
        if tag.host != "docker.io":
            reason = Reason.TOO_YOUNG
            return build_verdict(written, ReferenceStatus.HELD, reason=reason, transition=transition, **more)
        return build_verdict(written, ReferenceStatus.UPDATE, new_digest=transition.new, transition=transition, **more)


def get_digest(tag: TagRef, version: int) -> Digest:
    return digest(f"{tag}{version}")


def build_evidence(transition: Transition, findings: Sequence[Finding] = FINDINGS) -> Evidence:
    """Return evidence in which all findings but the last are fixed, and the image runs in a cluster.

    Evidence for a private registry is private.
    """
    exploited = frozenset({findings[0].id})
    delta = VulnerabilityDelta(tuple(findings[:-1]), (), tuple(findings[-1:]))
    is_private = transition.tag_ref.host.endswith("azurecr.io")
    old, new = scan(*findings), replace(scan(*findings[-1:]), created=datetime(2026, 11, 20, tzinfo=UTC))
    running = (RunningUse(None, (RunningPlace("prod-eu", "shop", 3),)),)
    return Evidence(old, new, delta, exploited_ids=exploited, is_private=is_private, running=running)


def write_scans(year: FleetYear) -> None:
    """Write scans of all images in use, except for those of one registry, of which one failed.

    The newest digest of each tag contains only the last vulnerability.
    """
    scanned_at = year.now - timedelta(hours=7)
    scans = DatabaseScanStore(year.database, lambda: scanned_at)
    entries = tuple(
        ListedVulnerability(each.id, each.package, each.fixed_in, each.severity, each.title, year.now - 12 * DAY)
        for each in FINDINGS
    )
    database = VulnerabilityDatabase(entries, releases=frozenset({RELEASE}))
    for image in scans.list_images_in_use():
        subject = ScanSubject(image.tag_ref, image.digest, "linux/amd64")
        if image.tag_ref.host == "mcr.microsoft.com":
            failed = {subject: NotScanned(UnscannedReason.FAILED, "the registry answers 503")}
            scans.save_unscanned("trivy", failed, is_private=False)
            continue
        found = FINDINGS[-1:] if image.digest in year.list_newest() else FINDINGS
        packages = [InstalledPackage("debian", each.package, each.installed) for each in found]
        is_private = image.tag_ref.host.endswith("azurecr.io")
        scans.save_scans({subject: database.scan(packages)}, is_private=is_private)
    summaries = DatabaseExposureSummaries(year.database)
    exploited = frozenset({FINDINGS[0].id})
    facts = summaries.load_fleet_findings(exploited)
    fixes = find_publisher_fixes(list_urgent_uses(facts, exploited, includes_private=True), facts)
    for days in (20, 9, 3, 0):
        summaries.save_summary(build_stored_summary(facts, fixes, exploited, scanned_at - days * DAY))


def write_work(database: Database, now: datetime) -> None:
    """Write deliveries, finished work and pending work as of `now`."""
    log, queue = DatabaseServiceLog(database), DatabaseWorkQueue(database)
    visits = [VisitWork("github", "github.com", f"acme/{name}") for name in NAMES]
    for index in range(70):
        log.record_delivery(_build_delivery(index, now), [])
    log.record_delivery(_build_delivery(5, now), [])
    for index, key in enumerate([*map(TagWork, TAGS), *visits[:14], SweepWork()]):
        queue.request_work([WorkRequest(key, WorkPriority.CHANGE, WorkReason.IMAGE_PUSHED, _build_trace(index))])
        (claimed,) = queue.claim_work("worker-1", frozenset(WorkKind), 1, timedelta(minutes=5))
        ended = now - timedelta(minutes=9 * index, seconds=index)
        queue.finish_work("worker-1", claimed, _build_finished(key, index, ended))
    waiting = [
        WorkRequest(TagWork(TAGS[0]), WorkPriority.EXPLOITED, WorkReason.IMAGE_PUSHED, "a1" * 8),
        *(WorkRequest(each, WorkPriority.CRITICAL, WorkReason.TAG_MOVED, "b2" * 8) for each in visits[:3]),
        WorkRequest(visits[3], WorkPriority.USER, WorkReason.REQUEST_CHANGED, "c3" * 8),
        *(WorkRequest(each, WorkPriority.SWEEP, WorkReason.SWEEP, "d4" * 8) for each in visits[4:]),
        WorkRequest(
            SweepWork(), WorkPriority.SWEEP, WorkReason.SWEEP, "e5" * 8, timedelta(hours=5), timedelta(hours=5)
        ),
    ]
    queue.request_work(waiting)
    (user,) = queue.claim_work("worker-2", frozenset(WorkKind), 1, timedelta(minutes=5))
    queue.postpone_work("worker-2", user, timedelta(minutes=10), "github.com answers 502 to GET /repos/acme/billing")
    queue.claim_work("worker-1", frozenset(WorkKind), 1, timedelta(minutes=5))


def _build_trace(index: int) -> str:
    return digest(f"trace {index}")[7:23]


def _build_delivery(index: int, now: datetime) -> Delivery:
    outcomes = [DeliveryOutcome.ACCEPTED, DeliveryOutcome.NOT_USED, DeliveryOutcome.ACCEPTED, *DeliveryOutcome]
    tag = TAGS[index % len(TAGS)]
    name = f"acme/{NAMES[index % len(NAMES)]}"
    sender, subject = ("github", name) if index % 3 else ("production-acr", str(tag))
    outcome = outcomes[index % len(outcomes)]
    subjects = (subject,) if outcome is not DeliveryOutcome.REFUSED else ()
    received = now - timedelta(minutes=7 * index + 1)
    return Delivery(sender, digest(f"{index}")[7:43], received, outcome, _build_trace(index), subjects)


def _build_finished(key, index: int, ended: datetime) -> FinishedWork:
    is_failure = index in {4, 11}
    match key:
        case TagWork():
            done = "requested visits of 9 repositories"
        case VisitWork():
            done = "opened 1 proposal" if index % 2 else "nothing changed"
        case _:
            done = "listed 20 repositories, requested visits of 3"
    return FinishedWork(
        key,
        _build_trace(index),
        WorkReason.SWEEP if isinstance(key, SweepWork) else WorkReason.IMAGE_PUSHED,
        ended - timedelta(seconds=3 + index),
        ended,
        "the registry answers 503" if is_failure else done,
        is_failure=is_failure,
        opened=int(isinstance(key, VisitWork) and index % 2 == 1),
    )


SENDERS = (
    SenderEntry(kind=SenderKind.ACR, name="production-acr", secret_env="ACR_SECRET"),
    SenderEntry(kind=SenderKind.GITHUB, secret_env="GITHUB_SECRET"),
    SenderEntry(kind=SenderKind.SIGNED, name="base-images", secret_env="PIPELINE_SECRET"),
)


def build_ports(
    database: Database,
    now: datetime,
    settings: ServeSection | None = None,
    stage_reader: StageReader | None = None,
    **more,
) -> PagePorts:
    """Return the ports of the pages over a database."""
    inventory, clock = DatabaseInventoryReader(database), SceneClock(now)
    return PagePorts(
        inventory=inventory,
        exposure=DatabaseExposureReader(database),
        exposure_summaries=DatabaseExposureSummaries(database),
        fleet=DatabaseFleetReader(database),
        reports=DatabaseInventoryStore(database),
        log=DatabaseServiceLog(database),
        service=DatabaseServiceReader(database),
        queue=DatabaseWorkQueue(database),
        trends=keep_fix_trends(inventory, clock, stage_reader),
        clock=clock,
        settings=settings if settings is not None else ServeSection(events=SENDERS),
        stage_reader=stage_reader,
        stages=keep_stages(stage_reader, clock) if stage_reader is not None else None,
        **more,
    )


def open_year(path: Path, now: datetime, record_more: Callable[[Database, FleetYear], None] | None = None) -> Database:
    """Return a database with the whole scene. `record_more` adds to it."""
    database = Database.sqlite(path)
    year = FleetYear(database, now)
    year.write()
    write_work(database, now)
    write_scans(year)
    if record_more is not None:
        record_more(database, year)
    return database
