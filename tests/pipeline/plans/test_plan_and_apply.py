"""A plan that is performed later writes what a run would write, and nothing where something changed since."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from support.forges.github.stand import GitHubStand
from support.forges.stands import ForgeStand, LocalStand
from support.git import DiskRepository
from support.runs.forged_plans import forge_plan
from support.runs.scenes import BRANCH, MOST_WRITES, OLD, PYTHON, SCENES, VARIED, Act, RunScene
from support.runs.worlds import NOW, ORIGIN, LoopbackHub, list_outcomes

from bot.model.errors import PlanError
from bot.model.fleet_plan import MAX_PLAN_AGE, FleetPlan
from bot.model.limits import ProposalLimits
from bot.model.run_scope import RunScope
from bot.model.vocabulary import RunLevel
from bot.pipeline.plans.apply_plan import MAX_CLOCK_DIFFERENCE, check_plan
from bot.plan_file import parse_plan, render_plan
from bot.state.database import Database

pytestmark = [pytest.mark.real("git")]

OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The id of a commit, which depends on the second in which it was made, or of a new repository."""
FORGES = ("local", "github")


def play(scene: RunScene, acts: list[Act]) -> tuple[list[str], list[object]]:
    """Play a scene; return its writes, and the visible state after each act."""
    states = []
    try:
        for act in acts:
            act(scene)
            states.append(scene.read_state())
        return [OID.sub("OID", each) for each in scene.stand.writes], states
    finally:
        scene.stand.end()


PLAYED = [
    *((title, "local") for title in SCENES),
    *((title, "github") for title in VARIED if title not in MOST_WRITES),
    *((title, forge) for title in MOST_WRITES for forge in ("github", "gitlab", "azure", "gitea")),
]
"""Every scene, and on the servers those with all kinds of writes, or with the most."""


@pytest.mark.slow
@pytest.mark.parametrize(("title", "forge"), PLAYED)
def test_plan_and_apply_make_the_same_writes_as_a_run(title, forge, tmp_path, loopback):
    results = []
    for uses_plans in (False, True):
        fresh = LoopbackHub(loopback.registry, loopback.store)
        scene = RunScene(tmp_path / f"{uses_plans}", fresh, forge, uses_plans=uses_plans)
        results.append(play(scene, SCENES[title]))
    assert results[0] == results[1]


@pytest.fixture(params=[LocalStand, GitHubStand], ids=FORGES)
def stand(request, tmp_path, loopback):
    stand = request.param(tmp_path / "stand", PYTHON)
    for repository, tag in (("python", "3.12-slim"), ("redis", "7")):
        loopback.move(repository, tag, "new")
    yield stand
    stand.end()


@pytest.fixture
def make_plan(stand, loopback):
    """Plan a run, and return the plan as a file has it."""

    def make(level: RunLevel = RunLevel.PROPOSE, **options) -> bytes:
        planned_run = loopback.plan([stand.fleet()], level, **options)
        assert planned_run.report.failed == ()
        text, failures = render_plan(planned_run.plan)
        assert failures == ()
        return text.encode()

    return make


def test_planning_makes_no_writes_and_reports_like_a_run_at_level_report(stand, loopback):
    planned_run = loopback.plan([stand.fleet()])
    assert stand.writes == []
    assert planned_run.report == loopback.run([stand.fleet()], RunLevel.REPORT)
    assert list_outcomes(planned_run.report) == ["would-open"]


def test_applying_a_plan_without_writes_sends_no_requests_to_the_forge(stand, loopback, make_plan):
    loopback.run([stand.fleet()])
    plan = make_plan()
    assert parse_plan(plan).repositories == ()
    report = loopback.apply(plan, [])
    assert (report.repositories, report.failed) == ((), ())


