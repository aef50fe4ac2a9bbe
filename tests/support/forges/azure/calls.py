"""One call to the API of Azure DevOps: its parameters, and the responses that refuse it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from support.forges.azure.shapes import AzureJson
from support.forges.azure.state import (
    FORCE_PUSH,
    AzureAccount,
    AzureDevOpsProject,
    AzureRepository,
    AzureToken,
    AzureWorld,
)
from support.forges.server import ForgeReply

_STATUSES = {
    "GitPullRequestStatusNotEditable": 403,
    "GitPullRequestUpdateRejected": 403,
    "GitPullRequestNotFound": 404,
    "GitReferenceStale": 409,
    "GitRefUpdateRejected": 403,
    "GitNeedsPermission": 403,
    "Unauthorized": 401,
    "GitRepositoryNotFound": 404,
    "GitItemNotFound": 404,
    "GitObjectDoesNotExist": 404,
    "ProjectDoesNotExist": 404,
    "AccessCheck": 403,
}
"""The status of each kind of refusal, by the beginning of its name; all others have 400."""
MAX_PAGE = 1_000


class ProblemError(Exception):
    """Azure DevOps refuses a call, with the response that it sends."""

    def __init__(self, kind: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        known = next((code for start, code in _STATUSES.items() if kind.startswith(start)), 400)
        self.reply = ForgeReply(status or known, problem_body(kind, message))


def problem_body(kind: str, message: str) -> dict[str, Any]:
    name = f"Microsoft.TeamFoundation.Git.Server.{kind}, Microsoft.TeamFoundation.Git.Server"
    return {
        "$id": "1",
        "innerException": None,
        "message": message,
        "typeName": name,
        "typeKey": kind,
        "errorCode": 0,
        "eventId": 3000,
    }


def missing_repository(name: str) -> ProblemError:
    words = f"TF401019: The Git repository with name or identifier {name} does not exist or you do not have permissions"
    return ProblemError("GitRepositoryNotFoundException", f"{words} for the operation you are attempting.")


def invalid(what: str) -> ProblemError:
    return ProblemError("InvalidArgumentValueException", f"Invalid argument value.\r\nParameter name: {what}")


def stale(ref: str) -> ProblemError:
    words = "has already been updated by another client, so you cannot update it. Please try again."
    return ProblemError("GitReferenceStaleException", f"TF401028: The reference '{ref}' {words}")


def missing_object(oid: str) -> ProblemError:
    return ProblemError("GitObjectDoesNotExistException", f"TF401035: The object '{oid}' does not exist.")


@dataclass
class AzureCall:
    """One request, already let in."""

    method: str
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str]
    token: AzureToken | None
    world: AzureWorld
    shapes: AzureJson
    project: str | None
    """The name or the id of the project in the path."""
    found: AzureRepository | None = None

    @property
    def repository(self) -> AzureRepository:
        assert self.found is not None
        return self.found

    @property
    def account(self) -> AzureAccount | None:
        return self.token.account if self.token else None

    @property
    def writer(self) -> AzureToken:
        """Return the token, which a write needs."""
        if self.token is None:
            raise ProblemError("UnauthorizedRequestException", "TF400813: The user '' is not authorized.")
        return self.token

    def sees(self, project: AzureDevOpsProject) -> bool:
        return project.is_public or (self.account is not None and self.account.person.name in project.members)

    def is_in(self, repository: AzureRepository) -> bool:
        """Return True if a repository is in the project that the path names, if any."""
        names = {repository.project.name.lower(), repository.project.id}
        return self.project is None or self.project.lower() in names

    def find(self, name: str) -> AzureRepository:
        """Return a repository by its name or id; names are the same in upper and lower case."""
        for each in self.world.repositories:
            is_named = self.is_in(each) and name.lower() in (each.id, each.name.lower())
            if is_named and self.sees(each.project) and not each.is_disabled:
                return each
        raise missing_repository(name)

    def require(self, right: str) -> None:
        """Refuse the call if the token lacks a permission."""
        if right not in self.writer.rights:
            words = f"TF401027: You need the Git '{right}' permission to perform this action."
            raise ProblemError(
                "GitNeedsPermissionException",
                f"{words} Details: identity '{self.writer.account.unique_name}', scope 'repository'.",
            )

    def may_force(self, ref: str) -> bool:
        """Return True if the token may force-push to a branch; the creator of the branch may."""
        return FORCE_PUSH in self.writer.rights or self.repository.creators.get(ref) is self.writer.account

    def many(self, items: Sequence[Any], headers: Mapping[str, str] | None = None) -> ForgeReply:
        return ForgeReply(200, {"value": list(items), "count": len(items)}, headers or {})

    def page(self, items: Sequence[Any]) -> ForgeReply:
        """Return one page of a list whose next page has a token; without `$top` everything comes."""
        start = int(self.query.get("continuationToken") or 0)
        end = start + min(int(self.query.get("$top") or len(items) or 1), MAX_PAGE)
        more = {"x-ms-continuationtoken": str(end)} if end < len(items) else {}
        return self.many(items[start:end], more)
