"""Enable and disable auto-merge of merge requests.

https://docs.gitlab.com/api/merge_requests/#merge-a-merge-request: the same API request merges at once if there is no
pipeline to wait for. So it is sent only if the expected commit has a pipeline, and if that pipeline has more jobs than
the status that basebump set itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitlab.v4.objects import Project

from bot.forges.gitlab.connection import GitLabRemote
from bot.forges.gitlab.errors import translate_errors
from bot.forges.gitlab.records import EXTERNAL_SOURCE, has_other_statuses
from bot.forges.gitlab.request_state import MergeRequestData, is_automerge_cancelled, read_merge_request
from bot.forges.hosted.refusal import CONFLICT, NOT_ACCEPTABLE, NOT_ALLOWED, UNAUTHORIZED, RefusedError

_RUNNING = frozenset({
    "created", "waiting_for_resource", "waiting_for_callback", "preparing", "pending", "running", "scheduled",
})  # fmt: skip
_SUCCESS = "success"
"""Statuses: https://docs.gitlab.com/api/pipelines/."""

_NO_PIPELINE = "GitLab waits for a pipeline, and the last commit has none yet; hint: a later run tries again"
_NOT_ENABLED = "Auto-merge was not enabled"
_ADVICE = {
    UNAUTHORIZED: "the token may not merge into the target branch; hint: allow it in the protected branches settings",
    CONFLICT: "somebody pushed to the branch",
    NOT_ALLOWED: "GitLab does not merge it in its state; hint: look at the merge request",
}


@dataclass(frozen=True, slots=True)
class GitLabAutomerge:
    """Auto-merge of merge requests in one project."""

    remote: GitLabRemote

    def enable(self, number: int, head: str | None) -> tuple[str, ...]:
        """Enable auto-merge while `head` is the last commit; return notes that say why it was not enabled."""
        try:
            with translate_errors(self.remote.name):
                reason = self._try_enable(number, head)
        except RefusedError as refusal:
            reason = _ADVICE.get(refusal.status or 0, str(refusal))
        return (f"{_NOT_ENABLED}: {reason}.",) if reason is not None else ()

    def _try_enable(self, number: int, head: str | None) -> str | None:
        """Enable auto-merge, or return the reason why it was not enabled."""
        data = read_merge_request(self.remote, number)
        reason = _explain_blocked(data, head)
        if reason is not None:
            return reason
        pipeline = data["head_pipeline"]
        if pipeline.get("source") == EXTERNAL_SOURCE and not has_other_statuses(self.remote, str(pipeline["sha"])):
            return _NO_PIPELINE
        if is_automerge_cancelled(self.remote, number):
            return "somebody cancelled it before"
        answer = self._merge_when_pipeline_succeeds(number, str(data["sha"]) if head is None else head)
        is_set = answer.get("merge_when_pipeline_succeeds") or answer["state"] in {"merged", "locked"}
        return None if is_set else "GitLab ignored the request"

    def disable(self, number: int) -> None:
        """Disable auto-merge; nothing happens if it is not enabled. Raises RefusedError.

        https://docs.gitlab.com/api/merge_requests/#cancel-merge-when-pipeline-succeeds: some servers report a failure
        in the body of an answer with status 200.
        """

        def cancel(project: Project) -> Mapping[str, Any]:
            return project.mergerequests.get(number, lazy=True).cancel_merge_when_pipeline_succeeds()

        action = f"disable auto-merge of merge request !{number}"
        try:
            answer = self.remote.write(action, cancel)
        except RefusedError as refusal:
            if refusal.status != NOT_ACCEPTABLE:
                raise
            return
        if answer.get("status") == "error" and answer.get("http_status") != NOT_ACCEPTABLE:
            raise RefusedError(f"GitLab did not {action} of {self.remote.name}; hint: disable it by hand", status=None)

    def _merge_when_pipeline_succeeds(self, number: int, head: str) -> MergeRequestData:
        """Send the request with both parameters that exist: a server that knows neither would merge at once.

        `auto_merge` is the newer one, since GitLab 17.11.
        """

        def merge(project: Project) -> MergeRequestData:
            request = project.mergerequests.get(number, lazy=True)
            return request.merge(merge_when_pipeline_succeeds=True, auto_merge=True, sha=head)

        return self.remote.write(f"enable auto-merge of merge request !{number}", merge)


def _explain_blocked(data: MergeRequestData, head: str | None) -> str | None:
    """Return the reason not to request auto-merge; without a pipeline to wait for, GitLab would merge at once."""
    if data.get("draft"):
        return "it is a draft"
    pipeline = data.get("head_pipeline")
    if not pipeline or not _is_pipeline_of(pipeline, head):
        return _NO_PIPELINE
    status = str(pipeline["status"])
    if status == _SUCCESS or status in _RUNNING:
        return None
    return f"the pipeline of its last commit is `{status}`; hint: look at the pipeline"


def _is_pipeline_of(pipeline: Mapping[str, Any], head: str | None) -> bool:
    """Return True if a pipeline is for a commit, or for the merge result that GitLab creates from it."""
    return head is None or pipeline["sha"] == head or str(pipeline.get("ref", "")).endswith("/merge")
