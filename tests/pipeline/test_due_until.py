"""Updates that must run by their due dates: they stay overdue after the merge until they run."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.forges.stands import LocalStand
from support.runs.built_fleet import write_manifest
from support.runs.worlds import NOW, TEMPLATES, LoopbackHub, PresetScanner, build
from support.values import finding

from bot.core.proposal.marks import parse_mark
from bot.model.due_date import DueClass, DueDate, DuePeriods, DueUntil
from bot.model.evidence import Severity
from bot.model.policy import PolicyConfig, PolicyRule
from bot.model.report import ProposalReport
from bot.model.vocabulary import RunLevel
from bot.model.workload import ClusterReading, RunningImage, Workload
from bot.pipeline.run import run_fleets
from bot.pipeline.run_context import RunOptions
from bot.reports.run.report_document import render_run_document
from bot.reports.run.report_metrics import render_metrics
from bot.reports.run.report_text import render_run_text
from bot.state.database import Database

pytestmark = pytest.mark.real("git")

DAY = timedelta(days=1)
OLD, NEW = build("old"), build("new")
FILES = {"deploy.yaml": write_manifest(f"python:3.12-slim@{OLD.digest}")}
BRANCH = "basebump/python-3.12-slim-06e5bb43"
DUE = NOW + 7 * DAY
WEB = Workload("prod", "payments", "Deployment", "web")


class ClusterFleet:
    """A repository with a manifest, and a cluster that runs its image."""

    def __init__(self, loopback: LoopbackHub, stand: LocalStand, folder: Path) -> None:
        self.loopback, self.stand = loopback, stand
        loopback.remember(Database.sqlite(folder / "state.db"), ("prod",))
        self.read_cluster(OLD.digest)

    def read_cluster(self, digest) -> None:
        image = RunningImage(WEB, "web", "docker.io/library/python", "3.12-slim", digest, 3, None)
        self.loopback.state.running_images.record_clusters([ClusterReading("prod", (image,))], self.loopback.now)

    def run(self, days: float = 0):
        self.loopback.now += days * DAY
        options = RunOptions(self.loopback.rulebook, "basebump/", templates=TEMPLATES, level=RunLevel.PROPOSE)
        return run_fleets((self.stand.fleet(),), self.loopback.world(), options)

    def list_unfinished(self, report) -> list[ProposalReport]:
        (repository,) = report.repositories
        return [each for each in repository.proposals if each.outcome == "not-running"]


@pytest.fixture
def fleet(updated_registry, start_stand, tmp_path) -> ClusterFleet:
    critical = finding("CVE-1900-0001", Severity.CRITICAL)
    updated_registry.scanner = PresetScanner({OLD.digest: (critical,), NEW.digest: ()})
    rules = PolicyConfig(own_globs=(), listed_hosts=frozenset({"docker.io"})).rules
    due = PolicyRule(due=DuePeriods(critical=7 * DAY, until=DueUntil.RUNNING))
    updated_registry.rulebook = replace(updated_registry.rulebook, rules=(due, *rules))
    return ClusterFleet(updated_registry, start_stand(LocalStand, FILES), tmp_path)


def test_pull_request_states_date_by_which_the_new_image_must_run(fleet):
    (report,) = fleet.run().repositories[0].proposals
    assert report.due == DueDate(DUE, DueClass.CRITICAL, until=DueUntil.RUNNING)
    (request,) = fleet.stand.requests()
    assert "| Running by | 2026-12-02 12:00 UTC (set for a critical vulnerability) |" in request.body
    assert parse_mark(request.body).due.until is DueUntil.RUNNING
    writes = list(fleet.stand.writes)
    fleet.run(days=1)
    assert fleet.stand.writes == writes


def test_merged_update_stays_overdue_until_containers_run_the_new_image(fleet):
    fleet.run()
    fleet.stand.merge_request(BRANCH)
    (waiting,) = fleet.list_unfinished(fleet.run(days=1))
    assert (waiting.branch, waiting.title) == (BRANCH, "Update python:3.12-slim")
    assert waiting.due == DueDate(DUE, DueClass.CRITICAL, until=DueUntil.RUNNING)
    assert (
        waiting.note
        == "Merged, not known whether running. Clusters of the config were not read since the stage was reached."
    )
    fleet.loopback.now += DAY
    fleet.read_cluster(OLD.digest)
    (waiting,) = fleet.list_unfinished(fleet.run())
    assert waiting.note == "Merged, not running. Containers still run the image before the update."
    assert not waiting.due.is_overdue
    report = fleet.run(days=6)
    (waiting,) = fleet.list_unfinished(report)
    assert waiting.due.is_overdue
    (document,) = [
        each
        for each in json.loads(render_run_document(report))["repositories"][0]["proposals"]
        if each["outcome"] == "not-running"
    ]
    assert (document["overdue"], document["due_for"], document["due_until"]) == (True, "critical", "running")
    assert 'basebump_overdue{fixes="critical",forge="local"} 1' in render_metrics(report).replace(
        '{forge="local",fixes="critical"}', '{fixes="critical",forge="local"}'
    )
    assert "Overdue: 1 of 1 proposal with a due date." in render_run_text(report)
    assert "payments" not in render_run_document(report)
    fleet.read_cluster(NEW.digest)
    assert fleet.list_unfinished(fleet.run()) == []


def test_merged_update_without_cluster_evidence_is_not_overdue(fleet):
    fleet.run()
    fleet.stand.merge_request(BRANCH)
    (waiting,) = fleet.list_unfinished(fleet.run(days=30))
    assert not waiting.due.is_overdue


def test_update_with_due_date_for_the_merge_is_not_overdue_after_the_merge(fleet):
    rules = fleet.loopback.rulebook.rules
    merged = PolicyRule(due=DuePeriods(critical=7 * DAY))
    fleet.loopback.rulebook = replace(fleet.loopback.rulebook, rules=(merged, *rules[1:]))
    fleet.run()
    fleet.stand.merge_request(BRANCH)
    assert fleet.list_unfinished(fleet.run(days=30)) == []


def test_report_with_fail_overdue_option_exits_with_4_until_overdue_fix_is_running(fleet, tmp_path, basebump):
    fleet.run()
    fleet.stand.merge_request(BRANCH)
    fleet.run(days=1)
    fleet.loopback.now += 7 * DAY
    fleet.read_cluster(OLD.digest)
    documents = [tmp_path / "stuck.json", tmp_path / "done.json"]
    documents[0].write_text(render_run_document(fleet.run()), encoding="utf-8")
    fleet.read_cluster(NEW.digest)
    documents[1].write_text(render_run_document(fleet.run()), encoding="utf-8")
    page = str(tmp_path / "fleet.html")
    code, _, errors = basebump("report", documents[0], "--fail-overdue", "-o", page)
    assert code == 4
    assert "overdue since 2026-12-02: acme: Update python:3.12-slim" in errors
    assert "Merged, and not running yet" in Path(page).read_text(encoding="utf-8")
    assert basebump("report", documents[1], "--fail-overdue", "-o", page)[0] == 0
