"""Parts of merge requests besides title and body: people, milestones, and their label events."""

from __future__ import annotations

from support.forges.gitlab.calls import GitLabCall
from support.forges.gitlab.merge_requests import find
from support.forges.server import ForgeReply


def list_users(call: GitLabCall) -> ForgeReply:
    """Find people by name: https://docs.gitlab.com/api/users/."""
    wanted = call.need("username").lower()
    found = [each for each in call.world.users.values() if each.username.lower() == wanted]
    return call.page([call.shapes.user(each) for each in found])


def list_milestones(call: GitLabCall) -> ForgeReply:
    """List those of a project, and of the groups above it where that is asked for."""
    words = call.words
    found = [
        each
        for each in call.project.milestones
        if words.get("title") in (None, each.title)
        and words.get("state") in (None, each.state)
        and (not each.is_groups or words.get("include_ancestors") in ("true", "True"))
    ]
    return call.page([call.shapes.milestone(each) for each in found])


def list_label_events(call: GitLabCall, number: str) -> ForgeReply:
    request = find(call, number)
    labels = [(action, {"id": 1, "name": name} if name else None) for action, name in request.label_events]
    return call.page([call.shapes.event("label", request, action, label) for action, label in labels])


def list_milestone_events(call: GitLabCall, number: str) -> ForgeReply:
    request = find(call, number)
    events = [(action, call.shapes.milestone(each)) for action, each in request.milestone_events]
    return call.page([call.shapes.event("milestone", request, action, shown) for action, shown in events])
