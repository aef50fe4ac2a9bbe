"""Pull requests, commit statuses and issues of one repository on Gitea or Forgejo."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.core.globs import is_glob_match
from bot.forges.gitea.attributes import GiteaAttributes
from bot.forges.gitea.connection import RULES, GiteaRemote, get_login
from bot.forges.gitea.errors import GITEA_ERRORS, READ_ISSUE, WRITE_ISSUE
from bot.forges.gitea.history import RequestHistory, read_history
from bot.forges.hosted.attributes import AttributesWriter
from bot.forges.hosted.branches import build_request_ended_error
from bot.forges.hosted.forge import RequestEdit
from bot.forges.hosted.records import MAX_ISSUES, ListedIssue
from bot.forges.hosted.refusal import CONFLICT, FORBIDDEN, NOT_FOUND, RefusedError
from bot.forges.hosted.request_reader import MAX_ENDED, ListedRequest, MergeState, ReviewState
from bot.forges.hosted.rest_requests import RestRequestReader
from bot.model.forge import OpenedRequest
from bot.model.proposal import NO_DRAFTS, Proposal, RequestState
from bot.model.request_attributes import STATUS_CONTEXT, CommitStatus, RequestAttributes, StatusState

DRAFT_PREFIX = "WIP: "
"""The beginning of a draft's title, which is the first one in the default settings (`WORK_IN_PROGRESS_PREFIXES`)."""
MAX_LISTED_ENDED = 500
"""The largest number of ended pull requests of one repository that are searched for those of a branch, newest first."""
_AGIT = 1
"""The `flow` of a pull request that was pushed to `refs/for/`, and has no branch. Only Forgejo reports it."""


