"""The verbs for one repository on GitHub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from github.Repository import Repository

from bot.forges._github_commit import make_commit
from bot.forges._github_connection import Remote
from bot.forges._github_errors import INVALID, NOT_FOUND, PULLS_WRITE, understood
from bot.forges._github_refs import Branches
from bot.forges._github_requests import TOLD, Requests
from bot.forges._refusal import RefusedError
from bot.model.errors import ForgeError
from bot.model.proposal import NO_DRAFTS, Proposal, Seen
from bot.model.source import Change
from bot.ports import ForgeLimits, GitRepository, Opened

MAX_BODY = 65_536
"""Characters; GitHub refuses longer bodies by this number."""
MAX_TITLE = 256
"""Characters; the same for titles."""
LABEL_COLOUR = "ededed"
"""Of labels that we have to make: what GitHub itself gives to a label that is added before it exists."""
ISSUES_WRITE = "issues: write"
"""A pull request is an issue to labels."""


class GitHubForge:
    """Verbs for one repository; every verb raises ForgeError."""

    limits = ForgeLimits(body_characters=MAX_BODY, title_characters=MAX_TITLE)

    def __init__(self, remote: Remote, repository: GitRepository) -> None:
        self._remote = remote
        self._repository = repository
        self._branches = Branches(remote)
        self._requests = Requests(remote)

    def seen(self, prefix: str, wanted: frozenset[str]) -> tuple[Seen, ...]:
        """Return our branches and open requests under `prefix`, and the ended requests of the `wanted` branches.

        Requests: one for the branches, one for each page of open pull requests if there are branches, one for each
        branch's commit, and one for each wanted branch without an open request. A pull request whose base moved on is
        asked whether it conflicts, one that somebody committed to whether we told them.
        """
        with understood(self._remote.name):
            return self._requests.seen(self._branches.heads(prefix), wanted, self._repository.commit)

    def push(self, branch: str, changes: Sequence[Change], message: str, over: str | None) -> str:
        """Make one commit on the base's commit and point `branch` to it; return the commit.

        `over` is the commit that the branch must point to, None where it must not exist: otherwise ForgeError.
        """
        with understood(self._remote.name):
            commit = make_commit(self._remote, self._base, changes, message)
        if over is None:
            self._branches.create(branch, commit)
        else:
            self._branches.swap(branch, over, commit)
        return commit

    def open(self, proposal: Proposal) -> Opened:
        """Make the pull request for a branch that exists; one that is already open is amended instead.

        https://docs.github.com/en/rest/pulls/pulls#create-a-pull-request
        """
        notes: list[str] = []
        try:
            number, url = self._create(proposal)
        except RefusedError as refusal:
            if not proposal.is_draft or refusal.status != INVALID or "draft" not in refusal.words.lower():
                raise
            number, url = self._create(replace(proposal, is_draft=False))
            notes.append(NO_DRAFTS)
        return Opened(number, url, (*notes, *self._label(number, proposal.labels)))

    def amend(self, seen: Seen, title: str, body: str) -> None:
        """Change title and body of an open pull request."""
        self._edit(_number(seen), title, body)

    def close(self, seen: Seen) -> None:
        """Close an open pull request, unmerged; its branch stays."""
        number = _number(seen)
        self._remote.write(
            f"close pull request #{number}",
            lambda repository: repository.get_pull(number).edit(state="closed"),
            PULLS_WRITE,
        )

    def tell(self, seen: Seen, text: str) -> None:
        """Comment on an open pull request, with a hidden mark by which `seen` knows it."""
        number = _number(seen)
        self._remote.write(
            f"comment on pull request #{number}",
            lambda repository: repository.get_issue(number).create_comment(f"{text}\n\n{TOLD}"),
            PULLS_WRITE,
        )

    def drop(self, seen: Seen) -> None:
        """Delete the branch if it still points to `seen.head`; one that is gone is done.

        Compared and deleted in one request where the server has GraphQL's `updateRefs`. REST has no such thing: there
        the branch is read, then deleted, and a commit that comes in between is lost.
        """
        if seen.head is not None:
            self._branches.swap(seen.branch, seen.head, None)

    @property
    def _base(self) -> str:
        if self._repository.commit is None:
            raise ForgeError(f"{self._repository.name} has no commit on its default branch; let it have one")
        return self._repository.commit

    def _create(self, proposal: Proposal) -> tuple[int, str]:
        base = self._repository.base_branch
        if base is None:
            raise ForgeError(f"{self._repository.name} has no default branch; let it have one")

        def create(repository: Repository) -> tuple[int, str]:
            made = repository.create_pull(
                base, proposal.branch, title=proposal.title, body=proposal.body, draft=proposal.is_draft
            )
            return made.number, made.html_url

        try:
            return self._remote.write(f"open a pull request for {proposal.branch}", create, PULLS_WRITE)
        except RefusedError as refusal:
            exists = refusal.status == INVALID and "already exists" in refusal.words
            if not exists and not refusal.may_have_worked:
                raise
            number = self._open_after(proposal.branch, refusal)
        return number, self._edit(number, proposal.title, proposal.body)

    def _open_after(self, branch: str, refusal: RefusedError) -> int:
        """Return the request that is open after making one was refused; the refusal stands where there is none."""
        try:
            number = self._requests.open_number(branch)
        except RefusedError:
            raise refusal from None
        if number is None:
            raise refusal
        return number

    def _edit(self, number: int, title: str, body: str) -> str:
        """Change title and body; return where people find the pull request."""

        def edit(repository: Repository) -> str:
            pull = repository.get_pull(number)
            pull.edit(title=title, body=body)
            return pull.html_url

        return self._remote.write(f"edit pull request #{number}", edit, PULLS_WRITE)

    def _label(self, number: int, labels: Sequence[str]) -> tuple[str, ...]:
        """Add labels, made where they are missing; return what could not be done, in sentences."""
        if not labels:
            return ()
        try:
            self._add_labels(number, labels)
        except RefusedError as refusal:
            if refusal.status not in (INVALID, NOT_FOUND):
                return (_unlabelled(refusal),)
        else:
            return ()
        try:
            for label in labels:
                self._make_label(label)
            self._add_labels(number, labels)
        except RefusedError as refusal:
            return (_unlabelled(refusal),)
        return ()

    def _add_labels(self, number: int, labels: Sequence[str]) -> None:
        """Add labels in the form that GitHub recommends; PyGithub sends a bare list, which its description forbids."""
        body = {"labels": list(labels)}
        self._remote.write(
            f"label pull request #{number}",
            lambda repository: repository.requester.requestJsonAndCheck(
                "POST", f"{repository.url}/issues/{number}/labels", input=body
            ),
            ISSUES_WRITE,
        )

    def _make_label(self, label: str) -> None:
        try:
            self._remote.write(
                f"make the label {label}",
                lambda repository: repository.create_label(label, LABEL_COLOUR),
                ISSUES_WRITE,
            )
        except RefusedError as refusal:
            if "already_exists" not in refusal.words:
                raise


def _unlabelled(refusal: RefusedError) -> str:
    return f"Its labels could not be added: {refusal}."


def _number(seen: Seen) -> int:
    if seen.number is None:
        raise ForgeError(f"the branch {seen.branch} has no pull request; run basebump again")
    return seen.number
