"""GitHub's pull requests, their reviews and their comments (https://docs.github.com/en/rest/pulls)."""

from __future__ import annotations

from typing import Any

from support.forges.github.calls import ForgeReply, GitHubCall, ProblemError, invalid
from support.forges.github.state import GitHubComment, GitHubPull, GitHubRepository

MAX_BODY, MAX_TITLE = 65_536, 256


def list_pulls(call: GitHubCall) -> ForgeReply:
    state, base = call.query.get("state", "open"), call.query.get("base")
    owner, _, branch = call.query.get("head", "").partition(":")
    found = [
        pull
        for pull in call.repository.pulls
        if state in (pull.state, "all")
        and base in (pull.base, None)
        and (not branch or (owner, branch) == (pull.source.owner.login, pull.branch))
    ]
    # Newest first is the default for `created`, whatever the direction's own default is.
    if call.query.get("direction", "desc") == "desc":
        found.reverse()
    return call.page([call.shapes.pull(call.repository, pull, "pull-request-simple") for pull in found])


def get_pull(call: GitHubCall, number: str) -> ForgeReply:
    return _whole(call, pull_of(call, number))


def create_pull(call: GitHubCall) -> ForgeReply:
    repository, token = call.repository, call.writer
    if not token.can_propose:
        raise ProblemError(403, "GitHub Actions is not permitted to create or approve pull requests.")
    base, title, body = call.need("base"), call.need("title"), call.body.get("body")
    owner, branch = _source(repository, call.need("head"))
    source = repository if owner == repository.owner.login else _fork(call, owner)
    _check_words(title, body)
    branches = repository.branches
    if base not in branches:
        raise invalid("PullRequest", code="invalid", fault="base")
    head = source.git.head(branch)
    if head is None:
        raise invalid("PullRequest", code="invalid", fault="head")
    if any(
        each.state == "open" and (each.source, each.branch, each.base) == (source, branch, base)
        for each in repository.pulls
    ):
        raise invalid("PullRequest", f"A pull request already exists for {owner}:{branch}.")
    if source is repository and repository.git.has(branches[base], head):
        raise invalid("PullRequest", f"No commits between {base} and {branch}")
    if call.body.get("draft") and not repository.has_drafts:
        raise invalid("PullRequest", "Draft pull requests are not supported in this repository.")
    pull = call.world.propose(repository, source, branch, token.account, title=title, body=body, base=base)
    pull.draft = bool(call.body.get("draft"))
    return ForgeReply(201, _whole(call, pull).body)


def edit_pull(call: GitHubCall, number: str) -> ForgeReply:
    pull = pull_of(call, number)
    words: dict[str, Any] = call.body
    _check_words(words.get("title", pull.title), words.get("body", pull.body))
    match words.get("state"), pull.state:
        case "open", "closed":
            if pull.is_spent or pull.merged or pull.source.git.head(pull.branch) is None:
                raise invalid(
                    "PullRequest", "state cannot be changed. The pull request cannot be reopened.", fault="state"
                )
            pull.state, pull.closed = "open", None
        case "closed", "open":
            pull.close()
    pull.title = words.get("title", pull.title)
    pull.body = words.get("body", pull.body)
    return _whole(call, pull)


def list_reviews(call: GitHubCall, number: str) -> ForgeReply:
    pull = pull_of(call, number)
    return call.page([call.shapes.review(call.repository, pull, each) for each in pull.reviews])


def list_comments(call: GitHubCall, number: str) -> ForgeReply:
    pull = pull_of(call, number)
    return call.page([call.shapes.comment(call.repository, pull, each) for each in pull.comments])


def create_comment(call: GitHubCall, number: str) -> ForgeReply:
    pull, body = pull_of(call, number), call.need("body")
    if len(body) > MAX_BODY:
        raise invalid("IssueComment", f"body is too long (maximum is {MAX_BODY} characters)", fault="body")
    comment = GitHubComment(call.world.next_id(), call.writer.account, body)
    pull.comments.append(comment)
    return ForgeReply(201, call.shapes.comment(call.repository, pull, comment))


def pull_of(call: GitHubCall, number: str) -> GitHubPull:
    """Return the pull request that a path names."""
    for pull in call.repository.pulls:
        if str(pull.number) == number:
            return pull
    raise ProblemError(404, "Not Found")


def _whole(call: GitHubCall, pull: GitHubPull) -> ForgeReply:
    """Return a pull request with the fields that only the request for a single one has."""
    shown = call.shapes.pull(call.repository, pull, "pull-request")
    return ForgeReply(200, shown | call.shapes.merge_state(call.repository, pull) | {"comments": len(pull.comments)})


def _source(repository: GitHubRepository, head: str) -> tuple[str, str]:
    owner, colon, branch = head.partition(":")
    return (owner, branch) if colon else (repository.owner.login, head)


def _fork(call: GitHubCall, owner: str) -> GitHubRepository:
    fork = call.world.repositories.get(f"{owner}/{call.repository.short_name}".lower())
    if fork is None:
        raise invalid("PullRequest", code="invalid", fault="head")
    return fork


def _check_words(title: str, body: str | None) -> None:
    if body is not None and len(body) > MAX_BODY:
        raise invalid("Issue", f"body is too long (maximum is {MAX_BODY} characters)", fault="body")
    if len(title) > MAX_TITLE:
        raise invalid("Issue", f"title is too long (maximum is {MAX_TITLE} characters)", fault="title")
