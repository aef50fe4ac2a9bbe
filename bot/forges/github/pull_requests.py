"""Pull requests of ours, as GitHub shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from github.NamedUser import NamedUser
from github.PullRequest import PullRequest
from github.Repository import Repository

from bot.core.proposal.base_branches import Base
from bot.core.proposal.boxes import asked_by
from bot.core.proposal.lifecycle import may_be_declined
from bot.core.proposal.mark import TOLD
from bot.forges._requests import may_conflict, owns, worth_a_look
from bot.forges.github.connection import Remote
from bot.forges.github.errors import PULLS_READ
from bot.forges.github.heads import Head, Heads
from bot.forges.github.merging import BEHIND, CONFLICTED, merge_states, wants_current
from bot.forges.github.standing import Standing, standings
from bot.forges.github.vanished import vanished
from bot.model.forge import GitRepository
from bot.model.proposal import RequestState, Seen

MAX_ENDED = 100
"""Ended requests of one branch that are looked at, the newest: one page. Older declines are of digests long gone."""
MAX_COMMENTS = 500
"""Comments of one request in which ours is looked for; it stands near a person's first commit, among the first."""


@dataclass(frozen=True, slots=True)
class _Request:
    """What a list of pull requests tells of one."""

    number: int
    branch: str
    target: str
    """The branch that it is to be merged into, which people can change."""
    state: RequestState
    url: str
    title: str
    body: str
    opened: datetime
    closed: datetime | None
    opener: str | None
    """The login of a bot that opened it; people have no business here."""
    labels: tuple[str, ...]
    armed_by: str | None
    """The login of who set it to merge by itself."""


@dataclass(frozen=True, slots=True)
class _Context:
    """What was found out about branches and open requests."""

    base: Base
    heads: Mapping[str, str]
    commits: Mapping[str, Head]
    states: Mapping[int, str]
    """What GitHub says of merging them, of those whose base moved on."""
    strict: bool
    """Whether only what is up to date may be merged; asked for only where something is not."""
    standings: Mapping[int, Standing]
    vanished: frozenset[int]
    """Requests that nobody closed, but whose branch somebody deleted."""


@dataclass(frozen=True, slots=True)
class Requests:
    """The pull requests of one repository. Every method raises ForgeError."""

    remote: Remote

    def seen(self, heads: Mapping[str, str], wanted: frozenset[str], repository: GitRepository) -> tuple[Seen, ...]:
        """Return what there is of the branches in `heads` (and their commits), and the ended requests of `wanted`.

        `repository` names the base branch and its commit: what stands on that cannot conflict with it, and what was
        made for another one is left out.
        """
        # A pull request whose branch is deleted is closed by that: without branches none can be open.
        requests = [each for each in self._open() if each.branch in heads] if heads else []
        base = Base(repository.base_branch, repository.other_base)
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
                {each.number: each.closed for each in ended if each.closed and may_be_declined(each.state, each.body)},
            ),
        )
        newest_first = sorted([*requests, *ended], key=lambda each: each.number, reverse=True)
        return (
            *(self._of_request(each, context) for each in newest_first),
            *(
                _of_branch(branch, heads[branch], head)
                for branch, head in commits.items()
                if branch not in spoken_for
                and base.owns_branch(is_wanted=branch in wanted, is_ours=head.intent is not None, stated=head.base)
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
        """List requests from the repository's own branches: https://docs.github.com/en/rest/pulls/pulls#list-pull-requests.

        With a branch at most MAX_ENDED of it, newest first.
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
        """Say whether it is the token's account; an App does not know its name, but opened what it armed."""
        ours = self.remote.connection.account().login or request.opener
        return ours is not None and login.lower() == ours.lower()

    def _is_told(self, number: int) -> bool:
        def ask(repository: Repository) -> bool:
            comments = repository.get_issue(number).get_comments()
            return any(TOLD in (comment.body or "") for comment in islice(comments, MAX_COMMENTS))

        return self.remote.read(f"read the comments on pull request #{number}", ask, PULLS_READ)

    def _of_request(self, request: _Request, context: _Context) -> Seen:
        commit = context.commits.get(request.branch)
        is_open = request.state is RequestState.OPEN
        is_here = request.target == context.base.name
        intent = commit.intent if commit is not None and (is_here or not is_open) else None
        is_foreign = commit is not None and intent is None
        armed = request.armed_by is not None and self._is_ours(request.armed_by, request)
        state = context.states.get(request.number)
        standing = context.standings.get(request.number)
        return Seen(
            branch=request.branch,
            state=request.state,
            head=context.heads.get(request.branch),
            intent=intent,  # what a person pointed elsewhere is left alone like what a person committed to
            number=request.number,
            url=request.url,
            title=request.title,
            body=request.body,
            conflicts=state == CONFLICTED,
            told=is_open and is_foreign and self._is_told(request.number),
            accepted=(request.armed_by is not None and not armed) or (standing is not None and standing.accepted),
            armed=armed,
            ever=standing.ever if standing is not None else None,
            committed=commit.committed if commit else None,
            behind=commit is not None and commit.behind,
            strict=state is not None and (context.strict or state == BEHIND),
            asks=asked_by(request.labels),
            opened=request.opened,
            closed=request.closed,
            vanished=request.number in context.vanished,
        )


def _of_branch(branch: str, commit: str, head: Head) -> Seen:
    return Seen(branch, RequestState.BRANCH, commit, head.intent, committed=head.committed, behind=head.behind)


def _is_own(pull: PullRequest) -> bool:
    """Say whether a request comes from a branch of the repository itself; a deleted fork has no repository."""
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
