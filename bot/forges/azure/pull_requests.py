"""Pull requests and commit statuses of one repository on Azure DevOps.

A list of pull requests contains the labels, but cuts off long descriptions. A single pull request has the whole
description, but no labels.

https://learn.microsoft.com/en-us/rest/api/azure/devops/git/pull-requests
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bot.core.proposal.request_text import count_characters, split_text
from bot.forges._git_objects import BRANCHES
from bot.forges.azure.attributes import AzureAttributes, parse_attributes, read_request
from bot.forges.azure.azure_errors import ALREADY_OPEN_CODE, AZURE_ERRORS, NOT_EDITABLE_CODE, PROPOSE_ACCESS
from bot.forges.azure.branches import AzureBranches
from bot.forges.azure.connection import AzureRemote
from bot.forges.azure.texts import STATUS_GENRE, STATUS_NAME, STATUS_WORDS, AzureTexts, build_status, list_threads
from bot.forges.hosted.attributes import AttributesWriter
from bot.forges.hosted.branches import build_request_ended_error
from bot.forges.hosted.forge import RequestEdit
from bot.forges.hosted.records import ListedStatus
from bot.forges.hosted.refusal import RefusedError, is_permanent_refusal
from bot.forges.hosted.request_reader import (
    MAX_COMMENTS,
    MAX_ENDED,
    ListedRequest,
    MergeState,
    ReviewState,
    parse_request_time,
)
from bot.forges.hosted.rest_requests import RestRequestReader
from bot.forges.hosted.texts import StoredData, TextWriter, complete_request
from bot.model.forge import OpenedRequest
from bot.model.proposal import Proposal, RequestState
from bot.model.request_attributes import CommitStatus

ACTIVE, ABANDONED = "active", "abandoned"
LISTED_DESCRIPTION = 400
"""The largest number of characters of a description in a list. A longer description is cut off."""
MAX_FOREIGN_REQUESTS = 20
"""The largest number of pull requests in one list that other accounts opened and whose whole texts are read. Everyone
who can push can open many of them, and reading each of them needs up to two API calls."""
MIN_APPROVAL = 5
"""The lowest vote that approves a pull request: 5 is approved with suggestions, and 10 is approved."""

_STATES = {ACTIVE: RequestState.OPEN, ABANDONED: RequestState.CLOSED, "completed": RequestState.MERGED}
_UNKNOWN_MERGES = frozenset({"notSet", "queued"})
_CONFLICTS = "conflicts"


class AzureRequestReader(RestRequestReader[AzureRemote]):
    """Reads the pull requests of one repository; implements `RequestReader`. Methods raise RefusedError."""

    def __init__(self, remote: AzureRemote, branches: AzureBranches) -> None:
        super().__init__(remote)
        self._branches = branches
        self._texts = AzureTexts(remote)
        self._active: Sequence[ListedRequest] | None = None
        """The active pull requests that `list_open` read, kept for `list_without_branch`."""

    def list_open(self, branches: Collection[str]) -> Sequence[ListedRequest]:
        self._active = self._list_matching("list the active pull requests", {"status": ACTIVE})
        return self.complete([each for each in self._active if each.branch in branches])

    def list_of_branch(self, branch: str) -> Sequence[ListedRequest]:
        """Return the newest pull requests of a branch, at most `MAX_ENDED`, whether active, abandoned or completed."""
        conditions = {"status": "all", "sourceRefName": f"{BRANCHES}{branch}"}
        requests = self._list_matching(f"list the pull requests of {branch}", conditions, MAX_ENDED)
        return self.complete(requests)

    def list_without_branch(self, prefix: str, branches: Collection[str]) -> Sequence[ListedRequest]:
        """Return the active pull requests of the token's account whose branch was deleted and begins with `prefix`.

        Azure DevOps leaves a pull request active if its branch is deleted. `branches` are the existing branches.
        """
        account = self.account
        if account.id is None:
            return ()
        active, self._active = self._active, None
        if active is None:
            conditions = {"status": ACTIVE, "creatorId": account.id}
            active = self._list_matching("list basebump's active pull requests", conditions)
        own = [each for each in active if account.has_id(each.opened_by) and each.branch.startswith(prefix)]
        return self.complete([each for each in own if each.branch not in branches])

    def list_open_of_branch(self, branch: str, target_branch: str) -> Sequence[ListedRequest]:
        refs = {"sourceRefName": f"{BRANCHES}{branch}", "targetRefName": f"{BRANCHES}{target_branch}"}
        return self._list_matching(f"look for the pull request of {branch}", {"status": ACTIVE, **refs})

    def list_comments(self, number: int) -> Iterable[tuple[str | None, str]]:
        threads = list_threads(self.remote, number)
        comments = (each for thread in threads for each in thread["comments"])
        return [(str(each["author"]["id"]), str(each.get("content") or "")) for each in islice(comments, MAX_COMMENTS)]

    def read_merge_state(self, number: int) -> MergeState:
        """Return whether the pull request has conflicts.

        Azure DevOps computes the state again some time after the base branch has moved. Until then, the result is that
        the state is not known.
        """
        data = read_request(self.remote, number)
        status = str(data["mergeStatus"])
        tip = self._branches.read_tip(_parse_branch(data["targetRefName"]))
        merged_with = (data.get("lastMergeTargetCommit") or {}).get("commitId")
        is_current = tip is None or tip.commit == merged_with
        return MergeState(
            is_known=status not in _UNKNOWN_MERGES and is_current,
            has_conflicts=status == _CONFLICTS,
            is_outdated=False,
        )

    def is_current_branch_required(self, branch: str) -> bool:  # noqa: ARG002 - no branch has such a policy
        """Return False, because Azure DevOps has no policy that requires branches to be up to date."""
        return False

    def read_review_states(
        self,
        requests: Sequence[ListedRequest],
        own_numbers: frozenset[int],  # noqa: ARG002 - the list contains all votes
    ) -> Mapping[int, ReviewState]:
        """Return the approvals of each active pull request, and its current attributes, by number."""
        return {each.number: ReviewState(each.is_approved, each.attributes) for each in requests}

    def find_closed_without_user(self, requests: Sequence[ListedRequest]) -> frozenset[int]:
        """Return the numbers of the pull requests that basebump abandoned, as far as Azure DevOps reports this.

        Deleting a branch does not close its pull request on Azure DevOps.
        """
        return frozenset(each.number for each in requests if self.account.has_id(each.closed_by))

    def complete(self, requests: Iterable[ListedRequest]) -> list[ListedRequest]:
        """Return pull requests with their whole texts, and with all attributes that basebump ever set on them.

        A list contains only the beginning of the description, and the current attributes. Merged pull requests are
        returned as they were listed. If more than `MAX_FOREIGN_REQUESTS` pull requests belong to other accounts, these
        are also returned as they were listed.
        """
        foreign_count, completed = 0, []
        for each in requests:
            is_needed = each.state is not RequestState.MERGED
            if is_needed and not self.account.has_id(each.opened_by):
                foreign_count += 1
                is_needed = foreign_count <= MAX_FOREIGN_REQUESTS
            completed.append(self._complete_one(each) if is_needed else each)
        return completed

    def _complete_one(self, request: ListedRequest) -> ListedRequest:
        description = request.body
        if count_characters(description) >= LISTED_DESCRIPTION - 1:  # one less if the cut would split a character
            description = str(read_request(self.remote, request.number).get("description") or "")
        return complete_request(request, description, self._texts.read_stored(request.number))

    def _list_matching(
        self, action: str, conditions: Mapping[str, str], max_requests: int | None = None
    ) -> list[ListedRequest]:
        """Return pull requests whose branches are not in a fork, newest first. Long descriptions are cut off.

        Args:
            action: What the API call does, for error messages, such as `list the pull requests`.
            conditions: The search criteria.
            max_requests: The largest number of pull requests to read, including those from forks; None to read all.
        """
        query = {f"searchCriteria.{name}": value for name, value in conditions.items()}
        listed = self.remote.list_pages(action, "/pullrequests", query=query, max_items=max_requests)
        own_account = self.account.id
        return parse_requests(listed, own_account)


def parse_requests(listed: Iterable[Mapping[str, Any]], own_account: str | None) -> list[ListedRequest]:
    """Return the pull requests in a list whose branches are not in a fork.

    `own_account` is the id of the token's account.
    """
    return [_parse_request(each, own_account) for each in listed if not each.get("forkSource")]


def _parse_branch(ref: str) -> str:
    return str(ref).removeprefix(BRANCHES)


def _parse_request(data: Mapping[str, Any], own_account: str | None) -> ListedRequest:
    """Return a pull request in a list. `own_account` is the id of the token's account, whose votes do not count."""
    closed_at, automerge_by = data.get("closedDate"), data.get("autoCompleteSetBy")
    closed_by = data.get("closedBy")
    state = _STATES[data["status"]]
    number = int(data["pullRequestId"])
    votes = (int(each["vote"]) for each in data.get("reviewers") or () if each["id"] != own_account)
    has_automerge = state is RequestState.OPEN and bool(automerge_by)
    return ListedRequest(
        number=number,
        branch=_parse_branch(data["sourceRefName"]),
        target_branch=_parse_branch(data["targetRefName"]),
        state=state,
        url=_build_url(data),
        title=str(data["title"]),
        body=str(data.get("description") or ""),
        opened_at=parse_request_time(data["creationDate"]),
        closed_at=parse_request_time(closed_at) if closed_at else None,
        attributes=parse_attributes(data),
        has_automerge=has_automerge,
        automerge_by=str(automerge_by["id"]) if has_automerge and automerge_by else None,
        opened_by=str(data["createdBy"]["id"]),
        closed_by=str(closed_by["id"]) if closed_by else None,
        is_approved=any(vote >= MIN_APPROVAL for vote in votes),
    )