def test_plan_at_level_push_pushes_branch_and_opens_no_pull_request(stand, loopback, make_plan):
    report = loopback.apply(make_plan(RunLevel.PUSH), [stand.fleet()])
    assert (list_outcomes(report), report.failed, stand.requests()) == (["would-open"], (), [])
    assert BRANCH in stand.branches()


def commit_to_base(stand: ForgeStand) -> None:
    stand.commit("main", {"README.md": "Elsewhere.\n"})


def commit_to_branch(stand: ForgeStand) -> None:
    stand.commit(BRANCH, {"Dockerfile": "FROM scratch\n"})


def close_request(stand: ForgeStand) -> None:
    stand.close_request(BRANCH)


def edit_body(stand: ForgeStand) -> None:
    body = next(each.body for each in stand.requests() if each.branch == BRANCH)
    stand.edit_body(BRANCH, f"Please wait until Monday.\n\n{body}")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (commit_to_base, "the base branch moved"),
        (commit_to_branch, f"the branch {BRANCH} or its pull request changed"),
        (close_request, f"the branch {BRANCH} or its pull request changed"),
        (edit_body, f"the branch {BRANCH} or its pull request changed"),
    ],
)
def test_apply_command_makes_no_writes_if_repository_changed_since_the_plan(
    change, sentence, stand, loopback, make_plan
):
    loopback.run([stand.fleet()])
    loopback.move("python", "3.12-slim", "newer")
    plan = make_plan()
    change(stand)
    writes = list(stand.writes)
    report = loopback.apply(plan, [stand.fleet()])
    assert [each.error for each in report.failed] == [
        f"{sentence} since the plan was made; nothing was written here; hint: make a new plan"
    ]
    assert (report.repositories, stand.writes) == ((), writes)


def test_second_apply_of_a_plan_fails_without_writes(stand, loopback, make_plan):
    plan = make_plan()
    assert list_outcomes(loopback.apply(plan, [stand.fleet()])) == ["opened"]
    writes = list(stand.writes)
    (failure,) = loopback.apply(plan, [stand.fleet()]).failed
    assert (failure.subject, stand.writes) == (stand.name, writes)


