"""The errors of Gitea and Forgejo, and their meanings."""

from __future__ import annotations

from bot.forges.hosted.refusal import (
    FORBIDDEN,
    INVALID_TOKEN_MEANING,
    NOT_FOUND_MEANING,
    TOO_MANY,
    RateLimitRule,
    RefusalMeaning,
    ServerErrors,
)

READ_REPOSITORY, WRITE_REPOSITORY = "the scope `read:repository`", "the scope `write:repository`"
READ_ISSUE, WRITE_ISSUE = "the scope `read:issue`", "the scope `write:issue`"
READ_USER, READ_ORGANIZATION = "the scope `read:user`", "the scope `read:organization`"
"""The scopes of a token: https://docs.gitea.com/development/oauth2-provider#scopes."""

DEFAULT_WAIT = 60.0
"""Seconds to wait if no header states when a rate limit ends. Gitea and Forgejo have no rate limit, but the proxies in
front of them can have one."""
ARCHIVED = 423
_QUOTA = 413

GITEA_ERRORS = ServerErrors(
    server="Gitea",
    url_name="the URL",
    rate_limit=RateLimitRule(frozenset({TOO_MANY}), reset_header="x-ratelimit-reset", default_wait=DEFAULT_WAIT),
    meanings=(
        INVALID_TOKEN_MEANING,
        RefusalMeaning(
            {ARCHIVED, FORBIDDEN},
            "the repository is archived; hint: unarchive it, or remove it from the config",
            phrases=("archived",),
        ),
        RefusalMeaning(
            {FORBIDDEN},
            "the token lacks a scope; hint: create a token with {permission}",
            phrases=("required scope",),
        ),
        RefusalMeaning(
            {FORBIDDEN},
            "{message}; hint: give the token {permission}, and its account the right to write to the repository",
            default_message="forbidden",
        ),
        RefusalMeaning({ARCHIVED}, "{message}; hint: unarchive the repository, or remove it from the config"),
        RefusalMeaning({_QUOTA}, "{message}; hint: raise the quota of the owner", default_message="a quota is used up"),
        NOT_FOUND_MEANING,
        RefusalMeaning(range(300, 400), "it has moved to another URL; hint: write the new URL in the config"),
    ),
)
