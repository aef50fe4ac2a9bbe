"""GitHub's issues (https://docs.github.com/en/rest/issues/issues); every pull request is one, too."""

from __future__ import annotations

from support.forges.github.calls import ForgeReply, GitHubCall, ProblemError, invalid
from support.forges.github.extras import set_milestone
from support.forges.github.pulls import MAX_BODY, MAX_TITLE
from support.forges.github.state import GitHubIssue


def list_issues(call: GitHubCall) -> ForgeReply:
    wanted = set(filter(None, call.query.get("labels", "").split(",")))
    state, creator = call.query.get("state", "open"), call.query.get("creator")
    found = [
        each
        for each in call.repository.issues
        if state in (each.state, "all") and creator in (_login(each), None) and wanted <= set(each.labels)
    ]
    if call.query.get("direction", "desc") == "desc":
        found.reverse()
    return call.page([call.shapes.issue(call.repository, each) for each in found])


def create_issue(call: GitHubCall) -> ForgeReply:
    repository, title, body = call.repository, call.need("title"), call.body.get("body")
    _refuse_disabled_issues(call)
    _check(title, body)
    labels = call.body.get("labels", []) if call.writer.can_label else []  # without the right they fall silently
    repository.labels |= {label: ("ededed", "") for label in labels if label not in repository.labels}
    issue = GitHubIssue(repository.next_number(), call.writer.account, title, body, labels=list(labels))
    repository.issues.append(issue)
    return ForgeReply(201, call.shapes.issue(repository, issue))


def get_issue(call: GitHubCall, number: str) -> ForgeReply:
    return ForgeReply(200, call.shapes.issue(call.repository, _issue(call, number)))


def edit_issue(call: GitHubCall, number: str) -> ForgeReply:
    if "milestone" in call.body:
        return set_milestone(call, number)
    issue = _issue(call, number)
    _refuse_disabled_issues(call)
    issue.title, issue.body = call.body.get("title", issue.title), call.body.get("body", issue.body)
    _check(issue.title, issue.body)
    issue.state = call.body.get("state", issue.state)
    return get_issue(call, number)


def _login(issue: GitHubIssue) -> str:
    return issue.account.login if issue.account is not None else ""


def _issue(call: GitHubCall, number: str) -> GitHubIssue:
    for issue in call.repository.issues:
        if str(issue.number) == number:
            return issue
    raise ProblemError(404, "Not Found")


def _check(title: str, body: str | None) -> None:
    if body is not None and len(body) > MAX_BODY:
        raise invalid("Issue", f"body is too long (maximum is {MAX_BODY} characters)", fault="body")
    if len(title) > MAX_TITLE:
        raise invalid("Issue", f"title is too long (maximum is {MAX_TITLE} characters)", fault="title")


def _refuse_disabled_issues(call: GitHubCall) -> None:
    if not call.repository.has_issues:
        raise ProblemError(410, "Issues are disabled for this repo")
    if not call.writer.can_label:
        raise ProblemError(403, "Resource not accessible by integration", x_accepted_github_permissions="issues=write")
