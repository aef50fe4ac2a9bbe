"""Routes of the API; a request without a route fails the test."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from support.forges.github import actions, apps, extras, git_data, issues, pulls, rules, statuses
from support.forges.github.calls import ForgeReply, GitHubCall, ProblemError
from support.forges.github.permissions import missing
from support.forges.github.state import GitHubRepository

Handler = Callable[..., ForgeReply]
_REPOSITORY = "/repos/{owner}/{repository}"


def get_user(call: GitHubCall) -> ForgeReply:
    if call.token is None:
        raise ProblemError(401, "Requires authentication")
    if call.token.is_app:
        raise ProblemError(403, "Resource not accessible by integration")
    return ForgeReply(200, call.shapes.account(call.token.account, "private-user"))


def get_account(call: GitHubCall, login: str) -> ForgeReply:
    account = call.world.accounts.get(login)
    if account is None:
        raise ProblemError(404, "Not Found")
    return ForgeReply(200, call.shapes.account(account, "public-user"))


def list_of_organization(call: GitHubCall, login: str) -> ForgeReply:
    account = call.world.accounts.get(login)
    if account is None or account.kind != "Organization":
        raise ProblemError(404, "Not Found")
    return _list(call, login, "minimal-repository")


def list_of_user(call: GitHubCall, login: str) -> ForgeReply:
    """List the public repositories of a user, for every caller."""
    return _list(call, login, "minimal-repository", private=False)


def list_own(call: GitHubCall) -> ForgeReply:
    if call.token is None:
        raise ProblemError(401, "Requires authentication")
    owner = call.token.account.login if call.query.get("affiliation") == "owner" else None
    return _list(call, owner, "repository")


def list_of_installation(call: GitHubCall) -> ForgeReply:
    if call.token is None or not call.token.is_app:
        raise ProblemError(
            403, "You must authenticate with an installation access token in order to list repositories."
        )
    found = [each for each in _visible(call, None) if call.token.reaches(each)]
    page = call.page(found)
    shown = [call.shapes.repository(each, "repository") for each in page.body]
    return ForgeReply(200, {"total_count": len(found), "repositories": shown}, page.headers)


def get_repository(call: GitHubCall) -> ForgeReply:
    may = {"admin": False, "pull": True, "push": call.token is not None and call.token.may_push(call.repository)}
    return ForgeReply(200, call.shapes.repository(call.repository, "full-repository") | {"permissions": may})


def rate_limit(_call: GitHubCall) -> ForgeReply:
    rate = {"limit": 5000, "remaining": 5000, "reset": 0, "used": 0}
    return ForgeReply(200, {"rate": rate, "resources": {"core": rate, "search": rate}})


_ROUTES: dict[str, Handler] = {
    "GET /app": apps.get_app,
    "GET /app/installations": apps.list_installations,
    "POST /app/installations/{name}/access_tokens": apps.issue_installation_token,
    "GET /user": get_user,
    "GET /users/{login}": get_account,
    "GET /users/{login}/repos": list_of_user,
    "GET /orgs/{login}/repos": list_of_organization,
    "GET /user/repos": list_own,
    "GET /installation/repositories": list_of_installation,
    "GET /rate_limit": rate_limit,
    f"GET {_REPOSITORY}": get_repository,
    f"GET {_REPOSITORY}/git/ref/{{name}}": git_data.get_ref,
    f"GET {_REPOSITORY}/git/matching-refs/{{name}}": git_data.matching_refs,
    f"POST {_REPOSITORY}/git/refs": git_data.create_ref,
    f"PATCH {_REPOSITORY}/git/refs/{{name}}": git_data.update_ref,
    f"DELETE {_REPOSITORY}/git/refs/{{name}}": git_data.delete_ref,
    f"GET {_REPOSITORY}/git/trees/{{name}}": git_data.get_tree,
    f"POST {_REPOSITORY}/git/trees": git_data.create_tree,
    f"GET {_REPOSITORY}/git/blobs/{{name}}": git_data.get_blob,
    f"POST {_REPOSITORY}/git/blobs": git_data.create_blob,
    f"GET {_REPOSITORY}/git/commits/{{name}}": git_data.get_git_commit,
    f"POST {_REPOSITORY}/git/commits": git_data.create_commit,
    f"GET {_REPOSITORY}/actions/runs": actions.list_runs,
    f"POST {_REPOSITORY}/actions/workflows/{{workflow}}/dispatches": actions.dispatch,
    f"GET {_REPOSITORY}/commits": git_data.list_commits,
    f"GET {_REPOSITORY}/commits/{{name}}/statuses": statuses.list_statuses,
    f"POST {_REPOSITORY}/statuses/{{commit}}": statuses.create_status,
    f"GET {_REPOSITORY}/commits/{{name}}": git_data.get_commit,
    f"GET {_REPOSITORY}/compare/{{name}}": git_data.compare,
    f"GET {_REPOSITORY}/pulls": pulls.list_pulls,
    f"POST {_REPOSITORY}/pulls": pulls.create_pull,
    f"GET {_REPOSITORY}/pulls/{{number}}": pulls.get_pull,
    f"PATCH {_REPOSITORY}/pulls/{{number}}": pulls.edit_pull,
    f"GET {_REPOSITORY}/issues": issues.list_issues,
    f"POST {_REPOSITORY}/issues": issues.create_issue,
    f"GET {_REPOSITORY}/issues/{{number}}": issues.get_issue,
    f"PATCH {_REPOSITORY}/issues/{{number}}": issues.edit_issue,
    f"GET {_REPOSITORY}/actions/permissions/workflow": rules.get_workflow_permissions,
    f"GET {_REPOSITORY}/rules/branches/{{name}}": rules.list_rules,
    f"GET {_REPOSITORY}/branches/{{name}}/protection/required_status_checks": rules.get_status_checks,
    f"GET {_REPOSITORY}/labels/{{name}}": extras.get_label,
    f"GET {_REPOSITORY}/milestones": extras.list_milestones,
    f"POST {_REPOSITORY}/issues/{{number}}/assignees": extras.assign,
    f"POST {_REPOSITORY}/pulls/{{number}}/requested_reviewers": extras.request_reviewers,
    f"GET {_REPOSITORY}/pulls/{{number}}/reviews": pulls.list_reviews,
    f"POST {_REPOSITORY}/labels": extras.create_label,
    f"POST {_REPOSITORY}/issues/{{number}}/labels": extras.add_labels,
    f"DELETE {_REPOSITORY}/issues/{{number}}/labels/{{name}}": extras.take_label,
    f"GET {_REPOSITORY}/issues/{{number}}/comments": pulls.list_comments,
    f"POST {_REPOSITORY}/issues/{{number}}/comments": pulls.create_comment,
}
"""`{name}` may hold slashes."""


def _pattern(route: str) -> re.Pattern[str]:
    method, _, path = route.partition(" ")
    return re.compile(f"{method} " + re.sub(r"\{(\w+)\}", _group, path))


def _group(parameter: re.Match[str]) -> str:
    return f"(?P<{parameter[1]}>{'.+' if parameter[1] == 'name' else '[^/]+'})"


_PATTERNS = [(_pattern(route), handler) for route, handler in _ROUTES.items()]


def find_route(method: str, path: str) -> tuple[Handler, dict[str, str]] | None:
    """Return the handler and the path parameters of a request; None for unsupported requests."""
    for pattern, handler in _PATTERNS:
        found = pattern.fullmatch(f"{method} {path}")
        if found:
            return handler, found.groupdict()
    return None


def let_in(call: GitHubCall, words: dict[str, str]) -> None:
    """Find the repository that the path names, and refuse calls that the token does not allow."""
    if "repository" not in words:
        return
    name = f"{words.pop('owner')}/{words.pop('repository')}".lower()
    repository = call.world.repository(name)
    is_reached = repository is not None and call.token is not None and call.token.reaches(repository)
    if repository is None or (repository.private and not is_reached):
        raise ProblemError(404, "Not Found")
    if repository.name.lower() != name:
        rest = call.path.partition(f"/repos/{name}")[2]
        location = f"{call.root}/repositories/{repository.id}{rest}"
        raise ProblemError(301, "Moved Permanently", Location=location)
    if not _is_in_scope(call, repository):
        raise ProblemError(404, "Not Found")
    call.found = repository
    repository.settle()
    if call.method == "GET" and not repository.private:
        return
    if call.token is not None and call.token.permissions is not None:
        _refuse_unpermitted(call, call.token.permissions, is_reached=is_reached)
    if call.method == "GET":
        return
    if repository.archived:
        raise ProblemError(403, "Repository was archived so is read-only.")
    refuse_reader(call)


def _is_in_scope(call: GitHubCall, repository: GitHubRepository) -> bool:
    """Return True if a classic token has the required scope; public data needs none to be read."""
    scopes = call.token.scopes if call.token is not None else None
    if scopes is None or "repo" in scopes or (call.method == "GET" and not repository.private):
        return True
    return "public_repo" in scopes and not repository.private


def _refuse_unpermitted(call: GitHubCall, granted: Mapping[str, str], *, is_reached: bool) -> None:
    needs = missing(granted, f"{call.method} {call.path}")
    if needs is not None or not is_reached:
        raise _not_accessible(call, needs or "")


def refuse_reader(call: GitHubCall) -> None:
    if not call.writer.can_write:
        raise _not_accessible(call, "contents=write")


def _not_accessible(call: GitHubCall, needs: str) -> ProblemError:
    kind = "integration" if call.writer.is_app else "personal access token"
    return ProblemError(403, f"Resource not accessible by {kind}", x_accepted_github_permissions=needs)


def _list(call: GitHubCall, login: str | None, schema: str, *, private: bool = True) -> ForgeReply:
    found = [each for each in _visible(call, login) if private or not each.private]
    page = call.page(found)
    shown: list[Any] = [call.shapes.repository(each, schema) for each in page.body]
    return ForgeReply(page.status, shown, page.headers)


def _visible(call: GitHubCall, login: str | None) -> list[GitHubRepository]:
    return [
        each
        for each in call.world.repositories.values()
        if login in (each.owner.login, None) and (not each.private or (call.token and call.token.reaches(each)))
    ]
