"""The activity of the repositories of a project, in the lists of Azure DevOps."""

from __future__ import annotations

import pytest
from support.forges.azure.server import AzureServer
from support.forges.contract_scene import BRANCH, CHANGES, OTHER, PREFIX, message_of, proposal
from support.forges.fleets import open_azure_fleet
from support.forges.hosted_stand import no_pause

from bot.forges.azure.connection import REF_PAGE
from bot.forges.selection import RepositorySelection
from bot.model.forge import ActivityScope

FILES = {"Dockerfile": "FROM python:3.12-slim\n"}
TOKEN, BOT = "token-of-the-bot", "basebump-bot"
SCOPE = ActivityScope(PREFIX)
SHOP = RepositorySelection("Shop")


@pytest.fixture
def server(tmp_path):
    """Return an organization with three repositories in a project; the first has an open pull request of basebump."""
    with AzureServer(tmp_path / "azure") as server:
        server.world.add_token(TOKEN, BOT)
        for name in ("api", "cart", "web"):
            server.world.add_repository(f"Shop/{name}", FILES)
        server.world.add_repository("Other/web", FILES)
        _propose(server, "Shop/api", BRANCH)
        yield server


def _fleet(server, *selected):
    return open_azure_fleet(server.url, TOKEN, selected=selected, pause=no_pause)


def _list(server, *selected, scope=SCOPE):
    return {each.name: each for each in _fleet(server, *selected).list_repositories(frozenset(), scope)}


def _propose(server, name, branch):
    fleet = _fleet(server, name)
    (repository,) = fleet.list_repositories(frozenset())
    forge = fleet.get_forge(repository)
    forge.push(branch, CHANGES, message_of(), None)
    forge.open(proposal(branch))


def _read(server, name):
    """Return the activity as it is read without the list of the project."""
    fleet = _fleet(server, name)
    (repository,) = fleet.list_repositories(frozenset())
    return fleet.read_activity(repository, SCOPE)


def _shorten(lines):
    return [line.partition("/_apis/")[2].partition("?")[0].rpartition("/")[2] for line in lines]


def test_listing_heads_and_activities_takes_one_api_call_per_repository(server):
    with server.watched() as lines:
        listed = _list(server, SHOP)
    assert _shorten(lines) == ["repositories", "refs", "connectionData", "pullrequests", "properties", "refs", "refs"]
    repositories = {each.path: each for each in server.world.repositories}
    assert {name: each.commit for name, each in listed.items()} == {
        name: repositories[name].git.need("main") for name in ("Shop/api", "Shop/cart", "Shop/web")
    }
    assert {name: each.activity for name, each in listed.items()} == {name: _read(server, name) for name in listed}


def test_one_pull_request_list_serves_all_named_repositories_of_a_project(server):
    with server.watched() as lines:
        listed = _list(server, "Shop/api", "Shop/web", "Other/web")
    assert _shorten(lines).count("pullrequests") == 1
    assert [each.activity is not None for each in listed.values()] == [True, True, False]


def test_activity_hash_includes_pull_request_whose_branch_was_deleted(server):
    before = _list(server, SHOP)["Shop/api"].activity
    (api,) = [each for each in server.world.repositories if each.path == "Shop/api"]
    api.git.delete(BRANCH)
    deleted = _list(server, SHOP)["Shop/api"].activity
    api.open_request(BRANCH).abandon(server.world.ada)
    abandoned = _list(server, SHOP)["Shop/api"].activity
    assert len({before, deleted, abandoned}) == 3
    assert abandoned == _read(server, "Shop/api")


def test_repository_has_head_but_no_activity_if_pull_request_list_is_refused(server):
    server.fail("GET .*/Shop/_apis/git/pullrequests", server.problem(403), times=9)
    listed = _list(server, SHOP)
    assert [each.activity for each in listed.values()] == [None] * 3
    assert all(each.commit for each in listed.values())


def test_malformed_pull_request_list_of_project_is_requested_only_once(server):
    answer = [{"pullRequestId": 1, "repository": {}}]
    server.fail("GET /Shop/_apis/git/pullrequests", server.reply({"count": 1, "value": answer}), times=9)
    with server.watched() as lines:
        listed = _list(server, SHOP)
    assert _shorten(lines).count("pullrequests") == 1
    assert [(each.activity, each.commit is not None) for each in listed.values()] == 3 * [(None, True)]


def test_activity_is_unknown_if_branches_do_not_fit_on_one_page(server):
    (web,) = [each for each in server.world.repositories if each.path == "Shop/web"]
    head = web.git.need("main")
    for number in range(REF_PAGE):
        web.git.point(f"refs/heads/feature/{number}", head)
    web.git.point(f"refs/heads/{OTHER}", head)
    listed = _list(server, SHOP)
    assert {name: each.activity is None for name, each in listed.items()} == {
        "Shop/api": False,
        "Shop/cart": False,
        "Shop/web": True,
    }
    assert listed["Shop/web"].commit == head
