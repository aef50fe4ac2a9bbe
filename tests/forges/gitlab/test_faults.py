"""Failures that only GitLab has: its rate limits, its pushes by API, and its dates."""

from __future__ import annotations

import pytest
from support.forges.contract_scene import BRANCH, CHANGES, NEWER_CHANGES, message_of, proposal
from support.forges.fleets import open_gitlab_fleet
from support.forges.forged_commits import make_forged_commit
from support.forges.gitlab.stand import TOKEN, GitLabStand
from support.forges.watched import WatchedStand

from bot.forges.gitlab.gitlab_errors import DEFAULT_WAIT
from bot.model.errors import ForgeError, TreeError
from bot.model.forge import GitRepository

FIND = "GET /projects/acme/shop/web$"
PUSH = "POST .*/repository/commits"


@pytest.fixture
def gitlab(tmp_path):
    stand = GitLabStand(tmp_path / "gitlab", {"Dockerfile": "FROM python:3.12-slim\n"})
    yield WatchedStand(stand)
    stand.end()


# Limits


def test_rate_limit_without_duration_causes_default_pause(gitlab):
    gitlab.fail(FIND, 429, {"error": "This endpoint has been requested too many times."})
    assert isinstance(gitlab.look(), GitRepository)
    assert gitlab.pauses == [DEFAULT_WAIT]


def test_run_waits_configured_seconds_between_two_writes(gitlab):
    server = gitlab.server
    fleet = open_gitlab_fleet(
        server.url, TOKEN, selected=[gitlab.stand.name], seconds_between_writes=30.0, pause=gitlab.pauses.append
    )
    (repository,) = fleet.list_repositories(frozenset())
    fleet.get_forge(repository).push(BRANCH, CHANGES, message_of(), None)
    assert gitlab.pauses == []
    fleet.get_forge(repository).open(proposal())
    (pause,) = gitlab.pauses
    assert 25.0 < pause <= 30.0


# Writes


def test_failed_push_raises_error_if_user_committed_to_branch_meanwhile(gitlab):
    gitlab.fail(PUSH, 502)
    forge = gitlab.forge()
    gitlab.stand.commit(BRANCH, {"Dockerfile": "FROM scratch\n"}, message_of())
    with pytest.raises(ForgeError, match="rerun basebump"):
        forge.push(BRANCH, CHANGES, message_of(), None)


def test_commit_with_additional_file_is_not_mistaken_for_result_of_failed_push(gitlab):
    """Another user was faster, and copied author, committer, message and file of basebump's commit."""
    gitlab.push()
    (own,) = gitlab.stand.commits(BRANCH)
    forged = make_forged_commit(gitlab.stand, BRANCH, {"evil.sh": "evil\n"})
    gitlab.stand.delete_branch(BRANCH)
    forge = gitlab.forge()
    gitlab.stand.move_branch(BRANCH, forged)
    gitlab.fail(PUSH, 502)
    with pytest.raises(ForgeError, match="rerun basebump"):
        forge.push(BRANCH, CHANGES, own.message, None)
    assert gitlab.stand.branches()[BRANCH] == forged


def test_deletion_of_branch_that_user_deleted_meanwhile_succeeds(gitlab):
    gitlab.push()
    seen = gitlab.seen()
    gitlab.fail("DELETE .*/branches/", 404, "404 Branch Not Found")
    gitlab.forge().delete_branch(seen)
    assert gitlab.pauses == []


def test_push_fails_if_neither_response_nor_branch_is_readable(gitlab):
    old = gitlab.push()
    forge = gitlab.forge()
    branch = f"/projects/{gitlab.stand.project.id}/repository/branches/{BRANCH.replace('/', '%2F')}"
    gitlab.fail(PUSH, 502, works=True)
    gitlab.server.fail("GET .*/branches/", gitlab.server.reply_of(branch))  # which comes first
    gitlab.fail("GET .*/branches/", 503, times=10)
    with pytest.raises(ForgeError, match="502"):
        forge.push(BRANCH, NEWER_CHANGES, message_of(), old)


# Answers that are none


def test_content_that_does_not_match_object_id_yields_tree_error(gitlab):
    fleet = gitlab.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    (entry,) = tree.list_entries()
    gitlab.server.fail("GET .*/repository/blobs/", gitlab.server.reply(b"FROM python:3.12-slim\r\n"))
    (refused,) = tree.read([entry])
    assert isinstance(refused, TreeError)
    assert "object id" in str(refused)


def test_commit_with_unrepresentable_date_is_not_recognised_as_own(gitlab):
    gitlab.push()
    reply = gitlab.server.reply_of(f"/projects/{gitlab.stand.project.id}/repository/branches")
    reply.body[0]["commit"] |= {"committed_date": "10000-01-01T00:00:00.000Z"}
    gitlab.server.fail("GET .*/branches[?]", reply)
    seen = gitlab.seen()
    assert (seen.intent, seen.committed_at) == (None, None)
