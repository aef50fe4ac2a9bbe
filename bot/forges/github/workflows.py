"""Starting CI workflows on proposals that were created with the token of a job of GitHub Actions.

GitHub starts no workflows for pushes and pull requests with such a token
(https://docs.github.com/en/actions/concepts/security/github_token). basebump can start workflows by name (`dispatch` in
the config). If CI does not run, basebump writes a notice at the beginning of the pull request's body. The mark, a
hidden comment in the body, records the commit for which workflows were started.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from github.Repository import Repository

from bot.core.proposal.marks import parse_mark, record_started_commit
from bot.forges.github.branches import WORKFLOWS_FOLDER
from bot.forges.github.client import PER_PAGE
from bot.forges.github.connection import GitHubConnection, GitHubRemote
from bot.forges.github.github_errors import ACTIONS_WRITE
from bot.forges.hosted.refusal import RefusedError, is_permanent_refusal

_NOT_BY_ITSELF_PREFIX, _NOT_RUN_PREFIX = "> **CI does not run here by itself:**", "> **CI has not run on this:**"
JOB_TOKEN_NOTICE = (
    f"{_NOT_BY_ITSELF_PREFIX} the last commit was pushed with the token of a job (`GITHUB_TOKEN`), and "
    "GitHub starts no workflows for that. Close this and open it again to have them run, which also cancels the "
    "decline; `dispatch` in the config of basebump, or a GitHub App, does it for you.\n\n"
)
_JOB_LOGIN = "github-actions[bot]"
"""The account to which the tokens of jobs belong."""


@dataclass(frozen=True, slots=True)
class WorkflowStartResult:
    """The outcome of starting workflows: notes for the report, and a notice for the pull request's body."""

    commit: str | None = None
    """The commit to record in the body of the pull request, because its workflows were started or refused permanently.
    None if no workflow was started, or if a later run must try again."""
    notes: tuple[str, ...] = ()
    notice: str = ""
    """A notice for the beginning of the pull request's body; empty if no notice is needed."""

    def add_to_body(self, body: str) -> str:
        """Return the body of a pull request with the notice at its beginning and the commit in the hidden mark.

        If there is no new commit to record, the mark does not change. If the proposal is withdrawn, no notice is added.
        """
        body = body if self.commit is None else record_started_commit(_remove_notice(body), self.commit)
        return body if self.notice in body or parse_mark(body).is_withdrawn else f"{self.notice}{body}"


def _has_notice(body: str) -> bool:
    """Return True if the body of a pull request begins with basebump's notice that CI does not run or has not run."""
    return body.startswith((_NOT_BY_ITSELF_PREFIX, _NOT_RUN_PREFIX))


def _remove_notice(body: str) -> str:
    return body.partition("\n\n")[2] if _has_notice(body) else body


@dataclass(frozen=True, slots=True)
class WorkflowStarter:
    """Starts workflows in one repository; implements `WorkflowApi`.

    If a workflow cannot be started, the result contains a note with the reason.
    """

    remote: GitHubRemote

    def start_workflows(
        self, branch: str, commit: str | None, workflows: Sequence[str], *, is_new: bool, current_body: str | None
    ) -> WorkflowStartResult:
        """Start those of `workflows` that have not run for `commit`, and return the outcome.

        If the commit is not new, one API call lists the workflows that ran for it. A separate API call starts each
        workflow.

        If `workflows` is empty, no workflow is started. The outcome then contains the notice that CI does not run by
        itself if the token belongs to a job and one of these conditions is met:

        - The pull request is new (`current_body` is None).
        - The commit is new.
        - `current_body` already begins with a notice.

        If none of the conditions is met, CI might have run for this pull request, so the notice could be wrong.

        Args:
            branch: The branch of the proposal.
            commit: The commit that the branch points to; None if the commit is not known.
            workflows: The file names of the workflows.
            is_new: True if this run created the commit, so that no workflow can have run for it.
            current_body: The body of the open pull request, which shows earlier notices; None if it is not open yet.
        """
        may_lack_ci = current_body is None or is_new or _has_notice(current_body)
        if not workflows or commit is None:
            return WorkflowStartResult(
                notice=JOB_TOKEN_NOTICE if may_lack_ci and has_job_token(self.remote.connection) else ""
            )
        refused: list[tuple[str, RefusedError]] = []
        try:
            already_run = frozenset[str]() if is_new else self._list_started_workflows(commit)
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
        """Start workflows. For each workflow that GitHub refuses to start, yield the workflow and the error.

        https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event
        """
        for workflow in workflows:
            try:
                self._dispatch(workflow, branch)
            except RefusedError as refusal:
                yield workflow, refusal

    def _dispatch(self, workflow: str, branch: str) -> None:
        action, path = f"start the workflow {workflow}", f"/actions/workflows/{quote(workflow, safe='')}/dispatches"
        self.remote.write_json(action, "POST", path, {"ref": branch}, ACTIONS_WRITE)

    def _list_started_workflows(self, commit: str) -> frozenset[str]:
        """Return the file names of the workflows that have run for a commit. Raises RefusedError if an API call fails.

        Only the first page of the list is read, because few workflows run for one commit.

        https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
        """

        def fetch(repository: Repository) -> frozenset[str]:
            parameters = {"head_sha": commit, "per_page": PER_PAGE}
            _, answer = repository.requester.requestJsonAndCheck(
                "GET", f"{repository.url}/actions/runs", parameters=parameters
            )
            paths = (str(run["path"]).partition("@")[0] for run in answer["workflow_runs"])
            return frozenset(path.removeprefix(WORKFLOWS_FOLDER) for path in paths)

        return self.remote.read(f"list the workflows that ran for {commit}", fetch, ACTIONS_WRITE)


def has_job_token(connection: GitHubConnection) -> bool:
    """Return True if the token is the `GITHUB_TOKEN` of a job. If basebump cannot find out, return False.

    The result is stored in the connection.
    """
    if connection.has_job_token is None:
        try:
            connection.has_job_token = connection.get_account().login == _JOB_LOGIN
        except RefusedError:
            connection.has_job_token = False
    return connection.has_job_token
