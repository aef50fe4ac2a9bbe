"""Due dates in whole runs: a request says its date, keeps it, and becomes overdue."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from support.forges.forge_stands import select_stands
from support.forges.github.stand import GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.forges.hosted_stand import HostedStand
from support.forges.stands import ForgeStand, LocalStand
from support.registries.no_facts import NoFacts
from support.runs.twins import TwinFleets, set_rules
from support.runs.worlds import NOW, LoopbackHub, PresetScanner, build, list_outcomes
from support.scanners.advisories import PresetAdvisories
from support.values import finding

from bot.core.proposal.marks import parse_mark
from bot.model.due_date import DueClass, DueDate, DuePeriods
from bot.model.evidence import Severity
from bot.model.image import RegistryRecord
from bot.model.image_name import Digest, TagRef
from bot.model.limits import ProposalLimits, ProposalSchedule
from bot.model.policy import PolicyConfig, PolicyRule
from bot.model.proposal import RequestState
from bot.model.report import ProposalReport, RunReport
from bot.reports.run.report_document import render_run_document
from bot.reports.run.report_metrics import render_metrics
from bot.reports.run.report_text import render_run_text

pytestmark = pytest.mark.real("git")

DAY = timedelta(days=1)
OLD, NEW, NEWER = build("old"), build("new"), build("newer")
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD.digest}\n"}
BRANCH = "basebump/python-3.12-slim-06e5bb43"
PERIODS = DuePeriods(exploited=3 * DAY, critical=7 * DAY, high=30 * DAY)
CRITICAL, HIGH = finding("CVE-1900-0001", Severity.CRITICAL), finding("CVE-1900-0002", Severity.HIGH)
DUE = NOW + 7 * DAY
STANDS = select_stands(without=("github-app", "forgejo"))
NEVER = ProposalSchedule("* 0 1 1 *", "UTC")


class PushTimeRegistry(NoFacts):
    """A registry that records when it received its images."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def fetch_record(self, tag_ref: TagRef, digest: Digest) -> RegistryRecord:
        return RegistryRecord(self._at)


@pytest.fixture
def scanned_registry(updated_registry) -> LoopbackHub:
    """Return a registry with an update that fixes a critical vulnerability, and a policy with due dates."""
    updated_registry.scanner = PresetScanner({OLD.digest: (CRITICAL, HIGH), NEW.digest: (), NEWER.digest: ()})
    set_rules_of_hub(updated_registry, due=PERIODS)
    return updated_registry


def set_rules_of_hub(world: LoopbackHub, **keys) -> None:
    rules = PolicyConfig(own_globs=(), listed_hosts=frozenset({"docker.io"})).rules
    world.rulebook = replace(world.rulebook, rules=(PolicyRule(**keys), *rules))


def wait(world: LoopbackHub, days: float) -> None:
    world.now += days * DAY


def find_request(stand: ForgeStand):
    return next(each for each in stand.requests() if each.state is RequestState.OPEN)


def find_report(report: RunReport) -> ProposalReport:
    (repository,) = report.repositories
    return next(each for each in repository.proposals if each.branch == BRANCH)


@pytest.mark.over_forges(github_app="tokens aside, it is asked as with a token", forgejo="it is asked as a Gitea")
@pytest.mark.parametrize("kind", STANDS)
def test_pull_request_keeps_stated_due_date_and_becomes_overdue(kind, start_stand, scanned_registry):
    stand = start_stand(STANDS[kind], FILES)
    report = scanned_registry.run([stand.fleet()])
    assert find_report(report).due == DueDate(DUE, DueClass.CRITICAL)
    assert "2026-12-02 12:00 UTC (set for a critical vulnerability)" in find_request(stand).body
    wait(scanned_registry, 4)
    writes = list(stand.writes)
    assert list_outcomes(scanned_registry.run([stand.fleet()])) == ["unchanged"]
    assert stand.writes == writes
    scanned_registry.move("python", "3.12-slim", "newer")
    wait(scanned_registry, 1)
    report = scanned_registry.run([stand.fleet()])
    assert list_outcomes(report) == ["refreshed"]
    assert find_report(report).due == DueDate(DUE, DueClass.CRITICAL)
    wait(scanned_registry, 2)
    report = scanned_registry.run([stand.fleet()])
    assert list_outcomes(report) == ["refreshed"]
    assert find_report(report).due == DueDate(DUE, DueClass.CRITICAL, is_overdue=True)
    request = find_request(stand)
    assert "**overdue** since 2026-12-02 12:00 UTC" in request.body
    assert parse_mark(request.body).due == DueDate(DUE, DueClass.CRITICAL)
    if isinstance(stand, HostedStand):
        assert request.labels == ("basebump-overdue",)
    writes = list(stand.writes)
    assert list_outcomes(scanned_registry.run([stand.fleet()])) == ["unchanged"]
    assert stand.writes == writes


