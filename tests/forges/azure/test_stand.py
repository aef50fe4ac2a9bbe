"""The stand answers as Microsoft describes it, and git itself works with it."""

from __future__ import annotations

import base64
import os
import subprocess

import pytest
from support.forges.azure.contract import differences_of_example, examples, violations
from support.forges.azure.stand import TOKEN
from support.forges.contract_scene import BRANCH, propose
from support.forges.server import ApiExchange, ApiRequest

_REPOSITORY = "git/repositories/{repositoryId}"
OPERATIONS = {
    "blob, JSON form": ("GET", f"{_REPOSITORY}/blobs/{{sha1}}"),
    "pull request properties: add": ("PATCH", f"{_REPOSITORY}/pullRequests/{{pullRequestId}}/properties"),
    "pull request properties: get": ("GET", f"{_REPOSITORY}/pullRequests/{{pullRequestId}}/properties"),
    "pull request status: create": ("POST", f"{_REPOSITORY}/pullRequests/{{pullRequestId}}/statuses"),
    "pull request: create": ("POST", f"{_REPOSITORY}/pullrequests"),
    "pull request: list completed": ("GET", f"{_REPOSITORY}/pullrequests"),
    "pull request: update": ("PATCH", f"{_REPOSITORY}/pullrequests/{{pullRequestId}}"),
    "push: edit on a branch (oldObjectId = its head)": ("POST", f"{_REPOSITORY}/pushes"),
    "push: new branch (oldObjectId = the commit it starts from)": ("POST", f"{_REPOSITORY}/pushes"),
    "refs: create": ("POST", f"{_REPOSITORY}/refs"),
    "refs: list heads": ("GET", f"{_REPOSITORY}/refs"),
    "thread: create": ("POST", f"{_REPOSITORY}/pullRequests/{{pullRequestId}}/threads"),
    "tree, recursive": ("GET", f"{_REPOSITORY}/trees/{{sha1}}"),
}


@pytest.mark.parametrize("title", OPERATIONS)
def test_published_examples_match_azure_api_description(title):
    assert list(differences_of_example(examples()[title], *OPERATIONS[title])) == []


@pytest.mark.parametrize(
    ("asked", "status", "answer", "sentence"),
    [
        (ApiRequest("GET", "/a/_apis/git/unknown", "api-version=7.1", None, {}), 200, {}, "no such operation"),
        (ApiRequest("GET", "/a/_apis/git/repositories/b", "", None, {}), 200, {}, "without an api-version"),
        (ApiRequest("GET", "/a/_apis/git/repositories/b", "api-version=7.1&x=1", None, {}), 200, {}, "parameter x"),
        (
            ApiRequest("GET", "/a/_apis/git/repositories/b", "api-version=7.1", None, {}),
            200,
            {"x": 1},
            "/x is not described",
        ),
        (ApiRequest("GET", "/a/_apis/git/repositories/b", "api-version=7.1", None, {}), 200, {"id": 1}, "is no string"),
        (
            ApiRequest("GET", "/a/_apis/git/repositories/b", "api-version=7.1", None, {}),
            201,
            {},
            "a status that is not",
        ),
        (ApiRequest("GET", "/a/_apis/git/repositories/b/refs", "api-version=7.1", None, {}), 200, [], "{count, value}"),
        (
            ApiRequest("POST", "/a/_apis/git/repositories/b/pushes", "api-version=7.1", {"x": 1}, {}),
            201,
            {},
            "request: /x",
        ),
    ],
)
def test_fake_server_reports_exchange_that_violates_api_description(asked, status, answer, sentence):
    assert any(sentence in each for each in violations(ApiExchange(asked, status, answer)))


def test_personal_access_token_lets_git_list_the_branch(stand, tmp_path):
    seen = propose(stand)
    login = base64.b64encode(f":{TOKEN}".encode()).decode()
    url = f"{stand.server.url}/Acme%20Shop/_git/web"
    listed = subprocess.run(
        ["git", "-c", f"http.extraHeader=Authorization: Basic {login}", "ls-remote", url, f"refs/heads/{BRANCH}"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_TERMINAL_PROMPT": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout.split() == [seen.head, f"refs/heads/{BRANCH}"]