class GiteaRequestReader(RestRequestReader[GiteaRemote]):
    """Reads the pull requests of one repository; implements `RequestReader`. Methods raise RefusedError."""

    def __init__(self, remote: GiteaRemote) -> None:
        super().__init__(remote)
        self._ended: list[ListedRequest] | None = None
        self._histories: dict[int, RequestHistory] = {}

    def list_open(self, branches: Collection[str]) -> Sequence[ListedRequest]:
        """Return the open pull requests of these branches. Only the history of each shows whether it has auto-merge."""
        found = []
        for each in self._list("open"):
            if each.branch in branches:
                login = self._get_history(each.number).automerge_by
                found.append(replace(each, has_automerge=login is not None, automerge_by=login))
        return found

    def list_of_branch(self, branch: str) -> Sequence[ListedRequest]:
        """Return the newest closed and merged pull requests of a branch that the token's account opened.

        The servers cannot list those of a branch. The list of the account's is therefore read once for all branches.
        """
        if self._ended is None:
            login = self.account.id
            self._ended = self._list("closed", MAX_LISTED_ENDED, **({"poster": login} if login is not None else {}))
        return [each for each in self._ended if each.branch == branch][:MAX_ENDED]

    def list_open_of_branch(self, branch: str, target_branch: str) -> Sequence[ListedRequest]:
        names = (branch, target_branch)
        return [each for each in self._list("open") if (each.branch, each.target_branch) == names]

    def list_comments(self, number: int) -> Iterable[tuple[str | None, str]]:
        """Return all comments, because the servers send all of them in one answer.

        A user could otherwise write so many that basebump did not find its own, and commented in each run.
        """
        comments = self.remote.read(f"read the comments on #{number}", f"/issues/{number}/comments", READ_ISSUE)
        return [(get_login(each["user"]), str(each["body"])) for each in comments]

    def read_merge_state(self, number: int) -> MergeState:
        """Return whether a pull request has conflicts.

        The server reports in the same way that a pull request has conflicts, that this is not known yet, and that the
        pull request is a draft. The state is therefore read again, and conflicts of drafts are not found.
        """
        data = self.remote.read(f"read pull request #{number}", f"/pulls/{number}")
        is_mergeable = bool(data["mergeable"]) or _is_draft(data)
        return MergeState(is_known=is_mergeable, has_conflicts=not is_mergeable, is_outdated=False)

    def is_current_branch_required(self, branch: str) -> bool:
        """Return True if the protection of `branch` requires pull requests to be up to date.

        If the token may not read the rules, which takes an administrator of the repository, the result is False.
        """
        try:
            rules = self.remote.read(f"read the protection of {branch}", RULES)
        except RefusedError as refusal:
            if refusal.status in (FORBIDDEN, NOT_FOUND):
                return False
            raise
        return any(each["block_on_outdated_branch"] for each in rules if is_glob_match(str(each["rule_name"]), branch))

    def read_review_states(
        self, requests: Sequence[ListedRequest], own_numbers: frozenset[int]
    ) -> Mapping[int, ReviewState]:
        """Return the approvals and the attributes ever set. Reviews are read only if the history contains one."""
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
        """Return True if the last review of any user whose approval counts is an approval that was not dismissed."""
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

        A pull request that was pushed to `refs/for/` (AGit) has no branch, but a name like a branch. Gitea reports
        pull requests whose branch was deleted in the same way. These count only if the token's account opened them.
        """
        head, account = data["head"], self.account
        is_own = state == "closed" and account.has_id(get_login(data["user"])) and data.get("flow") != _AGIT
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
        opened_at=datetime.fromisoformat(data["created_at"]),
        closed_at=datetime.fromisoformat(data["closed_at"]) if data["closed_at"] else None,
        updated_at=datetime.fromisoformat(data["updated_at"]),
        attributes=RequestAttributes(labels=tuple(str(each["name"]) for each in data["labels"] or ())),
        opened_by=get_login(data["user"]),
    )


class GiteaRequestWriter:
    """Changes the pull requests of one repository; implements `RequestWriter`. Methods raise RefusedError."""

    def __init__(self, remote: GiteaRemote) -> None:
        self._remote = remote
        self._attributes = AttributesWriter(GiteaAttributes(remote), GITEA_ERRORS)

    def create(self, target_branch: str, proposal: Proposal) -> OpenedRequest:
        """Create a pull request, and set its attributes with further requests.

        A server may be configured to mark drafts with other prefixes. The result then contains a note.
        """
        title = DRAFT_PREFIX + proposal.title if proposal.is_draft else proposal.title
        body = {"base": target_branch, "head": proposal.branch, "title": title, "body": proposal.body}
        data = self._remote.write(f"open a pull request for {proposal.branch}", "POST", "/pulls", body)
        draft_notes = (NO_DRAFTS,) if proposal.is_draft and data.get("draft") is False else ()
        notes = self._attributes.set_attributes(int(data["number"]), proposal.attributes).notes
        return OpenedRequest(int(data["number"]), str(data["html_url"]), (*draft_notes, *notes))

    def is_already_open(self, refusal: RefusedError) -> bool:
        return refusal.status == CONFLICT

    def update(self, number: int, edit: RequestEdit) -> tuple[str, ...]:
        if edit.is_reworded:
            data = self._remote.read(f"read pull request #{number}", f"/pulls/{number}")
            if data["state"] != "open":
                raise build_request_ended_error(number, self._remote.name)
            is_draft = _is_draft(data) if edit.is_draft is None else edit.is_draft
            self._edit(number, {"title": f"{DRAFT_PREFIX if is_draft else ''}{edit.title}", "body": edit.body})
        self._attributes.remove_labels(number, edit.removed_labels)
        return self._attributes.set_attributes(number, edit.attributes).notes

    def close(self, number: int) -> None:
        self._edit(number, {"state": "closed"})

    def add_comment(self, number: int, text: str) -> None:
        path = f"/issues/{number}/comments"
        self._remote.write(f"comment on pull request #{number}", "POST", path, {"body": text}, WRITE_ISSUE)

    def _edit(self, number: int, fields: Mapping[str, str]) -> None:
        self._remote.write(f"edit pull request #{number}", "PATCH", f"/pulls/{number}", dict(fields))


@dataclass(frozen=True, slots=True)
class GiteaStatuses:
    """The commit statuses of one repository; implements `StatusApi`. Methods raise RefusedError."""

    remote: GiteaRemote

    def read_status(self, commit: str) -> CommitStatus | None:
        """Return the last status that basebump set. Everyone who can push can set statuses with the same name."""
        account = self.remote.connection.get_account()
        statuses = self.remote.list_pages(f"read the status of {commit}", f"/statuses/{commit}")
        own = [
            each
            for each in statuses
            if each["context"] == STATUS_CONTEXT and account.has_id(get_login(each["creator"]))
        ]
        newest = max(own, key=lambda each: int(each["id"]), default=None)
        if newest is None or newest["status"] not in list(StatusState):
            return None
        return CommitStatus(StatusState(newest["status"]), str(newest["description"]))

    def post_status(self, branch: str, commit: str, status: CommitStatus) -> None:  # noqa: ARG002 - it needs no branch
        body = {"state": status.state.value, "description": status.description, "context": STATUS_CONTEXT}
        self.remote.write(f"set the status of {commit}", "POST", f"/statuses/{commit}", body)


@dataclass(frozen=True, slots=True)
class GiteaIssues:
    """The issues of one repository; implements `IssueApi`. Methods raise RefusedError."""

    remote: GiteaRemote

    def list_own_issues(self, label: str) -> Sequence[ListedIssue]:
        """Return the issues of the token's account with a label. A server ignores a label that does not exist."""
        account, query = self.remote.connection.get_account(), {"type": "issues", "state": "all", "labels": label}
        issues = self.remote.list_pages("find the dashboard", "/issues", READ_ISSUE, query, MAX_ISSUES)
        return [
            ListedIssue(int(each["number"]), str(each["title"]), each["body"], each["state"] == "open")
            for each in issues
            if account.has_id(get_login(each["user"])) and any(one["name"] == label for one in each["labels"] or ())
        ]

    def create_issue(self, title: str, body: str, label: str) -> None:
        attributes = GiteaAttributes(self.remote)
        attributes.ensure_label(label)
        fields = {"title": title, "body": body, "labels": attributes.get_label_ids([label])}
        self.remote.write("write the dashboard", "POST", "/issues", fields, WRITE_ISSUE)

    def update_issue(self, number: int, title: str, body: str, *, is_open: bool) -> None:
        fields = {"title": title, "body": body} | ({} if is_open else {"state": "open"})
        self.remote.write("write the dashboard", "PATCH", f"/issues/{number}", fields, WRITE_ISSUE)

    def close_issue(self, number: int, body: str) -> None:
        fields = {"body": body, "state": "closed"}
        self.remote.write("close the dashboard", "PATCH", f"/issues/{number}", fields, WRITE_ISSUE)
