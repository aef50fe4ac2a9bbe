"""Facts about merge requests that GitLab's list of merge requests does not contain.

The facts are the attributes that were ever set, the merge state, the reason why a merge request was closed, and the
commit statuses of other tools. Some facts can be read only from system notes, which are comments that GitLab itself
writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from gitlab import Gitlab
from gitlab.v4.objects import Project

from bot.forges.gitlab.connection import PER_PAGE, GitLabRemote
from bot.forges.hosted.refusal import FORBIDDEN, NOT_FOUND, RefusedError
from bot.forges.hosted.request_reader import MergeState, is_closed_by_deletion, parse_request_time
from bot.model.request_attributes import STATUS_CONTEXT, RequestAttributes

MAX_EVENTS = 500
"""The largest number of events or notes of one kind that are read, oldest first. The events that basebump caused are
among the oldest."""
MAX_LAST = 50
"""The largest number of notes on a closed merge request that are read, newest first. The note that explains why it was
closed is among the newest."""

_MENTION = re.compile(r"@(\w(?:[\w.-]*[\w-])?)")
_REVIEW = re.compile(r"\breview\b")
_ASSIGNED = re.compile(r"\b(?:un)?assigned\b|\bassignee\b")
_CANCELLED = re.compile(r"cancell?ed .*automatic|removed .* from the merge train")
_AUTOMATIC = re.compile(r"\bautomatic (?:merge|add)\b|\bmerge train\b")
"""Phrases in the notes that GitLab itself writes, which are in English regardless of the language setting."""


def read_ever_set(remote: GitLabRemote, number: int, attributes: RequestAttributes) -> RequestAttributes:
    """Return all labels, reviewers, assignees and milestones that were ever set on a merge request.

    If `attributes` contains no labels, the history of the labels is not read. The same rule applies to milestones and
    to users. Each of these three kinds takes one API request.

    GitLab lists events for labels and milestones (https://docs.gitlab.com/api/resource_label_events/,
    https://docs.gitlab.com/api/resource_milestone_events/). For reviewers and assignees, there are only system notes.
    If a system note mentions a user, the user was a reviewer or an assignee at some time. Raises RefusedError if an API
    call fails.
    """
    notes = _read_system_notes(remote, number) if attributes.reviewers or attributes.assignees else ()
    return RequestAttributes(
        labels=_read_label_events(remote, number) if attributes.labels else (),
        reviewers=tuple(_find_mentions(notes, _REVIEW)),
        assignees=tuple(_find_mentions(notes, _ASSIGNED)),
        milestone=_read_milestone_events(remote, number) if attributes.milestone is not None else None,
    )


def is_automerge_cancelled(remote: GitLabRemote, number: int) -> bool:
    """Return True if a user cancelled auto-merge, according to the last system note about auto-merge.

    If GitLab itself cancelled auto-merge, for example after a push, the result is False. Raises RefusedError if an API
    call fails.
    """
    automerge_notes = [note for note in _read_system_notes(remote, number) if _AUTOMATIC.search(note)]
    return bool(automerge_notes) and _CANCELLED.search(automerge_notes[-1]) is not None


def is_closed_by_branch_deletion(remote: GitLabRemote, number: int, branch: str, closed_at: datetime) -> bool:
    """Return True if GitLab closed a merge request because its branch was deleted.

    GitLab then writes a system note about the deleted branch at the time `closed_at`. If the merge request was closed
    before the branch was deleted, GitLab does not write this note.

    If the token is not allowed to read the notes, the result is False. Raises RefusedError if the notes cannot be read
    for another reason.
    """
    deletion_note = f"deleted source branch `{branch}`"

    def fetch(project: Project) -> list[datetime]:
        newest_first = {"activity_filter": "only_activity", "order_by": "created_at", "sort": "desc"}
        notes = project.mergerequests.get(number, lazy=True).notes.list(iterator=True, **newest_first)
        deletions = (each for each in islice(notes, MAX_LAST) if each.system and str(each.body) == deletion_note)
        return [parse_request_time(each.created_at) for each in deletions]

    try:
        return is_closed_by_deletion(closed_at, remote.read(f"read who closed merge request !{number}", fetch))
    except RefusedError as refusal:
        if remote.connection.has_job_token or refusal.status in (FORBIDDEN, NOT_FOUND):
            return False
        raise


def _read_label_events(remote: GitLabRemote, number: int) -> tuple[str, ...]:
    def fetch(project: Project) -> tuple[str, ...]:
        events = project.mergerequests.get(number, lazy=True).resourcelabelevents.list(iterator=True)
        return tuple(str(each.label["name"]) for each in islice(events, MAX_EVENTS) if each.label)

    return remote.read(f"read the label events of merge request !{number}", fetch)


def _read_milestone_events(remote: GitLabRemote, number: int) -> str | None:
    def fetch(project: Project) -> str | None:
        events = project.mergerequests.get(number, lazy=True).resourcemilestoneevents.list(iterator=True)
        return next((str(each.milestone["title"]) for each in islice(events, MAX_EVENTS) if each.milestone), None)

    return remote.read(f"read the milestone events of merge request !{number}", fetch)


def _read_system_notes(remote: GitLabRemote, number: int) -> tuple[str, ...]:
    """Return the texts of the comments that GitLab itself wrote on a merge request, oldest first.

    Raises RefusedError if an API call fails. https://docs.gitlab.com/api/notes/#list-all-merge-request-notes
    """

    def fetch(project: Project) -> tuple[str, ...]:
        parameters = {"activity_filter": "only_activity", "order_by": "created_at", "sort": "asc"}
        notes = project.mergerequests.get(number, lazy=True).notes.list(iterator=True, **parameters)
        return tuple(str(each.body) for each in islice(notes, MAX_EVENTS) if each.system)

    return remote.read(f"read the notes about merge request !{number}", fetch)


def _find_mentions(notes: tuple[str, ...], pattern: re.Pattern[str]) -> Iterator[str]:
    for note in notes:
        if pattern.search(note):
            yield from _MENTION.findall(note)


_UNKNOWN = frozenset({"unchecked", "checking", "preparing", "approvals_syncing"})
_CONFLICT, _NEED_REBASE = "conflict", "need_rebase"
"""Merge statuses: https://docs.gitlab.com/api/merge_requests/#merge-status. GitLab reports only one reason why a merge
request cannot be merged. It may report another reason although a rebase is needed."""
LINEAR_METHODS = {"ff": "only by fast-forward", "rebase_merge": "with a semi-linear history"}
"""The merge methods that require branches to be up to date, with descriptions:
https://docs.gitlab.com/user/project/merge_requests/methods/."""


def is_current_branch_required(remote: GitLabRemote) -> bool:
    """Return True if the project's merge method requires merge requests to be up to date.

    Raises RefusedError if an API call fails.

    https://docs.gitlab.com/api/projects/#get-a-single-project
    """

    def fetch(client: Gitlab) -> bool:
        return client.projects.get(remote.project_id or remote.name).attributes.get("merge_method") in LINEAR_METHODS

    return remote.connection.read(f"read the merge method of {remote.name}", fetch)


def read_merge_state(remote: GitLabRemote, number: int) -> MergeState:
    """Return whether a merge request has conflicts or must be updated.

    If GitLab is still computing this, `is_known` of the result is False.
    """
    data = read_merge_request(remote, number)
    status = data.get("detailed_merge_status")
    return MergeState(
        is_known=status not in _UNKNOWN,
        has_conflicts=bool(data["has_conflicts"]) or status == _CONFLICT,
        is_outdated=status == _NEED_REBASE,
    )


MergeRequestData = Mapping[str, Any]


def read_merge_request(remote: GitLabRemote, number: int) -> MergeRequestData:
    """Return the current data of a merge request. Raises RefusedError if an API call fails.

    https://docs.gitlab.com/api/merge_requests/#get-single-mr
    """
    return remote.read(
        f"read merge request !{number}", lambda project: dict(project.mergerequests.get(number).attributes)
    )


EXTERNAL_SOURCE = "external"
"""The source of a pipeline that GitLab created only for statuses: https://docs.gitlab.com/api/pipelines/."""


def has_other_statuses(remote: GitLabRemote, commit: str) -> bool:
    """Return True if a commit has a status that was not set by basebump.

    Raises RefusedError if an API call fails.
    """

    def fetch(project: Project) -> bool:
        statuses = islice(project.commits.get(commit, lazy=True).statuses.list(iterator=True), PER_PAGE)
        return any(str(each.name) != STATUS_CONTEXT for each in statuses)

    return remote.read(f"read the statuses of {commit}", fetch)
