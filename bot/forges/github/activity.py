"""The activity of repositories, read with GraphQL queries that return a hundred repositories each.

A query has three connections per repository: for its branches, its open pull requests and its dashboard. By GitHub's
formula, a query for a hundred repositories costs one point for each kind of connection:
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
    """Return the GraphQL fields of a repository that `parse_activity` and `parse_tree` read.

    GitHub documents only prefixes like `refs/heads/` for `refPrefix`. The argument `query` therefore selects the
    branches, and `parse_activity` filters them again.

    The title, the target branch and the draft state of a pull request are scalars, which cost nothing. They make
    changes visible even if `updatedAt` stays the same, because GitHub does not document which changes update it.
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
    """Return the hash of the activity in a repository; None if the response does not contain all of it.

    Return None if a list has more than one page. Also return None if the branch of a pull request is missing in the
    list of branches, or has another commit there.
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
    """Return the nodes of a connection; None if there are more pages, or nodes that the token cannot read."""
    connection = node.get(name)
    if connection is None or connection["pageInfo"]["hasNextPage"]:
        return None
    nodes: Sequence[Mapping[str, Any] | None] = connection["nodes"]
    readable = [each for each in nodes if each is not None]
    return readable if len(readable) == len(nodes) else None
