"""Attributes of pull requests on Azure DevOps: labels, reviewers, and automatic completion.

A pull request that is set to complete automatically is completed at once if no blocking policy of the target branch has
to wait for anything. Therefore basebump sets it only if the target branch has a blocking policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import quote

from bot.forges.azure.connection import AzureClient, AzureRemote
from bot.forges.azure.errors import AZURE_ERRORS, PROPOSE_ACCESS
from bot.forges.hosted.attributes import describe_automerge
from bot.forges.hosted.refusal import RefusedError
from bot.model.request_attributes import TEAM_PREFIX, RequestAttributes

NOBODY = "00000000-0000-0000-0000-000000000000"
"""The id that ends automatic completion."""
MERGE_STRATEGY_POLICY = "fa4e907d-c16b-4a4c-9dfa-4916e5d171ab"
"""The type of the policy that limits the ways to complete a pull request."""
MAX_TEAMS, MAX_MEMBERS = 200, 500
"""The largest numbers of teams of a project, and of members of a team, that are searched for reviewers."""

_STRATEGIES = ("squash", "noFastForward", "rebaseMerge", "rebase")
"""The ways to complete a pull request, of which the first allowed one is used."""
_DEFAULT_STRATEGY = "noFastForward"
_NOT_SUPPORTED = "Azure Repos has no {}."


def parse_attributes(data: Mapping[str, Any]) -> RequestAttributes:
    """Return the current attributes of a pull request, as far as `data` contains them.

    Automatic completion counts as set if it was set at any time: if it is ended, its options stay.
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
    """Return the name by which the config names a reviewer: the beginning of the email address, or a team's name."""
    if identity.get("isContainer"):
        return f"{TEAM_PREFIX}{str(identity.get('displayName') or '').rpartition(chr(92))[2]}"
    return str(identity.get("uniqueName") or identity.get("displayName") or "").partition("@")[0]


@dataclass(frozen=True, slots=True)
class AddedAttributes:
    """The result of adding attributes to a pull request."""

    attributes: RequestAttributes
    """The labels and reviewers that were set."""
    notes: tuple[str, ...]
    """A note for each attribute that could not be set."""


class AzureAttributesWriter:
    """Sets attributes of pull requests in one repository during one run. No method raises."""

    def __init__(self, remote: AzureRemote) -> None:
        self._remote = remote
        self._teams: Mapping[str, str] | None = None
        """The ids of the teams of the project by name in lower case; None until they are needed."""
        self._members: dict[str, str] | None = None
        """The ids of the members of all teams by name in lower case; None until they are needed."""

    def add(self, number: int, missing: RequestAttributes) -> AddedAttributes:
        """Add attributes to a pull request, and return those that were set, and notes about the others."""
        labels: list[str] = []
        reviewers: list[str] = []

        def label(name: str) -> None:
            self._label(number, name)
            labels.append(name)

        def request_review(name: str) -> None:
            self._request_review(number, name)
            reviewers.append(name)

        notes = self._for_each(missing.labels, "The label `{}` could not be set: {}.", label)
        notes += self._for_each(missing.reviewers, "A review of `{}` could not be requested: {}.", request_review)
        notes += (_NOT_SUPPORTED.format("assignees"),) if missing.assignees else ()
        notes += (_NOT_SUPPORTED.format("milestones for pull requests"),) if missing.milestone is not None else ()
        return AddedAttributes(RequestAttributes(labels=tuple(labels), reviewers=tuple(reviewers)), notes)

    def remove_labels(self, number: int, labels: Iterable[str]) -> tuple[str, ...]:
        """Remove labels from a pull request, and return a note for each one that could not be removed."""
        return self._for_each(
            labels,
            "The label `{}` could not be removed: {}.",
            lambda name: self._write(
                "DELETE", f"remove a label of pull request !{number}", f"{number}/labels/{quote(name, safe='')}", None
            ),
        )

    def _for_each(self, names: Iterable[str], failure: str, set_one: Callable[[str], None]) -> tuple[str, ...]:
        """Call `set_one` with each name, and return a note for each name that was refused."""
        notes: list[str] = []
        for name in names:
            try:
                with AZURE_ERRORS.translate(self._remote.name):
                    set_one(name)
            except RefusedError as refusal:
                notes.append(failure.format(name, refusal))
        return tuple(notes)

    def _label(self, number: int, name: str) -> None:
        self._write("POST", f"label pull request !{number}", f"{number}/labels", {"name": name})

    def _request_review(self, number: int, name: str) -> None:
        reviewer = self._find_reviewer(name)
        if reviewer is None:
            raise RefusedError("no team of the project has such a member", status=None)
        body = {"id": reviewer, "vote": 0}
        self._write("PUT", f"request a review of pull request !{number}", f"{number}/reviewers/{reviewer}", body)

    def _find_reviewer(self, name: str) -> str | None:
        """Return the id of a team of the project, or of a member of one of its teams. Raises RefusedError."""
        teams = self._list_teams()
        if name.startswith(TEAM_PREFIX):
            return teams.get(name.removeprefix(TEAM_PREFIX).lower())
        if self._members is None:
            self._members = {each: oid for team in teams.values() for each, oid in self._list_members(team).items()}
        return self._members.get(name.lower())

    def _list_teams(self) -> Mapping[str, str]:
        if self._teams is None:
            self._teams = self._remote.read(
                "list the teams",
                lambda client: {
                    str(each["name"]).lower(): str(each["id"])
                    for each in islice(
                        client.list_by_offset(f"_apis/projects/{self._remote.project}/teams", {}), MAX_TEAMS
                    )
                },
            )
        return self._teams

    def _list_members(self, team: str) -> dict[str, str]:
        path = f"_apis/projects/{self._remote.project}/teams/{quote(team, safe='')}/members"

        def fetch(client: AzureClient) -> dict[str, str]:
            members = [each["identity"] for each in islice(client.list_by_offset(path, {}), MAX_MEMBERS)]
            return {_get_reviewer_name(each).lower(): str(each["id"]) for each in members}

        return self._remote.read("list the members of a team", fetch)

    def _write(self, method: str, action: str, path: str, body: object) -> None:
        remote = self._remote
        remote.write(
            action, lambda client: client.send(method, f"{remote.path}/pullRequests/{path}", body), PROPOSE_ACCESS
        )


