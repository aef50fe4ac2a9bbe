"""Failures that only GitHub has: its rate limits, its GraphQL API and older servers."""

from __future__ import annotations

import pytest
from support.forges.contract_scene import BRANCH, NEWER_CHANGES
from support.forges.github.graphql import GraphQL
from support.forges.github.stand import GitHubStand
from support.forges.watched import Watched

from bot.forges.github.github_errors import SECONDARY_WAIT
from bot.model.errors import ForgeError, TreeError
from bot.model.forge import GitRepository

FILES = {"Dockerfile": "FROM python:3.12-slim\n"}
FIND = "GET /repos/acme/web$"
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@pytest.fixture
def github(tmp_path):
    stand = GitHubStand(tmp_path / "github", FILES)
    yield Watched(stand)
    stand.end()


@pytest.fixture
def old_github(tmp_path):
    stand = GitHubStand(tmp_path / "github", FILES, graphql=GraphQL.NONE)
    yield Watched(stand)
    stand.end()


# Limits


@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_that_does_not_say_how_long_is_waited_for_a_minute(github, status):
    github.fail(FIND, status, SECONDARY)
    assert isinstance(github.look(), GitRepository)
    assert github.pauses == [SECONDARY_WAIT]


def test_a_used_up_quota_says_when_it_comes_back(github):
    reset = 1_900_000_000
    github.fail(
        FIND,
        403,
        "API rate limit exceeded for user ID 1.",
        x_ratelimit_remaining="0",
        x_ratelimit_reset=str(reset),
    )
    failed = github.look()
    assert github.pauses == []
    assert "2030-03-17 17:46:41 UTC" in failed.error


def test_a_refused_permission_is_no_limit_though_the_status_is_the_same(github):
    github.fail(FIND, 403, "Resource not accessible by integration", times=10)
    failed = github.look()
    assert github.pauses == []
    assert "`metadata: read`" in failed.error


def test_a_reset_in_milliseconds_is_still_a_message(github):
    later = {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "1795600000000"}
    github.fail("GET /repos/acme/web", 403, "API rate limit exceeded", times=9, **later)
    failed = github.look()
    assert "rate limit" in failed.error


def test_a_limit_of_graphql_is_a_limit(github):
    old = github.push()
    errors = [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]
    github.server.fail("POST /graphql", github.server.reply({"errors": errors}))
    new = github.push(NEWER_CHANGES, over=old)
    assert github.stand.branches()[BRANCH] == new
    assert github.pauses == [SECONDARY_WAIT]


# Writes


@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
def test_an_older_server_that_fails_after_it_worked_is_believed_by_its_branches(old_github, verb):
    old = old_github.push()
    old_github.fail(f"{verb} .*/git/refs/", 502, works=True)
    if verb == "PATCH":
        new = old_github.push(NEWER_CHANGES, over=old)
        assert old_github.stand.branches()[BRANCH] == new
    else:
        old_github.forge().delete_branch(old_github.seen())
        assert BRANCH not in old_github.stand.branches()


def test_where_nobody_can_say_what_became_of_a_write_its_failure_stands(github):
    old = github.push()
    github.fail("POST /graphql", 502, works=True)
    github.fail("GET .*/git/ref/heads/basebump", 503, times=10)
    with pytest.raises(ForgeError, match="502"):
        github.push(NEWER_CHANGES, over=old)


def test_graphql_without_the_permission_names_it(github):
    old = github.push()
    errors = [{"type": "FORBIDDEN", "message": "Resource not accessible by personal access token"}]
    github.server.fail("POST /graphql", github.server.reply({"data": {"updateRefs": None}, "errors": errors}))
    with pytest.raises(ForgeError, match="`contents: write`"):
        github.push(NEWER_CHANGES, over=old)


# Answers that are none


def test_a_file_that_is_sent_broken_is_a_tree_error(github):
    fleet = github.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    (entry,) = tree.list_entries()
    blob = github.server.reply_of(f"/repos/acme/web/git/blobs/{entry.oid}")
    github.server.fail("GET .*/git/blobs/", github.server.reply(blob.body | {"content": "x"}))
    (refused,) = tree.read([entry])
    assert isinstance(refused, TreeError)
    assert "encoding" in str(refused)
