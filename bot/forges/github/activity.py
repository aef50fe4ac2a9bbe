"""The activity of repositories in GraphQL queries that list a hundred repositories.

Every repository costs one connection for its branches, one for its open pull requests, and one for its dashboard. By
GitHub's formula, this is one point for each of them and for each page of a hundred repositories:
https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.forges._git_objects import BRANCHES
from bot.forges.hosted.activity import RepositoryActivity
from bot.model.dashboard import DASHBOARD_LABEL
from bot.model.forge import ActivityScope

_NEWEST_FIRST = "first: 100, orderBy: {field: CREATED_AT, direction: DESC}"
_DASHBOARD_FIELDS = f"""
  issues(labels: [{json.dumps(DASHBOARD_LABEL)}], {_NEWEST_FIRST}) {{
    pageInfo {{ hasNextPage }}
    nodes {{ number updatedAt state }}
  }}"""


def build_activity_fields(scope: ActivityScope) -> str:
    """Return the fields of a repository from which `parse_activity` and `parse_tree` read.

    GitHub documents only prefixes like `refs/heads/` for `refPrefix`. The argument `query` therefore selects the
    branches, and `parse_activity` filters them again.

    The title, the target branch, and whether the pull request is a draft are scalars, which cost nothing. With them,
    the hash depends less on the time of the last change, for which GitHub does not document when it changes.
    """
    return f"""
  defaultBranchRef {{ target {{ ... on Commit {{ tree {{ oid }} }} }} }}
  refs(refPrefix: {json.dumps(BRANCHES)}, query: {json.dumps(scope.branch_prefix)}, first: 100) {{
    pageInfo {{ hasNextPage }}
    nodes {{ name target {{ oid }} }}
  }}
  pullRequests(states: OPEN, {_NEWEST_FIRST}) {{
    pageInfo {{ hasNextPage }}
    nodes {{
      number updatedAt lastEditedAt title isDraft baseRefName headRefName headRefOid isCrossRepository
    }}
  }}{_DASHBOARD_FIELDS if scope.has_dashboard else ""}"""


def parse_tree(node: Mapping[str, Any]) -> str | None:
    """Return the tree of the last commit of the default branch; None if the query did not contain it."""
    tree = (((node["defaultBranchRef"] or {}).get("target") or {}).get("tree") or {}).get("oid")
    return str(tree) if tree is not None else None


def parse_activity(node: Mapping[str, Any], scope: ActivityScope) -> str | None:
    """Return the hash of the activity in a repository; None if the answer does not contain all of it.

    If a list has more than one page, the activity is unknown. It is also unknown if the branch of a pull request is
    missing in the list of branches, or points to another commit there.
    """
    refs, pulls = _get_all_nodes(node, "refs"), _get_all_nodes(node, "pullRequests")
    issues = _get_all_nodes(node, "issues") if scope.has_dashboard else []
    if refs is None or pulls is None or issues is None:
        return None
    branches = {each["name"]: each["target"]["oid"] for each in refs if each["name"].startswith(scope.branch_prefix)}
    own = [
        each for each in pulls if each["headRefName"].startswith(scope.branch_prefix) and not each["isCrossRepository"]
    ]
    if any(branches.get(each["headRefName"]) != each["headRefOid"] for each in own):
        return None
    return RepositoryActivity(
        branches=branches,
        requests={each["number"]: each for each in own},
        issues={each["number"]: each for each in issues},
    ).state_hash


def _get_all_nodes(node: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]] | None:
    """Return the nodes of a connection; None if it has another page, or nodes that the token cannot read."""
    connection = node.get(name)
    if connection is None or connection["pageInfo"]["hasNextPage"]:
        return None
    nodes: Sequence[Mapping[str, Any] | None] = connection["nodes"]
    readable = [each for each in nodes if each is not None]
    return readable if len(readable) == len(nodes) else None
