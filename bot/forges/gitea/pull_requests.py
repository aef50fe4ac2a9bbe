"""Pull requests, commit statuses and issues of one repository on Gitea or Forgejo."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.core.globs import is_glob_match
from bot.forges.gitea.attributes import GiteaAttributes
from bot.forges.gitea.connection import RULES, GiteaRemote, get_login
from bot.forges.gitea.gitea_errors import GITEA_ERRORS, READ_ISSUE
from bot.forges.gitea.history import RequestHistory, read_history
from bot.forges.hosted.forge import RequestEdit
from bot.forges.hosted.pulls import PullIssues, PullStatuses, PullWriter
from bot.forges.hosted.records import MAX_ISSUES
from bot.forges.hosted.refusal import CONFLICT, FORBIDDEN, NOT_FOUND, RefusedError
from bot.forges.hosted.request_reader import MAX_ENDED, ListedRequest, MergeState, ReviewState, parse_request_time
from bot.forges.hosted.rest_requests import RestRequestReader
from bot.model.proposal import RequestState
from bot.model.request_attributes import RequestAttributes

DRAFT_PREFIX = "WIP: "
"""The prefix that marks the title of a draft: the first default of the server's setting `WORK_IN_PROGRESS_PREFIXES`."""
MAX_LISTED_ENDED = 500
"""The largest number of ended pull requests of one repository to search for the pull requests of a branch, newest
first."""
_AGIT = 1
"""The `flow` of a pull request that was pushed to `refs/for/` and has no branch. Only Forgejo reports `flow`."""


class GiteaRequestReader(RestRequestReader[GiteaRemote]):
    """Reads the pull requests of one repository; implements `RequestReader`.

    Methods raise RefusedError if an API call fails.
    """

    def __init__(self, remote: GiteaRemote) -> None:
        super().__init__(remote)
        self._ended: list[ListedRequest] | None = None
        self._histories: dict[int, RequestHistory] = {}

    def list_open(self, branches: Collection[str]) -> Sequence[ListedRequest]:
        """Return the open pull requests of `branches`, without auto-merge, which only their histories show."""
        found = []
        for each in self._list("open"):
            if each.branch in branches:
                login = self._get_history(each.number).automerge_by
                found.append(replace(each, has_automerge=login is not None, automerge_by=login))
        return found

    def list_of_branch(self, branch: str) -> Sequence[ListedRequest]:
        """Return the newest closed and merged pull requests of a branch that the token's account opened.

        The API cannot list the pull requests of one branch. The list of the account's pull requests is therefore read
        once for all branches.
        """
        if self._ended is None:
            login = self.account.id
            self._ended = self._list("closed", MAX_LISTED_ENDED, **({"poster": login} if login is not None else {}))
        return [each for each in self._ended if each.branch == branch][:MAX_ENDED]

    def list_open_of_branch(self, branch: str, target_branch: str) -> Sequence[ListedRequest]:
        names = (branch, target_branch)
        return [each for each in self._list("open") if (each.branch, each.target_branch) == names]

    def list_comments(self, number: int) -> Iterable[tuple[str | None, str]]:
        """Return all comments on a pull request, however many there are.

        The servers send all comments in one response. If basebump read only some of them, many comments of users could
        hide its own comment, and each run would comment again.
        """
        comments = self.remote.read_json(f"read the comments on #{number}", f"/issues/{number}/comments", READ_ISSUE)
        return [(get_login(each["user"]), str(each["body"])) for each in comments]

    def read_merge_state(self, number: int) -> MergeState:
        """Return whether a pull request has conflicts.

        The server reports the same value if a pull request has conflicts, if the conflicts are not known yet, and if
        the pull request is a draft. The state is therefore read again after a while, and conflicts of drafts are not
        found.
        """
        data = self.remote.read_json(f"read pull request #{number}", f"/pulls/{number}")
        is_mergeable = bool(data["mergeable"]) or _is_draft(data)
        return MergeState(is_known=is_mergeable, has_conflicts=not is_mergeable, is_outdated=False)

    def is_current_branch_required(self, branch: str) -> bool:
        """Return True if the protection of `branch` requires pull requests to be up to date.

        Only administrators of the repository can read the rules. If the token cannot read them, return False.
        """
        try:
            rules = self.remote.read_json(f"read the protection of {branch}", RULES)
        except RefusedError as refusal:
            if refusal.status in (FORBIDDEN, NOT_FOUND):
                return False
            raise
        return any(each["block_on_outdated_branch"] for each in rules if is_glob_match(str(each["rule_name"]), branch))

    def read_review_states(
        self, requests: Sequence[ListedRequest], own_numbers: frozenset[int]
    ) -> Mapping[int, ReviewState]:
        """Return the approvals and the attributes ever set, by number. Reviews are read only if the history has any."""
        return {
            each.number: ReviewState(
                each.number in own_numbers
                and self._get_history(each.number).has_reviews
                and self._is_approved(each.number),
                self._get_history(each.number).ever_set,
            )
            for each in requests
        }

    def find_closed_without_user(self, requests: Sequence[ListedRequest]) -> frozenset[int]:
        return frozenset(
            each.number
            for each in requests
            if each.closed_at is not None and self._get_history(each.number).is_closed_by_deletion(each.closed_at)
        )

    def _get_history(self, number: int) -> RequestHistory:
        if number not in self._histories:
            self._histories[number] = read_history(self.remote, number)
        return self._histories[number]

    def _is_approved(self, number: int) -> bool:
        """Return True if a user whose approval counts approved the pull request in the last review."""
        reviews = self.remote.list_pages(f"read the reviews of pull request #{number}", f"/pulls/{number}/reviews")
        opinions = {
            str(each["user"]["login"]): each["state"] == "APPROVED" and not each["dismissed"]
            for each in reviews
            if each["user"] and each["official"] and each["state"] in ("APPROVED", "REQUEST_CHANGES")
        }
        return any(opinions.values())

    def _list(self, state: str, max_requests: int | None = None, **conditions: str) -> list[ListedRequest]:
        """Return the pull requests in a state (`open` or `closed`) whose branches are not in a fork, newest first."""
        query, action = {"state": state, **conditions}, f"list the {state} pull requests"
        listed = self.remote.list_pages(action, "/pulls", query=query, max_items=max_requests)
        return [_parse_request(each) for each in listed if self._is_from_own_branch(each, state)]

    def _is_from_own_branch(self, data: Mapping[str, Any], state: str) -> bool:
        """Return True if the branch of a pull request is in the repository itself.

        A pull request that was pushed to `refs/for/` (AGit) has no branch, but its name looks like a branch. Gitea
        reports a pull request whose branch was deleted in the same way. In both cases, return True only if the token's
        account opened the pull request.
        """
        head = data["head"]
        is_own = state == "closed" and self.remote.is_own_user(data["user"]) and data.get("flow") != _AGIT
        return head["repo_id"] == data["base"]["repo_id"] and (head["ref"] == head["label"] or is_own)


