"""CI on GitHub for proposals that start none: https://docs.github.com/en/actions/concepts/security/github_token.

What the token of a job pushes and opens starts no workflows, but for those that it asks for by their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from github.Repository import Repository

from bot.core.proposal.mark import read_mark, with_started
from bot.forges._graphql import TooOldError
from bot.forges._refusal import RefusedError, is_final
from bot.forges.github.commit import WORKFLOWS
from bot.forges.github.connection import PER_PAGE, Connection, Remote
from bot.forges.github.errors import ACTIONS_WRITE
from bot.forges.github.graphql import query

_NOT_BY_ITSELF, _NOT_RUN = "> **CI does not run here by itself:**", "> **CI has not run on this:**"
OF_JOB = (
    f"{_NOT_BY_ITSELF} the last commit was pushed with the token of a job (`GITHUB_TOKEN`), and "
    "GitHub starts no workflows for that. Close this and open it again to have them run; `dispatch` in the config of "
    "basebump, or a GitHub App, does it for you.\n\n"
)
_JOBS = "github-actions[bot]"
"""Whom the tokens of jobs belong to."""


@dataclass(frozen=True, slots=True)
class Started:
    """What came of starting workflows."""

    commit: str | None = None
    """The commit for which they run now, or cannot; None where another run is to try again."""
    notes: tuple[str, ...] = ()
    said: str = ""
    """What stands first in the words of the request."""

    def said_in(self, body: str) -> str:
        """Return the text of a request with what is to be said in it, and the commit in its mark."""
        body = body if self.commit is None else with_started(_without_ours(body), self.commit)
        return body if self.said in body or read_mark(body).withdrawn else f"{self.said}{body}"


def is_said(body: str) -> bool:
    """Say whether a text has a sentence of ours about what has not run."""
    return body.startswith((_NOT_BY_ITSELF, _NOT_RUN))


def _without_ours(body: str) -> str:
    return body.partition("\n\n")[2] if is_said(body) else body


class WorkflowStarter:
    """Starts workflows in one repository. What cannot be started is said in sentences; no method raises."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def start(
        self, branch: str, commit: str | None, workflows: Sequence[str], *, is_new: bool, is_quiet: bool
    ) -> Started:
        """Start what has not run for the commit of a branch, whoever started that.

        One question, which a commit that is new with this run does not take, and one write for each. Without
        `workflows` nothing is started; `is_quiet` says whether nothing else does, either, where the token is a job's.
        """
        if not workflows or commit is None:
            return Started(said=OF_JOB if is_quiet and is_of_job(self._remote.connection) else "")
        refused: list[tuple[str, RefusedError]] = []
        try:
            known = frozenset[str]() if is_new else self._ran(commit)
        except RefusedError as refusal:
            refused = [(workflow, refusal) for workflow in workflows]
        else:
            refused = list(self._start([each for each in workflows if each not in known], branch))
        notes = tuple(f"The workflow `{workflow}` could not be started: {refusal}." for workflow, refusal in refused)
        if not all(is_final(refusal) for _, refusal in refused):
            return Started(notes=notes)
        names = ", ".join(f"`{workflow}`" for workflow, _ in refused)
        said = (
            f"{_NOT_RUN} {names} could not be started; basebump's report says why. Start what is missing by hand, or "
            "close this and open it again, before you merge.\n\n"
        )
        return Started(commit, notes, said if refused else "")

    def _start(self, workflows: Sequence[str], branch: str) -> Iterator[tuple[str, RefusedError]]:
        """Start each, and yield what was refused.

        https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event
        """
        for workflow in workflows:
            try:
                self._dispatch(workflow, branch)
            except RefusedError as refusal:
                yield workflow, refusal

    def _dispatch(self, workflow: str, branch: str) -> None:
        self._remote.write(
            f"start the workflow {workflow}",
            lambda repository: repository.requester.requestJsonAndCheck(
                "POST", f"{repository.url}/actions/workflows/{workflow}/dispatches", input={"ref": branch}
            ),
            ACTIONS_WRITE,
        )

    def _ran(self, commit: str) -> frozenset[str]:
        """Return the file names of the workflows that ran for a commit, of which it has a handful: one page will do.

        https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
        """

        def ask(repository: Repository) -> frozenset[str]:
            words = {"head_sha": commit, "per_page": PER_PAGE}
            _, answer = repository.requester.requestJsonAndCheck(
                "GET", f"{repository.url}/actions/runs", parameters=words
            )
            paths = (str(run["path"]).partition("@")[0] for run in answer["workflow_runs"])
            return frozenset(path.removeprefix(WORKFLOWS) for path in paths)

        return self._remote.read(f"list the workflows that ran for {commit}", ask, ACTIONS_WRITE)


def is_of_job(connection: Connection) -> bool:
    """Say whether the token is that of a job of GitHub Actions; asked once, and only of tokens that belong to no user.

    Where that cannot be found out, it is taken for another one.
    """
    if connection.of_job is None:
        connection.of_job = _asks_as_job(connection)
    return connection.of_job


def _asks_as_job(connection: Connection) -> bool:
    try:
        account = connection.account()
        if account.login is not None or not account.is_app:
            return False
        answered = query(connection, "tell whose token it is", "query { viewer { login } }", {}, "")
        return bool(answered.data["viewer"]["login"] == _JOBS)
    except (RefusedError, TooOldError, KeyError, TypeError):
        return False
