"""Failures that only GitHub has: its rate limits, its GraphQL API and older servers."""

from __future__ import annotations

import pytest
from support.forges.contract_scene import BRANCH, NEWER_CHANGES
from support.forges.github.graphql import GraphQL
from support.forges.github.stand import GitHubStand
from support.forges.watched import WatchedStand

from bot.forges.github.github_errors import SECONDARY_WAIT
from bot.model.errors import ForgeError, TreeError
from bot.model.forge import GitRepository

FILES = {"Dockerfile": "FROM python:3.12-slim\n"}
FIND = "GET /repos/acme/web$"
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@pytest.fixture
def github(tmp_path):
    stand = GitHubStand(tmp_path / "github", FILES)
    yield WatchedStand(stand)
    stand.end()


@pytest.fixture
def old_github(tmp_path):
    stand = GitHubStand(tmp_path / "github", FILES, graphql=GraphQL.NONE)
    yield WatchedStand(stand)
    stand.end()


# Limits


@pytest.mark.parametrize("status", [403, 429])
def test_rate_limit_without_duration_causes_default_pause(github, status):
    github.fail(FIND, status, SECONDARY)
    assert isinstance(github.look(), GitRepository)
    assert github.pauses == [SECONDARY_WAIT]


def test_used_up_rate_limit_is_reported_with_reset_time(github):
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


def test_refused_permission_is_not_treated_as_rate_limit(github):
    github.fail(FIND, 403, "Resource not accessible by integration", times=10)
    failed = github.look()
    assert github.pauses == []
    assert "`metadata: read`" in failed.error


def test_rate_limit_with_reset_time_in_milliseconds_is_reported(github):
    later = {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "1795600000000"}
    github.fail("GET /repos/acme/web", 403, "API rate limit exceeded", times=9, **later)
    failed = github.look()
    assert "rate limit" in failed.error


def test_push_is_retried_after_pause_for_graphql_rate_limit(github):
    old = github.push()
    errors = [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]
    github.server.fail("POST /graphql", github.server.reply({"errors": errors}))
    new = github.push(NEWER_CHANGES, over=old)
    assert github.stand.branches()[BRANCH] == new
    assert github.pauses == [SECONDARY_WAIT]


# Writes


@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
def test_write_on_older_server_that_succeeded_despite_502_is_found_in_branches(old_github, verb):
    old = old_github.push()
    old_github.fail(f"{verb} .*/git/refs/", 502, works=True)
    if verb == "PATCH":
        new = old_github.push(NEWER_CHANGES, over=old)
        assert old_github.stand.branches()[BRANCH] == new
    else:
        old_github.forge().delete_branch(old_github.seen())
        assert BRANCH not in old_github.stand.branches()


def test_push_fails_if_neither_response_nor_branch_is_readable(github):
    old = github.push()
    github.fail("POST /graphql", 502, works=True)
    github.fail("GET .*/git/ref/heads/basebump", 503, times=10)
    with pytest.raises(ForgeError, match="502"):
        github.push(NEWER_CHANGES, over=old)


def test_error_of_push_refused_by_graphql_names_missing_permission(github):
    old = github.push()
    errors = [{"type": "FORBIDDEN", "message": "Resource not accessible by personal access token"}]
    github.server.fail("POST /graphql", github.server.reply({"data": {"updateRefs": None}, "errors": errors}))
    with pytest.raises(ForgeError, match="`contents: write`"):
        github.push(NEWER_CHANGES, over=old)


# Answers that are none


def test_file_with_malformed_content_yields_tree_error(github):
    fleet = github.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    (entry,) = tree.list_entries()
    blob = github.server.reply_of(f"/repos/acme/web/git/blobs/{entry.oid}")
    github.server.fail("GET .*/git/blobs/", github.server.reply(blob.body | {"content": "x"}))
    (refused,) = tree.read([entry])
    assert isinstance(refused, TreeError)
    assert "encoding" in str(refused)
