"""Labels, reviewers, assignees and milestones of GitHub's pull requests (https://docs.github.com/en/rest/issues)."""

from __future__ import annotations

from support.forges.github.calls import ForgeReply, GitHubCall, ProblemError, invalid
from support.forges.github.pulls import pull_of


def get_label(call: GitHubCall, name: str) -> ForgeReply:
    for label in call.repository.labels:
        if label.lower() == name.lower():
            return ForgeReply(200, call.shapes.label(call.repository, label))
    raise ProblemError(404, "Not Found")


def add_labels(call: GitHubCall, number: str) -> ForgeReply:
    repository, pull = call.repository, pull_of(call, number)
    wanted = call.body["labels"] if isinstance(call.body, dict) else call.body
    known = {each.lower(): each for each in repository.labels}
    missing = [name for name in wanted if name.lower() not in known]
    if missing and not repository.adds_missing_labels:
        raise invalid("Label", code="invalid", fault="name")
    _check_triage(call)
    repository.labels |= dict.fromkeys(missing, ("ededed", ""))
    for name in (known.get(each.lower(), each) for each in wanted):
        if name not in pull.labels:
            pull.labels.append(name)
            pull.note("LabeledEvent", name)
    return ForgeReply(200, [call.shapes.label(repository, name) for name in pull.labels])


def take_label(call: GitHubCall, number: str, name: str) -> ForgeReply:
    pull = pull_of(call, number)
    _check_triage(call)
    if name not in pull.labels:
        raise ProblemError(404, "Label does not exist")
    pull.labels.remove(name)
    return ForgeReply(200, [call.shapes.label(call.repository, each) for each in pull.labels])


def create_label(call: GitHubCall) -> ForgeReply:
    repository, name = call.repository, call.need("name")
    _check_triage(call)
    if name.lower() in {each.lower() for each in repository.labels}:
        raise invalid("Label", code="already_exists", fault="name")
    repository.labels[name] = (call.body.get("color", "ededed"), call.body.get("description", ""))
    return ForgeReply(201, call.shapes.label(repository, name))


def request_reviewers(call: GitHubCall, number: str) -> ForgeReply:
    """Refuse all where one may not review."""
    repository, pull = call.repository, pull_of(call, number)
    people, teams = call.body.get("reviewers", []), call.body.get("team_reviewers", [])
    wanted = [*people, *(f"team:{each}" for each in teams)]
    if pull.account.login in people:
        raise ProblemError(422, "Review cannot be requested from pull request author.")
    if not set(wanted) <= set(repository.collaborators):
        raise ProblemError(
            422,
            "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not "
            f"a collaborator of the {repository.name} repository.",
        )
    for each in wanted:
        if each not in pull.reviewers:
            pull.reviewers.append(each)
            pull.note("ReviewRequestedEvent", each)
    return ForgeReply(201, call.shapes.pull(repository, pull, "pull-request-simple"))


def assign(call: GitHubCall, number: str) -> ForgeReply:
    """Leave out in silence who may not be assigned."""
    repository, pull = call.repository, pull_of(call, number)
    _check_triage(call)
    for each in call.need("assignees"):
        if each in repository.collaborators and each not in pull.assignees:
            pull.assignees.append(each)
            pull.note("AssignedEvent", each)
    return ForgeReply(201, call.shapes.pull_as_issue(repository, pull))


def list_milestones(call: GitHubCall) -> ForgeReply:
    milestones = call.repository.milestones
    return call.page([call.shapes.milestone(call.repository, title, milestones[title]) for title in milestones])


def set_milestone(call: GitHubCall, number: str) -> ForgeReply:
    """Set the milestone of a pull request, alone."""
    repository, pull = call.repository, pull_of(call, number)
    _check_triage(call)
    (wanted,) = call.body.values()
    (title,) = [title for title, each in repository.milestones.items() if each == wanted]
    pull.milestone = title
    pull.note("MilestonedEvent", title)
    return ForgeReply(200, call.shapes.pull_as_issue(repository, pull))


def _check_triage(call: GitHubCall) -> None:
    if not call.writer.can_label:
        raise ProblemError(403, "Resource not accessible by integration", x_accepted_github_permissions="issues=write")
