"""Which permission each request needs, from the pages of GitHub's documentation about it; one of several is enough.

https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_LEVELS = ("read", "write", "admin")
_REPOSITORY = "/repos/[^/]+/[^/]+"
_NEEDS = (
    (f"GET {_REPOSITORY}$", "metadata=read"),
    (f"GET {_REPOSITORY}/actions/permissions/", "administration=read"),
    (f"GET {_REPOSITORY}/actions/", "actions=read"),
    (f"POST {_REPOSITORY}/actions/", "actions=write"),
    (f"GET {_REPOSITORY}/commits/.+/status$", "statuses=read"),
    (f"POST {_REPOSITORY}/statuses/", "statuses=write"),
    (f"GET {_REPOSITORY}/(git/|commits|compare/)", "contents=read"),
    (f"(POST|PATCH|DELETE) {_REPOSITORY}/git/", "contents=write"),
    (f"GET {_REPOSITORY}/pulls", "pull_requests=read"),
    (f"(POST|PATCH) {_REPOSITORY}/pulls", "pull_requests=write"),
    (f"GET {_REPOSITORY}/(issues/|labels|milestones)", "issues=read; pull_requests=read"),
    (f"(POST|PATCH) {_REPOSITORY}/(issues/|labels)", "issues=write; pull_requests=write"),
    (f"GET {_REPOSITORY}/issues", "issues=read"),
    (f"POST {_REPOSITORY}/issues", "issues=write"),
)
"""What GitHub sends in `x-accepted-github-permissions` when it refuses."""


def permits(granted: Mapping[str, str], kind: str, level: str) -> bool:
    return kind in granted and _LEVELS.index(granted[kind]) >= _LEVELS.index(level)


def missing(granted: Mapping[str, str], line: str) -> str | None:
    """Return the permissions that a request (`METHOD path`) lacks; None if it is allowed."""
    needs = next((needs for pattern, needs in _NEEDS if re.match(pattern, line)), None)
    if needs is None:
        return None
    ways = (way.split("=") for way in needs.split("; "))
    return None if any(permits(granted, kind, level) for kind, level in ways) else needs
