"""Polls against the real registry, and against registries that ask for a pause."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from support.listener import HttpListener, HttpReply
from support.registries.docker_registry import DockerRegistry
from support.runs.worlds import build
from support.visits import CONDITIONS, build_verdict, build_visit

from bot.cli.terminal import NoProgress
from bot.model.image_name import TagRef
from bot.model.inventory import BranchKey, SettledBranch
from bot.model.run_scope import RunScope
from bot.model.vocabulary import Reason, ReferenceStatus, RunLevel
from bot.model.work import BACKGROUND_LOOP, ClaimedWork, PollWork, WorkKind, WorkPriority, WorkReason, WorkRequest
from bot.serve.claim_keeper import ClaimKeeper
from bot.serve.job import Done, Failed
from bot.serve.json_log import JsonLog
from bot.serve.poll_job import MAX_ERRORS, MAX_PAUSE, POLL_POOL, PollJob
from bot.serve.tag_job import TagJob
from bot.serve.worker import WorkLoop
from bot.state.database import Database
from bot.state.inventory.event_inventory import DatabaseEventInventory
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.lookups.lookup_store import DatabaseLookupStore
from bot.state.work.queue import DatabaseWorkQueue
from bot.wiring import build_fleet_context

INTERVAL = timedelta(minutes=30)
real = pytest.mark.real("docker-registry")


class FakeClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class PolledFleet:
    """Repositories in a state, and the jobs of a service over their images. No forge is contacted."""

    def __init__(self, folder) -> None:
        self.folder, self.clock = folder, FakeClock()
        self.database = Database.sqlite(folder / "state.db")
        self.inventory = DatabaseEventInventory(self.database)
        self.queue = DatabaseWorkQueue(self.database)
        self.state = DatabaseLookupStore(self.database, self.clock.now)
        self.registries: list[str] = []
        self.job = PollJob(self.build_run, self.inventory, INTERVAL, self.clock)

    def add_registry(self, host: str, mirror: str | None = None) -> None:
        to = f', mirror: "{mirror}"' if mirror else ""
        self.registries.append(f'{{host: "{host}"{to}, insecure: true}}')

    def add_repository(self, name: str, *tag_refs: TagRef, settled=None, **more) -> None:
        """Store the visit of a repository that uses these tags. `settled` maps the tags to their digests."""
        key = BranchKey("github", "127.0.0.1:9", f"acme/{name}", "main")
        verdicts = [build_verdict(str(each), **more) for each in tag_refs]
        branch = SettledBranch(CONDITIONS, settled) if settled is not None else None
        visit = build_visit(*verdicts, key=key, settled=branch)
        DatabaseInventoryStore(self.database).record_visits([visit], {}, self.clock.now())

    def build_run(self, level, scope):
        config = self.folder / "basebump.yaml"
        config.write_text(
            f"schema: 1\nregistries: [{', '.join(self.registries)}]\n"
            "forges: [{kind: github, url: 'http://127.0.0.1:9', token_env: TOKEN, repositories: [{owner: acme}]}]\n"
            f"scanners: [{{kind: none}}]\nstate: sqlite:///{self.folder}/state.db\n"
        )
        return build_fleet_context(config, level, scope, NoProgress())

    def look_up(self, *tag_refs: TagRef) -> None:
        """Look up tags as a visit does, and store the results."""
        registry = self.build_run(RunLevel.REPORT, RunScope()).context.registry
        self.state.record_tags({each: registry.fetch_descriptor(each) for each in tag_refs}, self.clock.now())

    def poll(self, *hosts: str):
        now = self.clock.now()
        claimed = [
            ClaimedWork(PollWork(host), WorkPriority.SWEEP, WorkReason.POLL, "trace-1", 1, 0, now) for host in hosts
        ]
        return list(self.job(claimed))


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN", "of-a-test")
    return PolledFleet(tmp_path)


@contextmanager
def start_hub(fleet):
    with DockerRegistry() as registry:
        fleet.add_registry("docker.io", registry.host)
        yield registry


def build_tag_ref(name: str, host: str = "docker.io/library") -> TagRef:
    return TagRef(f"{host}/{name}", "1")


def list_moved(result) -> list[TagRef]:
    assert all(each.reason is WorkReason.TAG_MOVED and each.trace == "trace-1" for each in result.requests)
    return [each.key.tag_ref for each in result.requests]


@real
def test_poll_of_moved_tag_requests_visit_of_exactly_the_repository_using_the_tag(fleet):
    with start_hub(fleet) as registry:
        base, other = build_tag_ref("base"), build_tag_ref("other")
        held = {each: registry.push(build(str(each)), each.path, each.tag) for each in (base, other)}
        for name, used in {"a": [base, other], "b": [other], "c": [other]}.items():
            fleet.add_repository(name, *used, settled={each: held[each] for each in used})
        fleet.look_up(base, other)
        fleet.clock.ahead = INTERVAL
        [unmoved] = fleet.poll("docker.io")
        assert (list_moved(unmoved), unmoved.result) == ([], "0 of 2 tags moved")
        registry.push(build("patched"), base.path, base.tag)
        fleet.clock.ahead = 2 * INTERVAL
        [moved] = fleet.poll("docker.io")
        assert (list_moved(moved), moved.result) == ([base], "1 of 2 tags moved")
        assert INTERVAL / 2 <= moved.repeat_after <= INTERVAL
        fleet.queue.request_work(moved.requests)
        claimed = fleet.queue.claim_work("a", [WorkKind.TAG], 9, timedelta(minutes=1))
        [done] = TagJob(fleet.build_run, fleet.inventory)(claimed)
        assert [each.key.repository for each in done.requests] == ["acme/a"]


@real
def test_poll_sends_one_head_request_per_tag_and_ignores_skipped_references(fleet):
    with start_hub(fleet) as registry:
        tags = [build_tag_ref(f"base{number}") for number in range(5)]
        for each in tags:
            registry.push(build(str(each)), each.path, each.tag)
        fleet.add_repository("a", *tags)
        fleet.add_repository("b", *tags, build_tag_ref("base0"))
        fleet.add_repository("c", build_tag_ref("skipped"), status=ReferenceStatus.SKIPPED, reason=Reason.IGNORED)
        registry.forget()
        fleet.poll("docker.io")
        sent = Counter((each.method, each.path) for each in registry.requests() if "/manifests/" in each.path)
    assert sent == {("HEAD", f"/v2/{each.path}/manifests/1"): 1 for each in tags}


@real
def test_poll_reports_moved_tag_until_all_repositories_recorded_the_new_digest(fleet):
    with start_hub(fleet) as registry:
        base = build_tag_ref("base")
        old = registry.push(build("old"), base.path, base.tag)
        for name in ("a", "b"):
            fleet.add_repository(name, base, settled={base: old})
        new = registry.push(build("new"), base.path, base.tag)
        fleet.look_up(base)
        fleet.add_repository("a", base, settled={base: new})
        fleet.clock.ahead = INTERVAL
        [result] = fleet.poll("docker.io")
        assert list_moved(result) == [base]
        fleet.add_repository("b", base, settled={base: new})
        fleet.clock.ahead = 2 * INTERVAL
        [result] = fleet.poll("docker.io")
        assert list_moved(result) == []


@real
def test_moved_tag_is_found_by_the_next_poll_if_no_visit_was_stored(fleet):
    with start_hub(fleet) as registry:
        base = build_tag_ref("base")
        registry.push(build("old"), base.path, base.tag)
        fleet.add_repository("a", base)
        fleet.look_up(base)
        registry.push(build("new"), base.path, base.tag)
        for number in (1, 2):
            fleet.clock.ahead = number * INTERVAL
            [result] = fleet.poll("docker.io")
            assert list_moved(result) == [base]


@real
def test_missing_tags_do_not_delay_polls_of_existing_tags(fleet, monkeypatch):
    monkeypatch.setattr("bot.serve.poll_job.TAGS_PER_POLL", 2)
    with start_hub(fleet) as registry:
        present, missing = (
            [build_tag_ref(f"{word}{number}") for number in range(4)] for word in ("present", "missing")
        )
        for each in present:
            registry.push(build(str(each)), each.path, each.tag)
        fleet.add_repository("a", *present, *missing)
        found, polled = set(), timedelta()
        while polled < INTERVAL:
            fleet.clock.ahead = polled
            [result] = fleet.poll("docker.io")
            found |= set(list_moved(result))
            polled += result.repeat_after
    assert found == set(present)


@real
@pytest.mark.parametrize("retry_after", ["3600", "99999999"])
def test_poll_stops_at_a_rate_limited_registry_and_continues_at_others(fleet, retry_after):
    with (
        HttpListener(lambda _: HttpReply(429, headers={"Retry-After": retry_after})) as limited,
        start_hub(fleet) as registry,
    ):
        fleet.add_registry(limited.host)
        base = build_tag_ref("base")
        registry.push(build("base"), base.path, base.tag)
        fleet.add_repository("a", base, *(build_tag_ref(f"n{number}", limited.host) for number in range(50)))
        failed, done = fleet.poll(limited.host, "docker.io")
    assert len(limited.received) <= POLL_POOL.workers
    assert {each.method for each in limited.received} == {"HEAD"}
    assert isinstance(failed, Failed)
    assert failed.shortest_wait == min(timedelta(seconds=int(retry_after)), MAX_PAUSE)
    assert failed.repeat_after >= failed.shortest_wait
    assert "answered 429" in failed.error
    assert (type(done), list_moved(done)) == (Done, [base])


def test_registry_is_not_polled_again_if_no_repository_uses_the_registry(fleet):
    [done] = fleet.poll("quay.io")
    assert (done.result, done.repeat_after) == ("no tags of this registry are used any more", None)


def test_poll_is_not_retried_before_the_time_requested_by_the_registry(fleet):
    with HttpListener(lambda _: HttpReply(429, headers={"Retry-After": "3600"})) as limited:
        fleet.add_registry(limited.host)
        fleet.add_repository("a", build_tag_ref("base", limited.host))
        request = WorkRequest(PollWork(limited.host), WorkPriority.SWEEP, WorkReason.POLL, "trace-1")
        fleet.queue.request_work([request])
        log = JsonLog(fleet.clock, StringIO())
        keeper = ClaimKeeper("a", fleet.queue, pytest.fail, log)
        loop = WorkLoop(
            worker="a",
            scope=BACKGROUND_LOOP,
            jobs={WorkKind.POLL: fleet.job},
            queue=fleet.queue,
            keeper=keeper,
            wait=pytest.fail,
            clock=fleet.clock,
            log=log,
        )
        assert loop.do_next()
    wait = fleet.queue.compute_figures().next_due_in
    assert wait is not None
    assert timedelta(minutes=59) < wait <= timedelta(hours=1)


def test_poll_of_a_failing_registry_stops_after_a_few_errors(fleet):
    with HttpListener(lambda _: HttpReply(500)) as broken:
        fleet.add_registry(broken.host)
        fleet.add_repository("a", *(build_tag_ref(f"n{number}", broken.host) for number in range(60)))
        [failed] = fleet.poll(broken.host)
    assert isinstance(failed, Failed)
    asked = {each.path for each in broken.received}
    assert len(asked) < MAX_ERRORS + POLL_POOL.workers
