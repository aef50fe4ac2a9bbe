"""Types for the names and IDs of repositories, users, Azure resources and environment variables."""

from __future__ import annotations

import re
from typing import Annotated

from bot.model.config_types.markers import Check, Parse, match_pattern
from bot.model.config_types.texts import require_text
from bot.model.request_attributes import TEAM_PREFIX

MAX_LABEL = 50
"""The maximum number of characters of a label; GitHub allows no more."""
MAX_PREFIX = 100
"""The maximum number of characters of a branch prefix.

With this limit, a branch name (prefix, slug and hash) stays below 255 bytes, the limit for the file in which git stores
the branch.
"""

_VARIABLE = r"[A-Z_][A-Z0-9_]*"
"""Matches only names in upper case. A secret that is written here by mistake is therefore refused, and never shown."""
_REPOSITORY = r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+"
_PATH_PART = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.][A-Za-z0-9_.-]*"
_PROJECT = rf"{_PATH_PART}(?:/{_PATH_PART})+"
_GROUP_PATH = rf"{_PATH_PART}(?:/{_PATH_PART})*"
"""https://docs.gitlab.com/user/reserved_names/#limitations-on-usernames-project-and-group-names-and-slugs"""
_AZURE_PART = r"(?![._ ])[^\x00-\x1f\x7f/\\:*?\"<>;#${},+=\[\]|]{1,64}(?<![. ])"
_AZURE_REPOSITORY = rf"{_AZURE_PART}/{_AZURE_PART}"
_AZURE_PROJECT = _AZURE_PART
"""https://learn.microsoft.com/en-us/azure/devops/organizations/settings/naming-restrictions"""
_GITEA_OWNER = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_GITEA_REPOSITORY = rf"{_GITEA_OWNER}/(?!\.{{1,2}}$)[A-Za-z0-9._-]+"
_OWNER = r"[A-Za-z0-9][A-Za-z0-9_-]*"
_TOPIC = r"[a-z0-9][a-z0-9-]{0,49}"
_NOT_IN_REF = r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock/"
"""Text that git does not allow in the name of a branch: https://git-scm.com/docs/git-check-ref-format"""
WORKFLOW_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}\.ya?ml"
_GROUP = r"[A-Za-z][A-Za-z0-9 ._-]{0,49}"
_TRAILER = r"(?!(?i:Basebump-(?:Intent|Base)):)[A-Za-z0-9-]{1,60}: [^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,300})"
_LOGIN = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
_TEAM = r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,98}[A-Za-z0-9_.-]|[A-Za-z0-9_]"
"""A team. On Azure DevOps, its name can contain spaces, as in `Shop Team`, which is the first team of a project."""
_REVIEWER = rf"{_LOGIN}|{TEAM_PREFIX}(?:{_TEAM})"
_GUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_REGISTRY_RESOURCE = (
    rf"/subscriptions/{_GUID}"
    r"/resource[Gg]roups/[A-Za-z0-9._()-]{0,89}[A-Za-z0-9_()-]"
    r"/providers/Microsoft\.ContainerRegistry/registries/[A-Za-z0-9]{5,50}"
)


def _validate_label(value: str) -> str:
    if len(require_text(value)) > MAX_LABEL:
        raise ValueError(f"must not have more than {MAX_LABEL} characters, the limit of GitHub")
    return value


def _build_id_parser(message: str) -> Parse:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(message)
        return value

    return Parse(parse, {"title": "number", "type": "integer", "minimum": 1})


def _normalise_inner_path(value: str) -> str:
    """Return the path of a repository in the folder of a local forge, without a slash at the end.

    Raises ValueError if a part of the path is empty, `.` or `..`, because the path must not lead out of the folder.
    """
    parts = require_text(value).rstrip("/").split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise ValueError("must be the path of a repository inside the folder, without `..`")
    return "/".join(parts)


