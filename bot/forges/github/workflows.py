"""Start CI on proposals for which GitHub starts none: https://docs.github.com/en/actions/concepts/security/github_token.

A push or a pull request with the token of a job starts no workflows, except those that are dispatched by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from github.Repository import Repository

from bot.core.proposal.markers import parse_marker, record_started_commit
from bot.forges.github.branches import WORKFLOWS_FOLDER
from bot.forges.github.connection import PER_PAGE, GitHubConnection, GitHubRemote, run_query
from bot.forges.github.errors import ACTIONS_WRITE
from bot.forges.hosted.refusal import RefusedError, UnsupportedQueryError, is_permanent_refusal

_NOT_BY_ITSELF_PREFIX, _NOT_RUN_PREFIX = "> **CI does not run here by itself:**", "> **CI has not run on this:**"
JOB_TOKEN_NOTICE = (
    f"{_NOT_BY_ITSELF_PREFIX} the last commit was pushed with the token of a job (`GITHUB_TOKEN`), and "
    "GitHub starts no workflows for that. Close this and open it again to have them run; `dispatch` in the config of "
    "basebump, or a GitHub App, does it for you.\n\n"
)
_JOB_LOGIN = "github-actions[bot]"
"""The account of the tokens of jobs."""


@dataclass(frozen=True, slots=True)
class WorkflowStartResult:
    """The outcome of starting workflows."""

    commit: str | None = None
    """The commit whose workflows run now or cannot be started; None if another run is to try again."""
    notes: tuple[str, ...] = ()
    notice: str = ""
    """A notice for the beginning of the request's text; empty if there is none."""

    def add_to_body(self, body: str) -> str:
        """Return the text of a request with the notice, and with the commit in its marker."""
        body = body if self.commit is None else record_started_commit(_remove_notice(body), self.commit)
        return body if self.notice in body or parse_marker(body).is_withdrawn else f"{self.notice}{body}"


def has_notice(body: str) -> bool:
    """Return True if a text begins with a notice of basebump about CI that has not run."""
    return body.startswith((_NOT_BY_ITSELF_PREFIX, _NOT_RUN_PREFIX))


def _remove_notice(body: str) -> str:
    return body.partition("\n\n")[2] if has_notice(body) else body


class WorkflowStarter:
    """Starts workflows in one repository. Failures are returned as notes; no method raises."""

    def __init__(self, remote: GitHubRemote) -> None:
        self._remote = remote

    def start_workflows(
        self, branch: str, commit: str | None, workflows: Sequence[str], *, is_new: bool, may_lack_ci: bool
    ) -> WorkflowStartResult:
        """Start the workflows that have not run for the commit of a branch, whoever started those that have.

        It takes one request, which is skipped for a commit that this run made (`is_new`), and one for each workflow.
        Without workflows nothing is started; if `may_lack_ci` is true and the token is one of a job, the result has
        the notice that CI does not run by itself.
        """
        if not workflows or commit is None:
            return WorkflowStartResult(
                notice=JOB_TOKEN_NOTICE if may_lack_ci and has_job_token(self._remote.connection) else ""
            )
        refused: list[tuple[str, RefusedError]] = []
        try:
            already_run = frozenset[str]() if is_new else self._list_run(commit)
        except RefusedError as refusal:
            refused = [(workflow, refusal) for workflow in workflows]
        else:
            refused = list(self._start_each([each for each in workflows if each not in already_run], branch))
        notes = tuple(f"The workflow `{workflow}` could not be started: {refusal}." for workflow, refusal in refused)
        if not all(is_permanent_refusal(refusal) for _, refusal in refused):
            return WorkflowStartResult(notes=notes)
        names = ", ".join(f"`{workflow}`" for workflow, _ in refused)
        notice = (
            f"{_NOT_RUN_PREFIX} {names} could not be started; basebump's report says why. Start what is missing by "
            "hand, or close this and open it again, before you merge.\n\n"
        )
        return WorkflowStartResult(commit, notes, notice if refused else "")

    def _start_each(self, workflows: Sequence[str], branch: str) -> Iterator[tuple[str, RefusedError]]:
        """Start each workflow, and yield those that were refused.

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

    def _list_run(self, commit: str) -> frozenset[str]:
        """Return the file names of the workflows that ran for a commit; it has few, so one page is enough.

        https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
        """

        def fetch(repository: Repository) -> frozenset[str]:
            parameters = {"head_sha": commit, "per_page": PER_PAGE}
            _, answer = repository.requester.requestJsonAndCheck(
                "GET", f"{repository.url}/actions/runs", parameters=parameters
            )
            paths = (str(run["path"]).partition("@")[0] for run in answer["workflow_runs"])
            return frozenset(path.removeprefix(WORKFLOWS_FOLDER) for path in paths)

        return self._remote.read(f"list the workflows that ran for {commit}", fetch, ACTIONS_WRITE)


def has_job_token(connection: GitHubConnection) -> bool:
    """Return True if the token is that of a job of GitHub Actions; checked once, and only for tokens without a user.

    If that cannot be found out, the token counts as another kind.
    """
    if connection.has_job_token is None:
        connection.has_job_token = _is_job_account(connection)
    return connection.has_job_token


def _is_job_account(connection: GitHubConnection) -> bool:
    try:
        account = connection.get_account()
        if account.login is not None or not account.is_app:
            return False
        answer = run_query(connection, "tell whose token it is", "query { viewer { login } }", {}, "")
        return bool(answer.data["viewer"]["login"] == _JOB_LOGIN)
    except (RefusedError, UnsupportedQueryError, KeyError, TypeError):
        return False
