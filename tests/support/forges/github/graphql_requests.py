"""Pull requests and issues in GitHub's GraphQL, with the fields that basebump and `gh` request."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from support.forges.github.shapes import GitHubJson, moment
from support.forges.github.state import GitHubActor, GitHubEvent, GitHubIssue, GitHubPull, GitHubRepository

Shape = Mapping[str, Any]

_EVENTS = {
    "LABELED_EVENT": "LabeledEvent",
    "REVIEW_REQUESTED_EVENT": "ReviewRequestedEvent",
    "ASSIGNED_EVENT": "AssignedEvent",
    "MILESTONED_EVENT": "MilestonedEvent",
    "AUTO_MERGE_ENABLED_EVENT": "AutoMergeEnabledEvent",
    "AUTO_REBASE_ENABLED_EVENT": "AutoRebaseEnabledEvent",
    "AUTO_SQUASH_ENABLED_EVENT": "AutoSquashEnabledEvent",
    "HEAD_REF_DELETED_EVENT": "HeadRefDeletedEvent",
}


def pull_shape(shapes: GitHubJson, repository: GitHubRepository, pull: GitHubPull) -> Shape:
    """Return a pull request; fields that need git are computed only when requested."""
    return {
        "__typename": "PullRequest",
        "id": pull.node(repository),
        "number": pull.number,
        "title": pull.title,
        "body": pull.body or "",
        "url": lambda: shapes.pull(repository, pull, "pull-request")["html_url"],
        "state": _state(pull),
        "isDraft": pull.draft,
        "updatedAt": moment(pull.updated),
        "lastEditedAt": moment(pull.edited),
        "isCrossRepository": pull.source is not repository,
        "author": _account(pull.account),
        "headRefName": pull.branch,
        "headRefOid": pull.head,
        "baseRefName": pull.base,
        "labels": functools.partial(_labels, shapes, repository, pull.labels),
        "files": functools.partial(_files, shapes, repository, pull),
        "latestOpinionatedReviews": functools.partial(_latest_opinionated_reviews, pull),
        "mergeQueueEntry": {} if pull.queued else None,
        "timelineItems": functools.partial(_timeline_items, pull),
    }


def issue_shape(shapes: GitHubJson, repository: GitHubRepository, issue: GitHubIssue) -> Shape:
    return {
        "__typename": "Issue",
        "id": f"I_{repository.id}_{issue.number}",
        "number": issue.number,
        "title": issue.title,
        "body": issue.body or "",
        "url": lambda: shapes.issue(repository, issue)["html_url"],
        "state": issue.state.upper(),
        "updatedAt": moment(issue.updated),
        "author": _account(issue.account),
        "labels": functools.partial(_labels, shapes, repository, issue.labels),
    }


def pull_requests(
    shapes: GitHubJson,
    repository: GitHubRepository,
    *,
    first: int,
    states: Sequence[str],
    orderBy: Mapping[str, str],  # noqa: N803
    baseRefName: str | None = None,  # noqa: N803
    headRefName: str | None = None,  # noqa: N803
    after: None = None,
) -> Shape:
    """List pull requests, the newest first; those from forks are among them, whatever their branch is called."""
    assert orderBy == {"field": "CREATED_AT", "direction": "DESC"}, "no other order here"
    found = [
        pull_shape(shapes, repository, each)
        for each in reversed(repository.pulls)
        if _state(each) in states and baseRefName in (each.base, None) and headRefName in (each.branch, None)
    ]
    return _page(found, first) | {"totalCount": len(found)}


def issues(
    shapes: GitHubJson,
    repository: GitHubRepository,
    *,
    first: int,
    labels: Sequence[str],
    orderBy: Mapping[str, str],  # noqa: N803
) -> Shape:
    """List open and closed issues that have one of the labels, the newest first; none where issues are turned off."""
    assert orderBy == {"field": "CREATED_AT", "direction": "DESC"}, "no other order here"
    known = reversed(repository.issues if repository.has_issues else [])
    return _page([issue_shape(shapes, repository, each) for each in known if {*labels} & {*each.labels}], first)


def refs(repository: GitHubRepository, *, refPrefix: str, query: str, first: int) -> Shape:  # noqa: N803
    """List the branches whose names contain a text; GitHub documents no other prefix for branches."""
    assert refPrefix == "refs/heads/", "no other prefix here"
    found = [
        {"__typename": "Ref", "name": name, "target": {"__typename": "Commit", "oid": commit}}
        for name, commit in sorted(repository.branches.items())
        if query in name
    ]
    return _page(found, first)


def checks_of(repository: GitHubRepository, commit: str) -> Shape | None:
    """Return the check runs of a commit, and the last status of each context; None if there are none."""
    last = {each.context: each for each in repository.statuses.get(commit, ())}
    nodes: list[Shape] = [
        {
            "__typename": "CheckRun",
            "name": "build",
            "status": status,
            "conclusion": conclusion,
            "detailsUrl": f"https://github.com/{repository.name}/actions/runs/1/job/2",
        }
        for status, conclusion in repository.check_runs.get(commit, ())
    ]
    nodes += [
        {"__typename": "StatusContext", "context": name, "state": each.state.upper(), "targetUrl": each.url}
        for name, each in last.items()
    ]
    return {"contexts": lambda **words: _page(nodes, words["first"])} if nodes else None


def search(shapes: GitHubJson, repositories: Mapping[str, GitHubRepository], query: str, kind: str, most: int) -> Shape:
    """Find issues or pull requests by the qualifiers that are known here; another one is a KeyError."""
    qualifiers: dict[str, list[str]] = {"repo": [], "type": [], "state": [], "label": []}
    for word in query.split():
        key, _, value = word.partition(":")
        qualifiers[key].append(value)
    (name,), (wanted,) = qualifiers["repo"], qualifiers["type"]
    assert kind == "ISSUE", "nothing else is searched here"
    repository = repositories[name.lower()]
    things = {"pr": (repository.pulls, pull_shape), "issue": (repository.issues, issue_shape)}
    listed, shape = things[wanted]
    found = [
        shape(shapes, repository, each)
        for each in reversed(listed)
        if qualifiers["state"] in ([], [each.state]) and set(qualifiers["label"]) <= set(each.labels)
    ]
    return _page(found, most) | {"issueCount": len(found)}


def _page(found: Sequence[Shape], most: int) -> dict[str, Any]:
    return {"nodes": found[:most], "pageInfo": {"hasNextPage": len(found) > most, "endCursor": None}}


def _state(pull: GitHubPull) -> str:
    return "MERGED" if pull.merged else pull.state.upper()


def _account(account: GitHubActor) -> Shape:
    """Return an account; the login of a bot has no `[bot]` suffix in GraphQL."""
    return {
        "__typename": account.kind,
        "login": account.login.removesuffix("[bot]"),
        "id": f"U_{account.id}",
        "name": None,
    }


def _labels(
    shapes: GitHubJson, repository: GitHubRepository, names: Sequence[str], *, first: int, **_: object
) -> Shape:
    told = [shapes.label(repository, each) for each in names]
    nodes = [
        {**{key: each[key] for key in ("name", "color", "description")}, "id": f"L_{each['name']}"} for each in told
    ]
    return {"nodes": nodes[:first], "totalCount": len(nodes)}


def _files(shapes: GitHubJson, repository: GitHubRepository, pull: GitHubPull, *, first: int) -> Shape:
    compared = shapes.comparison(repository, repository.branches[pull.base], pull.head, first)
    files = compared["files"][:first]
    return {
        "nodes": [{"path": each["filename"]} | {key: each[key] for key in ("additions", "deletions")} for each in files]
    }


def _latest_opinionated_reviews(pull: GitHubPull, *, first: int, writersOnly: bool) -> Shape:  # noqa: N803
    counted = [each for each in pull.reviews if each.is_writers or not writersOnly]
    latest = {each.account.login: each for each in counted if each.state != "COMMENTED"}
    return {"nodes": [{"state": each.state} for each in list(latest.values())[:first]]}


def _timeline_items(
    pull: GitHubPull,
    *,
    itemTypes: Sequence[str],  # noqa: N803
    first: int | None = None,
    last: int | None = None,
) -> Shape:
    kinds = {_EVENTS[each] for each in itemTypes}
    events = list(_events(pull, kinds))
    return {"nodes": events[:first] if last is None else events[-last:]}


def _events(pull: GitHubPull, kinds: set[str]) -> Iterator[Shape]:
    return (_event(each) for each in pull.events if each.kind in kinds)


def _event(event: GitHubEvent) -> Shape:
    team = event.subject.removeprefix("team:") if event.subject.startswith("team:") else None
    somebody = {"__typename": "Team", "slug": team} if team else {"__typename": "User", "login": event.subject}
    about: Mapping[str, Shape] = {
        "LabeledEvent": {"label": {"name": event.subject}},
        "ReviewRequestedEvent": {"requestedReviewer": somebody},
        "AssignedEvent": {"assignee": somebody},
        "MilestonedEvent": {"milestoneTitle": event.subject},
    }
    return {"__typename": event.kind, "createdAt": moment(event.created), **about.get(event.kind, {})}