@dataclass(frozen=True, slots=True)
class AzureAutomerge:
    """Automatic completion of pull requests in one repository; implements `AutomergeApi`."""

    remote: AzureRemote
    read_request: Callable[[int], Mapping[str, Any]]
    """Returns the current data of a pull request. Raises RefusedError."""

    def enable(self, number: int, head: str | None) -> tuple[str, ...]:
        try_enable = partial(self._try_enable, number, head)
        return describe_automerge(try_enable, AZURE_ERRORS, self.remote.name, {}, "Auto-complete was not set")

    def disable(self, number: int) -> None:
        self._edit(number, f"end auto-complete of pull request !{number}", {"autoCompleteSetBy": {"id": NOBODY}})

    def _try_enable(self, number: int, head: str | None) -> str | None:
        """Set automatic completion, and return None. If this is not possible, return the reason."""
        data = self.read_request(number)
        if data.get("isDraft"):
            return "it is a draft"
        if _was_set(data) and not data.get("autoCompleteSetBy"):
            return "it was ended before"
        if head is not None and data["lastMergeSourceCommit"]["commitId"] != head:
            return "another user pushed to the branch, or Azure DevOps does not know the last commit yet"
        policies = list_blocking_policies(self.remote, str(data["repository"]["id"]), str(data["targetRefName"]))
        if not policies:
            return (
                "no blocking policy protects the target branch, so that it would be completed at once; hint: add a "
                "build validation or another required policy"
            )
        strategy = _choose_strategy(policies)
        if strategy is None:
            return "the policy of the target branch allows no way to complete it"
        options = {"mergeStrategy": strategy, "deleteSourceBranch": True}
        body = {"autoCompleteSetBy": {"id": self.remote.connection.get_account().id}, "completionOptions": options}
        answer = self._edit(number, f"set auto-complete of pull request !{number}", body)
        is_set = answer.get("autoCompleteSetBy") or answer["status"] == "completed"
        return None if is_set else "Azure DevOps ignored the request"

    def _edit(self, number: int, action: str, fields: Mapping[str, object]) -> Mapping[str, Any]:
        remote = self.remote

        def send(client: AzureClient) -> Mapping[str, Any]:
            answer: Mapping[str, Any] = client.send("PATCH", f"{remote.path}/pullrequests/{number}", fields)
            return answer

        return remote.write(action, send, PROPOSE_ACCESS)


def list_blocking_policies(remote: AzureRemote, repository_id: str, ref: str) -> Sequence[Mapping[str, Any]]:
    """Return the enabled, blocking policies of a branch. Raises RefusedError."""
    query = {"repositoryId": repository_id, "refName": ref}

    def fetch(client: AzureClient) -> list[Mapping[str, Any]]:
        policies = client.list_values(f"{remote.project}/_apis/git/policy/configurations", query)
        return [each for each in policies if each["isEnabled"] and each["isBlocking"] and not each.get("isDeleted")]

    return remote.read(f"list the policies of {ref}", fetch)


def _choose_strategy(policies: Sequence[Mapping[str, Any]]) -> str | None:
    """Return a way to complete a pull request that the policies allow; None if they allow none."""
    limits = [each["settings"] for each in policies if each["type"]["id"] == MERGE_STRATEGY_POLICY]
    if not limits:
        return _DEFAULT_STRATEGY
    keys = {each: f"allow{each[0].upper()}{each[1:]}" for each in _STRATEGIES}
    return next((name for name, key in keys.items() if all(limit.get(key) for limit in limits)), None)
