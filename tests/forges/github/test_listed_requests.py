"""Listing basebump's requests on GitHub: which commits are its own, and how few API requests it takes."""

from __future__ import annotations

from dataclasses import replace

from support.forges.fleets import open_github_fleet
from support.forges.github.scene import BRANCH, CHANGE, FILES, INTENT, MESSAGE, PREFIX, look, propose
from support.forges.github.stand import BOT, TOKEN, GitHubStand
from support.git import ADA

from bot.forges._git_objects import MAX_MERGES
from bot.forges.hosted.request_lister import MERGE_CHECK_SECONDS
from bot.model.proposal import RequestState
from bot.model.source import FileChange, FilePath

# What a run asks when nothing changed


def test_empty_listing_takes_one_api_call_plus_one_per_requested_branch(github):
    forge = github.forge()
    with github.server.watched() as lines:
        assert forge.list_requests(PREFIX, frozenset()) == ()
    assert [line.partition("?")[0] for line in lines] == ["GET /repos/acme/web/git/matching-refs/heads/basebump/"]
    with github.server.watched() as lines:
        assert forge.list_requests(PREFIX, frozenset({BRANCH, "basebump/other-1"})) == ()
    assert len(lines) == 3


def test_listing_open_pull_request_on_current_base_takes_four_api_calls(github):
    propose(github)
    fleet = github.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    forge = fleet.get_forge(repository)
    forge.list_requests(PREFIX, frozenset({BRANCH}))  # asks whose token it is, once in a run
    with github.server.watched() as lines:
        forge.list_requests(PREFIX, frozenset({BRANCH}))
    assert [line.partition("?")[0].rpartition("/")[0] for line in lines] == [
        "GET /repos/acme/web/git/matching-refs/heads/basebump",
        "GET /repos/acme/web",
        "GET /repos/acme/web/commits",
        "POST ",
    ]
    assert lines[-1] == "POST /graphql"


def test_conflict_state_is_polled_until_known(tmp_path):
    stand = GitHubStand(tmp_path / "github", FILES)
    propose(stand)
    stand.commit("main", {"Dockerfile": "FROM python:3.13\n"})
    pauses = []
    fleet = open_github_fleet(stand.server.url, TOKEN, selected=["acme/web"], pause=pauses.append)
    (repository,) = fleet.list_repositories(frozenset())
    with stand.server.watched() as lines:
        (seen,) = fleet.get_forge(repository).list_requests(PREFIX, frozenset({BRANCH}))
    assert seen.has_conflicts
    assert [line for line in lines if line.endswith("/pulls/1")] == ["GET /repos/acme/web/pulls/1"] * 2
    assert pauses == [MERGE_CHECK_SECONDS]
    stand.end()


def test_open_pull_requests_on_all_pages_are_read(github):
    github.git.commit("feature", {"README.md": "A person's.\n"})
    ada = github.server.world.accounts["ada"]
    propose(github)
    for _ in range(101):
        github.server.world.propose(github.repository, github.repository, "feature", ada)
    assert [(seen.number, seen.state) for seen in look(github)] == [(1, RequestState.OPEN)]


def test_pull_request_from_deleted_fork_is_ignored(github):
    propose(github)
    github.propose_from_fork(BRANCH, {"Dockerfile": "FROM evil\n"})
    github.repository.pulls[-1].is_orphaned = True
    assert [seen.number for seen in look(github)] == [1]


def test_closed_pull_requests_are_listed_newest_first(github):
    for _ in range(3):
        propose(github)
        (seen,) = look(github)
        github.forge().close(seen)
        github.forge().delete_branch(seen)
    assert [seen.number for seen in look(github)] == [3, 2, 1]
    assert all(seen.closed_at is not None for seen in look(github))


def test_listing_branch_with_merged_base_takes_two_additional_api_calls(github):
    propose(github)
    fleet = github.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    github.commit("main", {"README.md": "Elsewhere.\n"})
    github.update_branch(BRANCH)
    (repository,) = fleet.list_repositories(frozenset())
    forge = fleet.get_forge(repository)
    forge.list_requests(PREFIX, frozenset({BRANCH}))  # asks whose token it is, once in a run
    with github.server.watched() as lines:
        (seen,) = forge.list_requests(PREFIX, frozenset({BRANCH}))
    asked = [line.partition("?")[0].removeprefix("GET /repos/acme/web").split("/")[1:2] for line in lines]
    assert asked == [["git"], ["pulls"], ["commits"], ["compare"], ["commits"], ["graphql"]]
    assert seen.intent == INTENT


# Whose commit it is


def test_branch_with_more_merges_than_the_limit_has_no_intent(github):
    propose(github)
    for number in range(MAX_MERGES + 1):
        github.commit("main", {"README.md": f"Elsewhere {number}.\n"})
        github.update_branch(BRANCH)
    (seen,) = look(github)
    assert seen.intent is None


def test_merge_counts_as_user_edit_if_github_omits_diff_of_changed_file(github):
    binary = FileChange(FilePath("Dockerfile"), b"FROM python\0\n")
    github.forge().push(BRANCH, [binary], MESSAGE, None)
    github.commit("main", {"README.md": "Elsewhere.\n"})
    github.update_branch(BRANCH)
    (seen,) = look(github)
    assert seen.intent is None


def test_commit_amended_by_token_owner_is_not_recognised_as_own(github):
    head = github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    person = github.token.account.person
    tree = github.git.run("rev-parse", f"{head}^{{tree}}").decode().strip()
    written = github.git.run("show", "--no-patch", "--format=%at", head).decode().strip()
    later = {"GIT_AUTHOR_DATE": f"{written} +0000", "GIT_COMMITTER_DATE": f"{int(written) + 60} +0000"}
    amended = github.git.run(
        "commit-tree", tree, "-p", f"{head}^", stdin=MESSAGE.encode(), who=person, environment=later
    )
    github.git.run("update-ref", f"refs/heads/{BRANCH}", amended.decode().strip())
    (seen,) = look(github)
    assert (seen.head, seen.intent) == (amended.decode().strip(), None)


def test_user_commit_with_copied_message_is_not_recognised_as_own(github):
    github.git.commit(BRANCH, {"Dockerfile": CHANGE.content}, MESSAGE, who=ADA)
    (seen,) = look(github)
    assert seen.intent is None


def test_merge_commit_with_copied_message_is_not_recognised_as_own(github):
    head = github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    moved = github.commit("main", {"README.md": "Moved on.\n"})
    merge = github.git.make_commit([head, moved], {}, MESSAGE, who=github.token.account.person)
    github.git.run("update-ref", f"refs/heads/{BRANCH}", merge)
    (seen,) = look(github)
    assert (seen.head, seen.intent) == (merge, None)


def test_app_recognises_own_commits_signed_by_github(make_stand):
    stand = make_stand(is_app=True)
    propose(stand)
    (commit,) = stand.commits(BRANCH)
    assert (commit.author.name, commit.committer.name) == (f"{BOT}[bot]", "GitHub")
    (seen,) = look(stand)
    assert seen.intent == INTENT


def test_app_does_not_recognise_user_commit_as_own(make_stand):
    stand = make_stand(is_app=True)
    stand.git.commit(BRANCH, {"Dockerfile": CHANGE.content}, MESSAGE, who=ADA)
    (seen,) = look(stand)
    assert seen.intent is None


def test_commit_of_unknown_account_is_not_recognised_as_own(github):
    stranger = replace(ADA, email="nobody@example.org")
    github.git.commit(BRANCH, {"Dockerfile": CHANGE.content}, MESSAGE, who=stranger)
    (seen,) = look(github)
    assert seen.intent is None
