"""The projects and files of a GitLab server, and the requests that read them."""

from __future__ import annotations

import json

import pytest
import responses
from support.forges.contract_scene import BRANCH, CHANGES, PREFIX, message_of, proposal
from support.forges.fleets import open_gitlab_fleet
from support.forges.github.scene import FILES
from support.forges.gitlab.server import GitLabServer
from support.forges.gitlab.stand import BOT, TOKEN, GitLabStand
from support.forges.hosted_stand import no_pause
from support.listener import HttpListener, HttpReply

from bot.forges.gitlab import connection as gitlab_connection
from bot.forges.gitlab import tree as gitlab_tree
from bot.model.errors import TreeError
from bot.model.forge import GitRepository


@pytest.fixture
def server(tmp_path):
    """Return a GitLab with nothing on it."""
    with GitLabServer(tmp_path / "gitlab") as server:
        server.world.add_token(TOKEN, BOT)
        yield server


def _fleet(server, *names, token=TOKEN):
    return open_gitlab_fleet(server.url, token, selected=names, pause=no_pause)


def _names(server, *names, only=(), token=TOKEN):
    found = _fleet(server, *names, token=token).list_repositories(frozenset(only))
    return [each.name if isinstance(each, GitRepository) else each for each in found]


# Projects


def test_finding_named_project_takes_two_api_calls(server):
    project = server.world.add_project("acme/shop/web", FILES)
    head = project.git.need("main")
    assert list(_fleet(server, "acme/shop/web").list_repositories(frozenset())) == [
        GitRepository("gitlab", "acme/shop/web", "main", head, host=server.host, site=server.host, is_public=True)
    ]
    assert server.lines == [
        "GET /projects/acme/shop/web",
        f"GET /projects/{project.id}/repository/branches/main",
    ]


def test_project_is_found_by_path_from_before_move(server):
    project = server.world.add_project("acme/shop/web", FILES, old_paths={"acme/web"})
    fleet = _fleet(server, "acme/web")
    (found,) = fleet.list_repositories(frozenset())
    assert (found.name, found.configured_name) == ("acme/shop/web", "acme/web")
    fleet.get_forge(found).push(BRANCH, CHANGES, message_of(), None)
    assert BRANCH in project.git.branches()


def test_server_url_with_path_is_supported(tmp_path):
    stand = GitLabStand(tmp_path / "gitlab", FILES, below="/git")
    (found,) = stand.fleet().list_repositories(frozenset())
    stand.forge().push(BRANCH, CHANGES, message_of(), None)
    assert stand.forge().open(proposal()).url == f"{stand.server.url}/acme/shop/web/-/merge_requests/1"
    assert (found.commit, found.host) == (stand.branches()["main"], None)
    stand.end()


# Trees


def test_listing_tree_takes_one_api_call_per_page_and_reading_file_takes_one(gitlab):
    gitlab.commit("main", {f"many/{number:03}": "x" for number in range(150)})
    fleet = gitlab.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    with gitlab.server.watched() as lines:
        tree = fleet.open_tree(repository)
        entries = {entry.path: entry for entry in tree.list_entries()}
        assert tree.is_complete
        assert list(tree.read([entries["app/Dockerfile"]])) == [b"FROM node:22\r\n"]
    assert len(entries) == 150 + len(FILES)
    assert len(lines) == 2 + 1
    assert all("pagination=keyset" in line for line in lines[:2])
    assert "page_token=" in lines[1]


def test_tree_is_marked_as_incomplete_if_entries_exceed_limit(gitlab, monkeypatch):
    for most in ("ENTRIES_BY_API", "MAX_ENTRIES"):
        monkeypatch.setattr(gitlab_tree, most, 3)
    gitlab.server.has_git = False
    fleet = gitlab.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    assert len(list(tree.list_entries())) < len(FILES)
    assert not tree.is_complete


def test_file_above_size_limit_yields_tree_error_and_others_are_read(gitlab, monkeypatch):
    monkeypatch.setattr(gitlab_connection, "MAX_ANSWER", 20_000)
    gitlab.commit("main", {"large": "x" * 30_000})
    fleet = gitlab.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    entries = {entry.path: entry for entry in tree.list_entries()}
    large, small = tree.read([entries["large"], entries["Dockerfile"]])
    assert isinstance(large, TreeError)
    assert "more than 20000 bytes" in str(large)
    assert small == b"FROM python:3.12-slim\n"


