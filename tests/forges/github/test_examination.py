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


def aim(level=RunLevel.PROPOSE, **more):
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


def checks(stand, wanted, fleet=None):
    """Return what came of each try, by the try; of those about the repository alone."""
    found = list((fleet or stand.fleet()).examine(wanted))
    return {each.action: each for each in found if each.subject in (stand.name, stand.name.lower())}


def marks(stand, wanted, fleet=None):
    return {tried: each.status for tried, each in checks(stand, wanted, fleet).items()}


def test_the_page_and_the_doctor_have_one_table_of_rungs():
    (row,) = re.findall(r"^\| fine-grained token, GitHub App \|(.*)\|$", PAGE, re.MULTILINE)
    said = [set(re.findall(r"`(\w+: \w+)`", cell)) for cell in row.split("|")]
    assert said == [
        {need.permission.replace(" requests", "_requests") for need in NEEDS_BY_LEVEL[level]} for level in RunLevel
    ]


# ---- an App, of which GitHub tells all -------------------------------------------------------------------------------


@pytest.mark.parametrize("level", RunLevel)
def test_an_app_that_has_what_a_rung_needs_is_well(app, level):
    needed = {"metadata": "read"}
    for each in (need for rung in RunLevel if rung <= level for need in NEEDS_BY_LEVEL[rung]):
        name, _, right = each.permission.partition(": ")
        needed[name.replace(" ", "_")] = right
    app.installation.permissions = needed
    found = marks(app, aim(level))
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
def test_an_app_that_may_only_read_one_thing_has_that_problem_and_no_other(app, permission, tried):
    app.installation.permissions = PERMISSIONS | {"issues": "write"} | {permission: "read"}
    found = checks(app, aim(sets_commit_status=True, has_dashboards=True))
    assert [each.action for each in found.values() if each.status is CheckStatus.PROBLEM] == [tried]
    assert f"`{permission.replace('_', ' ')}: write`" in found[tried].result


def test_workflows_that_are_to_be_started_take_a_right_of_their_own(app):
    words = {"selected": [app.name], "dispatch": ["ci.yml"], "pause": no_pause}
    fleet = open_github_fleet(app.server.url, AppKey(app.app.id, private_key()), **words)
    app.installation.permissions = PERMISSIONS | {"actions": "read"}
    assert marks(app, aim(), fleet)["start workflows"] is CheckStatus.PROBLEM
    app.installation.permissions = PERMISSIONS | {"actions": "write"}
    fleet = open_github_fleet(app.server.url, AppKey(app.app.id, private_key()), **words)
    assert marks(app, aim(), fleet)["start workflows"] is CheckStatus.OK
    assert "start workflows" not in marks(app, aim(RunLevel.PUSH), fleet)


def test_a_problem_that_a_lower_rung_does_not_have_is_none_there(app):
    app.installation.permissions = PERMISSIONS | {"pull_requests": "read"}
    assert CheckStatus.PROBLEM in marks(app, aim(RunLevel.PROPOSE)).values()
    assert CheckStatus.PROBLEM not in marks(app, aim(RunLevel.PUSH)).values()


def test_an_app_without_workflows_goes_without_them(app):
    app.installation.permissions = {key: value for key, value in PERMISSIONS.items() if key != "workflows"}
    check = checks(app, aim())["change workflow files"]
    assert (check.status, "left out" in check.result) == (CheckStatus.UNKNOWN, True)


def test_an_app_whose_installation_does_not_include_a_public_repository_has_a_problem_there(app):
    app.repository.private = False
    app.installation.only = frozenset({"another"})
    found = checks(app, aim())
    assert found["push branches"].status is CheckStatus.PROBLEM
    assert "does not include 'web'" in found["push branches"].result


def test_an_app_with_the_key_of_another_is_told_so(app):
    fleet = open_github_fleet(app.server.url, AppKey(999, private_key()), selected=[app.name], pause=no_pause)
    with pytest.raises(ForgeError, match="the App 999"):
        list(fleet.examine(aim()))


