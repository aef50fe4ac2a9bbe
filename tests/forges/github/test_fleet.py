"""The repositories and files of a GitHub server, and the requests that read them."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
import responses
from support.forges.fleets import open_github_fleet
from support.forges.github.graphql import GraphQL
from support.forges.github.scene import FILES
from support.forges.github.server import GitHubServer
from support.forges.github.stand import BOT, TOKEN
from support.forges.hosted_stand import no_pause

from bot.forges.github import tree as github_tree
from bot.forges.github.server import _get_clone_host
from bot.forges.selection import RepositorySelection
from bot.model.forge import GitRepository
from bot.model.report import RunFailure


@pytest.fixture
def server(tmp_path):
    """Return github.com with nothing on it."""
    with GitHubServer(tmp_path / "github") as server:
        server.world.add_token(TOKEN, BOT)
        yield server


def _fleet(server, *selected, token=TOKEN):
    return open_github_fleet(server.url, token, selected=selected, pause=no_pause)


def _names(server, *selected, only=(), token=TOKEN):
    found = _fleet(server, *selected, token=token).list_repositories(frozenset(only))
    return [each.name if isinstance(each, GitRepository) else each for each in found]


def get_host(server) -> str:
    return urlsplit(server.url).netloc


@pytest.mark.parametrize(
    ("api", "host"),
    [
        ("https://api.github.com", "github.com"),
        ("https://ghe.example.com/api/v3", "ghe.example.com"),
        ("https://API.Example.com:8443/api/v3", "api.example.com:8443"),
        ("https://api.acme.ghe.com", "acme.ghe.com"),
    ],
)
def test_clone_host_is_derived_from_api_url(api, host):
    assert _get_clone_host(api) == host


# Repositories by name


def test_finding_named_repository_takes_two_api_calls(server):
    repository = server.world.add_repository("acme/web", FILES)
    head = repository.git.need("main")
    assert list(_fleet(server, "acme/web").list_repositories(frozenset())) == [
        GitRepository("github", "acme/web", "main", head, host=get_host(server), site=get_host(server), is_public=True)
    ]
    assert server.lines == ["GET /repos/acme/web", "GET /repos/acme/web/git/ref/heads/main"]


def test_owner_without_requested_repositories_causes_no_api_call(server):
    server.world.add_repository("acme/web", FILES)
    assert _names(server, RepositorySelection("acme"), only=["other/web"]) == []
    assert server.lines == []


# Repositories by owner


def test_archived_disabled_forked_and_empty_repositories_are_not_listed(server):
    add = server.world.add_repository
    add("acme/web", FILES)
    add("acme/api", FILES, private=True, members={BOT})
    add("acme/old", FILES, archived=True)
    add("acme/locked", FILES, disabled=True)
    add("acme/copy", FILES, fork=True)
    add("acme/empty", None)
    add("acme/secret", FILES, private=True)
    add("others/web", FILES)
    assert _names(server, RepositorySelection("acme")) == ["acme/api", "acme/web"]


def test_repositories_are_selected_by_name_globs_and_topics(server):
    for name, topics in {"web-a": ("go",), "web-b": ("go", "keep"), "web-old": ("keep",), "api": ("keep",)}.items():
        server.world.add_repository(f"acme/{name}", FILES, topics=topics)
    assert _names(server, RepositorySelection("acme", include=("web-*",))) == [
        "acme/web-a",
        "acme/web-b",
        "acme/web-old",
    ]
    assert _names(server, RepositorySelection("acme", include=("web-*", "api"), exclude=("*-old", "*-a"))) == [
        "acme/api",
        "acme/web-b",
    ]
    assert _names(server, RepositorySelection("acme", include=("WEB-*",), exclude=("Web-Old",))) == [
        "acme/web-a",
        "acme/web-b",
    ]
    assert _names(server, RepositorySelection("acme", topics=("keep", "new"))) == [
        "acme/api",
        "acme/web-b",
        "acme/web-old",
    ]


def test_repositories_on_all_pages_of_organization_are_listed(server):
    for number in range(101):
        server.world.add_repository(f"acme/r{number:03}", None if number else FILES, archived=number > 0)
    server.world.add_repository("acme/the-last", FILES)
    assert _names(server, RepositorySelection("acme")) == ["acme/r000", "acme/the-last"]


def test_private_repositories_of_user_are_listed_only_for_token_owner(server):
    server.world.add_repository(f"{BOT}/private", FILES, owner="User", private=True)
    server.world.add_repository(f"{BOT}/public", FILES, owner="User")
    server.world.add_token("ghp_another", "another")
    assert _names(server, RepositorySelection(BOT)) == [f"{BOT}/private", f"{BOT}/public"]
    assert _names(server, RepositorySelection(BOT), token="ghp_another") == [f"{BOT}/public"]


def test_app_lists_private_repositories_of_installing_user(server):
    server.world.add_repository("grace/private", FILES, owner="User", private=True)
    server.world.add_repository("acme/web", FILES)
    server.world.add_token("ghs_app", "bump", is_app=True)
    assert _names(server, RepositorySelection("grace"), token="ghs_app") == ["grace/private"]


def test_missing_owner_is_reported_as_failure(server):
    (failed,) = _names(server, RepositorySelection("nobody"))
    assert isinstance(failed, RunFailure)
    assert failed.subject == "nobody"


def test_requested_repositories_are_looked_up_by_name_and_must_match_selection(server):
    server.world.add_repository("acme/web", FILES)
    server.world.add_repository("acme/old", FILES, archived=True)
    selection = RepositorySelection("acme", exclude=("api",))
    assert _names(server, selection, only=["acme/web", "acme/old", "acme/api", "acme/nowhere"]) == ["acme/web"]
    assert not any("/orgs/" in line for line in server.lines)


def test_unreadable_repository_of_owner_is_reported_and_others_are_listed(server):
    for name in ("acme/api", "acme/web"):
        server.world.add_repository(name, FILES)
    server.graphql = GraphQL.NONE
    server.fail("GET /repos/acme/api/git/ref/", server.problem(403, "No"))
    api, web = _names(server, RepositorySelection("acme"))
    assert (api.subject, web) == ("acme/api", "acme/web")
    server.fail("GET /repos/acme/api$", server.problem(403, "No"))
    (failed,) = _names(server, RepositorySelection("acme"), only=["acme/api"])
    assert failed.subject == "acme"


# Trees


def test_listing_tree_takes_one_api_call_and_reading_file_takes_another(github):
    fleet = github.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    with github.server.watched() as lines:
        tree = fleet.open_tree(repository)
        entries = {entry.path: entry for entry in tree.list_entries()}
        assert tree.is_complete
        assert list(tree.read([entries["app/Dockerfile"]])) == [b"FROM node:22\r\n"]
    assert entries["app/Dockerfile"].size == 14
    assert len(lines) == 2


def test_truncated_tree_is_listed_folder_by_folder(github):
    github.repository.truncate_at = 2
    fleet = github.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    assert {entry.path for entry in tree.list_entries()} == FILES.keys()
    assert tree.is_complete


def test_tree_is_marked_as_incomplete_if_allowed_requests_are_not_enough(github, monkeypatch):
    monkeypatch.setattr(github_tree, "MAX_TREE_REQUESTS", 2)
    github.repository.truncate_at = 1
    fleet = github.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    assert {entry.path for entry in tree.list_entries()} == {"Dockerfile"}
    assert not tree.is_complete


# What goes over the wire


@responses.activate
def test_request_to_github_com_has_tested_api_version_and_token():
    responses.get("https://api.github.com/repos/acme/web", status=404, json={"message": "Not Found"})
    fleet = open_github_fleet(credential=TOKEN, selected=["acme/web"])
    (failed,) = fleet.list_repositories(frozenset())
    assert failed.subject == "acme/web"
    (call,) = responses.calls
    assert call.request.headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert call.request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert call.request.headers["User-Agent"].startswith("basebump/")


@responses.activate
def test_next_page_link_to_other_host_is_not_followed():
    evil = {"Link": '<https://evil.example/steal?page=2>; rel="next"'}
    responses.get("https://ghe.example/api/v3/users/acme", json={"type": "Organization", "login": "acme"})
    responses.get("https://ghe.example/api/v3/orgs/acme/repos", body=json.dumps([{}]), headers=evil)
    fleet = open_github_fleet(
        "https://ghe.example/api/v3", TOKEN, selected=[RepositorySelection("acme")], pause=no_pause
    )
    (failed,) = fleet.list_repositories(frozenset())
    assert failed.subject == "acme"
    assert all("evil" not in call.request.url for call in responses.calls)


@responses.activate
def test_certificate_of_enterprise_server_is_verified_with_configured_ca(tmp_path):
    responses.get("https://ghe.example/api/v3/repos/acme/web", status=404, json={"message": "Not Found"})
    ca = tmp_path / "ca.pem"
    fleet = open_github_fleet("https://ghe.example/api/v3", TOKEN, selected=["acme/web"], ca=ca)
    list(fleet.list_repositories(frozenset()))
    (call,) = responses.calls
    assert call.request.req_kwargs["verify"] == str(ca)
