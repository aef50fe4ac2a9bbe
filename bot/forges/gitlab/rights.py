"""What a token needs on GitLab for each rung of the ladder: a scope of its own, and a role in the project."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from bot.model.vocabulary import Level

SCOPE_API, SCOPE_READ_API = "api", "read_api"
"""https://docs.gitlab.com/user/profile/personal_access_tokens/#personal-access-token-scopes."""


class Role(IntEnum):
    """Those that everybody has, by the numbers that the API has: https://docs.gitlab.com/api/members/#roles."""

    GUEST = 10
    PLANNER = 15
    REPORTER = 20
    DEVELOPER = 30
    MAINTAINER = 40
    OWNER = 50

    @property
    def word(self) -> str:
        return self.name.capitalize()


def role_word(level: int) -> str:
    """Return what a level of access is called, which may be one of a GitLab's own."""
    return next((role.word for role in Role if role == level), f"of number {level}")


@dataclass(frozen=True, slots=True)
class Access:
    """What one rung needs."""

    scope: str
    role: Role

    def is_given_by(self, scopes: frozenset[str]) -> bool:
        """Say whether a token with these scopes has the one that is needed; the wider one includes it."""
        return SCOPE_API in scopes or self.scope in scopes


RUNGS: Mapping[Level, Access] = {
    Level.REPORT: Access(SCOPE_READ_API, Role.REPORTER),
    Level.PUSH: Access(SCOPE_API, Role.DEVELOPER),
    Level.PROPOSE: Access(SCOPE_API, Role.DEVELOPER),
}
"""`docs/forges.md` says the same to people."""

_SLUG = "python-3.12-slim-06e5bb43"
"""The end of a branch of ours, as it might be."""


def protects_ours(pattern: str, prefix: str) -> bool:
    """Say whether a rule for protected branches is about branches of ours, all of them or some.

    https://docs.gitlab.com/user/project/repository/branches/protected/#use-wildcard-rules
    """
    beginning = pattern.partition("*")[0]
    expression = ".*".join(map(re.escape, pattern.split("*")))
    return beginning.startswith(prefix) or re.fullmatch(expression, f"{prefix}{_SLUG}", re.DOTALL) is not None
