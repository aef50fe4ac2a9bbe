"""Types of config values that one pattern describes: logins, groups, trailers of commit messages, workflows."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from bot.model.request_attributes import TEAM_PREFIX
from bot.settings.patterns import build_pattern_schema, build_pattern_validator

_WORKFLOW = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}\.ya?ml", re.ASCII)
_GROUP = re.compile(r"[A-Za-z][A-Za-z0-9 ._-]{0,49}", re.ASCII)
_TRAILER = re.compile(
    r"(?!(?i:Basebump-(?:Intent|Base)):)[A-Za-z0-9-]{1,60}: [^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,300})"
)
_LOGIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_REVIEWER = re.compile(rf"(?:{TEAM_PREFIX})?{_LOGIN.pattern}", re.ASCII)

WorkflowFile = Annotated[
    str,
    AfterValidator(
        build_pattern_validator(_WORKFLOW, "must be the name of a file in .github/workflows, such as `ci.yml`")
    ),
    build_pattern_schema("workflow", _WORKFLOW),
]
GroupName = Annotated[
    str,
    AfterValidator(
        build_pattern_validator(_GROUP, "must be 1 to 50 letters, digits, spaces and `._-`, and begin with a letter")
    ),
    build_pattern_schema("group", _GROUP),
]
CommitTrailer = Annotated[
    str,
    AfterValidator(build_pattern_validator(_TRAILER, "must be one line `Key: value`, and not basebump's own key")),
    build_pattern_schema("trailer", _TRAILER),
]
LoginName = Annotated[
    str,
    AfterValidator(build_pattern_validator(_LOGIN, "is not a login; hint: use letters, digits, `.`, `_` and `-`")),
    build_pattern_schema("login", _LOGIN),
]
ReviewerName = Annotated[
    str,
    AfterValidator(
        build_pattern_validator(_REVIEWER, "is not a reviewer; hint: write a login, or a team as `team:NAME`")
    ),
    build_pattern_schema("login or team:NAME", _REVIEWER),
]
