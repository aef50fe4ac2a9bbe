"""Attributes of pull requests on Azure DevOps: labels, reviewers, and automatic completion.

Azure DevOps completes a pull request with automatic completion immediately if no blocking policy of the target branch
waits for anything. Therefore basebump sets automatic completion only if the target branch has a blocking policy that
waits for users or for CI, and that applies to all files.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import quote

from bot.forges.azure.azure_errors import AZURE_ERRORS
from bot.forges.azure.connection import AzureRemote
from bot.forges.hosted.attributes import CheckedAutomerge
from bot.forges.hosted.refusal import RefusedError
from bot.model.request_attributes import STATUS_CONTEXT, TEAM_PREFIX, RequestAttributes

NOBODY = "00000000-0000-0000-0000-000000000000"
"""The id that the API expects in place of a user's id to turn off automatic completion."""
MERGE_STRATEGY_POLICY = "fa4e907d-c16b-4a4c-9dfa-4916e5d171ab"
"""The type of the policy that limits the allowed merge strategies."""
BUILD_POLICY = "0609b952-1397-4640-95ec-e00a01b2c241"
STATUS_POLICY = "cbdc66da-9728-4af8-aada-9a5a32e4a226"
_REVIEWERS_POLICY = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"
_NAMED_REVIEWERS_POLICY = "fd2167ab-b0be-447a-8ec8-39368250530e"
_WAITING_POLICIES = frozenset({BUILD_POLICY, STATUS_POLICY, _REVIEWERS_POLICY, _NAMED_REVIEWERS_POLICY})
"""The types of policies that wait for users or CI. A new pull request already satisfies policies of other types, such
as the limit for merge strategies, and the requirement to resolve comments."""
MAX_TEAMS, MAX_MEMBERS = 200, 500
"""The largest number of teams of a project, and of members of a team, that are searched for reviewers."""

_STRATEGIES = ("squash", "noFastForward", "rebaseMerge", "rebase")
"""The merge strategies in order of preference. The first one that the policies allow is used."""
_DEFAULT_STRATEGY = "noFastForward"


def parse_attributes(data: Mapping[str, Any]) -> RequestAttributes:
    """Return the current attributes of a pull request, as far as `data` contains them.

    Automatic completion counts as set if it was set at any time, because its options remain after a user turns it off.
    """
    reviewers = data.get("reviewers") or ()
    return RequestAttributes(
        labels=tuple(str(each["name"]) for each in data.get("labels") or ()),
        reviewers=tuple(_get_reviewer_name(each) for each in reviewers),
        automerge=True if data.get("autoCompleteSetBy") or _was_set(data) else None,
    )


def _was_set(data: Mapping[str, Any]) -> bool:
    """Return True if automatic completion was set at any time."""
    return bool((data.get("completionOptions") or {}).get("mergeStrategy"))


def _get_reviewer_name(identity: Mapping[str, Any]) -> str:
    """Return the name by which the config names a reviewer: the local part of an email address, or a team's name."""
    if identity.get("isContainer"):
        return f"{TEAM_PREFIX}{str(identity.get('displayName') or '').rpartition(chr(92))[2]}"
    return str(identity.get("uniqueName") or identity.get("displayName") or "").partition("@")[0]


class AzureAttributes:
    """Reads and changes the attributes of pull requests in one repository; implements `AttributeApi`.

    Methods raise RefusedError if Azure DevOps refuses an API call.
    """

    takes_single_names = True

    def __init__(self, remote: AzureRemote) -> None:
        self._remote = remote

    def ensure_label(self, label: str) -> None:
        """Do nothing, because Azure DevOps creates a label when the label is added to a pull request."""

    def add_labels(self, number: int, labels: Sequence[str]) -> None:
        for label in labels:
            self._remote.write_request(number, "label", "POST", "/labels", {"name": label})

    def remove_label(self, number: int, label: str) -> None:
        self._remote.write_request(number, "remove a label of", "DELETE", f"/labels/{quote(label, safe='')}")

    def request_reviews(self, number: int, people: Sequence[str], teams: Sequence[str]) -> None:
        """Request reviews from teams of the project, and from members of its teams."""
        found = [self._members.get(each.lower()) for each in people]
        for reviewer in (*found, *(self._teams.get(each.lower()) for each in teams)):
            if reviewer is None:
                raise RefusedError("no team of the project has such a member", status=None)
            body = {"id": reviewer, "vote": 0}
            self._remote.write_request(number, "request a review of", "PUT", f"/reviewers/{reviewer}", body)

    def assign(self, number: int, people: Sequence[str]) -> Collection[str]:  # noqa: ARG002 - the Protocol's signature
        raise RefusedError("Azure Repos has no assignees", status=None)

    def find_milestone(self, title: str) -> int | None:  # noqa: ARG002 - the Protocol's signature
        raise RefusedError("Azure Repos has no milestones for pull requests", status=None)

    def set_milestone(self, number: int, milestone: int) -> None:
        """Never called, because pull requests on Azure DevOps have no milestones."""

    @cached_property
    def _teams(self) -> Mapping[str, str]:
        """The ids of the project's teams, by their names in lower case."""
        path = f"/_apis/projects/{self._remote.project}/teams"
        teams = self._remote.connection.list_pages("list the teams", path, max_items=MAX_TEAMS)
        return {str(each["name"]).lower(): str(each["id"]) for each in teams}

    @cached_property
    def _members(self) -> Mapping[str, str]:
        """The ids of the members of all teams, by their names in lower case."""
        path, action = f"/_apis/projects/{self._remote.project}/teams", "list the members of a team"
        members = [
            each["identity"]
            for team in self._teams.values()
            for each in self._remote.connection.list_pages(
                action, f"{path}/{quote(team, safe='')}/members", max_items=MAX_MEMBERS
            )
        ]
        return {_get_reviewer_name(each).lower(): str(each["id"]) for each in members}


