"""Letting GitLab merge a merge request by itself once its pipeline succeeded, and no longer.

https://docs.gitlab.com/api/merge_requests/#merge-a-merge-request: the same request merges at once what waits for no
pipeline, so it is made only where there is one for the very commit that is meant, and not where that is made of nothing
but the status that we set ourselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitlab.v4.objects import Project

from bot.forges._refusal import CONFLICT, NOT_ACCEPTABLE, NOT_ALLOWED, UNAUTHORIZED, RefusedError
from bot.forges.gitlab.connection import Remote
from bot.forges.gitlab.errors import understood
from bot.forges.gitlab.history import was_called_off
from bot.forges.gitlab.shown import Shown, look_at
from bot.forges.gitlab.status import EXTERNAL, is_of_others

_RUNNING = frozenset({
    "created", "waiting_for_resource", "waiting_for_callback", "preparing", "pending", "running", "scheduled",
})  # fmt: skip
_SUCCESS = "success"
"""Statuses: https://docs.gitlab.com/api/pipelines/."""

_NO_PIPELINE = "GitLab waits for a pipeline, and there is none for its last commit yet; a later run tries again"
_NOT = "It was not set to merge by itself"
_ADVICE = {
    UNAUTHORIZED: "the token may not merge into its target branch; let it in the settings of protected branches",
    CONFLICT: "somebody pushed to it",
    NOT_ALLOWED: "GitLab does not merge it as it stands; look at what it says there",
}


@dataclass(frozen=True, slots=True)
class Automerge:
    """Merging by itself in one project."""

    remote: Remote

    def arm(self, number: int, head: str | None) -> tuple[str, ...]:
        """Let a request merge by itself while `head` is its last commit; return why not, in sentences."""
        try:
            with understood(self.remote.name):
                why = self._arm(number, head)
        except RefusedError as refusal:
            why = _ADVICE.get(refusal.status or 0, str(refusal))
        return (f"{_NOT}: {why}.",) if why is not None else ()

    def _arm(self, number: int, head: str | None) -> str | None:
        """Do it, or say why not."""
        shown = look_at(self.remote, number)
        why = _why_not(shown, head)
        if why is not None:
            return why
        pipeline = shown["head_pipeline"]
        if pipeline.get("source") == EXTERNAL and not is_of_others(self.remote, str(pipeline["sha"])):
            return _NO_PIPELINE
        if was_called_off(self.remote, number):
            return "somebody called that off"
        made = self._merge(number, str(shown["sha"]) if head is None else head)
        is_set = made.get("merge_when_pipeline_succeeds") or made["state"] in {"merged", "locked"}
        return None if is_set else "GitLab set nothing"

    def disarm(self, number: int) -> None:
        """Let it no longer merge by itself; one that does not is done. Raises RefusedError.

        https://docs.gitlab.com/api/merge_requests/#cancel-merge-when-pipeline-succeeds: some servers say in a body of
        a success that they did not.
        """

        def cancel(project: Project) -> Mapping[str, Any]:
            return project.mergerequests.get(number, lazy=True).cancel_merge_when_pipeline_succeeds()

        action = f"let merge request !{number} no longer merge by itself"
        try:
            answer = self.remote.write(action, cancel)
        except RefusedError as refusal:
            if refusal.status != NOT_ACCEPTABLE:
                raise
            return
        if answer.get("status") == "error" and answer.get("http_status") != NOT_ACCEPTABLE:
            raise RefusedError(f"GitLab did not {action} of {self.remote.name}; do it by hand", status=None)

    def _merge(self, number: int, head: str) -> Shown:
        """Ask in both words that there are: a server that knows neither would merge at once.

        `auto_merge` is the newer one, since 17.11.
        """

        def merge(project: Project) -> Shown:
            request = project.mergerequests.get(number, lazy=True)
            return request.merge(merge_when_pipeline_succeeds=True, auto_merge=True, sha=head)

        return self.remote.write(f"let merge request !{number} merge by itself", merge)


def _why_not(shown: Shown, head: str | None) -> str | None:
    """Say why a request must not be told to merge: what no pipeline checks would be merged at once."""
    if shown.get("draft"):
        return "it is a draft"
    pipeline = shown.get("head_pipeline")
    if not pipeline or not _is_of(pipeline, head):
        return _NO_PIPELINE
    status = str(pipeline["status"])
    return None if status == _SUCCESS or status in _RUNNING else f"its pipeline is `{status}`; look at it"


def _is_of(pipeline: Mapping[str, Any], head: str | None) -> bool:
    """Say whether a pipeline is about a commit, or about what its merge would be, which GitLab makes for itself."""
    return head is None or pipeline["sha"] == head or str(pipeline.get("ref", "")).endswith("/merge")
