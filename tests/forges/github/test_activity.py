"""The activity of repositories in the lists of a GitHub server, which cost no more requests with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from graphql import FragmentSpreadNode, IntValueNode, SelectionSetNode, parse
from support.forges.contract_scene import BRANCH, PREFIX, propose
from support.forges.fleets import open_github_fleet
from support.forges.github.apps import private_key, public_key
from support.forges.github.graphql import GraphQL
from support.forges.github.scene import FILES
from support.forges.github.server import GitHubServer
from support.forges.github.stand import BOT, PERMISSIONS, TOKEN
from support.forges.hosted_stand import no_pause
from support.forges.server import ForgeReply

from bot.forges.github.activity import parse_activity
from bot.forges.github.server import AppKey
from bot.forges.hosted.catalogue import PAGE
from bot.forges.selection import RepositorySelection
from bot.model.forge import ActivityScope

SCOPE = ActivityScope(PREFIX)
WITH_DASHBOARD = ActivityScope(PREFIX, has_dashboard=True)
ACME = RepositorySelection("acme")


@pytest.fixture
def server(tmp_path):
    """Return github.com with two repositories of one owner, one of which has a branch of basebump."""
    with GitHubServer(tmp_path / "github") as server:
        server.world.add_token(TOKEN, BOT)
        server.world.add_repository("acme/api", FILES, private=True, members={BOT})
        web = server.world.add_repository("acme/web", FILES, members={BOT})
        web.git.commit(BRANCH, {"Dockerfile": "FROM node:22\n"}, "Newer")
        yield server


def _list(server, *selected, scope=SCOPE, credential=TOKEN):
    fleet = open_github_fleet(server.url, credential, selected=selected, pause=no_pause)
    return list(fleet.list_repositories(frozenset(), scope))


def _list_known(server, *selected, **options):
    """Return for each repository whether its tree and its activity are in the list."""
    return {
        each.name: (each.tree is not None, each.activity is not None) for each in _list(server, *selected, **options)
    }


BOTH_KNOWN = {"acme/api": (True, True), "acme/web": (True, True)}
BOTH_UNKNOWN = {"acme/api": (False, False), "acme/web": (False, False)}


def test_listing_activities_of_owner_takes_no_more_api_calls_than_plain_list(server):
    for number in range(198):
        server.world.add_repository(f"acme/r{number:03}", FILES)
    with server.watched() as without:
        assert len(_list(server, ACME, scope=None)) == 200
    with server.watched() as lines:
        listed = _list(server, ACME, scope=WITH_DASHBOARD)
    assert lines == without == ["GET /user", "POST /graphql", "POST /graphql"]
    assert all(each.tree and each.activity for each in listed)


def test_one_query_reads_named_repositories_with_activities(server):
    with server.watched() as lines:
        assert _list_known(server, "acme/api", "acme/web") == BOTH_KNOWN
        assert _list_known(server, "acme/web") == {"acme/web": (True, True)}
    assert lines == ["POST /graphql"] * 2


def test_activities_of_app_repositories_take_no_additional_api_calls(server):
    app = server.world.add_app("bump", public_key())
    server.world.install(app, "acme", {**PERMISSIONS, "issues": "write"})
    key = AppKey(app.id, private_key())
    with server.watched() as lines:
        assert _list_known(server, ACME, credential=key, scope=WITH_DASHBOARD) == BOTH_KNOWN
    assert [line for line in lines if "/app/" not in line and not line.endswith("/app")] == [
        "GET /installation/repositories?per_page=100",
        "POST /graphql",
    ]


def test_repository_is_listed_without_activity_if_activity_cannot_be_read(server):
    app = server.world.add_app("bump", public_key())
    server.world.install(app, "acme", {**PERMISSIONS, "issues": "write"})
    web = server.world.repository("acme/web")
    web.private = True
    forbidden = {"type": "FORBIDDEN", "path": ["nodes", 1, "issues"], "message": "Resource not accessible"}
    node = {"data": {"nodes": [None, None]}, "errors": [forbidden]}
    server.fail("POST /graphql", ForgeReply(200, node))
    key = AppKey(app.id, private_key())
    listed = _list(server, ACME, credential=key, scope=WITH_DASHBOARD)
    assert [each.commit for each in listed] == [
        server.world.repository("acme/api").git.need("main"),
        web.git.need("main"),
    ]
    assert all(each.activity is None for each in listed)


def test_page_size_is_halved_if_query_exceeds_resource_limits(server):
    limit = {"type": "RESOURCE_LIMITS_EXCEEDED", "path": ["repositoryOwner"], "message": "Resource limits exceeded"}
    server.fail("POST /graphql", ForgeReply(200, {"data": {"repositoryOwner": None}, "errors": [limit]}))
    assert _list_known(server, ACME) == BOTH_KNOWN
    sizes = [each.request["variables"]["first"] for each in server.exchanges if each.target == "/graphql"]
    assert sizes == [100, 50]


@pytest.mark.parametrize("names", [(ACME,), ("acme/api", "acme/web")], ids=["owner", "names"])
@pytest.mark.parametrize(
    ("reply", "times"),
    [
        pytest.param(ForgeReply(502, {"message": "Bad Gateway"}), 4, id="too slow"),
        pytest.param(ForgeReply(200, {"data": None, "errors": [{"message": "Resource limits"}]}), 4, id="too large"),
        pytest.param(ForgeReply(403, {"message": "Fine-grained tokens do not support GraphQL"}), 1, id="refused"),
    ],
)
def test_activity_is_unknown_if_server_refuses_the_query(server, names, reply, times):
    server.fail("POST /graphql", reply, times=times if names == (ACME,) else 1)
    assert _list_known(server, *names) == BOTH_UNKNOWN


@pytest.mark.parametrize("graphql", [GraphQL.NONE, GraphQL.OLDER])
def test_activity_is_unknown_if_server_has_older_graphql_or_lacks_graphql(server, graphql):
    server.graphql = graphql
    assert _list_known(server, ACME) == BOTH_UNKNOWN


def test_activity_is_unknown_if_branches_do_not_fit_on_one_page(server):
    web = server.world.repository("acme/web")
    for number in range(PAGE):
        web.git.point(f"refs/heads/{PREFIX}{number}", web.git.need(BRANCH))
    assert _list_known(server, ACME) == {"acme/api": (True, True), "acme/web": (True, False)}


PULL = {"number": 1, "updatedAt": "2026-01-01T00:00:00Z", "headRefName": BRANCH, "headRefOid": "1" * 40}


def _connection(*nodes, has_more=False):
    return {"pageInfo": {"hasNextPage": has_more}, "nodes": nodes}


@pytest.mark.parametrize(
    ("is_known", "changed"),
    [
        pytest.param(True, {}, id="all is there"),
        pytest.param(False, {"refs": None}, id="no branches"),
        pytest.param(False, {"refs": _connection()}, id="a branch is missing"),
        pytest.param(False, {"refs": _connection(None)}, id="a branch cannot be read"),
        pytest.param(False, {"refs": _connection({"name": BRANCH, "target": {"oid": "2" * 40}})}, id="another commit"),
        pytest.param(False, {"pullRequests": _connection(has_more=True)}, id="more pull requests"),
        pytest.param(True, {"issues": _connection(has_more=True)}, id="more issues than asked for"),
    ],
)
def test_activity_is_unknown_if_response_lacks_branch_or_pull_request(is_known, changed):
    node = {
        "refs": _connection({"name": BRANCH, "target": {"oid": "1" * 40}}, {"name": "an/basebump/x", "target": {}}),
        "pullRequests": _connection(PULL | {"isCrossRepository": False}, PULL | {"isCrossRepository": True}),
    }
    assert (parse_activity(node | changed, SCOPE) is not None) is is_known


def test_activity_is_read_with_one_list_each_of_branches_pull_requests_and_issues(github):
    fleet = github.fleet()
    (repository,) = fleet.list_repositories(frozenset(), SCOPE)
    with github.server.watched() as lines:
        fleet.read_activity(repository, SCOPE)
    assert [line.partition("?")[0] for line in lines] == ["GET /repos/acme/web/git/matching-refs/heads/basebump/"]
    propose(github)
    with github.server.watched() as lines:
        fleet.read_activity(repository, WITH_DASHBOARD)
    assert [line.partition("?")[0] for line in lines if line != "GET /user"] == [
        "GET /repos/acme/web/git/matching-refs/heads/basebump/",
        "GET /repos/acme/web/pulls",
        "GET /repos/acme/web/issues",
    ]


@pytest.mark.parametrize(("scope", "points"), [(None, 1), (SCOPE, 3), (WITH_DASHBOARD, 4)])
def test_repository_list_query_costs_documented_rate_limit_points(server, scope, points):
    _list(server, ACME, scope=scope)
    (query,) = [each.request["query"] for each in server.exchanges if each.target == "/graphql"]
    document = parse(query)
    (operation, fragment) = document.definitions
    requests = sum(_count_requests(operation.selection_set, fragment.selection_set, 1))
    assert round(requests / 100) == points


def _count_requests(selections: SelectionSetNode, fragment: SelectionSetNode, times: int) -> Iterator[int]:
    """Yield the requests for each connection, as GitHub counts them: as many as there are parents at most."""
    for each in selections.selections:
        size = times
        if isinstance(each, FragmentSpreadNode):
            yield from _count_requests(fragment, fragment, times)
        for argument in getattr(each, "arguments", None) or ():
            if argument.name.value == "first":
                yield times
                size *= int(argument.value.value) if isinstance(argument.value, IntValueNode) else PAGE
        if getattr(each, "selection_set", None) is not None:
            yield from _count_requests(each.selection_set, fragment, size)