def test_open_pull_request_gets_due_date_when_the_policy_starts_to_set_due_dates(start_stand, scanned_registry):
    stand = start_stand(LocalStand, FILES)
    set_rules_of_hub(scanned_registry)
    scanned_registry.run([stand.fleet()])
    assert "Merge by" not in find_request(stand).body
    set_rules_of_hub(scanned_registry, due=PERIODS)
    assert list_outcomes(scanned_registry.run([stand.fleet()])) == ["refreshed"]
    assert "| Merge by | 2026-12-02 12:00 UTC" in find_request(stand).body


def test_pull_request_keeps_due_date_and_becomes_overdue_although_scans_fail(start_stand, scanned_registry):
    stand = start_stand(GitHubStand, FILES)
    scanned_registry.run([stand.fleet()])
    scanned_registry.scanner = PresetScanner({})
    wait(scanned_registry, 8)
    report = scanned_registry.run([stand.fleet()])
    assert find_report(report).due == DueDate(DUE, DueClass.CRITICAL, is_overdue=True)
    request = find_request(stand)
    assert "CVE-1900-0001" in request.body
    assert request.labels == ("basebump-overdue",)


def test_due_date_is_reported_as_unknown_without_scan_results(start_stand, scanned_registry):
    scanned_registry.scanner = PresetScanner({})
    report = scanned_registry.run([start_stand(LocalStand, FILES).fleet()])
    assert (find_report(report).due, find_report(report).is_due_unknown) == (None, True)
    assert "Due dates not known, because scan results are missing: 1." in render_run_text(report)
    assert 'basebump_due_unknown{forge="local"} 1' in render_metrics(report)
    (proposal,) = json.loads(render_run_document(report))["repositories"][0]["proposals"]
    assert (proposal["due_at"], proposal["due_unknown"], proposal["overdue"]) == (None, True, False)


def test_pull_request_keeps_due_date_when_the_registry_is_unreachable(start_stand, scanned_registry):
    stand = start_stand(LocalStand, FILES)
    scanned_registry.run([stand.fleet()])
    wait(scanned_registry, 8)
    scanned_registry.entries = (replace(scanned_registry.hub(), mirror="127.0.0.1:1"),)
    report = scanned_registry.run([stand.fleet()])
    assert list_outcomes(report) == ["left-alone"]
    assert find_report(report).due == DueDate(DUE, DueClass.CRITICAL, is_overdue=True)


def test_pull_request_opened_again_after_branch_deletion_keeps_due_date(start_stand, scanned_registry):
    stand = start_stand(GitHubStand, FILES)
    scanned_registry.run([stand.fleet()])
    stand.delete_branch(BRANCH)
    wait(scanned_registry, 5)
    report = scanned_registry.run([stand.fleet()])
    assert list_outcomes(report) == ["opened"]
    assert find_report(report).due == DueDate(DUE, DueClass.CRITICAL)


def test_declined_proposal_has_no_due_date_and_is_reported_as_accepted_risk(start_stand, scanned_registry):
    stand = start_stand(LocalStand, FILES)
    scanned_registry.run([stand.fleet()])
    stand.close_request(BRANCH)
    wait(scanned_registry, 9)
    report = scanned_registry.run([stand.fleet()])
    assert list_outcomes(report) == ["declined"]
    assert (find_report(report).due, find_report(report).accepted_risk) == (None, DueClass.CRITICAL)
    assert "Accepted risks: 1 declined proposal." in render_run_text(report)
    (proposal,) = json.loads(render_run_document(report))["repositories"][0]["proposals"]
    assert (proposal["accepted_risk"], proposal["due_at"]) == ("critical", None)


def test_overdue_label_that_a_user_removed_is_not_added_again(start_stand, scanned_registry):
    stand = start_stand(GitHubStand, FILES)
    scanned_registry.run([stand.fleet()])
    wait(scanned_registry, 7)
    scanned_registry.run([stand.fleet()])
    (pull,) = stand.repository.pulls
    pull.labels.clear()
    wait(scanned_registry, 1)
    scanned_registry.run([stand.fleet()])
    assert find_request(stand).labels == ()


def test_near_due_date_overrides_schedule_and_limits(start_stand, scanned_registry):
    stand = start_stand(LocalStand, FILES)
    set_rules_of_hub(scanned_registry, due=PERIODS, schedules=(NEVER,))
    limits = ProposalLimits(new_per_window=0, open_per_repository=0)
    scanned_registry.facts = PushTimeRegistry(NOW)
    for days, outcome in ((3.9, "deferred"), (4, "opened")):
        scanned_registry.now = NOW + days * DAY
        assert list_outcomes(scanned_registry.run([stand.fleet()], limits=limits)) == [outcome]


