"""Listing the projects of a group on GitLab: a hundred in one query, or by REST."""

from __future__ import annotations

import pytest
from support.forges.fleets import open_gitlab_fleet
from support.forges.github.scene import FILES
from support.forges.gitlab.graphql import GraphQL
from support.forges.gitlab.server import GitLabServer
from support.forges.gitlab.stand import BOT, TOKEN
from support.forges.hosted_stand import no_pause
from support.forges.server import ForgeReply

from bot.forges.gitlab import catalogue as gitlab_catalogue
from bot.forges.hosted import catalogue as hosted_catalogue
from bot.forges.selection import RepositorySelection
from bot.model.forge import GitRepository
from bot.model.report import RunFailure


@pytest.fixture
def server(tmp_path):
    """Return a GitLab with a group of which three projects can be proposed to, one of them in a subgroup."""
    with GitLabServer(tmp_path / "gitlab") as server:
        server.world.add_token(TOKEN, BOT)
        add = server.world.add_project
        add("acme/web", FILES, topics=("Go", "keep"))
        add("acme/shop/api", FILES, private=True, members={BOT})
        add("acme/shop/cart/api", FILES, default_branch="trunk").git.commit("trunk", {"README.md": "The trunk.\n"})
        add("acme/old", FILES, archived=True)
        add("acme/copy", FILES, is_fork=True)
        add("acme/going", FILES, marked_for_deletion="2026-12-01")
        add("acme/empty", None)
        add("acme/unseen", FILES, private=True)
        add("acme/closed", FILES, shows_code=False)
        add("acmes/web", FILES)
        yield server


EVERY = ["acme/shop/api", "acme/shop/cart/api", "acme/web"]


def _found(server, *selected, only=(), token=TOKEN):
    fleet = open_gitlab_fleet(server.url, token, selected=selected, pause=no_pause)
    return list(fleet.list_repositories(frozenset(only)))


def _names(server, *selected, **more):
    return [each.name if isinstance(each, GitRepository) else each for each in _found(server, *selected, **more)]


def _expected(server, *names):
    projects = [server.world.find(name)[0] for name in names]
    return [
        GitRepository(
            "gitlab",
            each.path,
            each.default_branch,
            head,
            is_selected_by_owner=True,
            host=server.host,
            site=server.host,
            is_public=not each.private,
        )
        for each in projects
        for head in [each.git.need(each.default_branch)]
    ]


def test_one_query_lists_projects_of_group_and_subgroups_with_branch_heads(server):
    with server.watched() as lines:
        found = _found(server, RepositorySelection("acme"))
    assert found == _expected(server, *EVERY)
    assert lines == ["POST /api/graphql"]


@pytest.mark.parametrize("graphql", [GraphQL.NONE, GraphQL.OLDER])
def test_projects_on_older_server_are_listed_by_rest_after_one_failed_query(server, graphql):
    server.graphql = graphql
    with server.watched() as lines:
        found = _found(server, RepositorySelection("acme"), RepositorySelection("acme/shop"))
    assert found == _expected(server, *EVERY)
    assert lines.count("POST /api/graphql") == 1
    assert len([line for line in lines if "/repository/branches/" in line]) == len(EVERY) + 2


