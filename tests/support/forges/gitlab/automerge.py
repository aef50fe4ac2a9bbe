"""Merging by GitLab itself (https://docs.gitlab.com/api/merge_requests/#merge-a-merge-request)."""

from __future__ import annotations

from support.forges.gitlab.calls import GitLabCall, ProblemError
from support.forges.gitlab.merge_requests import find
from support.forges.gitlab.state import MergeRequest
from support.forges.server import ForgeReply

_TRUE = frozenset({True, "true", "True", "1"})
_RUNNING = frozenset({"created", "waiting_for_resource", "preparing", "pending", "running"})


def merge(call: GitLabCall, number: str) -> ForgeReply:
    """Merge, or merge after the pipeline succeeds; an unknown parameter for that merges immediately."""
    project, request = call.project, find(call, number)
    if not project.can_merge:
        raise ProblemError(401, "401 Unauthorized")
    waits = any(call.words.get(each) in _TRUE for each in call.world.automerge_words)
    status = _status(request)
    if request.state != "opened" or request.is_draft or project.conflicts(request):
        raise ProblemError(405, "405 Method Not Allowed")
    if status != "success" and (status not in _RUNNING if waits else project.requires_pipeline):
        raise ProblemError(405, "405 Method Not Allowed")
    if call.words.get("sha") not in (None, request.head):
        raise ProblemError(409, "SHA does not match HEAD of source branch")
    if waits and status != "success":
        request.armed_by = call.writer.user
        words = "enabled an automatic merge when the pipeline for"
        request.note(call.writer.user, f"{words} {request.head[:8]} succeeds")
    else:
        project.accept(request)
    return ForgeReply(200, call.shapes.one_request(project, request))


def cancel(call: GitLabCall, number: str) -> ForgeReply:
    """Let it no longer merge by itself; that it does not is said in the body of a success."""
    request = find(call, number)
    if request.armed_by is None:
        said = "Can't cancel the automatic merge"
        return ForgeReply(201, {"status": "error", "message": said, "http_status": 406})
    request.call_off(call.writer.user)
    return ForgeReply(201, {"status": "success"})


def _status(request: MergeRequest) -> str | None:
    """Return the status of the pipeline of its last commit."""
    pipeline = request.pipeline
    return pipeline.status if pipeline is not None and pipeline.sha == request.head else None
