"""Listing the repositories of a GitHub server: a hundred in one query, or by REST."""

from __future__ import annotations

import pytest
from support.forges.fleets import open_github_fleet
from support.forges.github.apps import private_key, public_key
from support.forges.github.graphql import GraphQL
from support.forges.github.scene import FILES
from support.forges.github.server import GitHubServer
from support.forges.github.stand import BOT, PERMISSIONS, TOKEN
from support.forges.hosted_stand import no_pause
from support.forges.server import Reply

from bot.forges.github.server import AppKey
from bot.forges.selection import RepositorySelection
from bot.model.forge import GitRepository
from bot.model.report import RunFailure


@pytest.fixture
def server(tmp_path):
    """Return github.com with four repositories of one owner, of which two can be proposed to."""
    with GitHubServer(tmp_path / "github") as server:
        server.world.add_token(TOKEN, BOT)
        add = server.world.add_repository
        add("acme/web", FILES, topics=("go", "keep"))
        add("acme/api", FILES, private=True, members={BOT})
        add("acme/old", FILES, archived=True)
        add("acme/empty", None)
        yield server


OLDER = [GraphQL.NONE, GraphQL.OLDER]


def _found(server, *selected, only=(), credential=TOKEN):
    fleet = open_github_fleet(server.url, credential, selected=selected, pause=no_pause)
    return list(fleet.list_repositories(frozenset(only)))


def _expected(server, *names, **more):
    listed = [server.world.repositories[name] for name in names]
    return [
        GitRepository(
            "github",
            each.name,
            "main",
            each.git.need("main"),
            host=server.host,
            site=server.host,
            is_public=not each.private,
            **more,
        )
        for each in listed
    ]


# By owner


def test_the_repositories_of_an_owner_and_where_they_point_take_one_request(server):
    with server.watched() as lines:
        found = _found(server, RepositorySelection("acme"))
    assert found == _expected(server, "acme/api", "acme/web", is_selected_by_owner=True)
    assert lines == ["GET /user", "POST /graphql"]


@pytest.mark.parametrize("graphql", OLDER)
def test_an_older_server_tells_the_same_in_more_requests_and_is_asked_once_for_what_it_does_not_have(server, graphql):
    server.graphql = graphql
    selected = [RepositorySelection("acme"), RepositorySelection("acme", topics=("go",))]
    with server.watched() as lines:
        found = _found(server, *selected)
    assert found == _expected(server, "acme/api", "acme/web", is_selected_by_owner=True)
    assert lines.count("POST /graphql") == 1
    assert "GET /repos/acme/web/git/ref/heads/main" in lines


def test_pages_follow_each_other_to_the_last(server):
    for number in range(101):
        server.world.add_repository(f"acme/r{number:03}", FILES if number in (0, 100) else None)
    with server.watched() as lines:
        names = [each.name for each in _found(server, RepositorySelection("acme"))]
    assert names == ["acme/api", "acme/r000", "acme/r100", "acme/web"]
    assert lines.count("POST /graphql") == 2


def test_a_slow_server_is_asked_for_fewer_at_once(server):
    server.fail("POST /graphql", server.problem(502, "Bad Gateway"))
    assert len(_found(server, RepositorySelection("acme"))) == 2
    sizes = [each.request["variables"]["first"] for each in server.exchanges if each.target == "/graphql"]
    assert sizes == [100, 50]


def _refusal(**problem):
    return Reply(200, {"data": None, "errors": [problem]})


@pytest.mark.parametrize(
    ("reply", "times"),
    [
        pytest.param(Reply(502, {"message": "Bad Gateway"}), 4, id="always too slow"),
        pytest.param(_refusal(message="Something went wrong while executing your query."), 4, id="timeout"),
        pytest.param(_refusal(type="FORBIDDEN", message="Resource protected by SAML enforcement."), 1, id="forbidden"),
        pytest.param(_refusal(type="RATE_LIMITED", message="API rate limit exceeded"), 1, id="limit used up"),
        pytest.param(None, 1, id="no answer"),
        pytest.param(Reply(403, {"message": "Fine-grained tokens do not support GraphQL"}), 1, id="token"),
    ],
)
def test_where_graphql_refuses_rest_is_asked(server, reply, times):
    server.fail("POST /graphql", reply, times=times)
    found = _found(server, RepositorySelection("acme"))
    assert [each.name for each in found] == ["acme/api", "acme/web"]
    assert any(line.startswith("GET /orgs/acme/repos") for line in server.lines)


