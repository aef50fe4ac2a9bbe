"""The activity of projects in the lists of a GitLab server."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.contract_scene import BRANCH, OTHER, PREFIX
from support.forges.fleets import open_gitlab_fleet
from support.forges.github.scene import FILES
from support.forges.gitlab.graphql import GraphQL
from support.forges.gitlab.server import GitLabServer
from support.forges.gitlab.stand import BOT, TOKEN
from support.forges.gitlab.state import GitLabIssue
from support.forges.hosted_stand import no_pause

from bot.forges.gitlab import activity as gitlab_activity
from bot.forges.selection import RepositorySelection
from bot.model.dashboard import DASHBOARD_LABEL
from bot.model.forge import ActivityScope

SCOPE = ActivityScope(PREFIX)
WITH_DASHBOARD = ActivityScope(PREFIX, has_dashboard=True)
ACME = RepositorySelection("acme")


@pytest.fixture
def server(tmp_path):
    """Return a GitLab with two projects in a group. The one in a subgroup has an open merge request of basebump."""
    with GitLabServer(tmp_path / "gitlab") as server:
        server.world.add_token(TOKEN, BOT)
        server.world.add_project("acme/shop/api", FILES, private=True, members={BOT})
        server.world.add_project("acme/web", FILES, members={BOT})
        _propose(server, "acme/shop/api", BRANCH)
        yield server


def _propose(server, name, branch, *, author=BOT):
    project, _ = server.world.find(name)
    project.git.commit(branch, {"Dockerfile": "FROM node:23\n"}, "Newer")
    project.settle()
    return server.world.propose(project, project, branch, server.world.users[author])


def _list(server, *selected, scope=SCOPE, token=TOKEN):
    fleet = open_gitlab_fleet(server.url, token, selected=selected, pause=no_pause)
    return {each.name: each for each in fleet.list_repositories(frozenset(), scope)}


def _list_activities(server, *selected, **options):
    return {name: each.activity for name, each in _list(server, *selected, **options).items()}


def _read(server, name, scope=SCOPE):
    """Return the activity as it is read for one project alone."""
    fleet = open_gitlab_fleet(server.url, TOKEN, selected=[name], pause=no_pause)
    (repository,) = fleet.list_repositories(frozenset())
    return fleet.read_activity(repository, scope)


def _shorten(lines):
    return [line.partition("?")[0] for line in lines]


def test_activities_of_200_projects_are_read_with_two_queries_and_two_account_lists(server):
    for number in range(198):
        server.world.add_project(f"acme/r{number:03}", FILES)
    with server.watched() as lines:
        listed = _list(server, ACME, scope=WITH_DASHBOARD)
    assert _shorten(lines) == ["POST /api/graphql", "POST /api/graphql", "GET /merge_requests", "GET /issues"]
    assert len(listed) == 200
    assert all(each.commit and each.activity for each in listed.values())


def test_one_query_per_fifty_named_projects_and_one_account_list_are_sent(server):
    names = [f"acme/r{number:03}" for number in range(58)]
    for name in names:
        server.world.add_project(name, FILES)
    with server.watched() as lines:
        listed = _list(server, "acme/shop/api", "acme/WEB", *names)
    assert _shorten(lines) == ["POST /api/graphql", "POST /api/graphql", "GET /merge_requests"]
    assert list(listed) == ["acme/shop/api", "acme/web", *names]
    assert all(each.commit and each.activity for each in listed.values())


def test_merge_requests_of_account_are_listed_once_for_all_owners(server):
    for name in ("shop/web", "shop/cart"):
        server.world.add_project(name, FILES)
    with server.watched() as lines:
        assert all(_list_activities(server, ACME, RepositorySelection("shop")).values())
    assert _shorten(lines) == ["POST /api/graphql", "GET /merge_requests", "POST /api/graphql"]


def test_activity_in_project_list_equals_activity_read_for_single_project(server):
    listed = _list_activities(server, ACME)
    assert listed == {name: _read(server, name) for name in listed}


def test_project_list_contains_numbers_of_merge_requests_opened_by_basebump(server):
    _propose(server, "acme/web", OTHER, author="ada")
    _propose(server, "acme/web", "feature")
    web, _ = server.world.find("acme/web")
    fork = server.world.fork(web, BOT)
    fork.git.commit(BRANCH, {"Dockerfile": "FROM node:23\n"}, "Newer")
    server.world.propose(web, fork, BRANCH, server.world.users[BOT])
    listed = _list(server, ACME)
    assert {name: each.listed_requests for name, each in listed.items()} == {
        "acme/shop/api": frozenset({1}),
        "acme/web": frozenset(),
    }


def test_branch_without_merge_request_does_not_change_activity_in_project_list(server):
    before = _list_activities(server, ACME), _read(server, "acme/web")
    server.world.find("acme/web")[0].git.commit(BRANCH, {"Dockerfile": "FROM node:23\n"}, "Newer")
    after = _list_activities(server, ACME), _read(server, "acme/web")
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_activity_hash_changes_when_dashboard_checkbox_is_ticked(server):
    project, _ = server.world.find("acme/web")
    issue = GitLabIssue(1, server.world.users[BOT], "Images", "- [ ] Rebuild all", labels=[DASHBOARD_LABEL])
    project.issues.append(issue)
    before = _list_activities(server, ACME, scope=WITH_DASHBOARD)
    project.issues[:] = [replace(issue, description="- [x] Rebuild all")]
    after = _list_activities(server, ACME, scope=WITH_DASHBOARD)
    assert [name for name in before if before[name] != after[name]] == ["acme/web"]
    assert after["acme/web"] == _read(server, "acme/web", WITH_DASHBOARD)


@pytest.mark.parametrize("graphql", [GraphQL.NONE, GraphQL.OLDER])
@pytest.mark.parametrize("names", [(ACME,), ("acme/shop/api", "acme/web")], ids=["owner", "names"])
def test_rest_lists_yield_same_activity_as_graphql_without_additional_call(server, graphql, names):
    expected = _list_activities(server, *names)
    server.graphql = graphql
    with server.watched() as lines:
        assert _list_activities(server, *names) == expected
    assert _shorten(lines).count("GET /merge_requests") == 1


def test_activity_is_unknown_if_merge_requests_of_account_cannot_be_listed(server):
    server.fail("GET /merge_requests", server.problem(403, "403 Forbidden"), times=2)
    with server.watched() as lines:
        assert set(_list_activities(server, ACME).values()) == {None}
    assert _shorten(lines).count("GET /merge_requests") == 1


def test_activity_is_unknown_if_account_has_too_many_merge_requests(server, monkeypatch):
    monkeypatch.setattr(gitlab_activity, "MAX_LISTED", 1)
    assert None not in _list_activities(server, ACME).values()
    _propose(server, "acme/web", BRANCH)
    assert set(_list_activities(server, ACME).values()) == {None}


def test_project_list_omits_activity_of_single_project_and_without_token(server):
    with server.watched() as lines:
        assert set(_list_activities(server, "acme/web").values()) == {None}
        server.world.add_project("acme/open", FILES)
        assert set(_list_activities(server, "acme/web", "acme/open", token=None).values()) == {None}
    assert "GET /merge_requests" not in _shorten(lines)


def test_projects_missing_in_graphql_response_are_looked_up_by_rest(server):
    project, _ = server.world.find("acme/web")
    project.old_paths.add("acme/site")
    server.world.add_project("acme/going", FILES, marked_for_deletion="2026-12-01")
    with server.watched() as lines:
        listed = _list(server, "acme/site", "acme/shop/api", "acme/going")
    assert {each.configured_name or name for name, each in listed.items()} == {
        "acme/site",
        "acme/shop/api",
        "acme/going",
    }
    assert all(each.commit and each.activity for each in listed.values())
    assert [line for line in lines if line.startswith("GET /projects/acme")] == [
        "GET /projects/acme/site",
        "GET /projects/acme/going",
    ]