def _validate_branch_prefix(value: str) -> str:
    if not value.endswith("/") or value == "/":
        raise ValueError(
            "must end in `/`, as in `basebump/`, so that no other branch name begins with the prefix by chance"
        )
    if re.search(_NOT_IN_REF, value) or value.startswith(("/", ".", "-", "refs/")):
        raise ValueError("must be valid in a branch name; hint: use letters, digits, `-` and `_`")
    if len(value) > MAX_PREFIX:
        raise ValueError(f"must not have more than {MAX_PREFIX} characters")
    return value


VariableName = Annotated[
    str,
    match_pattern(
        _VARIABLE,
        "variable",
        "must be the name of an environment variable in upper case, such as `REGISTRY_TOKEN`, and never the secret "
        "itself; hint: if you wrote the secret itself, replace it, because it has leaked",
    ),
]

BranchPrefix = Annotated[str, Check(_validate_branch_prefix)]
Label = Annotated[str, Check(_validate_label)]
GroupName = Annotated[
    str,
    match_pattern(_GROUP, "group", "must be 1 to 50 letters, digits, spaces and `._-`, and begin with a letter"),
]
CommitTrailer = Annotated[
    str, match_pattern(_TRAILER, "trailer", "must be one line `Key: value`, and not basebump's own key")
]
LoginName = Annotated[
    str, match_pattern(_LOGIN, "login", "is not a login; hint: use letters, digits, `.`, `_` and `-`")
]
ReviewerName = Annotated[
    str,
    match_pattern(_REVIEWER, "login or team:NAME", "is not a reviewer; hint: write a login, or a team as `team:NAME`"),
]

RepositoryName = Annotated[
    str,
    match_pattern(
        _REPOSITORY, "owner/name", "must be `owner/name`; hint: for all repositories of an owner, write `{owner: NAME}`"
    ),
]
Owner = Annotated[str, match_pattern(_OWNER, "owner", "must be the name of a user or an organisation")]
Topic = Annotated[str, match_pattern(_TOPIC, "topic", "is not a topic; hint: use lower-case letters, digits and `-`")]
AppId = Annotated[int, _build_id_parser("must be the number that GitHub calls the App ID, without quotes")]
WorkItemId = Annotated[int, _build_id_parser("must be the number of a work item, without quotes")]
WorkflowFile = Annotated[
    str, match_pattern(WORKFLOW_NAME, "workflow", "must be the name of a file in .github/workflows, such as `ci.yml`")
]

ProjectPath = Annotated[
    str,
    match_pattern(
        _PROJECT,
        "group/project",
        "must be the full path of a project; hint: for all projects of a group, write `{owner: GROUP}`",
    ),
]
GroupPath = Annotated[
    str, match_pattern(_GROUP_PATH, "group", "must be the full path of a group, such as `group/subgroup`, or a user")
]
AzureRepositoryName = Annotated[
    str,
    match_pattern(
        _AZURE_REPOSITORY,
        "project/repository",
        "must be `PROJECT/REPOSITORY`; hint: for all repositories of a project, write `{owner: PROJECT}`",
    ),
]
AzureProject = Annotated[str, match_pattern(_AZURE_PROJECT, "project", "must be the name of a project")]
GiteaRepositoryName = Annotated[
    str,
    match_pattern(
        _GITEA_REPOSITORY,
        "owner/name",
        "must be `owner/name`; hint: for all repositories of an owner, write `{owner: NAME}`",
    ),
]
GiteaOwner = Annotated[str, match_pattern(_GITEA_OWNER, "owner", "must be the name of a user or an organization")]
InnerPath = Annotated[str, Check(_normalise_inner_path)]
"""The path of a git repository below the folder of the local forge."""

SubscriptionId = Annotated[
    str,
    match_pattern(_GUID, "subscription ID", "is not a subscription ID; hint: `az account show --query id` prints it"),
]
RegistryResourceId = Annotated[
    str,
    match_pattern(
        _REGISTRY_RESOURCE,
        "resource ID",
        "is not the resource ID of a registry; hint: write all that `az acr show --name NAME --query id` prints",
    ),
]
