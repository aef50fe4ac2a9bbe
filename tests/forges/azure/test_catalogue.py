"""Which repositories of an organization are selected, and what `doctor` finds out about them."""

from __future__ import annotations

import pytest
from support.forges.azure.server import AzureServer
from support.forges.azure.state import BUILD, BranchPolicy
from support.forges.fleets import open_azure_fleet
from support.forges.hosted_stand import no_pause

from bot.forges.azure.connection import CredentialKind
from bot.forges.selection import RepositorySelection
from bot.model.diagnosis import CheckStatus, DiagnosisTarget
from bot.model.report import RunFailure
from bot.model.vocabulary import RunLevel

FILES = {"Dockerfile": "FROM python:3.12-slim\n"}
TOKEN, BOT = "token-of-the-bot", "basebump-bot"


@pytest.fixture
def server(tmp_path):
    with AzureServer(tmp_path / "azure") as server:
        server.world.add_token(TOKEN, BOT)
        yield server


def open_fleet(server, *selected, token=TOKEN, kind=CredentialKind.PERSONAL):
    return open_azure_fleet(server.url, token, kind=kind, selected=selected, pause=no_pause)


def list_names(server, *selected):
    return [each.name for each in open_fleet(server, *selected).list_repositories(frozenset())]


def run_checks(server, *selected, level=RunLevel.PROPOSE, **words):
    found = open_fleet(server, *selected, **words).examine(DiagnosisTarget(level, "basebump/"))
    return {(each.subject, each.action): each for each in found}


def add_repositories(server, *paths, **more):
    return [server.world.add_repository(path, FILES, **more) for path in paths]


def test_one_api_call_lists_all_repositories_of_a_project(server):
    add_repositories(server, "Web Shop/web", "Web Shop/Größe", "Other/web")
    with server.watched() as lines:
        found = list_names(server, RepositorySelection("web shop"))
    assert found == ["Web Shop/Größe", "Web Shop/web"]
    assert len([line for line in lines if line.partition("?")[0].endswith("_apis/git/repositories")]) == 1


def test_globs_match_repository_name_without_project_name(server):
    add_repositories(server, "Shop/web-service", "Shop/web", "Shop/old-service")
    selection = RepositorySelection("Shop", include=("*-service",), exclude=("old-*",))
    assert list_names(server, selection) == ["Shop/web-service"]


def test_unusable_repositories_of_project_are_skipped_and_counted_by_doctor(server):
    add_repositories(server, "Shop/web")
    add_repositories(server, "Shop/off", "Shop/off-too", is_disabled=True)
    add_repositories(server, "Shop/moving", is_in_maintenance=True)
    add_repositories(server, "Shop/fork", is_fork=True)
    add_repositories(server, "Shop/Shop.wiki", is_hidden=True)
    server.world.add_repository("Shop/empty", None)
    assert list_names(server, RepositorySelection("Shop")) == ["Shop/web"]
    found = run_checks(server, RepositorySelection("Shop"))["Shop", "leave out repositories"]
    assert found.status is CheckStatus.OK
    assert set(found.result.split(", ")) == {"2 disabled", "1 in maintenance", "1 forked", "1 empty"}


@pytest.mark.parametrize(
    ("state", "word"),
    [({"is_disabled": True}, "does not exist or is disabled"), ({"is_in_maintenance": True}, "in maint")],
)
def test_named_repository_disabled_or_in_maintenance_is_reported_as_failure(server, state, word):
    add_repositories(server, "Shop/web", **state)
    (failed,) = open_fleet(server, "Shop/web").list_repositories(frozenset())
    assert isinstance(failed, RunFailure)
    assert word in failed.error


def test_missing_project_is_reported_as_failure(server):
    (failed,) = open_fleet(server, RepositorySelection("Nowhere")).list_repositories(frozenset())
    assert "check the name" in failed.error


def test_files_url_links_to_file_in_web_interface(server):
    add_repositories(server, "Web Shop/web")
    (found,) = open_fleet(server, "Web Shop/web").list_repositories(frozenset())
    assert found.files_url == f"{server.url}/Web%20Shop/_git/web?version=GBmain&path=/"


# Doctor


def test_doctor_names_account_and_reports_token_scopes_as_unknown(server):
    add_repositories(server, "Shop/web")
    found = run_checks(server, "Shop/web")
    assert BOT in found[server.url, "identify the token"].result
    scopes = found[server.url, "check the scopes of the token"]
    assert (scopes.status, "`auth: azure`" in scopes.result) == (CheckStatus.UNKNOWN, True)
    assert found["Shop/web", "push branches"].status is CheckStatus.UNKNOWN
    for action in ("read files", "read pull requests", "check that basebump/* is unprotected"):
        assert found["Shop/web", action].status is CheckStatus.OK
    assert server.writes == []


def test_doctor_reports_branch_policies_on_basebump_branches(server):
    (repository,) = add_repositories(server, "Shop/web")
    repository.policies.append(BranchPolicy(1, BUILD, {}, "refs/heads/basebump/", is_prefix=True))
    found = run_checks(server, "Shop/web")["Shop/web", "check that basebump/* is unprotected"]
    assert found.status is CheckStatus.PROBLEM
    assert "`branch_prefix`" in found.result


def test_doctor_recognises_token_of_pipeline_job_and_skips_scope_check(server):
    add_repositories(server, "Shop/web")
    server.world.add_token("jwt", BOT, is_bearer=True)
    found = run_checks(server, "Shop/web", token="jwt", kind=CredentialKind.JOB)
    assert f"token of a pipeline job of {BOT}" in found[server.url, "identify the token"].result
    assert (server.url, "check the scopes of the token") not in found


def test_doctor_reports_missing_token_only_at_levels_that_write(server):
    add_repositories(server, "Shop/web")
    found = run_checks(server, "Shop/web", token=None)
    assert found[server.url, "push branches"].status is CheckStatus.PROBLEM
    assert (server.url, "push branches") not in run_checks(server, "Shop/web", token=None, level=RunLevel.REPORT)


@pytest.mark.parametrize("level", RunLevel)
def test_doctor_checks_branch_protection_only_at_levels_that_write(server, level):
    add_repositories(server, "Shop/web")
    actions = {action for subject, action in run_checks(server, "Shop/web", level=level) if subject == "Shop/web"}
    assert ("check that basebump/* is unprotected" in actions) == (level > RunLevel.REPORT)


def test_azure_repos_has_no_dashboard(server):
    add_repositories(server, "Shop/web")
    selected = open_fleet(server, "Shop/web")
    (found,) = selected.list_repositories(frozenset())
    assert selected.get_dashboard(found) is None
    target = DiagnosisTarget(RunLevel.PROPOSE, "basebump/", has_dashboards=True)
    assert "read the dashboard" not in {each.action for each in selected.examine(target)}
