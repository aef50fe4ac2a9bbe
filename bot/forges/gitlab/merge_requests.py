"""Merge requests of ours, as GitLab shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from gitlab.v4.objects import Project

from bot.core.proposal.base_branches import Base
from bot.core.proposal.boxes import asked_by
from bot.core.proposal.lifecycle import may_be_declined
from bot.core.proposal.mark import TOLD
from bot.forges._refusal import FORBIDDEN, NOT_FOUND, RefusedError
from bot.forges._requests import may_conflict, owns, worth_a_look
from bot.forges.gitlab.branches import Tip
from bot.forges.gitlab.connection import Remote
from bot.forges.gitlab.extras import set_on
from bot.forges.gitlab.heads import Head, Heads
from bot.forges.gitlab.history import closed_with_branch
from bot.forges.gitlab.merging import MergeState, merge_states, wants_current
from bot.model.extras import Extras
from bot.model.forge import GitRepository
from bot.model.proposal import RequestState, Seen

MAX_ENDED = 100
"""Ended requests of one branch that are looked at, the newest: one page. Older declines are of digests long gone."""
MAX_NOTES = 500
"""Notes on one request in which ours is looked for; GitLab writes some itself, and ours stands near the first."""
DRAFT = "Draft: "
"""What a draft is to GitLab: a title that begins so (https://docs.gitlab.com/user/project/merge_requests/drafts/)."""

_STATES = {
    "opened": RequestState.OPEN,
    "locked": RequestState.OPEN,  # it is being merged
    "closed": RequestState.CLOSED,
    "merged": RequestState.MERGED,
}
OPEN_STATES = frozenset(state for state, means in _STATES.items() if means is RequestState.OPEN)


@dataclass(frozen=True, slots=True)
class _Request:
    """What a list of merge requests tells of one."""

    number: int
    branch: str
    target: str
    """The branch that it is to be merged into, which people can change."""
    state: RequestState
    url: str
    title: str
    body: str
    is_merging: bool
    """Whether it is being merged just now."""
    is_armed: bool
    """Whether it is set to merge by itself."""
    armed_by: str | None
    """The username of who set it so; None where GitLab does not say."""
    has: Extras
    """What is set on it."""
    opened: datetime
    closed: datetime | None


@dataclass(frozen=True, slots=True)
class _Context:
    """What was found out about branches and open requests."""

    base: Base
    heads: Mapping[str, Head]
    states: Mapping[int, MergeState]
    """What GitLab says of merging them, of those whose base moved on."""
    strict: bool
    """Whether only what is up to date may be merged; asked for only where something is not."""


@dataclass(frozen=True, slots=True)
class Requests:
    """The merge requests of one project. Every method raises ForgeError."""

    remote: Remote

    def seen(self, tips: Mapping[str, Tip], wanted: frozenset[str], repository: GitRepository) -> tuple[Seen, ...]:
        """Return what there is of the branches in `tips`, and the ended requests of `wanted`.

        `repository` names the base branch and its commit: what stands on that cannot conflict with it, and what was
        made for another one is left out.
        """
        # Without a branch nothing can be merged: GitLab closes such a request, if not at once.
        listed = [each for each in self._open() if each.branch in tips] if tips else []
        base = Base(repository.base_branch, repository.other_base)
        spoken_for = {each.branch for each in listed}
        look = Heads(self.remote, repository.commit).look
        heads = {branch: look(tips[branch]) for branch in worth_a_look(tips, listed, base, wanted)}
        listed = [each for each in listed if owns(base, each, heads, wanted)]
        for branch in sorted(wanted - {each.branch for each in listed}):
            listed += self._of_branch(branch)
        shown = [each for each in listed if each.state is not RequestState.OPEN or each.branch in heads]
        newest_first = sorted(shown, key=lambda each: each.number, reverse=True)
        open_ones = [each for each in shown if each.state is RequestState.OPEN]
        behind = [each.number for each in open_ones if may_conflict(heads[each.branch])]
        context = _Context(
            base=base,
            heads=heads,
            states=merge_states(self.remote, behind),
            strict=bool(behind) and wants_current(self.remote),
        )
        open_branches = {each.branch for each in open_ones}
        return (
            *(self._of_request(each, context) for each in newest_first),
            *(
                _bare(branch, head)
                for branch, head in heads.items()
                if branch not in spoken_for | open_branches
                and base.owns_branch(is_wanted=branch in wanted, is_ours=head.intent is not None, stated=head.base)
            ),
        )

    def open_number(self, branch: str, target: str) -> int | None:
        """Return the number of the newest open request of a branch into `target`."""
        words = {"state": "opened", "source_branch": branch, "target_branch": target}
        found = self._list(f"look for the merge request of {branch}", None, **words)
        return max((each.number for each in found), default=None)

    def _open(self) -> list[_Request]:
        return self._list("list the open merge requests", None, state="opened")

    def _of_branch(self, branch: str) -> list[_Request]:
        """List the newest requests of a branch that the list of open ones has none of: it lacks those being merged."""
        newest = {"state": "all", "source_branch": branch, "order_by": "created_at", "sort": "desc"}
        return self._list(f"list the merge requests of {branch}", MAX_ENDED, **newest)

    def _list(self, action: str, most: int | None, **conditions: str) -> list[_Request]:
        """List requests from the project's own branches: https://docs.gitlab.com/api/merge_requests/#list-project-merge-requests."""

        def ask(project: Project) -> list[_Request]:
            found = project.mergerequests.list(iterator=True, **conditions)
            return [_request(each.attributes) for each in islice(found, most) if _is_own(each.attributes)]

        return self.remote.read(action, ask)

    def _is_approved(self, number: int) -> bool:
        """Say whether anybody approved it: https://docs.gitlab.com/api/merge_request_approvals/."""

        def ask(project: Project) -> bool:
            return bool(project.mergerequests.get(number, lazy=True).approvals.get().approved_by)

        try:
            return self.remote.read(f"read the approvals of merge request !{number}", ask)
        except RefusedError as refusal:
            is_of_job = self.remote.connection.is_of_job  # which no approvals are shown to
            if refusal.status in (FORBIDDEN, NOT_FOUND) or is_of_job:  # there are none here
                return False
            raise

    def _is_told(self, number: int) -> bool:
        def ask(project: Project) -> bool:
            merge_request = project.mergerequests.get(number, lazy=True)
            notes = merge_request.notes.list(iterator=True, order_by="created_at", sort="asc")
            return any(TOLD in str(note.body) for note in islice(notes, MAX_NOTES))

        return self.remote.read(f"read the notes on merge request !{number}", ask)

    def _is_ours(self, username: str | None) -> bool:
        ours = self.remote.connection.account().username
        return ours is not None and username is not None and username.lower() == ours.lower()

    def _of_request(self, request: _Request, context: _Context) -> Seen:
        head = context.heads.get(request.branch)
        is_open = request.state is RequestState.OPEN
        is_here = request.target == context.base.name
        intent = head.intent if head is not None and (is_here or not is_open) else None
        is_ours = intent is not None
        armed = request.is_armed and self._is_ours(request.armed_by)
        state = context.states.get(request.number)
        return Seen(
            branch=request.branch,
            state=request.state,
            head=head.commit if head else None,
            intent=intent,  # what a person pointed elsewhere is left alone like what a person committed to
            number=request.number,
            url=request.url,
            title=request.title,
            body=request.body,
            conflicts=state is not None and state.conflicts,
            told=is_open and not is_ours and self._is_told(request.number),
            accepted=request.is_merging
            or (request.is_armed and not armed)
            or (is_open and is_ours and self._is_approved(request.number)),
            armed=armed,
            ever=request.has if is_open else None,
            committed=head.committed if head else None,
            behind=head is not None and head.behind,
            strict=state is not None and (context.strict or state.needs_rebase),
            asks=asked_by(request.has.labels),
            opened=request.opened,
            closed=request.closed,
            vanished=self._has_vanished(request),
        )

    def _has_vanished(self, request: _Request) -> bool:
        if request.closed is None or not may_be_declined(request.state, request.body):
            return False
        return closed_with_branch(self.remote, request.number, request.branch, request.closed)


def _bare(branch: str, head: Head) -> Seen:
    return Seen(branch, RequestState.BRANCH, head.commit, head.intent, committed=head.committed, behind=head.behind)


def _is_own(found: Mapping[str, Any]) -> bool:
    """Say whether a request comes from a branch of the project itself; a deleted fork has no project."""
    return bool(found["source_project_id"] == found["target_project_id"])


def _request(found: Mapping[str, Any]) -> _Request:
    title = str(found["title"])
    state = _STATES[found["state"]]
    is_armed = state is RequestState.OPEN and bool(found.get("merge_when_pipeline_succeeds"))
    ended = found.get("closed_at") or found.get("merged_at")
    return _Request(
        number=int(found["iid"]),
        branch=str(found["source_branch"]),
        target=str(found["target_branch"]),
        state=state,
        url=str(found["web_url"]),
        title=title.removeprefix(DRAFT) if found.get("draft") else title,
        body=str(found.get("description") or ""),
        is_merging=found["state"] == "locked",
        is_armed=is_armed,
        armed_by=str(found["merge_user"]["username"]) if is_armed and found.get("merge_user") else None,
        has=set_on(found),
        opened=datetime.fromisoformat(found["created_at"]),
        closed=datetime.fromisoformat(ended) if ended else None,
    )