def _is_draft(data: Mapping[str, Any]) -> bool:
    return bool(data.get("draft")) or str(data["title"]).startswith(DRAFT_PREFIX)


def _parse_request(data: Mapping[str, Any]) -> ListedRequest:
    closed_state = RequestState.MERGED if data["merged"] else RequestState.CLOSED
    return ListedRequest(
        number=int(data["number"]),
        branch=str(data["head"]["label"]),
        target_branch=str(data["base"]["ref"]),
        state=RequestState.OPEN if data["state"] == "open" else closed_state,
        url=str(data["html_url"]),
        title=str(data["title"]).removeprefix(DRAFT_PREFIX),
        body=str(data["body"] or ""),
        opened_at=parse_request_time(data["created_at"]),
        closed_at=parse_request_time(data["closed_at"]) if data["closed_at"] else None,
        updated_at=parse_request_time(data["updated_at"]),
        attributes=RequestAttributes(labels=tuple(str(each["name"]) for each in data["labels"] or ())),
        opened_by=get_login(data["user"]),
    )


class GiteaRequestWriter(PullWriter[GiteaRemote]):
    """Changes the pull requests of one repository; implements `RequestWriter`.

    Methods raise RefusedError if a change fails.

    On a server whose settings have other prefixes for drafts, `DRAFT_PREFIX` does not mark a draft.
    """

    def __init__(self, remote: GiteaRemote) -> None:
        super().__init__(remote, GiteaAttributes(remote), GITEA_ERRORS)

    def is_already_open(self, refusal: RefusedError) -> bool:
        return refusal.status == CONFLICT

    def build_draft_fields(self, title: str, *, is_draft: bool) -> Mapping[str, object]:
        return {"title": DRAFT_PREFIX + title if is_draft else title}

    def build_title(self, title: str, current: Mapping[str, Any], edit: RequestEdit) -> str:
        is_draft = _is_draft(current) if edit.is_draft is None else edit.is_draft
        return DRAFT_PREFIX + title if is_draft else title


class GiteaStatuses(PullStatuses[GiteaRemote]):
    """The commit statuses of one repository; implements `StatusApi`. Methods raise RefusedError if a call fails."""

    def list_statuses(self, commit: str) -> Iterable[tuple[Mapping[str, Any], str]]:
        statuses = self.remote.list_pages(f"read the status of {commit}", f"/statuses/{commit}")
        return [(each, str(each["status"])) for each in statuses]


class GiteaIssues(PullIssues[GiteaRemote]):
    """The issues of one repository; implements `IssueApi`. Methods raise RefusedError if a call fails."""

    def list_issues(self, label: str) -> Sequence[Mapping[str, Any]]:
        query = {"type": "issues", "state": "all", "labels": label}
        return self.remote.list_pages("find the dashboard", "/issues", READ_ISSUE, query, MAX_ISSUES)

    def ensure_label(self, label: str) -> Sequence[int]:
        attributes = GiteaAttributes(self.remote)
        attributes.ensure_label(label)
        return attributes.get_label_keys([label])
