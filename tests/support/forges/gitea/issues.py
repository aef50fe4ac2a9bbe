"""Issues, and the parts that pull requests share with them: comments, labels, assignees, milestones."""

from __future__ import annotations

from datetime import UTC, datetime

from support.forges.gitea.calls import GiteaCall, ProblemError, missing
from support.forges.gitea.state import GiteaIssue, GiteaPull
from support.forges.server import ForgeReply


def list_issues(call: GiteaCall) -> ForgeReply:
    """List issues, newest first. A label that the repository does not have is ignored, as by the servers."""
    if call.query["type"] == "pulls":
        return call.page([call.shapes.issue(call.repository, each) for each in reversed(call.repository.pulls)])
    assert call.query["state"] == "all"
    label = call.query.get("labels", "")
    issues = [each for each in reversed(call.repository.issues) if not isinstance(each, GiteaPull)]
    if label in call.repository.labels:
        issues = [each for each in issues if label in each.labels]
    return call.page([call.shapes.issue(call.repository, each) for each in issues])


def create_issue(call: GiteaCall) -> ForgeReply:
    number = 1 + len(call.repository.issues)
    issue = GiteaIssue(number, call.writer.user, call.body["title"], call.body.get("body", ""))
    issue.labels = [_find_label(call, each) for each in call.body.get("labels", [])]
    call.repository.issues.append(issue)
    return ForgeReply(201, call.shapes.issue(call.repository, issue))


def get_issue(call: GiteaCall, index: str) -> ForgeReply:
    return ForgeReply(200, call.shapes.issue(call.repository, call.find_issue(index)))


def edit_issue(call: GiteaCall, index: str) -> ForgeReply:
    """Change an issue or a pull request; the assignees are replaced."""
    issue, body, repository = call.find_issue(index), call.body, call.repository
    unknown = [each for each in body.get("assignees", []) if each not in repository.collaborators]
    if unknown:
        raise ProblemError(422, f"user does not exist [uid: 0, name: {unknown[0]}]")
    for name in body.get("assignees", []):
        if name not in issue.assignees:
            repository.note(issue, "assignees", call.writer.user, subject=name)
    issue.assignees = body.get("assignees", issue.assignees)
    if "milestone" in body:
        issue.milestone = {number: title for title, number in repository.milestones.items()}[body["milestone"]]
        repository.note(issue, "milestone", call.writer.user, subject=issue.milestone)
    change_words(issue, body)
    return ForgeReply(201, call.shapes.issue(repository, issue))


def change_words(issue: GiteaIssue, body: dict[str, object]) -> None:
    """Change the title, the body and the state of an issue."""
    issue.title = str(body.get("title", issue.title))
    issue.body = str(body.get("body", issue.body))
    if body.get("state") == "closed" and issue.state == "open":
        issue.state, issue.closed = "closed", datetime.now(UTC)
    if body.get("state") == "open":
        issue.state, issue.closed = "open", None


def list_comments(call: GiteaCall, index: str) -> ForgeReply:
    comments = [each for each in call.find_issue(index).events if each.kind == "comment"]
    return ForgeReply(200, [call.shapes.comment(each) for each in comments])


def create_comment(call: GiteaCall, index: str) -> ForgeReply:
    issue = call.find_issue(index)
    call.repository.note(issue, "comment", call.writer.user, call.body["body"])
    return ForgeReply(201, call.shapes.comment(issue.events[-1]))


def list_timeline(call: GiteaCall, index: str) -> ForgeReply:
    events = call.find_issue(index).events
    return call.page([call.shapes.event(call.repository, each) for each in events])


def _find_label(call: GiteaCall, number: int) -> str:
    labels = {**call.world.organization_labels, **call.repository.labels}
    found = next((name for name, each in labels.items() if each == number), None)
    if found is None:
        raise missing(f"label does not exist [label_id: {number}]")
    return found


def add_labels(call: GiteaCall, index: str) -> ForgeReply:
    issue = call.find_issue(index)
    for number in call.body["labels"]:
        label = _find_label(call, number)
        if label not in issue.labels:
            issue.labels.append(label)
            call.repository.note(issue, "label", call.writer.user, "1", label)
    return ForgeReply(200, [call.shapes.label(call.repository, each) for each in issue.labels])


def remove_label(call: GiteaCall, index: str, number: str) -> ForgeReply:
    issue, label = call.find_issue(index), _find_label(call, int(number))
    if label in issue.labels:
        issue.labels.remove(label)
        call.repository.note(issue, "label", call.writer.user, "", label)
    return ForgeReply(204)


def list_labels(call: GiteaCall) -> ForgeReply:
    return call.page([call.shapes.label(call.repository, each) for each in call.repository.labels])


def list_organization_labels(call: GiteaCall, org: str) -> ForgeReply:
    if not call.world.users[org].is_organization:
        raise missing("org does not exist")
    labels = call.world.organization_labels.items()
    return call.page([call.shapes.make("Label", id=number, name=name, color="1d63ed") for name, number in labels])


def create_label(call: GiteaCall) -> ForgeReply:
    assert call.body["color"].startswith("#")
    name = call.body["name"]
    call.repository.labels[name] = call.world.next_id()
    return ForgeReply(201, call.shapes.label(call.repository, name))


def list_milestones(call: GiteaCall) -> ForgeReply:
    name = call.query.get("name", "").lower()
    found = [(title, number) for title, number in call.repository.milestones.items() if name in title.lower()]
    return call.page([call.shapes.milestone(*each) for each in found])
