"""Workflows and their runs (https://docs.github.com/en/rest/actions), read from the workflow files."""

from __future__ import annotations

import yaml
from support.forges.github.calls import ForgeReply, GitHubCall, ProblemError
from support.forges.github.runs import WorkflowRun

_MAX_RUNS = 1000


def dispatch(call: GitHubCall, workflow: str) -> ForgeReply:
    """Start a workflow by its file name: it must stand on the default branch, and let itself be started by hand."""
    repository = call.repository
    if not call.writer.can_dispatch:
        kind = "integration" if call.writer.is_app else "personal access token"
        raise ProblemError(403, f"Resource not accessible by {kind}", x_accepted_github_permissions="actions=write")
    path = f".github/workflows/{workflow}"
    if path not in repository.git.files(f"refs/heads/{repository.default_branch}"):
        raise ProblemError(404, "Not Found")
    branch = call.need("ref")
    commit = repository.git.head(branch)
    if commit is None:
        raise ProblemError(422, f"No ref found for: {branch}")
    described = yaml.load(repository.git.files(f"refs/heads/{branch}")[path].content, yaml.BaseLoader)
    if "workflow_dispatch" not in described["on"]:
        raise ProblemError(422, "Workflow does not have 'workflow_dispatch' trigger")
    repository.runs.append(WorkflowRun(call.world.next_id(), workflow, "workflow_dispatch", branch, commit))
    return ForgeReply(204, None)


def list_runs(call: GitHubCall) -> ForgeReply:
    """Return the runs for a commit, the newest first."""
    found = [each for each in call.repository.runs if each.commit == call.query["head_sha"]]
    page = call.page([call.shapes.run(call.repository, each) for each in reversed(found[-_MAX_RUNS:])])
    return ForgeReply(200, {"total_count": len(found), "workflow_runs": page.body}, page.headers)