def _build_url(data: Mapping[str, Any]) -> str:
    """Return the URL of the page of a pull request, derived from the URL of the repository."""
    repository = data["repository"]
    site = repository.get("webUrl") or repository.get("remoteUrl") or repository["url"]
    return f"{site}/pullrequest/{int(data['pullRequestId'])}"


class AzureRequestWriter:
    """Changes the pull requests of one repository; implements `RequestWriter`.

    Methods raise RefusedError if Azure DevOps refuses a change.
    """

    def __init__(self, remote: AzureRemote, work_items: Sequence[int]) -> None:
        """`work_items` are the work items to which each new pull request is linked."""
        self._remote = remote
        self._work_items = [{"id": str(each)} for each in work_items]
        self._attributes = AttributesWriter(AzureAttributes(remote), AZURE_ERRORS)
        self._texts = AzureTexts(remote)
        self._text_writer = TextWriter(self._texts)

    def create(self, target_branch: str, proposal: Proposal) -> OpenedRequest:
        """Create a pull request, and then set its attributes, the rest of its description, and its status."""
        body = {
            "sourceRefName": f"{BRANCHES}{proposal.branch}",
            "targetRefName": f"{BRANCHES}{target_branch}",
            "title": proposal.title,
            "description": split_text(proposal.body).body,
            "isDraft": proposal.is_draft,
        }
        data, link_notes = self._open(proposal.branch, body)
        number = int(data["pullRequestId"])
        added = self._attributes.set_attributes(number, proposal.attributes.subtract(parse_attributes(data)))
        status = proposal.attributes.status
        notes = self._text_writer.write_rest(number, proposal.body, StoredData(), added.attributes, status)
        return OpenedRequest(number, _build_url(data), (*link_notes, *added.notes, *notes))

    def is_already_open(self, refusal: RefusedError) -> bool:
        return ALREADY_OPEN_CODE in refusal.server_message

    def update(self, number: int, edit: RequestEdit) -> tuple[str, ...]:
        current = read_request(self._remote, number)
        if current["status"] != ACTIVE:
            raise build_request_ended_error(number, self._remote.name)
        fields: dict[str, object] = {}
        if edit.is_reworded:
            words = {"title": edit.title, "description": split_text(edit.body).body}
            fields |= {key: value for key, value in words.items() if value != current.get(key)}
        if edit.is_draft is not None and edit.is_draft != bool(current.get("isDraft")):
            fields["isDraft"] = edit.is_draft
        if fields:
            self._edit(number, "edit", fields)
        stored = self._texts.read_stored(number)
        missing = edit.attributes.subtract(parse_attributes(current)).subtract(stored.ever_set)
        added = self._attributes.set_attributes(number, missing)
        self._attributes.remove_labels(number, edit.removed_labels)
        text = edit.body if edit.is_reworded else None
        status = edit.attributes.status
        return (*added.notes, *self._text_writer.write_rest(number, text, stored, added.attributes, status))

    def close(self, number: int) -> None:
        self._edit(number, "abandon", {"status": ABANDONED})

    def add_comment(self, number: int, text: str) -> None:
        """Comment on a pull request, in a thread that is closed from the start."""
        self._texts.write_comment(number, text)

    def _open(self, branch: str, body: Mapping[str, object]) -> tuple[Any, tuple[str, ...]]:
        """Create a pull request that is linked to the work items, and return its data.

        If it cannot be linked, create it without links, and also return a note for the report.
        """
        notes: tuple[str, ...] = ()
        if self._work_items:
            try:
                return self._create(branch, {**body, "workItemRefs": self._work_items}), notes
            except RefusedError as refusal:
                if self.is_already_open(refusal) or not is_permanent_refusal(refusal):
                    raise
                notes = (f"The work items could not be linked: {refusal}.",)
        return self._create(branch, body), notes

    def _create(self, branch: str, body: Mapping[str, object]) -> Any:
        action = f"open a pull request for {branch}"
        return self._remote.write_json(action, "POST", "/pullrequests", body, PROPOSE_ACCESS)

    def _edit(self, number: int, action: str, fields: Mapping[str, object]) -> None:
        try:
            self._remote.write_request(number, action, "PATCH", "", fields)
        except RefusedError as refusal:
            if NOT_EDITABLE_CODE in refusal.server_message:
                raise build_request_ended_error(number, self._remote.name) from refusal
            raise


@dataclass(frozen=True, slots=True)
class AzureStatuses:
    """The commit statuses of one repository; implements `StatusApi`. Methods raise RefusedError."""

    remote: AzureRemote
    state_words = STATUS_WORDS

    def list_own_statuses(self, commit: str) -> Iterable[ListedStatus]:
        account = self.remote.connection.get_account()
        statuses = self.remote.list_values(f"read the status of {commit}", f"/commits/{commit}/statuses")
        return [
            ListedStatus(int(each["id"]), str(each["state"]), str(each.get("description") or ""))
            for each in statuses
            if (each["context"].get("genre"), each["context"]["name"]) == (STATUS_GENRE, STATUS_NAME)
            and account.has_id(str(each["createdBy"]["id"]))
        ]

    def post_status(self, branch: str, commit: str, status: CommitStatus) -> None:  # noqa: ARG002 - the commit suffices
        action, path = f"set the status of {commit}", f"/commits/{commit}/statuses"
        self.remote.write_json(action, "POST", path, build_status(status))
