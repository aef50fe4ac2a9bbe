"""The rights that a token needs on GitLab for each level: a scope of the token, and a role in the project."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from bot.model.vocabulary import RunLevel

SCOPE_API, SCOPE_READ_API = "api", "read_api"
"""https://docs.gitlab.com/user/profile/personal_access_tokens/#personal-access-token-scopes."""


class ProjectRole(IntEnum):
    """The default roles, with their numbers in the API: https://docs.gitlab.com/api/members/#roles."""

    GUEST = 10
    PLANNER = 15
    REPORTER = 20
    DEVELOPER = 30
    MAINTAINER = 40
    OWNER = 50

    @property
    def display_name(self) -> str:
        return self.name.capitalize()


def get_role_name(level: int) -> str:
    """Return the name of an access level; levels of custom roles are described by their number."""
    return next((role.display_name for role in ProjectRole if role == level), f"with number {level}")


@dataclass(frozen=True, slots=True)
class RequiredAccess:
    """The scope and the role that one level needs."""

    scope: str
    role: ProjectRole

    def is_granted_by(self, scopes: frozenset[str]) -> bool:
        """Return True if a token with these scopes has the needed one; `api` includes `read_api`."""
        return SCOPE_API in scopes or self.scope in scopes


ACCESS_BY_LEVEL: Mapping[RunLevel, RequiredAccess] = {
    RunLevel.REPORT: RequiredAccess(SCOPE_READ_API, ProjectRole.REPORTER),
    RunLevel.PUSH: RequiredAccess(SCOPE_API, ProjectRole.DEVELOPER),
    RunLevel.PROPOSE: RequiredAccess(SCOPE_API, ProjectRole.DEVELOPER),
}
"""`docs/forges.md` documents the same."""

_EXAMPLE_SLUG = "python-3.12-slim-06e5bb43"
"""The end of the name of a typical branch of basebump."""


def is_rule_for_prefix(pattern: str, prefix: str) -> bool:
    """Return True if a rule for protected branches matches some of basebump's branches.

    https://docs.gitlab.com/user/project/repository/branches/protected/#use-wildcard-rules
    """
    literal_prefix = pattern.partition("*")[0]
    expression = ".*".join(map(re.escape, pattern.split("*")))
    return (
        literal_prefix.startswith(prefix) or re.fullmatch(expression, f"{prefix}{_EXAMPLE_SLUG}", re.DOTALL) is not None
    )