# What goes over the wire


@responses.activate
def test_run_without_configured_url_contacts_gitlab_com_with_private_token():
    responses.get("https://gitlab.com/api/v4/projects/acme%2Fshop%2Fweb", status=404, json={"message": "Not Found"})
    (failed,) = open_gitlab_fleet(token=TOKEN, selected=["acme/shop/web"]).list_repositories(frozenset())
    assert failed.subject == "acme/shop/web"
    (call,) = responses.calls
    assert call.request.headers["PRIVATE-TOKEN"] == TOKEN
    assert call.request.headers["User-Agent"].startswith("basebump/")
    assert "Authorization" not in call.request.headers
    assert call.request.req_kwargs["timeout"] == gitlab_connection.TIMEOUT


def test_request_of_run_without_token_has_no_credential(server):
    server.world.add_project("acme/web", FILES)
    assert _names(server, "acme/web", token=None) == ["acme/web"]
    assert not any({"private-token", "authorization"} & each.headers.keys() for each in server.exchanges)


def test_login_in_netrc_is_not_sent(server, isolated_home):
    (isolated_home / ".netrc").write_text("machine 127.0.0.1 login ada password secret\n")
    (isolated_home / ".netrc").chmod(0o600)
    server.world.add_project("acme/web", FILES)
    _names(server, "acme/web", token=None)
    assert not any("authorization" in each.headers for each in server.exchanges)


def test_redirect_to_other_host_is_not_followed(server):
    with HttpListener(lambda _: HttpReply()) as evil:
        reply = server.reply(None)
        moved = type(reply)(302, None, {"Location": f"{evil.url}/api/v4/projects/1"})
        server.fail("GET /projects/acme/web", moved, times=9)
        (failed,) = _names(server, "acme/web")
    assert evil.received == []
    assert "another host" in failed.error


def test_next_page_is_read_from_configured_host_if_link_names_other_host(gitlab):
    main = gitlab.git.need("main")
    lines = "".join(f"create refs/heads/basebump/b{number:03} {main}\n" for number in range(120))
    gitlab.git.run("update-ref", "--stdin", stdin=lines.encode())
    with HttpListener(lambda _: HttpReply()) as evil:
        path = f"/projects/{gitlab.project.id}/repository/branches"
        page = gitlab.server.reply_of(path)
        link = f'<{evil.url}/api/v4{path}?page=2&per_page=100&search=%5Ebasebump%2F>; rel="next"'
        gitlab.server.fail(r"GET .*/branches\?", type(page)(200, page.body, {"Link": link}))
        seen = gitlab.forge().list_requests(PREFIX, frozenset())
    assert evil.received == []
    assert any("/branches?page=2" in line for line in gitlab.server.lines)
    assert seen


@responses.activate
def test_certificate_of_server_is_verified_with_configured_ca(tmp_path):
    responses.get("https://gitlab.example/api/v4/projects/a%2Fb", body=json.dumps({"message": "No"}), status=404)
    ca = tmp_path / "ca.pem"
    list(open_gitlab_fleet("https://gitlab.example", TOKEN, selected=["a/b"], ca=ca).list_repositories(frozenset()))
    (call,) = responses.calls
    assert call.request.req_kwargs["verify"] == str(ca)


@responses.activate
def test_certificate_of_server_is_verified_with_ca_in_ssl_cert_file(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ssl/company.pem")
    responses.get("https://gitlab.example/api/v4/projects/a%2Fb", body=json.dumps({"message": "No"}), status=404)
    list(open_gitlab_fleet("https://gitlab.example", TOKEN, selected=["a/b"]).list_repositories(frozenset()))
    (call,) = responses.calls
    assert call.request.req_kwargs["verify"] == "/etc/ssl/company.pem"


def test_invalid_server_url_is_reported_as_failure():
    (failed,) = open_gitlab_fleet("https://git lab.example", TOKEN, selected=["a/b"], pause=no_pause).list_repositories(
        frozenset()
    )
    assert "plain ASCII" in failed.error
