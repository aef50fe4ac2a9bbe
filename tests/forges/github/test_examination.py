"""The diagnosis of tokens on GitHub, with tokens that each lack one right."""

from __future__ import annotations

import re

import pytest
from support.forges.fleets import open_github_fleet
from support.forges.github.apps import private_key
from support.forges.github.stand import PERMISSIONS, TOKEN, GitHubAppStand, GitHubStand
from support.forges.hosted_stand import no_pause
from support.parts import ROOT

from bot.forges.github.server import AppKey
from bot.forges.github.token_examination import NEEDS_BY_LEVEL
from bot.forges.selection import RepositorySelection
from bot.model.diagnosis import CheckStatus, DiagnosisTarget
from bot.model.errors import ForgeError
from bot.model.vocabulary import RunLevel

pytestmark = pytest.mark.real("git")

FILES = {"Dockerfile": "FROM python:3.12-slim\n"}
PAGE = (ROOT / "docs" / "forge-github.md").read_text(encoding="utf-8")
READING = ["read files", "read pull requests"]


def build_target(level=RunLevel.PROPOSE, **more):
    return DiagnosisTarget(level, "basebump/", **more)


@pytest.fixture
def stand(tmp_path):
    stand = GitHubStand(tmp_path, FILES)
    stand.repository.private = True
    yield stand
    assert stand.writes == []
    stand.end()


@pytest.fixture
def app(tmp_path):
    stand = GitHubAppStand(tmp_path, FILES)
    stand.repository.private = True
    yield stand
    assert stand.writes == []
    stand.end()


def run_checks(stand, wanted, fleet=None):
    """Return what came of each try, by the try; of those about the repository alone."""
    found = list((fleet or stand.fleet()).examine(wanted))
    return {each.action: each for each in found if each.subject in (stand.name, stand.name.lower())}


def list_statuses(stand, wanted, fleet=None):
    return {tried: each.status for tried, each in run_checks(stand, wanted, fleet).items()}


def test_documented_permissions_equal_those_checked_by_the_doctor_command():
    (row,) = re.findall(r"^\| fine-grained token, GitHub App \|(.*)\|$", PAGE, re.MULTILINE)
    said = [set(re.findall(r"`(\w+: \w+)`", cell)) for cell in row.split("|")]
    assert said == [
        {need.permission.replace(" requests", "_requests") for need in NEEDS_BY_LEVEL[level]} for level in RunLevel
    ]


# ---- an App, of which GitHub tells all -------------------------------------------------------------------------------


@pytest.mark.parametrize("level", RunLevel)
def test_doctor_accepts_app_with_exactly_the_permissions_of_the_level(app, level):
    needed = {"metadata": "read"}
    for each in (need for rung in RunLevel if rung <= level for need in NEEDS_BY_LEVEL[rung]):
        name, _, right = each.permission.partition(": ")
        needed[name.replace(" ", "_")] = right
    app.installation.permissions = needed
    found = list_statuses(app, build_target(level))
    assert found.pop("change workflow files", CheckStatus.UNKNOWN) is CheckStatus.UNKNOWN
    assert set(found.values()) == {CheckStatus.OK}
    assert list(found) == READING + [
        need.action for rung in RunLevel if RunLevel.REPORT < rung <= level for need in NEEDS_BY_LEVEL[rung]
    ]


@pytest.mark.parametrize(
    ("permission", "tried"),
    [
        ("contents", "push branches"),
        ("pull_requests", "open pull requests"),
        ("statuses", "set the status of commits"),
        ("issues", "write the dashboard"),
    ],
)
def test_doctor_reports_only_the_missing_write_permission_of_app(app, permission, tried):
    app.installation.permissions = PERMISSIONS | {"issues": "write"} | {permission: "read"}
    found = run_checks(app, build_target(sets_commit_status=True, has_dashboards=True))
    assert [each.action for each in found.values() if each.status is CheckStatus.PROBLEM] == [tried]
    assert f"`{permission.replace('_', ' ')}: write`" in found[tried].result


def test_doctor_requires_actions_permission_if_workflows_are_started(app):
    words = {"selected": [app.name], "dispatch": ["ci.yml"], "pause": no_pause}
    fleet = open_github_fleet(app.server.url, AppKey(app.app.id, private_key()), **words)
    app.installation.permissions = PERMISSIONS | {"actions": "read"}
    assert list_statuses(app, build_target(), fleet)["start workflows"] is CheckStatus.PROBLEM
    app.installation.permissions = PERMISSIONS | {"actions": "write"}
    fleet = open_github_fleet(app.server.url, AppKey(app.app.id, private_key()), **words)
    assert list_statuses(app, build_target(), fleet)["start workflows"] is CheckStatus.OK
    assert "start workflows" not in list_statuses(app, build_target(RunLevel.PUSH), fleet)


