"""Contract of all forges for the activity in a repository, by which a run finds out that it need not read it again."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from support.forges.contract_scene import BODY, BRANCH, CHANGES, OTHER, PREFIX, message_of, propose, push
from support.forges.forge_stands import select_stands
from support.forges.stands import ForgeStand

from bot.model.forge import ActivityScope, GitRepository

pytestmark = pytest.mark.over_forges

SCOPE = ActivityScope(PREFIX)
WITH_DASHBOARD = ActivityScope(PREFIX, has_dashboard=True)


def without(**reasons: str) -> pytest.MarkDecorator:
    """Run a test with all stands but those named, each with the reason."""
    names = tuple(name.replace("_", "-") for name in reasons)
    return pytest.mark.parametrize("stand", select_stands(without=names), indirect=True)


@dataclass(frozen=True)
class ListedActivity:
    """The hash that the list of repositories contains, and the one that was read for the repository alone."""

    listed: str | None
    read: str | None
    is_without_branches: bool
    """True if the list contains no branches without a request."""


def read_activity(stand: ForgeStand, scope: ActivityScope = SCOPE) -> ListedActivity:
    """Return the activity as a new run finds it."""
    fleet = stand.larger_fleet()
    (repository,) = [each for each in fleet.list_repositories(frozenset(), scope) if each.name == stand.name]
    assert isinstance(repository, GitRepository)
    is_without_branches = repository.listed_requests is not None
    return ListedActivity(repository.activity, fleet.read_activity(repository, scope), is_without_branches)


class ActivityWatch:
    """Compares the activity before and after each step of a test."""

    def __init__(self, stand: ForgeStand, scope: ActivityScope = SCOPE) -> None:
        self._stand = stand
        self._scope = scope
        self.activity = read_activity(stand, scope)
        assert self.activity.read is not None

    def expect_change(self, step: str, *, has_request: bool = True) -> None:
        """Fail unless everything that is known about the activity has changed.

        `has_request` is False if only a branch without a request has changed.
        """
        before, self.activity = self.activity, read_activity(self._stand, self._scope)
        assert self.activity.read is not None, f"{step}: the activity is unknown"
        assert self.activity.read != before.read, f"{step}: the activity is the same"
        if self.activity.listed is not None:
            is_listed = has_request or not self.activity.is_without_branches
            assert (self.activity.listed != before.listed) is is_listed, f"{step}: the list is the same"
        self.expect_no_change(f"nothing after: {step}")

    def expect_no_change(self, step: str) -> None:
        assert read_activity(self._stand, self._scope) == self.activity, f"{step}: the activity is another"


def write_dashboard(stand, body):
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset({stand.name}))
    dashboard = fleet.get_dashboard(repository)
    dashboard.write(dashboard.read(), "basebump: base images", f"<!-- basebump:dashboard:1 -->\n{body}\n")


def test_activity_hash_changes_when_own_branch_or_pull_request_changes(stand):
    watch = ActivityWatch(stand)
    push(stand)
    watch.expect_change("a branch of basebump", has_request=False)
    propose(stand, OTHER)
    watch.expect_change("an opened request")
    stand.edit_body(OTHER, BODY + "\nIndeed.\n")
    watch.expect_change("an edited body")
    stand.close_request(OTHER)
    watch.expect_change("a closed request")
    stand.commit(BRANCH, {"app/Dockerfile": "FROM node:23\n"})
    watch.expect_change("a commit of a user on a branch of basebump", has_request=False)
    stand.delete_branch(BRANCH)
    watch.expect_change("a deleted branch", has_request=False)


@without(local="a merge moves only the base branch")
def test_activity_hash_changes_when_pull_request_is_merged(stand):
    propose(stand)
    watch = ActivityWatch(stand)
    stand.merge_request(BRANCH)
    watch.expect_change("a merged request")


@without(local="it has no reviews and labels")
def test_activity_hash_changes_on_label_approval_new_title_close_or_reopen(stand):
    propose(stand)
    watch = ActivityWatch(stand)
    for step, act in (
        ("a label", lambda: stand.label(BRANCH, "basebump-rebase")),
        ("an approval", lambda: stand.approve(BRANCH)),
        ("an edited title", lambda: stand.edit_title(BRANCH, "Python is newer")),
        ("a closed request", lambda: stand.close_request(BRANCH)),
        ("a reopened request", lambda: stand.reopen_request(BRANCH)),
    ):
        act()
        watch.expect_change(step)


@without(local="it has no comments and drafts", azure="basebump reads neither comments of users nor drafts there")
def test_activity_hash_changes_on_comment_or_conversion_to_draft(stand):
    propose(stand)
    watch = ActivityWatch(stand)
    stand.comment(BRANCH, "Why?")
    watch.expect_change("a comment")
    stand.convert_to_draft(BRANCH)
    watch.expect_change("a draft")


def test_activity_hash_ignores_base_branch_user_branches_and_forks(stand):
    propose(stand)
    watch = ActivityWatch(stand)
    stand.commit("main", {"README.md": "Something to see.\n"})
    watch.expect_no_change("a commit on the base branch")
    stand.commit("feature", {"README.md": "A feature.\n"})
    watch.expect_no_change("a branch of a user")
    stand.propose_from_fork(BRANCH, {"Dockerfile": "FROM scratch\n"})
    watch.expect_no_change("a request from a fork")


@without(azure="it has no issues", github_app="this one may not read issues")
def test_activity_hash_changes_when_dashboard_checkbox_is_ticked(stand):
    write_dashboard(stand, "- [ ] Rebuild all")
    watch = ActivityWatch(stand, WITH_DASHBOARD)
    write_dashboard(stand, "- [x] Rebuild all")
    watch.expect_change("a ticked box")


def test_tree_id_in_repository_list_is_that_of_base_branch_head(stand):
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset({stand.name}), SCOPE)
    expected = stand.git.run("rev-parse", "main^{tree}").decode().strip()
    assert repository.tree in (None, expected)


def test_repository_has_no_tree_or_activity_if_list_call_requests_none(stand):
    push(stand, changes=CHANGES, message=message_of())
    (repository,) = stand.fleet().list_repositories(frozenset({stand.name}))
    assert (repository.tree, repository.activity) == (None, None)


@without(local="it needs no requests")
def test_listing_activities_takes_no_more_api_calls_than_plain_repository_list(stand):
    fleet = stand.fleet()
    list(fleet.list_repositories(frozenset()))  # identifies the token, once for the whole run
    with stand.server.watched() as without_activities:
        list(fleet.list_repositories(frozenset()))
    with stand.server.watched() as lines:
        list(fleet.list_repositories(frozenset(), SCOPE))
    assert len(lines) <= len(without_activities)


COSTS = {"github": (1, 2), "gitlab": (1, 2), "azure": (2, 3), "gitea": (1, 3)}
"""The requests that read the activity of one repository, without branches of basebump and with one open request."""


@without(local="it needs no requests", forgejo="it costs the same as on Gitea", github_app="it costs the same")
def test_reading_activity_of_repository_takes_documented_number_of_api_calls(stand):
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    assert _count_requests(stand, fleet, repository) == COSTS[stand.kind][0]
    propose(stand)
    assert _count_requests(stand, fleet, repository) == COSTS[stand.kind][1]


def _count_requests(stand, fleet, repository):
    fleet.read_activity(repository, SCOPE)  # identifies the token, once for the whole run
    with stand.server.watched() as lines:
        fleet.read_activity(repository, SCOPE)
    return len(lines)