def test_apply_command_updates_other_repositories_if_one_repository_changed(tmp_path, loopback):
    stand = LocalStand(tmp_path / "stand", PYTHON)
    DiskRepository.create(tmp_path / "stand" / "other.git", {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"})
    loopback.move("python", "3.12-slim", "new")
    text, _ = render_plan(loopback.plan([stand.fleet()]).plan)
    commit_to_base(stand)
    report = loopback.apply(text.encode(), [stand.fleet()])
    assert [each.subject for each in report.failed] == ["acme"]
    assert [each.name for each in report.repositories] == ["other"]
    assert list_outcomes(report) == ["opened"]


def test_apply_command_does_not_overwrite_checkbox_ticked_since_the_plan(tmp_path, loopback):
    stand = LocalStand(tmp_path / "stand", PYTHON)
    loopback.move("python", "3.12-slim", "new")
    loopback.run([stand.fleet()], has_dashboards=True)
    loopback.move("python", "3.12-slim", "newer")
    text, _ = render_plan(loopback.plan([stand.fleet()], has_dashboards=True).plan)
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    dashboard = fleet.get_dashboard(repository)
    issue = dashboard.read()
    dashboard.write(issue, issue.title, issue.body.replace("- [ ]", "- [x]", 1))
    writes = list(stand.writes)
    (failure,) = loopback.apply(text.encode(), [stand.fleet()], has_dashboards=True).failed
    assert failure.error.startswith("the dashboard issue changed since the plan was made")
    assert stand.writes == writes


def test_plan_made_by_another_account_is_refused(stand, loopback, make_plan):
    """The account that plans does not know its own branch, so that it would tell people that others changed it."""
    loopback.run([stand.fleet()])
    loopback.move("python", "3.12-slim", "newer")

    def disown(document: dict) -> None:
        (request,) = document["repositories"][0]["requests"]
        for key in ("is_judged", "intent"):
            del request[key]

    writes = list(stand.writes)
    (failure,) = loopback.apply(forge_plan(make_plan(), disown), [stand.fleet()]).failed
    assert failure.error.startswith("the plan was made with the token of another account")
    assert stand.writes == writes


def test_dashboard_is_not_written_if_plan_is_not_applied_to_every_base_branch(tmp_path, loopback):
    """The dashboard shows all base branches, so that it would lose one of them."""
    stand = LocalStand(tmp_path / "stand", PYTHON)
    stand.base_branches = ("main", "next")
    stand.commit("next", {"README.md": "Next.\n"})
    loopback.move("python", "3.12-slim", "new")
    text, _ = render_plan(loopback.plan([stand.fleet()], has_dashboards=True).plan)
    stand.commit("next", {"README.md": "Elsewhere.\n"})
    report = loopback.apply(text.encode(), [stand.fleet()], has_dashboards=True)
    assert ([each.base_branch for each in report.repositories], len(report.failed)) == (["main"], 1)
    assert list_outcomes(report) == ["opened"]
    assert "write dashboard" not in stand.writes
    loopback.run([stand.fleet()], has_dashboards=True)
    assert stand.writes.count("write dashboard") == 1


PLAN = FleetPlan(ORIGIN.version, ORIGIN.config, "propose", NOW, "basebump/", ())


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (replace(PLAN, version="0.0.9"), "the plan was made by basebump 0.0.9"),
        (replace(PLAN, config="f" * 32), "the plan was made with another config"),
        (replace(PLAN, branch_prefix="bot/"), "the plan was made with another config"),
        (replace(PLAN, planned_at=NOW - MAX_PLAN_AGE - timedelta(seconds=1)), "the plan is 24 hours old"),
        (replace(PLAN, planned_at=NOW + MAX_CLOCK_DIFFERENCE * 2), "the plan was made in the future"),
    ],
)
def test_plan_with_invalid_time_or_from_another_release_or_config_is_refused(plan, sentence):
    with pytest.raises(PlanError, match=sentence):
        check_plan(plan, ORIGIN, "basebump/", NOW, MAX_PLAN_AGE)


def test_plan_is_accepted_until_maximum_age_is_reached():
    check_plan(PLAN, ORIGIN, "basebump/", NOW + MAX_PLAN_AGE, MAX_PLAN_AGE)
    check_plan(PLAN, ORIGIN, "basebump/", NOW - MAX_CLOCK_DIFFERENCE, MAX_PLAN_AGE)


def test_unapplied_plan_counts_towards_limits_until_the_window_ends(tmp_path, loopback):
    loopback.remember(Database.sqlite(tmp_path / "state.db"))
    stand = LocalStand(tmp_path / "stand", PYTHON)
    DiskRepository.create(tmp_path / "stand" / "other.git", {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"})
    for content in ("old", "new"):
        loopback.move("python", "3.12-slim", content)
    limits = ProposalLimits(new_per_window=1)

    def plan(name: str) -> list[str]:
        made = loopback.plan([stand.fleet()], limits=limits, scope=RunScope(frozenset({name}))).plan
        return [each.name for each in made.repositories]

    assert plan("acme") == ["acme"]
    assert plan("other") == []
    assert plan("acme") == ["acme"], "what was planned before is not counted again"
    loopback.now += limits.window
    assert plan("other") == ["other"]


def test_repository_with_unapplied_plan_is_planned_again(stand, tmp_path, loopback, make_plan):
    """A dashboard is all that is left to write. If the plan is not performed, the next one contains it again."""
    loopback.remember(Database.sqlite(tmp_path / "state.db"))
    loopback.run([stand.fleet()])
    assert parse_plan(make_plan()).repositories == ()
    for _ in range(2):
        (planned,) = parse_plan(make_plan(has_dashboards=True)).repositories
        assert planned.has_dashboard