def test_doctor_does_not_require_permission_of_higher_level(app):
    app.installation.permissions = PERMISSIONS | {"pull_requests": "read"}
    assert CheckStatus.PROBLEM in list_statuses(app, build_target(RunLevel.PROPOSE)).values()
    assert CheckStatus.PROBLEM not in list_statuses(app, build_target(RunLevel.PUSH)).values()


def test_doctor_reports_that_app_without_permission_skips_workflow_files(app):
    app.installation.permissions = {key: value for key, value in PERMISSIONS.items() if key != "workflows"}
    check = run_checks(app, build_target())["change workflow files"]
    assert (check.status, "left out" in check.result) == (CheckStatus.UNKNOWN, True)


def test_doctor_reports_public_repository_outside_installation_as_problem(app):
    app.repository.private = False
    app.installation.only = frozenset({"another"})
    found = run_checks(app, build_target())
    assert found["push branches"].status is CheckStatus.PROBLEM
    assert "does not include 'web'" in found["push branches"].result


def test_doctor_error_names_app_id_if_key_belongs_to_other_app(app):
    fleet = open_github_fleet(app.server.url, AppKey(999, private_key()), selected=[app.name], pause=no_pause)
    with pytest.raises(ForgeError, match="the App 999"):
        list(fleet.examine(build_target()))


@pytest.mark.parametrize("missing", ["checks", "statuses"])
def test_doctor_names_permission_that_app_lacks_to_read_ci_outcome(app, missing):
    permissions = PERMISSIONS | {"checks": "read", "statuses": "read"}
    app.installation.permissions = {key: value for key, value in permissions.items() if key != missing}
    check = run_checks(app, build_target(RunLevel.REPORT, reads_ci=True))["read how CI ended"]
    assert (check.status, f"`{missing}: read`" in check.result) == (CheckStatus.UNKNOWN, True)
    app.installation.permissions = permissions
    assert list_statuses(app, build_target(RunLevel.REPORT, reads_ci=True))["read how CI ended"] is CheckStatus.OK
    assert "read how CI ended" not in list_statuses(app, build_target(RunLevel.REPORT))


def test_doctor_names_permissions_that_token_lacks_to_read_ci_outcome(stand):
    stand.token.permissions = {"metadata": "read", "contents": "read", "pull_requests": "read"}
    found = run_checks(stand, build_target(RunLevel.REPORT, reads_ci=True))
    check = found.pop("read how CI ended")
    assert (check.status, "`checks: read` and `statuses: read`" in check.result) == (CheckStatus.UNKNOWN, True)
    assert {each.status for each in found.values()} == {CheckStatus.OK}


# ---- a classic token, whose scopes every answer names ----------------------------------------------------------------


@pytest.mark.parametrize("level", RunLevel)
def test_doctor_accepts_classic_token_with_documented_scope(stand, level):
    (row,) = re.findall(r"^\| classic token \|(.*?)\|", PAGE, re.MULTILINE)
    scope, public_scope = re.findall(r"`(\w+)`", row)
    for private, scopes in ((True, {scope, "workflow"}), (False, {public_scope, "workflow"})):
        stand.repository.private, stand.token.scopes = private, frozenset(scopes)
        assert set(
            list_statuses(stand, build_target(level, sets_commit_status=True, has_dashboards=True)).values()
        ) == {CheckStatus.OK}


def test_doctor_reports_classic_token_without_write_scope_as_problem(stand):
    stand.repository.private, stand.token.scopes = False, frozenset({"read:org"})
    found = run_checks(stand, build_target())
    problems = {each.action: each.result for each in found.values() if each.status is CheckStatus.PROBLEM}
    assert list(problems) == ["push branches", "open pull requests"]
    assert re.search("`read:org`.*`repo` or `public_repo`", problems["push branches"])


def test_doctor_reports_that_token_without_workflow_scope_skips_workflow_files(stand):
    stand.token.scopes = frozenset({"repo"})
    check = run_checks(stand, build_target())["change workflow files"]
    assert (check.status, "`workflow`" in check.result) == (CheckStatus.UNKNOWN, True)


def test_doctor_names_token_owner_that_lacks_write_role(stand):
    stand.token.scopes = frozenset({"repo", "workflow"})
    stand.repository.private = False
    stand.repository.members.clear()
    found = run_checks(stand, build_target())
    assert "give basebump-bot the role Write" in found["push branches"].result
    first = next(iter(stand.fleet().examine(build_target())))
    assert (first.status, "classic token" in first.result) == (CheckStatus.OK, True)


# ---- tokens of which GitHub tells nothing ----------------------------------------------------------------------------


