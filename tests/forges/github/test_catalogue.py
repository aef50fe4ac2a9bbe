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
from support.forges.server import ForgeReply

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


def test_one_query_lists_repositories_of_owner_with_branch_heads(server):
    with server.watched() as lines:
        found = _found(server, RepositorySelection("acme"))
    assert found == _expected(server, "acme/api", "acme/web", is_selected_by_owner=True)
    assert lines == ["GET /user", "POST /graphql"]


@pytest.mark.parametrize("graphql", OLDER)
def test_repositories_on_older_server_are_listed_by_rest_after_one_failed_query(server, graphql):
    server.graphql = graphql
    selected = [RepositorySelection("acme"), RepositorySelection("acme", topics=("go",))]
    with server.watched() as lines:
        found = _found(server, *selected)
    assert found == _expected(server, "acme/api", "acme/web", is_selected_by_owner=True)
    assert lines.count("POST /graphql") == 1
    assert "GET /repos/acme/web/git/ref/heads/main" in lines


def test_repositories_on_all_pages_of_owner_are_listed(server):
    for number in range(101):
        server.world.add_repository(f"acme/r{number:03}", FILES if number in (0, 100) else None)
    with server.watched() as lines:
        names = [each.name for each in _found(server, RepositorySelection("acme"))]
    assert names == ["acme/api", "acme/r000", "acme/r100", "acme/web"]
    assert lines.count("POST /graphql") == 2


def test_page_size_is_halved_after_gateway_error(server):
    server.fail("POST /graphql", server.problem(502, "Bad Gateway"))
    assert len(_found(server, RepositorySelection("acme"))) == 2
    sizes = [each.request["variables"]["first"] for each in server.exchanges if each.target == "/graphql"]
    assert sizes == [100, 50]


def _refusal(**problem):
    return ForgeReply(200, {"data": None, "errors": [problem]})


@pytest.mark.parametrize(
    ("reply", "times"),
    [
        pytest.param(ForgeReply(502, {"message": "Bad Gateway"}), 4, id="always too slow"),
        pytest.param(_refusal(message="Something went wrong while executing your query."), 4, id="timeout"),
        pytest.param(_refusal(type="FORBIDDEN", message="Resource protected by SAML enforcement."), 1, id="forbidden"),
        pytest.param(_refusal(type="RATE_LIMITED", message="API rate limit exceeded"), 1, id="limit used up"),
        pytest.param(None, 1, id="no answer"),
        pytest.param(ForgeReply(403, {"message": "Fine-grained tokens do not support GraphQL"}), 1, id="token"),
    ],
)
def test_repositories_of_owner_are_listed_by_rest_if_graphql_query_fails(server, reply, times):
    server.fail("POST /graphql", reply, times=times)
    found = _found(server, RepositorySelection("acme"))
    assert [each.name for each in found] == ["acme/api", "acme/web"]
    assert any(line.startswith("GET /orgs/acme/repos") for line in server.lines)


def test_unknown_owner_is_reported_as_failure_with_hint(server):
    (failed,) = _found(server, RepositorySelection("nobody"))
    assert (failed.subject, "check the name" in failed.error) == ("nobody", True)


def test_private_repositories_of_user_are_listed_only_for_token_owner(server):
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


def test_listing_repositories_of_installation_with_heads_takes_two_api_calls(server, key):
    with server.watched() as lines:
        found = _found(server, RepositorySelection("acme"), credential=key)
    assert found == _expected(server, "acme/api", "acme/web", is_selected_by_owner=True)
    asked = [line for line in lines if not line.partition(" ")[2].startswith("/app")]
    assert asked == ["GET /installation/repositories?per_page=100", "POST /graphql"]


@pytest.mark.parametrize("fault", [None, "POST /graphql"])
def test_app_reads_branch_heads_by_rest_if_graphql_fails(server, key, fault):
    if fault is None:
        server.graphql = GraphQL.NONE
    else:
        server.fail(fault, server.problem(403, "No"))
    assert _found(server, RepositorySelection("acme"), credential=key) == _expected(
        server, "acme/api", "acme/web", is_selected_by_owner=True
    )


def test_batch_of_app_repositories_is_halved_after_gateway_error(server, key):
    server.world.installations[0].only = None
    for number in range(20):
        server.world.add_repository(f"acme/r{number:02}", FILES)
    server.fail("POST /graphql", server.problem(504, "Gateway Timeout"))
    assert len(_found(server, RepositorySelection("acme"), credential=key)) == 22
    sizes = [len(each.request["variables"]["ids"]) for each in server.exchanges if each.target == "/graphql"]
    assert sizes == [23, 11, 12]


# By name


def test_one_query_reads_named_repositories_and_rest_confirms_missing_repository(server):
    with server.watched() as lines:
        web, nowhere, api = _found(server, "acme/web", "acme/nowhere", "acme/api")
    assert [web, api] == _expected(server, "acme/web", "acme/api")
    assert isinstance(nowhere, RunFailure)
    assert lines == ["POST /graphql", "GET /repos/acme/nowhere"]


def test_named_repositories_are_read_by_rest_if_graphql_response_is_malformed(server):
    server.fail("POST /graphql", ForgeReply(200, {"data": {"r0": {"nameWithOwner": "acme/web"}, "r1": None}}))
    assert _found(server, "acme/web", "acme/api") == _expected(server, "acme/web", "acme/api")


@pytest.mark.parametrize("graphql", list(GraphQL))
@pytest.mark.parametrize("names", [("acme/site",), ("acme/site", "acme/web")])
def test_repository_is_found_by_name_from_before_rename(server, graphql, names):
    server.graphql = graphql
    server.world.add_repository("acme/site", FILES)
    server.world.rename("acme/site", "acme/homepage")
    found, *_ = _found(server, *names)
    assert (found.name, found.configured_name) == ("acme/homepage", "acme/site")
    found, *_ = _found(server, *names, only=["acme/site"])
    assert found.name == "acme/homepage"


def test_repository_is_found_by_name_from_before_transfer_to_other_owner(server):
    server.world.add_repository("grace/site", FILES, owner="User")
    server.world.rename("grace/site", "acme/site")
    (found,) = _found(server, "grace/site")
    assert (found.name, found.configured_name) == ("acme/site", "grace/site")


def test_repository_configured_by_old_and_new_name_is_listed_once(server):
    server.world.rename("acme/web", "acme/homepage")
    assert [each.name for each in _found(server, "acme/web", "acme/homepage")] == ["acme/homepage"]