def test_files_on_older_server_are_read_in_batches(server):
    server.graphql = GraphQL.OLDER
    fleet = open_gitlab_fleet(
        server.url, TOKEN, selected=[RepositorySelection("acme", include=("web",))], pause=no_pause
    )
    (found,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(found)
    with server.watched() as lines:
        assert len(list(tree.read(list(tree.list_entries())))) == len(FILES)
    assert lines.count("POST /api/graphql") == 1
    assert not any("/repository/blobs/" in line for line in lines)


def test_globs_match_project_path_below_group_and_ignore_case(server):
    assert _names(server, RepositorySelection("acme", include=("api",))) == []
    assert _names(server, RepositorySelection("acme", include=("*/api",))) == ["acme/shop/api"]
    assert _names(server, RepositorySelection("acme", include=("**/API",))) == ["acme/shop/api", "acme/shop/cart/api"]
    assert _names(server, RepositorySelection("acme/shop", include=("api",))) == ["acme/shop/api"]
    assert _names(server, RepositorySelection("ACME", exclude=("shop/**",))) == ["acme/web"]
    assert _names(server, RepositorySelection("acme", topics=("go", "new"))) == ["acme/web"]


def test_project_in_several_selections_is_listed_once(server):
    assert _names(server, "acme/shop/api", RepositorySelection("acme/shop"), RepositorySelection("acme")) == EVERY


@pytest.mark.parametrize("graphql", [GraphQL.WHOLE, GraphQL.NONE])
def test_projects_are_listed_from_all_pages_up_to_limit_of_pages(server, graphql, monkeypatch):
    server.graphql = graphql
    for number in range(205):
        server.world.add_project(f"big/r{number:03}", FILES if number in (0, 100, 204) else None)
    assert _names(server, RepositorySelection("big")) == ["big/r000", "big/r100", "big/r204"]
    for catalogue in (hosted_catalogue, gitlab_catalogue):
        monkeypatch.setattr(catalogue, "MAX_PAGES", 2)
    assert len(_names(server, RepositorySelection("big"))) == 2


def test_page_size_is_halved_after_gateway_error(server):
    server.fail("POST /api/graphql", server.problem(502, "Bad Gateway"))
    assert _names(server, RepositorySelection("acme")) == EVERY
    assert [each.request["variables"]["first"] for each in server.exchanges] == [100, 50]


def _refusal(message):
    return ForgeReply(200, {"errors": [{"message": message}]})


@pytest.mark.parametrize(
    ("reply", "times"),
    [
        pytest.param(ForgeReply(502, {"message": "Bad Gateway"}), 4, id="always too slow"),
        pytest.param(_refusal("Query has complexity of 300, which exceeds max complexity of 250"), 4, id="too complex"),
        pytest.param(_refusal("Timeout on Group.projects"), 4, id="timeout"),
        pytest.param(_refusal("Internal server error"), 1, id="error"),
        pytest.param(ForgeReply(200, {"data": None}), 1, id="nothing"),
        pytest.param(ForgeReply(200, {"data": {"owner": {"projects": None}}}), 1, id="no projects"),
        pytest.param(ForgeReply(200, []), 1, id="no object"),
        pytest.param(ForgeReply(200, b"hello"), 1, id="no JSON"),
        pytest.param(ForgeReply(403, {"error": "insufficient_scope"}), 1, id="token"),
        pytest.param(None, 1, id="no answer"),
    ],
)
def test_projects_of_group_are_listed_by_rest_if_graphql_query_fails(server, reply, times):
    server.fail("POST /api/graphql", reply, times=times)
    assert _names(server, RepositorySelection("acme")) == EVERY
    assert any(line.startswith("GET /groups/acme/projects") for line in server.lines)


def test_personal_projects_of_user_are_listed_only_if_token_has_access(server):
    server.world.add_project(f"{BOT}/private", FILES, private=True, members={BOT})
    server.world.add_project("ada/tools", FILES)
    server.world.add_project("ada/private", FILES, private=True, members={"ada"})
    server.world.add_project("ada/copy", FILES, is_fork=True)
    assert _names(server, RepositorySelection(BOT)) == [f"{BOT}/private"]
    assert not any("/users/" in line for line in server.lines)
    assert _names(server, RepositorySelection("ada")) == ["ada/tools"]
    assert any(line.startswith("GET /users/ada/projects") for line in server.lines)


@pytest.mark.parametrize("graphql", [GraphQL.WHOLE, GraphQL.NONE])
@pytest.mark.parametrize("owner", ["nobody", "acme/nobody"])
def test_missing_owner_is_reported_as_failure(server, graphql, owner):
    server.graphql = graphql
    (failed,) = _found(server, RepositorySelection(owner))
    assert isinstance(failed, RunFailure)
    assert failed.subject == owner
    assert "check the name" in failed.error


def test_owner_without_requested_projects_causes_no_api_call(server):
    assert _names(server, RepositorySelection("acme"), only=["acmes/web"]) == []
    assert server.lines == []


def test_requested_projects_are_looked_up_by_name_and_must_match_selection(server):
    only = ["acme/WEB", "acme/old", "acme/going", "acme/shop/api", "acme/nowhere"]
    assert _names(server, RepositorySelection("acme", exclude=("shop/*",)), only=only) == ["acme/web"]
    assert not any("/groups/" in line for line in server.lines)
    (query,) = [each.request for each in server.exchanges if each.request]
    assert sorted(query["variables"]["names"]) == sorted(each.lower() for each in only)


def test_unreadable_project_of_group_is_reported_and_others_are_listed(server):
    server.graphql = GraphQL.NONE
    server.fail(r"GET /projects/\d+/repository/branches/trunk", server.problem(403, "403 Forbidden"))
    first, failed, last = _names(server, RepositorySelection("acme"))
    assert (first, failed.subject, last) == ("acme/shop/api", "acme/shop/cart/api", "acme/web")
    server.fail("GET /projects/acme/web$", server.problem(403, "403 Forbidden"))
    (failed,) = _names(server, RepositorySelection("acme"), only=["acme/web"])
    assert failed.subject == "acme"


def test_tree_of_project_from_group_is_requested_by_project_id(server):
    fleet = open_gitlab_fleet(server.url, TOKEN, selected=[RepositorySelection("acme/shop/cart")], pause=no_pause)
    (found,) = fleet.list_repositories(frozenset())
    assert {each.path for each in fleet.open_tree(found).list_entries()} == {*FILES, "README.md"}
    number = server.world.find(found.name)[0].id
    assert server.lines[-1].startswith(f"GET /projects/{number}/repository/tree")


# Who can read them


@pytest.mark.parametrize("graphql", [GraphQL.WHOLE, GraphQL.NONE])
def test_internal_project_is_not_public(server, graphql):
    server.graphql = graphql
    server.world.add_project("acme/inner", FILES, internal=True)
    found = {each.name: each.is_public for each in _found(server, RepositorySelection("acme"), "acme/inner")}
    assert found == dict.fromkeys(["acme/inner", "acme/shop/api"], False) | dict.fromkeys(EVERY[1:], True)