def test_an_owner_that_graphql_does_not_know_is_explained_by_rest(server):
    (failed,) = _found(server, RepositorySelection("nobody"))
    assert (failed.subject, "check the name" in failed.error) == ("nobody", True)


def test_the_own_private_repositories_of_a_person_are_in_the_list(server):
    server.world.add_repository(f"{BOT}/private", FILES, owner="User", private=True)
    server.world.add_repository("grace/private", FILES, owner="User", private=True)
    assert [each.name for each in _found(server, RepositorySelection(BOT), RepositorySelection("grace"))] == [
        f"{BOT}/private"
    ]


# Of an App


@pytest.fixture
def key(server):
    app = server.world.add_app("bump", public_key())
    server.world.install(app, "acme", PERMISSIONS, only=frozenset({"web", "api", "old"}))
    return AppKey(app.id, private_key())


def test_what_an_installation_includes_and_where_it_points_take_two_requests(server, key):
    with server.watched() as lines:
        found = _found(server, RepositorySelection("acme"), credential=key)
    assert found == _expected(server, "acme/api", "acme/web", is_selected_by_owner=True)
    asked = [line for line in lines if not line.partition(" ")[2].startswith("/app")]
    assert asked == ["GET /installation/repositories?per_page=100", "POST /graphql"]


@pytest.mark.parametrize("fault", [None, "POST /graphql"])
def test_without_graphql_an_app_asks_each_repository_where_it_points(server, key, fault):
    if fault is None:
        server.graphql = GraphQL.NONE
    else:
        server.fail(fault, server.problem(403, "No"))
    assert _found(server, RepositorySelection("acme"), credential=key) == _expected(
        server, "acme/api", "acme/web", is_selected_by_owner=True
    )


def test_a_slow_server_is_asked_for_half_of_an_apps_repositories(server, key):
    server.world.installations[0].only = None
    for number in range(20):
        server.world.add_repository(f"acme/r{number:02}", FILES)
    server.fail("POST /graphql", server.problem(504, "Gateway Timeout"))
    assert len(_found(server, RepositorySelection("acme"), credential=key)) == 22
    sizes = [len(each.request["variables"]["ids"]) for each in server.exchanges if each.target == "/graphql"]
    assert sizes == [23, 11, 12]


# By name


def test_several_names_take_one_request_and_what_is_wrong_with_one_is_explained_by_rest(server):
    with server.watched() as lines:
        web, nowhere, api = _found(server, "acme/web", "acme/nowhere", "acme/api")
    assert [web, api] == _expected(server, "acme/web", "acme/api")
    assert isinstance(nowhere, RunFailure)
    assert lines == ["POST /graphql", "GET /repos/acme/nowhere"]


def test_what_graphql_tells_in_another_shape_is_explained_by_rest_too(server):
    server.fail("POST /graphql", Reply(200, {"data": {"r0": {"nameWithOwner": "acme/web"}, "r1": None}}))
    assert _found(server, "acme/web", "acme/api") == _expected(server, "acme/web", "acme/api")


@pytest.mark.parametrize("graphql", list(GraphQL))
@pytest.mark.parametrize("names", [("acme/site",), ("acme/site", "acme/web")])
def test_a_repository_that_was_renamed_is_found_by_its_old_name_and_says_so(server, graphql, names):
    server.graphql = graphql
    server.world.add_repository("acme/site", FILES)
    server.world.rename("acme/site", "acme/homepage")
    found, *_ = _found(server, *names)
    assert (found.name, found.configured_name) == ("acme/homepage", "acme/site")
    found, *_ = _found(server, *names, only=["acme/site"])
    assert found.name == "acme/homepage"


def test_a_repository_that_has_moved_to_another_owner_is_found(server):
    server.world.add_repository("grace/site", FILES, owner="User")
    server.world.rename("grace/site", "acme/site")
    (found,) = _found(server, "grace/site")
    assert (found.name, found.configured_name) == ("acme/site", "grace/site")


def test_a_name_that_was_given_twice_by_a_rename_is_offered_once(server):
    server.world.rename("acme/web", "acme/homepage")
    assert [each.name for each in _found(server, "acme/web", "acme/homepage")] == ["acme/homepage"]