def test_config_file_of_repository_makes_due_date_earlier_but_keeps_limits(start_stand, scanned_registry):
    own = "schema: 1\npolicy:\n  - due: {critical: 2d, high: 60d}\n"
    stand = start_stand(LocalStand, FILES | {".basebump.yaml": own})
    set_rules_of_hub(scanned_registry, due=PERIODS, schedules=(NEVER,))
    report = scanned_registry.run([stand.fleet()])
    assert list_outcomes(report) == ["deferred"]
    assert find_report(report).due == DueDate(NOW + 2 * DAY, DueClass.CRITICAL)


def test_due_date_of_open_pull_request_changes_when_vulnerability_becomes_exploited(start_stand, scanned_registry):
    stand = start_stand(LocalStand, FILES)
    scanned_registry.run([stand.fleet()])
    wait(scanned_registry, 1)
    scanned_registry.advisories = PresetAdvisories([HIGH.id])
    report = scanned_registry.run([stand.fleet()])
    assert list_outcomes(report) == ["refreshed"]
    assert find_report(report).due == DueDate(NOW + 4 * DAY, DueClass.EXPLOITED)


@pytest.mark.parametrize("stand_class", [GitHubStand, GitLabStand])
def test_public_repository_shows_no_due_date_that_depends_on_private_evidence(
    stand_class, start_stand, scanned_registry
):
    scanned_registry.is_private = lambda line: True
    stand = start_stand(stand_class, FILES)
    wait(scanned_registry, 0)
    scanned_registry.facts = PushTimeRegistry(NOW - 9 * DAY)
    report = scanned_registry.run([stand.fleet()], has_dashboards=True)
    assert find_report(report).due == DueDate(NOW - 2 * DAY, DueClass.CRITICAL, is_overdue=True, is_private=True)
    request = find_request(stand)
    assert parse_mark(request.body).due is None
    assert request.labels == ()
    (repository,) = stand.fleet().list_repositories(frozenset({stand.name}))
    board = stand.fleet().get_dashboard(repository).read()
    assert board is not None
    for text in (request.title, request.body, board.body):
        assert "overdue" not in text
        assert "erge by" not in text
    wait(scanned_registry, 1)
    assert list_outcomes(scanned_registry.run([stand.fleet()])) == ["unchanged"]


@pytest.mark.parametrize("stand_class", [GitHubStand, GitLabStand])
def test_private_due_date_is_removed_when_the_repository_becomes_public(stand_class, start_stand, scanned_registry):
    scanned_registry.is_private = lambda line: True
    stand = start_stand(stand_class, FILES)
    hosted = stand.repository if isinstance(stand, GitHubStand) else stand.project
    hosted.private = True
    scanned_registry.run([stand.fleet()])
    assert parse_mark(find_request(stand).body).due == DueDate(DUE, DueClass.CRITICAL, is_private=True)
    hosted.private = False
    assert list_outcomes(scanned_registry.run([stand.fleet()])) == ["refreshed"]
    assert parse_mark(find_request(stand).body).due is None
    assert "Merge by" not in find_request(stand).body


def test_report_metrics_json_and_dashboard_count_overdue_proposals(start_stand, scanned_registry):
    stand = start_stand(GitHubStand, FILES)
    scanned_registry.run([stand.fleet()])
    wait(scanned_registry, 8)
    report = scanned_registry.run([stand.fleet()], has_dashboards=True)
    text = render_run_text(report)
    assert "Overdue since 2026-12-02 12:00 UTC (critical)." in text
    assert "Overdue: 1 of 1 proposal with a due date." in text
    assert 'basebump_overdue{forge="github",fixes="critical"} 1' in render_metrics(report)
    assert 'basebump_overdue{forge="github",fixes="high"} 0' in render_metrics(report)
    (proposal,) = json.loads(render_run_document(report))["repositories"][0]["proposals"]
    assert (proposal["due_at"], proposal["due_for"], proposal["overdue"]) == ("2026-12-02T12:00:00Z", "critical", True)
    (repository,) = stand.fleet().list_repositories(frozenset({stand.name}))
    board = stand.fleet().get_dashboard(repository).read()
    assert board is not None
    assert "**1 request overdue.**" in board.body
    assert "⚠️ **overdue** since 2026-12-02 12:00 UTC" in board.body


def test_unchanged_repository_is_read_again_when_a_pull_request_becomes_overdue(loopback, tmp_path):
    twins = TwinFleets(loopback, tmp_path)
    set_rules(twins, due=DuePeriods(high=2 * DAY))
    twins.loopback.move("nginx", "1", "nginx 1")
    twins.settle()
    reads = twins.changing.read_count
    twins.now += DAY
    twins.run()
    assert twins.changing.read_count == reads
    twins.now += DAY
    for report in twins.run():
        assert "Overdue: 1 of 1 proposal with a due date." in render_run_text(report)
    assert "**overdue** since" in find_request(twins.changing.stand).body
    twins.assert_equal()
