"""The fake GitHub of the tests: it refuses the same requests as GitHub, and detects invalid ones."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
import requests
from support.forges.github.contract import violations
from support.forges.github.server import GitHubServer
from support.git import ADA

BRANCH = "feature"


@pytest.fixture
def server(tmp_path):
    with GitHubServer(tmp_path) as server:
        server.world.add_token("secret", "bot")
        server.world.add_repository("acme/web", {"Dockerfile": "FROM x\n"})
        yield server


@pytest.fixture
def git(server):
    return server.world.repositories["acme/web"].git


def send_request(server, method, path, body=None, token="secret"):
    headers = {"Authorization": f"token {token}"} if token else {}
    return requests.request(method, f"{server.url}/repos/acme/web{path}", json=body, headers=headers, timeout=10)


def _propose(server, branch=BRANCH, **words):
    body = {"title": "A change", "head": branch, "base": "main"} | words
    return send_request(server, "POST", "/pulls", body)


def get_refusal(answer):
    """Return status and the first words of a refusal."""
    problem = answer.json()
    first = problem.get("errors", [{}])[0]
    return answer.status_code, first.get("message") or first.get("code") or problem["message"]


def test_fake_server_fails_test_that_requests_unknown_route(tmp_path):
    server = GitHubServer(tmp_path)
    server.start()
    server.world.add_repository("acme/web", {"Dockerfile": "FROM x\n"})
    assert send_request(server, "GET", "/topics", token=None).status_code == 599
    with pytest.raises(AssertionError, match="no such route"):
        server.stop()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('mutation {closePullRequest(input: {pullRequestId: "x"}) {clientMutationId}}', id="mutation"),
        pytest.param("query {viewer {login}}", id="question"),
        pytest.param('query {repository(owner: "acme", name: "web") {stargazerCount}}', id="field"),
        pytest.param(
            'query {search(query: "author:ada repo:acme/web", type: ISSUE, first: 1) {issueCount}}', id="search"
        ),
    ],
)
def test_fake_server_fails_test_that_sends_unknown_graphql_query(tmp_path, text):
    server = GitHubServer(tmp_path)
    server.start()
    server.world.add_repository("acme/web", {"Dockerfile": "FROM x\n"})
    assert requests.post(f"{server.url}/graphql", json={"query": text}, timeout=10).status_code == 599
    with pytest.raises(AssertionError, match="GraphQL"):
        server.stop()


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        pytest.param({"title": "A change", "base": "main", "head": 5}, "5 is not of type", id="type"),
        pytest.param({"title": "A change", "base": "main"}, "'head' is a required", id="required"),
        pytest.param({"base": "main", "head": "x", "label": "x"}, "label is not described", id="unknown"),
    ],
)
def test_request_body_that_breaks_api_description_is_a_violation(body, complaint):
    found = list(violations("POST", "/repos/acme/web/pulls", body, 403, {"message": "No"}, has_body=True))
    assert any(complaint in each for each in found)


def test_response_body_that_breaks_api_description_is_a_violation(server):
    url = f"{server.url}/git/refs/heads/main"
    target = {"type": "commit", "sha": "a" * 39, "url": url}
    body = {"ref": "refs/heads/main", "node_id": "x", "url": url, "object": target}
    found = list(violations("GET", "/repos/acme/web/git/ref/heads/main", None, 200, body, has_body=False))
    assert len(found) == 1
    assert "object/sha" in found[0]


def test_cached_check_of_valid_response_does_not_hide_invalid_value(server):
    url = f"{server.url}/git/refs/heads/main"
    body = {"ref": "refs/heads/main", "node_id": "x", "url": url}
    found = [
        list(
            violations(
                *("GET", "/repos/acme/web/git/ref/heads/main", None, 200),
                body | {"object": {"type": "commit", "sha": commit, "url": url}},
                has_body=False,
            )
        )
        for commit in ("a" * 40, "b" * 40, "b" * 39, 12)
    ]
    assert found[:2] == [[], []]
    assert all("object/sha" in each for (each,) in found[2:])


def test_status_or_parameter_missing_in_api_description_is_a_violation():
    body = {"message": "Teapot"}
    found = list(violations("GET", "/repos/acme/web/pulls?colour=red", None, 418, body, has_body=False))
    assert [each.rpartition(": ")[2] for each in found] == [
        "parameter colour is not described",
        "a status that is not described",
    ]


def test_fake_server_shows_private_repository_only_to_members(server):
    server.world.repositories["acme/web"].private = True
    assert get_refusal(send_request(server, "GET", "", token="wrong")) == (401, "Bad credentials")
    assert get_refusal(send_request(server, "GET", "", token=None)) == (404, "Not Found")
    assert get_refusal(send_request(server, "GET", "")) == (404, "Not Found")
    server.world.repositories["acme/web"].members.add("bot")
    assert send_request(server, "GET", "").json()["full_name"] == "acme/web"


def test_fake_server_refuses_invalid_pull_requests(server, git):
    assert get_refusal(_propose(server)) == (422, "invalid")
    git.run("update-ref", f"refs/heads/{BRANCH}", git.need("main"))
    assert get_refusal(_propose(server)) == (422, f"No commits between main and {BRANCH}")
    git.commit(BRANCH, {"Dockerfile": "FROM y\n"})
    assert get_refusal(_propose(server, base="nowhere")) == (422, "invalid")
    assert get_refusal(_propose(server, body="x" * 65_537)) == (422, "body is too long (maximum is 65536 characters)")
    assert get_refusal(_propose(server, title="x" * 257)) == (422, "title is too long (maximum is 256 characters)")
    assert _propose(server, body="ü" * 65_536).status_code == 201
    assert get_refusal(_propose(server)) == (422, f"A pull request already exists for acme:{BRANCH}.")


def test_fake_server_closes_pull_request_when_branch_is_deleted(server, git):
    git.commit(BRANCH, {"Dockerfile": "FROM y\n"})
    _propose(server)
    head = git.commit(BRANCH, {"Dockerfile": "FROM z\n"})
    pull = send_request(server, "GET", "/pulls/1").json()
    assert (pull["state"], pull["head"]["sha"]) == ("open", head)
    assert send_request(server, "DELETE", f"/git/refs/heads/{BRANCH}").status_code == 204
    assert send_request(server, "GET", "/pulls/1").json()["state"] == "closed"


def test_fake_server_does_not_reopen_pull_request_closed_because_branch_was_base(server, git):
    head = git.commit(BRANCH, {"Dockerfile": "FROM y\n"})
    _propose(server)
    for commit in (git.need("main"), head):
        assert (
            send_request(server, "PATCH", f"/git/refs/heads/{BRANCH}", {"sha": commit, "force": True}).status_code
            == 200
        )
    pull = send_request(server, "GET", "/pulls/1").json()
    assert (pull["state"], pull["merged"]) == ("closed", False)
    refused = send_request(server, "PATCH", "/pulls/1", {"state": "open"})
    assert get_refusal(refused) == (422, "state cannot be changed. The pull request cannot be reopened.")


def test_fake_server_reopens_closed_pull_request(server, git):
    git.commit(BRANCH, {"Dockerfile": "FROM y\n"})
    _propose(server)
    assert send_request(server, "PATCH", "/pulls/1", {"state": "closed"}).json()["state"] == "closed"
    assert send_request(server, "PATCH", "/pulls/1", {"state": "open"}).json()["state"] == "open"


def test_fake_server_marks_pull_request_as_merged_if_base_contains_branch(server, git):
    git.commit(BRANCH, {"Dockerfile": "FROM y\n"})
    _propose(server)
    git.merge(BRANCH, "main")
    pull = send_request(server, "GET", "/pulls/1").json()
    assert (pull["state"], pull["merged"]) == ("closed", True)


def test_fake_server_reports_conflict_as_unknown_on_first_request(server, git):
    git.commit(BRANCH, {"Dockerfile": "FROM y\n"})
    _propose(server)
    git.commit("main", {"Dockerfile": "FROM z\n"})
    states = [send_request(server, "GET", "/pulls/1").json() for _ in range(2)]
    assert [(state["mergeable"], state["mergeable_state"]) for state in states] == [(None, "unknown"), (False, "dirty")]


def test_fake_server_refuses_invalid_ref_updates(server, git):
    first, second = git.need("main"), git.commit("main", {"Dockerfile": "FROM y\n"})
    create = {"ref": f"refs/heads/{BRANCH}", "sha": second}
    assert get_refusal(send_request(server, "POST", "/git/refs", create | {"sha": "0" * 40})) == (
        422,
        "Object does not exist",
    )
    assert get_refusal(send_request(server, "POST", "/git/refs", create | {"ref": "main"}))[0] == 422
    assert send_request(server, "POST", "/git/refs", create).status_code == 201
    assert get_refusal(send_request(server, "POST", "/git/refs", create)) == (422, "Reference already exists")
    backwards = send_request(server, "PATCH", f"/git/refs/heads/{BRANCH}", {"sha": first})
    assert get_refusal(backwards) == (422, "Update is not a fast forward")
    assert get_refusal(send_request(server, "DELETE", "/git/refs/heads/nowhere")) == (422, "Reference does not exist")


def test_fake_server_returns_409_for_refs_of_empty_repository(server):
    server.world.add_repository("acme/empty", None)
    url = f"{server.url}/repos/acme/empty/git/ref/heads/main"
    assert get_refusal(requests.get(url, timeout=10)) == (409, "Git Repository is empty.")


def test_fake_server_adds_files_to_base_tree_with_exact_bytes_and_modes(server, git):
    base = git.run("rev-parse", "main^{tree}").decode().strip()
    blob = send_request(
        server, "POST", "/git/blobs", {"content": base64.b64encode(b"\0\xff").decode(), "encoding": "base64"}
    ).json()
    entries = [
        {"path": "a/b", "mode": "100755", "type": "blob", "content": "x\r\n"},
        {"path": "binary", "mode": "100644", "type": "blob", "sha": blob["sha"]},
    ]
    made = send_request(server, "POST", "/git/trees", {"base_tree": base, "tree": entries}).json()
    files = git.files(made["sha"])
    assert {path: (file.content, file.mode) for path, file in files.items()} == {
        "Dockerfile": (b"FROM x\n", "100644"),
        "a/b": (b"x\r\n", "100755"),
        "binary": (b"\0\xff", "100644"),
    }


def test_fake_server_refuses_label_that_differs_only_in_case(server):
    assert send_request(server, "POST", "/labels", {"name": "docker"}).status_code == 201
    assert get_refusal(send_request(server, "POST", "/labels", {"name": "Docker"})) == (422, "already_exists")


def test_fake_server_refuses_writes_to_archived_repository(server):
    server.world.repositories["acme/web"].archived = True
    assert get_refusal(send_request(server, "POST", "/labels", {"name": "x"})) == (
        403,
        "Repository was archived so is read-only.",
    )
    assert send_request(server, "GET", "").json()["archived"]


def test_fake_server_splits_lists_into_linked_pages(server, git):
    git.commit(BRANCH, {"Dockerfile": "FROM y\n"})
    repository = server.world.repositories["acme/web"]
    for _ in range(5):
        server.world.propose(repository, repository, BRANCH, server.world.accounts["ada"])
    first = send_request(server, "GET", "/pulls?per_page=2")
    assert [pull["number"] for pull in first.json()] == [5, 4]
    assert set(first.links) == {"next", "last"}
    last = requests.get(first.links["last"]["url"], timeout=10)
    assert [pull["number"] for pull in last.json()] == [1]
    assert set(last.links) == {"prev", "first"}


def test_fake_server_finds_account_of_commit_by_email(server, git):
    known = git.commit("main", {"Dockerfile": "FROM y\n"})
    unknown = git.commit("main", {"Dockerfile": "FROM z\n"}, who=replace(ADA, email="nobody@example.org"))
    assert send_request(server, "GET", f"/commits/{known}").json()["author"]["login"] == "ada"
    assert send_request(server, "GET", f"/commits/{unknown}").json()["author"] is None


def test_fake_server_that_a_test_stopped_executes_no_request(server):
    server.die_before(2)
    assert send_request(server, "POST", "/labels", {"name": "one"}).status_code == 201
    for method, path in (("POST", "/labels"), ("GET", "")):
        with pytest.raises(requests.ConnectionError):
            send_request(server, method, path, {"name": "two"} if method == "POST" else None)
    server.revive()
    assert server.world.repositories["acme/web"].labels == {"one": ("ededed", "")}
    assert [exchange.request for exchange in server.writes] == [{"name": "one"}]