@pytest.mark.parametrize("lacks", ["contents", "pull_requests"])
def test_doctor_reports_token_without_read_permission_as_problem_at_every_level(stand, lacks):
    stand.token.permissions = {key: "write" for key in ("metadata", "contents", "pull_requests") if key != lacks}
    for level in RunLevel:
        found = [each for each in stand.fleet().examine(build_target(level)) if each.status is CheckStatus.PROBLEM]
        assert found
        assert any(lacks in each.result.replace("pull requests", "pull_requests") for each in found)


def test_doctor_reports_write_permissions_of_fine_grained_token_as_unknown(stand):
    stand.token.permissions = {"metadata": "read", "contents": "read", "pull_requests": "read"}
    found = run_checks(stand, build_target(sets_commit_status=True))
    assert [found[tried].status for tried in READING] == [CheckStatus.OK, CheckStatus.OK]
    unknown = {each.action: each.result for each in found.values() if each.status is CheckStatus.UNKNOWN}
    assert list(unknown)[:3] == ["push branches", "open pull requests", "set the status of commits"]
    assert "`contents: write`" in unknown["push branches"]


def test_doctor_checks_whether_job_token_is_allowed_to_open_pull_requests(tmp_path):
    stand = GitHubStand(tmp_path, FILES, is_app=True)
    tried = "open pull requests with a job's own token"
    for may_read, is_on, mark in (
        (False, False, CheckStatus.UNKNOWN),
        (True, True, CheckStatus.OK),
        (True, False, CheckStatus.UNKNOWN),
    ):
        stand.token.can_see_rules, stand.repository.lets_actions_propose = may_read, is_on
        check = run_checks(stand, build_target())[tried]
        assert check.status is mark
        assert "Allow GitHub Actions" in check.result
    assert tried not in run_checks(stand, build_target(RunLevel.PUSH))
    assert stand.writes == []
    stand.end()


def test_doctor_fails_with_hint_if_token_is_unknown(stand):
    fleet = open_github_fleet(stand.server.url, "ghp_of-nobody", selected=[stand.name], pause=no_pause)
    with pytest.raises(ForgeError, match="create a new token") as caught:
        list(fleet.examine(build_target()))
    assert "ghp_of-nobody" not in str(caught.value)


def test_doctor_accepts_missing_token_only_for_reports_on_public_repository(stand):
    stand.repository.private = False
    fleet = open_github_fleet(stand.server.url, None, selected=[stand.name], pause=no_pause)
    assert set(list_statuses(stand, build_target(RunLevel.REPORT), fleet).values()) == {CheckStatus.OK}
    assert list_statuses(stand, build_target(RunLevel.PUSH), fleet)["push branches"] is CheckStatus.PROBLEM


def test_doctor_checks_dashboard_only_if_enabled(stand):
    stand.token.permissions = dict(PERMISSIONS)
    assert (
        list_statuses(stand, build_target(RunLevel.REPORT, has_dashboards=True))["read the dashboard"]
        is CheckStatus.PROBLEM
    )
    assert "read the dashboard" not in list_statuses(stand, build_target(RunLevel.REPORT))


def test_doctor_reports_archived_repository_only_at_levels_that_write(stand):
    stand.repository.archived = True
    assert list_statuses(stand, build_target(RunLevel.PUSH))["write to the repository"] is CheckStatus.PROBLEM
    assert CheckStatus.PROBLEM not in list_statuses(stand, build_target(RunLevel.REPORT)).values()


# ---- which repositories are looked at --------------------------------------------------------------------------------


def test_doctor_checks_named_repositories_and_first_repository_of_owner(stand):
    for short in ("api", "shop", "admin"):
        stand.server.world.add_repository(f"acme/{short}", FILES)
    wanted = [stand.name, "acme/shop", RepositorySelection("acme", exclude=("web", "shop"))]
    fleet = open_github_fleet(stand.server.url, TOKEN, selected=wanted, pause=no_pause)
    found = list(fleet.examine(build_target()))
    assert {each.subject for each in found if each.action == "read files"} == {"acme/web", "acme/shop", "acme/admin"}
    assert [each.result for each in found if each.action == "select repositories"] == ["4 selected"]
    assert [each.result.partition(":")[0] for each in found if each.action == "check rights"] == ["on 3 of 4"]


def test_doctor_reports_owner_without_selected_repository_as_problem(stand):
    fleet = open_github_fleet(
        stand.server.url, TOKEN, selected=[RepositorySelection("acme", topics=("nothing",))], pause=no_pause
    )
    (check,) = [each for each in fleet.examine(build_target()) if each.action == "select repositories"]
    assert (check.status, "no repository is selected" in check.result) == (CheckStatus.PROBLEM, True)