@pytest.mark.parametrize("missing", ["checks", "statuses"])
def test_app_that_may_not_read_checks_is_told_what_is_missing(app, missing):
    permissions = PERMISSIONS | {"checks": "read", "statuses": "read"}
    app.installation.permissions = {key: value for key, value in permissions.items() if key != missing}
    check = checks(app, aim(RunLevel.REPORT, reads_ci=True))["read how CI ended"]
    assert (check.status, f"`{missing}: read`" in check.result) == (CheckStatus.UNKNOWN, True)
    app.installation.permissions = permissions
    assert marks(app, aim(RunLevel.REPORT, reads_ci=True))["read how CI ended"] is CheckStatus.OK
    assert "read how CI ended" not in marks(app, aim(RunLevel.REPORT))


def test_fine_grained_token_that_may_not_read_checks_is_told_so(stand):
    stand.token.permissions = {"metadata": "read", "contents": "read", "pull_requests": "read"}
    found = checks(stand, aim(RunLevel.REPORT, reads_ci=True))
    check = found.pop("read how CI ended")
    assert (check.status, "`checks: read` and `statuses: read`" in check.result) == (CheckStatus.UNKNOWN, True)
    assert {each.status for each in found.values()} == {CheckStatus.OK}


# ---- a classic token, whose scopes every answer names ----------------------------------------------------------------


@pytest.mark.parametrize("level", RunLevel)
def test_a_classic_token_with_the_scope_of_the_page_is_well(stand, level):
    (row,) = re.findall(r"^\| classic token \|(.*?)\|", PAGE, re.MULTILINE)
    scope, public_scope = re.findall(r"`(\w+)`", row)
    for private, scopes in ((True, {scope, "workflow"}), (False, {public_scope, "workflow"})):
        stand.repository.private, stand.token.scopes = private, frozenset(scopes)
        assert set(marks(stand, aim(level, sets_commit_status=True, has_dashboards=True)).values()) == {CheckStatus.OK}


def test_a_classic_token_without_its_scope_reads_what_is_public_and_writes_nothing(stand):
    stand.repository.private, stand.token.scopes = False, frozenset({"read:org"})
    found = checks(stand, aim())
    problems = {each.action: each.result for each in found.values() if each.status is CheckStatus.PROBLEM}
    assert list(problems) == ["push branches", "open pull requests"]
    assert re.search("`read:org`.*`repo` or `public_repo`", problems["push branches"])


def test_a_classic_token_without_workflow_goes_without_those_files(stand):
    stand.token.scopes = frozenset({"repo"})
    check = checks(stand, aim())["change workflow files"]
    assert (check.status, "`workflow`" in check.result) == (CheckStatus.UNKNOWN, True)


def test_who_the_token_belongs_to_is_said_and_must_be_let_in(stand):
    stand.token.scopes = frozenset({"repo", "workflow"})
    stand.repository.private = False
    stand.repository.members.clear()
    found = checks(stand, aim())
    assert "give basebump-bot the role Write" in found["push branches"].result
    first = next(iter(stand.fleet().examine(aim())))
    assert (first.status, "classic token" in first.result) == (CheckStatus.OK, True)


# ---- tokens of which GitHub tells nothing ----------------------------------------------------------------------------


@pytest.mark.parametrize("lacks", ["contents", "pull_requests"])
def test_a_fine_grained_token_that_cannot_read_has_a_problem_on_every_rung(stand, lacks):
    stand.token.permissions = {key: "write" for key in ("metadata", "contents", "pull_requests") if key != lacks}
    for level in RunLevel:
        found = [each for each in stand.fleet().examine(aim(level)) if each.status is CheckStatus.PROBLEM]
        assert found
        assert any(lacks in each.result.replace("pull requests", "pull_requests") for each in found)


