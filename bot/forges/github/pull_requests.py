"""List basebump's pull requests and branches on GitHub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from github.NamedUser import NamedUser
from github.PullRequest import PullRequest
from github.Repository import Repository

from bot.core.proposal.base_branches import BaseBranch
from bot.core.proposal.boxes import parse_labels
from bot.core.proposal.lifecycle import can_be_declined
from bot.core.proposal.mark import COMMENT_MARKER
from bot.forges._requests import may_conflict, owns, worth_a_look
from bot.forges.github.connection import Remote
from bot.forges.github.errors import PULLS_READ
from bot.forges.github.heads import Head, Heads
from bot.forges.github.merging import BEHIND, CONFLICTED, merge_states, wants_current
from bot.forges.github.standing import Standing, standings
from bot.forges.github.vanished import vanished
from bot.model.forge import GitRepository
from bot.model.proposal import RemoteRequest, RequestState

MAX_ENDED = 100
"""The newest ended requests of one branch, one page; older ones declined digests that do not matter any more."""
MAX_COMMENTS = 500
"""Comments of one request that are searched for basebump's comment, which follows a person's first commit closely."""


@dataclass(frozen=True, slots=True)
class _Request:
    """A pull request as the list of pull requests returns it."""

    number: int
    branch: str
    target: str
    """The branch that it is to be merged into; people can change it."""
    state: RequestState
    url: str
    title: str
    body: str
    opened: datetime
    closed: datetime | None
    opener: str | None
    """The login of the bot that opened it; None if a person did."""
    labels: tuple[str, ...]
    armed_by: str | None
    """The login of the account that enabled auto-merge; None if it is not enabled."""


@dataclass(frozen=True, slots=True)
class _Context:
    """Everything that was read about branches and open requests."""

    base: BaseBranch
    heads: Mapping[str, str]
    commits: Mapping[str, Head]
    states: Mapping[int, str]
    """The merge states of the requests whose base has new commits."""
    strict: bool
    """True if only branches that are up to date may be merged; read only if some branch is not."""
    standings: Mapping[int, Standing]
    vanished: frozenset[int]
    """Requests that nobody closed, but whose branch somebody deleted."""


@dataclass(frozen=True, slots=True)
class Requests:
    """The pull requests of one repository. Every method raises ForgeError."""

    remote: Remote

    def seen(
        self, heads: Mapping[str, str], wanted: frozenset[str], repository: GitRepository
    ) -> tuple[RemoteRequest, ...]:
        """Return basebump's branches and open requests, and the ended requests of the desired branches.

        `tips` are the branches with basebump's prefix and their commits. `repository` names the base branch and its
        commit: a branch that stands on that commit cannot conflict, and branches made for another base are left out.
        """
        # Deleting a branch closes its pull request: without branches none can be open.
        requests = [each for each in self._open() if each.branch in heads] if heads else []
        base = BaseBranch(repository.base_branch, repository.non_default_base)
        spoken_for = {each.branch for each in requests}
        look = Heads(self.remote, repository.commit).look
        commits = {branch: look(heads[branch]) for branch in worth_a_look(heads, requests, base, wanted)}
        requests = [each for each in requests if owns(base, each, commits, wanted)]
        ended = [each for branch in sorted(wanted - {each.branch for each in requests}) for each in self._ended(branch)]
        behind = [each.number for each in requests if may_conflict(commits[each.branch])]
        context = _Context(
            base=base,
            heads=heads,
            commits=commits,
            states=merge_states(self.remote, behind),
            strict=bool(behind) and base.name is not None and wants_current(self.remote, base.name),
            standings=standings(self.remote, [each.number for each in requests]),
            vanished=vanished(
                self.remote,
                {each.number: each.closed for each in ended if each.closed and can_be_declined(each.state, each.body)},
            ),
        )
        newest_first = sorted([*requests, *ended], key=lambda each: each.number, reverse=True)
        return (
            *(self._of_request(each, context) for each in newest_first),
            *(
                _of_branch(branch, heads[branch], head)
                for branch, head in commits.items()
                if branch not in spoken_for
                and base.is_base_of_branch(is_desired=branch in wanted, is_ours=head.intent is not None, stated_base=head.base)
            ),
        )

    def open_number(self, branch: str) -> int | None:
        """Return the number of the newest open request of a branch."""
        found = self._list(f"look for the pull request of {branch}", "open", branch)
        return max((each.number for each in found), default=None)

    def _open(self) -> list[_Request]:
        return self._list("list the open pull requests", "open")

    def _ended(self, branch: str) -> list[_Request]:
        return self._list(f"list the closed pull requests of {branch}", "closed", branch)

    def _list(self, action: str, state: str, branch: str | None = None) -> list[_Request]:
        """List requests from branches of the repository, not of forks.

        https://docs.github.com/en/rest/pulls/pulls#list-pull-requests. With `branch` only its newest `MAX_ENDED` ones.
        """

        def ask(repository: Repository) -> list[_Request]:
            if branch is None:
                found: Iterable[PullRequest] = repository.get_pulls(state=state)
            else:
                own = f"{self.remote.owner}:{branch}"
                newest = repository.get_pulls(state=state, sort="created", direction="desc", head=own)
                found = islice(newest, MAX_ENDED)
            return [_request(each) for each in found if _is_own(each)]

        return self.remote.read(action, ask, PULLS_READ)

    def _is_ours(self, login: str, request: _Request) -> bool:
        """Return True if the login is the token's account; an App without a known login opened what it set up."""
        ours = self.remote.connection.account().login or request.opener
        return ours is not None and login.lower() == ours.lower()

    def _is_told(self, number: int) -> bool:
        def ask(repository: Repository) -> bool:
            comments = repository.get_issue(number).get_comments()
            return any(COMMENT_MARKER in (comment.body or "") for comment in islice(comments, MAX_COMMENTS))

        return self.remote.read(f"read the comments on pull request #{number}", ask, PULLS_READ)

    def _of_request(self, request: _Request, context: _Context) -> RemoteRequest:
        commit = context.commits.get(request.branch)
        is_open = request.state is RequestState.OPEN
        is_here = request.target == context.base.name
        intent = commit.intent if commit is not None and (is_here or not is_open) else None
        is_foreign = commit is not None and intent is None
        armed = request.armed_by is not None and self._is_ours(request.armed_by, request)
        state = context.states.get(request.number)
        standing = context.standings.get(request.number)
        return RemoteRequest(
            branch=request.branch,
            state=request.state,
            head=context.heads.get(request.branch),
            intent=intent,  # a request with another base branch is left alone, like a branch with commits of people
            number=request.number,
            url=request.url,
            title=request.title,
            body=request.body,
            has_conflicts=state == CONFLICTED,
            has_commented=is_open and is_foreign and self._is_told(request.number),
            is_accepted=(request.armed_by is not None and not armed) or (standing is not None and standing.accepted),
            has_automerge=armed,
            ever_set=standing.ever if standing is not None else None,
            committed_at=commit.committed if commit else None,
            is_behind=commit is not None and commit.behind,
            must_be_current=state is not None and (context.strict or state == BEHIND),
            user_requests=parse_labels(request.labels),
            opened_at=request.opened,
            closed_at=request.closed,
            is_closed_by_branch_deletion=request.number in context.vanished,
        )


def _of_branch(branch: str, commit: str, head: Head) -> RemoteRequest:
    return RemoteRequest(
        branch, RequestState.BRANCH, commit, head.intent, committed_at=head.committed, is_behind=head.behind
    )


def _is_own(pull: PullRequest) -> bool:
    """Return True if a request comes from a branch of the repository itself; a deleted fork has no repository."""
    return _id(pull.head.repo) == pull.base.repo.id


def _id(repository: Repository | None) -> int | None:
    return repository.id if repository is not None else None


def _bot(user: NamedUser | None) -> str | None:
    return user.login if user is not None and user.type == "Bot" else None


def _request(pull: PullRequest) -> _Request:
    state = RequestState.OPEN
    if pull.state != "open":
        state = RequestState.MERGED if pull.merged_at else RequestState.CLOSED
    return _Request(
        number=pull.number,
        branch=pull.head.ref,
        target=pull.base.ref,
        state=state,
        url=pull.html_url,
        title=pull.title,
        body=pull.body or "",
        opened=pull.created_at,
        closed=pull.closed_at,
        opener=_bot(pull.user),
        labels=tuple(label.name for label in pull.labels),
        armed_by=pull.auto_merge["enabled_by"]["login"] if pull.auto_merge else None,
    )