class AzureAutomerge(CheckedAutomerge[AzureRemote]):
    """Automatic completion of pull requests in one repository; implements `AutomergeApi`."""

    errors = AZURE_ERRORS
    failure = "Auto-complete was not set"

    def disable(self, number: int) -> None:
        self.remote.write_request(number, "end auto-complete of", "PATCH", "", {"autoCompleteSetBy": {"id": NOBODY}})

    def try_enable(self, number: int, head: str | None) -> str | None:
        data = read_request(self.remote, number)
        if data.get("isDraft"):
            return "it is a draft"
        if _was_set(data) and not data.get("autoCompleteSetBy"):
            return "it was ended before"
        if head is not None and data["lastMergeSourceCommit"]["commitId"] != head:
            return "another user pushed to the branch, or Azure DevOps does not know the last commit yet"
        policies = list_blocking_policies(self.remote, str(data["repository"]["id"]), str(data["targetRefName"]))
        if not any(map(_is_waiting, policies)):
            return (
                "no blocking policy of the target branch waits for reviewers or CI, so that it would be completed at "
                "once; hint: add a build validation or another required policy, without a path filter"
            )
        strategy = _choose_strategy(policies)
        if strategy is None:
            return "the policy of the target branch allows no way to complete it"
        options = {"mergeStrategy": strategy, "deleteSourceBranch": True}
        body = {"autoCompleteSetBy": {"id": self.remote.connection.get_account().id}, "completionOptions": options}
        answer = self.remote.write_request(number, "set auto-complete of", "PATCH", "", body)
        is_set = answer.get("autoCompleteSetBy") or answer["status"] == "completed"
        return None if is_set else "Azure DevOps ignored the request"


def read_request(remote: AzureRemote, number: int) -> Mapping[str, Any]:
    """Return the current data of a pull request, without its labels.

    Raises RefusedError if the pull request cannot be read.
    """
    data: Mapping[str, Any] = remote.read_json(f"read pull request !{number}", f"/pullrequests/{number}")
    return data


def list_blocking_policies(remote: AzureRemote, repository_id: str, ref: str) -> Sequence[Mapping[str, Any]]:
    """Return the enabled, blocking policies of a branch. Raises RefusedError if they cannot be read."""
    policies = remote.connection.list_values(
        f"list the policies of {ref} of {remote.name}",
        f"/{remote.project}/_apis/git/policy/configurations",
        {"repositoryId": repository_id, "refName": ref},
    )
    return [each for each in policies if each["isEnabled"] and each["isBlocking"] and not each.get("isDeleted")]


def _is_waiting(policy: Mapping[str, Any]) -> bool:
    """Return True if a policy waits for users or for CI for every pull request, whatever files it changes.

    A policy with a path filter does not apply to every pull request, and the status that basebump sets itself does not
    depend on CI.
    """
    return (
        str(policy["type"]["id"]).lower() in _WAITING_POLICIES
        and not policy["settings"].get("filenamePatterns")
        and not is_own_status_policy(policy)
    )


def is_own_status_policy(policy: Mapping[str, Any]) -> bool:
    """Return True if a policy waits for the status that basebump sets itself."""
    settings = policy["settings"]
    return f"{settings.get('statusGenre')}/{settings.get('statusName')}" == STATUS_CONTEXT


def _choose_strategy(policies: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the preferred merge strategy among those that the policies allow; None if they allow none."""
    limits = [each["settings"] for each in policies if each["type"]["id"] == MERGE_STRATEGY_POLICY]
    if not limits:
        return _DEFAULT_STRATEGY
    keys = {each: f"allow{each[0].upper()}{each[1:]}" for each in _STRATEGIES}
    return next((name for name, key in keys.items() if all(limit.get(key) for limit in limits)), None)