def test_what_a_fine_grained_token_may_write_is_not_guessed(stand):
    stand.token.permissions = {"metadata": "read", "contents": "read", "pull_requests": "read"}
    found = checks(stand, aim(sets_commit_status=True))
    assert [found[tried].status for tried in READING] == [CheckStatus.OK, CheckStatus.OK]
    unknown = {each.action: each.result for each in found.values() if each.status is CheckStatus.UNKNOWN}
    assert list(unknown)[:3] == ["push branches", "open pull requests", "set the status of commits"]
    assert "`contents: write`" in unknown["push branches"]


def test_the_setting_for_a_jobs_own_token_is_looked_at_where_that_may_be_read(tmp_path):
    stand = GitHubStand(tmp_path, FILES, is_app=True)
    tried = "open pull requests with a job's own token"
    for may_read, is_on, mark in (
        (False, False, CheckStatus.UNKNOWN),
        (True, True, CheckStatus.OK),
        (True, False, CheckStatus.UNKNOWN),
    ):
        stand.token.can_see_rules, stand.repository.lets_actions_propose = may_read, is_on
        check = checks(stand, aim())[tried]
        assert check.status is mark
        assert "Allow GitHub Actions" in check.result
    assert tried not in checks(stand, aim(RunLevel.PUSH))
    assert stand.writes == []
    stand.end()


def test_a_token_that_github_does_not_know_ends_it_with_what_to_do(stand):
    fleet = open_github_fleet(stand.server.url, "ghp_of-nobody", selected=[stand.name], pause=no_pause)
    with pytest.raises(ForgeError, match="create a new token") as caught:
        list(fleet.examine(aim()))
    assert "ghp_of-nobody" not in str(caught.value)


def test_without_a_token_what_is_public_can_be_reported_and_not_proposed_to(stand):
    stand.repository.private = False
    fleet = open_github_fleet(stand.server.url, None, selected=[stand.name], pause=no_pause)
    assert set(marks(stand, aim(RunLevel.REPORT), fleet).values()) == {CheckStatus.OK}
    assert marks(stand, aim(RunLevel.PUSH), fleet)["push branches"] is CheckStatus.PROBLEM


def test_a_dashboard_is_read_where_one_is_kept(stand):
    stand.token.permissions = dict(PERMISSIONS)
    assert marks(stand, aim(RunLevel.REPORT, has_dashboards=True))["read the dashboard"] is CheckStatus.PROBLEM
    assert "read the dashboard" not in marks(stand, aim(RunLevel.REPORT))


def test_an_archived_repository_that_is_named_takes_no_proposals(stand):
    stand.repository.archived = True
    assert marks(stand, aim(RunLevel.PUSH))["write to the repository"] is CheckStatus.PROBLEM
    assert CheckStatus.PROBLEM not in marks(stand, aim(RunLevel.REPORT)).values()


# ---- which repositories are looked at --------------------------------------------------------------------------------


def test_every_named_repository_and_the_first_of_an_owner_is_looked_at(stand):
    for short in ("api", "shop", "admin"):
        stand.server.world.add_repository(f"acme/{short}", FILES)
    wanted = [stand.name, "acme/shop", RepositorySelection("acme", exclude=("web", "shop"))]
    fleet = open_github_fleet(stand.server.url, TOKEN, selected=wanted, pause=no_pause)
    found = list(fleet.examine(aim()))
    assert {each.subject for each in found if each.action == "read files"} == {"acme/web", "acme/shop", "acme/admin"}
    assert [each.result for each in found if each.action == "select repositories"] == ["4 selected"]
    assert [each.result.partition(":")[0] for each in found if each.action == "check rights"] == ["on 3 of 4"]


def test_an_owner_of_whom_nothing_is_selected_is_a_problem(stand):
    fleet = open_github_fleet(
        stand.server.url, TOKEN, selected=[RepositorySelection("acme", topics=("nothing",))], pause=no_pause
    )
    (check,) = [each for each in fleet.examine(aim()) if each.action == "select repositories"]
    assert (check.status, "no repository is selected" in check.result) == (CheckStatus.PROBLEM, True)
