"""Pull requests, commit statuses and issues of one repository on GitHub."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from github.NamedUser import NamedUser
from github.PullRequest import PullRequest
from github.Repository import Repository

from bot.core.proposal.marks import COMMENT_MARK
from bot.forges.github.attributes import GitHubAttributes
from bot.forges.github.client import PER_PAGE
from bot.forges.github.connection import GitHubRemote, get_login
from bot.forges.github.github_errors import GITHUB_ERRORS, ISSUES_READ, PULLS_READ, STATUSES_WRITE
from bot.forges.github.request_state import (
    find_closed_by_branch_deletion,
    is_current_branch_required,
    read_merge_state,
    read_review_states,
)
from bot.forges.hosted.pulls import PullIssues, PullStatuses, PullWriter
from bot.forges.hosted.records import MAX_ISSUES
from bot.forges.hosted.refusal import INVALID, RefusedError
from bot.forges.hosted.request_reader import MAX_COMMENTS, MAX_ENDED, ListedRequest, MergeState, ReviewState
from bot.model.forge import OpenedRequest
from bot.model.proposal import NO_DRAFTS, Proposal, RequestState
from bot.model.request_attributes import RequestAttributes


@dataclass(frozen=True, slots=True)
class GitHubRequestReader:
    """Reads the pull requests of one repository; implements `RequestReader`.

    Methods raise RefusedError if an API call fails.
    """

    remote: GitHubRemote

    def list_open(self, branches: Collection[str]) -> Sequence[ListedRequest]:
        requests = self._list_matching("list the open pull requests", "open")
        return [each for each in requests if each.branch in branches]

    def list_of_branch(self, branch: str) -> Sequence[ListedRequest]:
        """Return the newest closed and merged pull requests of a branch, at most `MAX_ENDED`."""
        return self._list_matching(f"list the closed pull requests of {branch}", "closed", branch)

    def find_open(self, branch: str, target_branch: str) -> ListedRequest | None:
        requests = self._list_matching(f"look for the pull request of {branch}", "open", branch)
        matching = (each for each in requests if each.target_branch == target_branch)
        return max(matching, key=lambda each: each.number, default=None)

    def is_own_automerge(self, request: ListedRequest) -> bool:
        """Return True if the token's account enabled auto-merge for the pull request.

        If the login of the App is not known, return True if the bot that opened the pull request enabled auto-merge.
        """
        own_login = self.remote.connection.get_account().login or request.opened_by_bot
        return (
            request.automerge_by is not None
            and own_login is not None
            and request.automerge_by.lower() == own_login.lower()
        )

    def is_own_request(self, request: ListedRequest) -> bool:
        """Return True if the token's account opened the pull request.

        If the login of an App is not known, every bot counts as the App.
        """
        login = self.remote.connection.get_account().login
        if login is None:
            return request.opened_by_bot is not None
        return request.opened_by is not None and request.opened_by.lower() == login.lower()

    def has_own_comment(self, number: int) -> bool:
        account = self.remote.connection.get_account()

        def fetch(repository: Repository) -> bool:
            comments = islice(repository.get_issue(number).get_comments(), MAX_COMMENTS)
            return any(COMMENT_MARK in (each.body or "") and account.is_account(each.user) for each in comments)

        return self.remote.read(f"read the comments on pull request #{number}", fetch, PULLS_READ)

    def read_merge_state(self, number: int) -> MergeState:
        """Return whether a pull request has conflicts or is behind its base branch."""
        return read_merge_state(self.remote, number)

    def is_current_branch_required(self, branch: str) -> bool:
        """Return True if a ruleset or branch protection requires pull requests to be up to date with `branch`."""
        return is_current_branch_required(self.remote, branch)

    def read_review_states(
        self,
        requests: Sequence[ListedRequest],
        own_numbers: frozenset[int],  # noqa: ARG002 - one query has them all
    ) -> Mapping[int, ReviewState]:
        """Return the approvals of each open pull request, and the attributes ever set on it, by number."""
        return read_review_states(self.remote, [each.number for each in requests])

    def find_closed_without_user(self, requests: Sequence[ListedRequest]) -> frozenset[int]:
        """Return the numbers of the pull requests that GitHub closed because their branch was deleted."""
        closing_times = {each.number: each.closed_at for each in requests if each.closed_at is not None}
        return find_closed_by_branch_deletion(self.remote, closing_times)

    def _list_matching(self, action: str, state: str, branch: str | None = None) -> list[ListedRequest]:
        """Return the pull requests in a state (`open` or `closed`) whose branches are not in a fork.

        If `branch` is given, at most the newest `MAX_ENDED` pull requests of this branch are returned. If it is None,
        all pull requests in this state are returned.

        Args:
            action: What the API call does, for error messages, such as `list the open pull requests`.
            state: `open` or `closed`. Merged pull requests are `closed`.
            branch: The name of the branch, or None.

        https://docs.github.com/en/rest/pulls/pulls#list-pull-requests
        """

        def fetch(repository: Repository) -> list[ListedRequest]:
            if branch is None:
                pulls: Iterable[PullRequest] = repository.get_pulls(state=state)
            else:
                own = f"{self.remote.owner}:{branch}"
                newest = repository.get_pulls(state=state, sort="created", direction="desc", head=own)
                pulls = islice(newest, MAX_ENDED)
            return [_parse_request(each) for each in pulls if _is_from_own_branch(each)]

        return self.remote.read(action, fetch, PULLS_READ)


def _is_from_own_branch(pull: PullRequest) -> bool:
    """Return True if the branch of a pull request is in the repository itself, and not in a fork.

    If a fork was deleted, GitHub reports no repository for the branch, and the result is False.
    """
    return _get_id(pull.head.repo) == pull.base.repo.id


def _get_id(repository: Repository | None) -> int | None:
    return repository.id if repository is not None else None


def _get_bot_login(user: NamedUser | None) -> str | None:
    return user.login if user is not None and user.type == "Bot" else None


def _parse_request(pull: PullRequest) -> ListedRequest:
    state = RequestState.OPEN
    if pull.state != "open":
        state = RequestState.MERGED if pull.merged_at else RequestState.CLOSED
    return ListedRequest(
        number=pull.number,
        branch=pull.head.ref,
        target_branch=pull.base.ref,
        state=state,
        url=pull.html_url,
        title=pull.title,
        body=pull.body or "",
        opened_at=pull.created_at,
        closed_at=pull.closed_at,
        updated_at=pull.updated_at,
        opened_by=get_login(pull.user),
        opened_by_bot=_get_bot_login(pull.user),
        attributes=RequestAttributes(labels=tuple(label.name for label in pull.labels)),
        has_automerge=bool(pull.auto_merge),
        automerge_by=pull.auto_merge["enabled_by"]["login"] if pull.auto_merge else None,
    )


class GitHubRequestWriter(PullWriter[GitHubRemote]):
    """Creates and changes the pull requests of one repository; implements `RequestWriter`.

    Methods raise RefusedError if an API call fails.
    """

    def __init__(self, remote: GitHubRemote) -> None:
        super().__init__(remote, GitHubAttributes(remote), GITHUB_ERRORS)

    def create(self, target_branch: str, proposal: Proposal) -> OpenedRequest:
        """Create a pull request, and set its attributes with further API calls.

        If the repository does not support drafts, a draft is created as a normal pull request. The result contains a
        note about this.

        https://docs.github.com/en/rest/pulls/pulls#create-a-pull-request
        """
        try:
            return super().create(target_branch, proposal)
        except RefusedError as refusal:
            is_draft_refused = (
                proposal.is_draft
                and refusal.status == INVALID
                and "draft" in refusal.server_message.lower()
                and not self.is_already_open(refusal)
            )
            if not is_draft_refused:
                raise
        opened = super().create(target_branch, replace(proposal, is_draft=False))
        return replace(opened, notes=(NO_DRAFTS, *opened.notes))

    def is_already_open(self, refusal: RefusedError) -> bool:
        return refusal.status == INVALID and "already exists" in refusal.server_message

    def build_draft_fields(self, title: str, *, is_draft: bool) -> Mapping[str, object]:
        return {"title": title, "draft": is_draft}


class GitHubStatuses(PullStatuses[GitHubRemote]):
    """The commit statuses of one repository; implements `StatusApi`.

    Methods raise RefusedError if an API call fails.
    """

    def list_statuses(self, commit: str) -> Iterable[tuple[Mapping[str, Any], str]]:
        """Return the statuses on the first page, newest first. A commit rarely has more statuses than one page.

        https://docs.github.com/en/rest/commits/statuses#list-commit-statuses-for-a-reference
        """
        action, path = f"read the status of {commit}", f"/commits/{commit}/statuses"
        statuses = self.remote.read_json(action, path, STATUSES_WRITE, {"per_page": PER_PAGE})
        return [(each, str(each["state"])) for each in statuses]


class GitHubIssues(PullIssues[GitHubRemote]):
    """The issues of one repository; implements `IssueApi`. Methods raise RefusedError if an API call fails."""

    def list_issues(self, label: str) -> Sequence[Mapping[str, Any]]:
        """Return the first page of the issues with a label: https://docs.github.com/en/rest/issues/issues#list-repository-issues."""
        query = {"state": "all", "labels": label, "per_page": MAX_ISSUES}
        issues: Sequence[Mapping[str, Any]] = self.remote.read_json("find the dashboard", "/issues", ISSUES_READ, query)
        return issues

    def ensure_label(self, label: str) -> Sequence[str]:
        return [label]  # GitHub creates the label
