"""Superseded tags over many runs: a run checks few tags, and uses the stored results for the others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pytest
from support.runs.worlds import NOW, LoopbackHub, build, write_tree

from bot.model.errors import RegistryError
from bot.model.vocabulary import Reason
from bot.pipeline.scan import scan_tree
from bot.registries.endpoints import RegistryEntry
from bot.state.database import Database
from bot.state.lookups.superseded_tags import DatabaseSupersededStore
from bot.worktree import WorkTree

COUNT, SHARE = 12, 2
EVERY_TURN = 15
"""Runs after which each of so many lines was looked at, with room."""


@pytest.fixture
def registry_with_state(loopback, tmp_path) -> LoopbackHub:
    loopback.keep(superseded_tags=DatabaseSupersededStore(Database.sqlite(tmp_path / "state.db")))
    return loopback


def run(tmp_path, loopback: LoopbackHub, content: str, day: int):
    """Scan a Dockerfile on a day. Return the verdict on each reference, the number of requests, and the failures."""
    world = replace(loopback.world(), now=NOW + timedelta(days=day))
    before = len(loopback.registry.served_requests)
    tree = WorkTree(write_tree(tmp_path / "tree", {"Dockerfile": content}))
    (report,) = (scanned := scan_tree(tree, "tree", world, loopback.rulebook)).report.repositories
    found = [(str(each.status), each.detail, each.successor) for each in report.verdicts]
    return found, len(loopback.registry.served_requests) - before, scanned.report.failed


def publish_fleet(loopback: LoopbackHub, *later: str) -> str:
    """Store images, each with the tags `later`. Return a Dockerfile that uses all of them."""
    names = [f"app-{number:02}" for number in range(COUNT)]
    for name in names:
        for tag in ("1.0.0", *later):
            loopback.move(name, tag, f"{name} {tag}")
    return "".join(f"FROM {name}:1.0.0@{build(f'{name} 1.0.0').digest}\n" for name in names)


STOPPED = ("superseded", "`1.0.1` comes after it", "1.0.1")
CURRENT = ("up-to-date", "", None)


def test_stored_supersession_applies_in_runs_that_do_not_check_the_tag(tmp_path, registry_with_state):
    content = publish_fleet(registry_with_state, "1.0.1")
    over: set[int] = set()
    for day in range(EVERY_TURN):
        found, asked, failed = run(tmp_path, registry_with_state, content, day)
        now = {number for number, each in enumerate(found) if each == STOPPED}
        assert now >= over
        assert asked <= COUNT + SHARE
        assert failed == ()
        over = now
    assert len(over) == COUNT


def test_supersession_without_state_is_reported_only_by_the_run_that_checks_the_tag(tmp_path, loopback):
    content = publish_fleet(loopback, "1.0.1")
    assert not loopback.state.has_state
    for day in range(3):
        found, _, _ = run(tmp_path, loopback, content, day)
        assert found.count(STOPPED) == SHARE


def test_stored_supersession_is_deleted_if_a_later_check_finds_the_tag_current(tmp_path, registry_with_state):
    content = publish_fleet(registry_with_state, "1.0.1")
    for day in range(EVERY_TURN):
        run(tmp_path, registry_with_state, content, day)
    for number in range(COUNT):
        registry_with_state.store.remove(f"library/app-{number:02}", build(f"app-{number:02} 1.0.1").digest)
    found, _, _ = run(tmp_path, registry_with_state, content, EVERY_TURN)
    assert found.count(CURRENT) == SHARE
    for day in range(EVERY_TURN, 2 * EVERY_TURN):
        found, _, _ = run(tmp_path, registry_with_state, content, day)
    assert found == [CURRENT] * COUNT


def test_stored_supersession_does_not_apply_to_the_tag_after_the_update(tmp_path, registry_with_state):
    content = publish_fleet(registry_with_state, "1.0.1")
    for day in range(EVERY_TURN):
        run(tmp_path, registry_with_state, content, day)
    for number in range(COUNT):
        name = f"app-{number:02}"
        content = content.replace(
            build(f"{name} 1.0.0").digest, registry_with_state.move(name, "1.0.0", f"{name} again")
        )
    found, _, _ = run(tmp_path, registry_with_state, content, EVERY_TURN)
    assert found.count(CURRENT) == COUNT - SHARE


@dataclass
class FakeEndOfLifeSource:
    """Announces an end-of-life date for every image, until it stops responding."""

    day: date | None
    is_silent: bool = False
    asked: list[str] = field(default_factory=list)

    def fetch_record(self, line, digest):
        return None

    def fetch_end_of_life(self, line, digest):
        self.asked.append(str(line))
        if self.is_silent:
            raise RegistryError(line.host, Reason.UNREACHABLE, "silent", is_failure=True)
        return self.day


def test_stored_end_of_life_applies_until_the_publisher_answers_again(tmp_path, registry_with_state):
    mirror, facts = registry_with_state.registry.host, FakeEndOfLifeSource(date(2026, 11, 1))
    registry_with_state.facts = facts
    registry_with_state.entries = (RegistryEntry("mcr.microsoft.com", mirror=mirror, is_insecure=True),)
    content = ""
    for number in range(COUNT):
        built = registry_with_state.store.set_tag(f"dotnet/runtime-{number:02}", "8.0", build(f"{number}"))
        content += f"FROM mcr.microsoft.com/dotnet/runtime-{number:02}:8.0@{built}\n"
    over = ("superseded", "its publisher ended it on 2026-11-01", None)
    for day in range(EVERY_TURN):
        found, _, _ = run(tmp_path, registry_with_state, content, day)
    assert found == [over] * COUNT
    assert len(facts.asked) == EVERY_TURN * SHARE
    facts.is_silent = True
    for day in range(EVERY_TURN, EVERY_TURN + 10):
        assert run(tmp_path, registry_with_state, content, day)[0] == [over] * COUNT
    facts.is_silent, facts.day = False, None
    for day in range(EVERY_TURN, 2 * EVERY_TURN):
        found, _, _ = run(tmp_path, registry_with_state, content, day)
    assert found == [CURRENT] * COUNT


def test_failure_to_store_supersession_of_many_tags_is_reported_once(tmp_path, registry_with_state):
    content = publish_fleet(registry_with_state, "1.0.1")
    with Database.sqlite(tmp_path / "state.db").open_for_writing() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON superseded_tags BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    found, _, failed = run(tmp_path, registry_with_state, content, 0)
    assert found.count(STOPPED) == SHARE
    assert [(each.subject, each.stage.value) for each in failed] == [("state", "resolve")]
    assert "no room" in failed[0].error
