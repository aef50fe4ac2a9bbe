"""GitLab's issues (https://docs.gitlab.com/api/issues/); merge requests are none."""

from __future__ import annotations

from support.forges.gitlab.calls import GitLabCall, ProblemError, missing
from support.forges.gitlab.merge_requests import check_words
from support.forges.gitlab.state import GitLabIssue
from support.forges.server import ForgeReply


def list_issues(call: GitLabCall) -> ForgeReply:
    _refuse_disabled_issues(call)
    wanted, state = set(filter(None, call.words.get("labels", "").split(","))), call.words.get("state", "all")
    found = [each for each in call.project.issues if state in (each.state, "all") and wanted <= set(each.labels)]
    return call.page([call.shapes.issue(call.project, each) for each in reversed(found)])


def list_own_issues(call: GitLabCall) -> ForgeReply:
    """Return the issues that the account opened in any project."""
    assert (call.words["scope"], call.words["state"]) == ("created_by_me", "all")
    user, wanted = call.writer.user, set(call.words["labels"].split(","))
    projects = [each for each in call.world.projects if each.has_issues and each.seen_by(user)]
    return call.page(
        [
            call.shapes.issue(project, each)
            for project in projects
            for each in reversed(project.issues)
            if each.user is user and wanted <= set(each.labels)
        ]
    )


def create_issue(call: GitLabCall) -> ForgeReply:
    _refuse_disabled_issues(call)
    project, title, description = call.project, call.need("title"), call.words.get("description")
    check_words(title, description)
    labels = call.words.get("labels", "").split(",") if call.writer.can_label else []
    issue = GitLabIssue(1 + len(project.issues), call.writer.user, title, description, labels=labels)
    project.issues.append(issue)
    return ForgeReply(201, call.shapes.issue(project, issue))


def edit_issue(call: GitLabCall, number: str) -> ForgeReply:
    _refuse_disabled_issues(call)
    (issue,) = [each for each in call.project.issues if str(each.number) == number] or [None]
    if issue is None:
        raise missing("Issue")
    issue.title, issue.description = call.words.get("title", issue.title), call.words["description"]
    check_words(issue.title, issue.description)
    if "state_event" in call.words:
        issue.state = {"close": "closed", "reopen": "opened"}[call.words["state_event"]]
    return ForgeReply(200, call.shapes.issue(call.project, issue))


def _refuse_disabled_issues(call: GitLabCall) -> None:
    if not call.project.has_issues:
        raise ProblemError(403, "403 Forbidden")
