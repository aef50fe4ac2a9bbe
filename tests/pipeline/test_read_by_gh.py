"""GitHub's own client `gh` reads the results of whole runs, and confirms the fake server's responses."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import pytest
from support.forges.github.stand import BOT, TOKEN, GitHubStand
from support.parts import find_gh
from support.runs.worlds import build, list_outcomes

from bot.core.proposal.dashboard import DASHBOARD_TITLE, EMPTY_BODY
from bot.model.policy import PolicyRule, RuleMatch

pytestmark = [pytest.mark.real("gh"), pytest.mark.real("git")]

BRANCH = "basebump/python-3.12-slim-06e5bb43"
OLD = build("old").digest
FILES = {
    "Dockerfile": f"FROM python:3.12-slim@{OLD}\n",
    "tools/Dockerfile": "FROM python:3.12-slim\nFROM redis:7\n",
    "README.md": "Nothing to see.\n",
}
OF_A_REQUEST = (
    "author,baseRefName,body,files,headRefName,headRefOid,isCrossRepository,isDraft,labels,number,state,title,url"
)
POLICY = (
    PolicyRule(match=RuleMatch(image=("docker.io/library/redis",)), ignore=True),
    PolicyRule(labels=("dependencies", "docker"), draft=True),
)


@pytest.fixture
def github(tmp_path):
    stand = GitHubStand(tmp_path / "github", FILES)
    yield stand
    stand.end()


@pytest.fixture
def gh(github, tmp_path):
    """Return a function that runs gh against the fake server and returns the JSON output."""

    def read(*arguments):
        command = [str(find_gh()), *arguments, "--repo", github.name]
        environment = {
            "GH_HOST": "github.localhost",
            "GH_TOKEN": TOKEN,
            "HTTP_PROXY": f"http://{github.server.host}",
            "GH_CONFIG_DIR": str(tmp_path / "gh"),
            "HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
        }
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return read


@pytest.fixture
def run(github, loopback):
    loopback.move("python", "3.12-slim", "old")
    loopback.move("python", "3.12-slim", "new")
    loopback.rulebook = replace(loopback.rulebook, rules=POLICY)
    return lambda **orders: loopback.run([github.fleet()], **orders)


def test_gh_shows_opened_pull_request_with_branch_author_labels_and_files(github, gh, run):
    (proposal,) = run().repositories[0].proposals
    (listed,) = gh("pr", "list", "--json", OF_A_REQUEST)
    assert listed == gh("pr", "view", "1", "--json", OF_A_REQUEST)
    assert (listed["title"], listed["body"]) == (proposal.title, proposal.body)
    assert listed["body"].startswith("**Merging updates 1 image and pins 1 image.**\n")
    assert (listed["headRefName"], listed["headRefOid"]) == (BRANCH, github.branches()[BRANCH])
    assert (listed["baseRefName"], listed["isCrossRepository"]) == ("main", False)
    assert (listed["author"]["login"], listed["state"], listed["isDraft"]) == (BOT, "OPEN", True)
    assert [label["name"] for label in listed["labels"]] == ["dependencies", "docker"]
    assert listed["url"] == proposal.url
    assert listed["files"] == [
        {"path": "Dockerfile", "additions": 1, "deletions": 1},
        {"path": "tools/Dockerfile", "additions": 1, "deletions": 1},
    ]


def test_gh_finds_pull_request_by_head_label_and_base(gh, run):
    run()
    for words in (("--head", BRANCH), ("--label", "docker"), ("--base", "main")):
        assert [each["number"] for each in gh("pr", "list", *words, "--json", "number")] == [1]
    for words in (("--head", "main"), ("--label", "other"), ("--base", "release")):
        assert gh("pr", "list", *words, "--json", "number") == []


def test_gh_shows_new_commit_in_the_same_pull_request_after_refresh(github, gh, run, loopback):
    run()
    before = gh("pr", "view", "1", "--json", OF_A_REQUEST)
    loopback.move("python", "3.12-slim", "newer")
    assert list_outcomes(run()) == ["refreshed"]
    (after,) = gh("pr", "list", "--state", "all", "--json", OF_A_REQUEST)
    assert after["number"] == before["number"]
    assert after["headRefOid"] == github.branches()[BRANCH] != before["headRefOid"]
    assert str(build("newer").digest) in after["body"]
    assert (after["labels"], after["files"]) == (before["labels"], before["files"])


def test_gh_shows_pull_request_as_closed_when_update_is_no_longer_needed(github, gh, run):
    run()
    github.commit("main", dict.fromkeys(("Dockerfile", "tools/Dockerfile"), "# nothing left\n"))
    assert list_outcomes(run()) == ["closed"]
    assert gh("pr", "list", "--json", "number") == []
    (closed,) = gh("pr", "list", "--state", "closed", "--json", "body,number,state")
    assert (closed["number"], closed["state"]) == (1, "CLOSED")
    assert '"withdrawn":true' in closed["body"]


def test_gh_shows_merged_pull_request_as_merged_after_the_next_run(github, gh, run):
    run()
    github.merge_request(BRANCH)
    assert list_outcomes(run()) == ["closed"]
    assert gh("pr", "view", "1", "--json", "state") == {"state": "MERGED"}


def test_gh_shows_dashboard_issue_as_closed_when_the_dashboard_is_empty(github, gh, run):
    words = ("--label", "basebump-dashboard", "--json", "body,labels,number,state,title")
    run(has_dashboards=True)
    (board,) = gh("issue", "list", *words)
    assert (board["title"], board["state"], [each["name"] for each in board["labels"]]) == (
        DASHBOARD_TITLE,
        "OPEN",
        ["basebump-dashboard"],
    )
    assert f"- [ ] <!-- basebump:rebase {BRANCH} -->" in board["body"]
    github.commit("main", dict.fromkeys(("Dockerfile", "tools/Dockerfile"), "# nothing left\n"))
    run(has_dashboards=True)
    assert gh("issue", "list", *words) == []
    (closed,) = gh("issue", "list", "--state", "closed", *words)
    assert (closed["number"], closed["body"]) == (board["number"], EMPTY_BODY)
