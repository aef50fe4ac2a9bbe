"""Attributes of pull requests on Gitea and Forgejo, such as labels and reviewers, and auto-merge.

The API call that enables auto-merge merges immediately if the base branch requires no status check
(https://docs.gitea.com/usage/automerge). Therefore basebump sends it only if the protection of the base branch requires
a status check.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from bot.forges.gitea.connection import GiteaRemote
from bot.forges.gitea.gitea_errors import GITEA_ERRORS, READ_ISSUE, READ_ORGANIZATION
from bot.forges.hosted.attributes import LABEL_COLOUR, LABEL_DESCRIPTION, CheckedAutomerge
from bot.forges.hosted.pulls import PullAttributes
from bot.forges.hosted.refusal import CONFLICT, FORBIDDEN, NOT_ALLOWED, NOT_FOUND, RefusedError


@dataclass(frozen=True, slots=True)
class GiteaAttributes(PullAttributes[GiteaRemote]):
    """The attributes of the pull requests of one repository; implements `AttributeApi`.

    Methods raise RefusedError if an API call fails.
    """

    _label_ids: dict[str, int] = field(default_factory=dict)
    """The ids of the labels of the repository and of its organization, by name in lower case."""

    def get_label_keys(self, labels: Sequence[str]) -> Sequence[int]:
        """Return the ids of labels that exist."""
        if not self._label_ids:
            self._list_labels()
        return [self._label_ids[each.lower()] for each in labels if each.lower() in self._label_ids]

    def ensure_label(self, label: str) -> None:
        if not self.get_label_keys([label]):
            body = {"name": label, "color": f"#{LABEL_COLOUR}", "description": LABEL_DESCRIPTION}
            self._label_ids[label.lower()] = int(self.write(f"create the label {label}", "POST", "/labels", body)["id"])

    def remove_label(self, number: int, label: str) -> None:
        for key in self.get_label_keys([label]):
            action = f"remove the label {label} from pull request #{number}"
            self.write(action, "DELETE", f"/issues/{number}/labels/{key}")

    def assign(self, number: int, people: Sequence[str]) -> Collection[str]:
        """Assign users in addition to the current assignees. The API call names all, because it replaces the list."""
        path = f"/issues/{number}"
        current = _get_assignees(self.remote.read_json(f"read pull request #{number}", path, READ_ISSUE))
        body = {"assignees": [*current, *people]}
        return _get_assignees(self.write(f"assign pull request #{number}", "PATCH", path, body))

    def find_milestone(self, title: str) -> int | None:
        pages = self.remote.list_pages(
            "list the milestones", "/milestones", READ_ISSUE, {"state": "open", "name": title}
        )
        return next((int(each["id"]) for each in pages if each["title"].casefold() == title.casefold()), None)

    def _list_labels(self) -> None:
        """Fetch the existing labels, and store their ids in `_label_ids`.

        If the owner is a user, or the token cannot read the organization, there are no labels of an organization.
        """
        connection, owner = self.remote.connection, self.remote.name.partition("/")[0]
        labels = list(self.remote.list_pages("list the labels", "/labels", READ_ISSUE))
        try:
            path = f"/orgs/{quote(owner)}/labels"
            labels += connection.list_pages(f"list the labels of {owner}", path, READ_ORGANIZATION)
        except RefusedError as refusal:
            if refusal.status not in (NOT_FOUND, FORBIDDEN):
                raise
        self._label_ids.update({str(each["name"]).lower(): int(each["id"]) for each in reversed(labels)})


def _get_assignees(issue: Mapping[str, Any]) -> list[str]:
    return [str(each["login"]) for each in issue["assignees"] or ()]


_STYLES = {
    "merge": "allow_merge_commits",
    "squash": "allow_squash_merge",
    "rebase": "allow_rebase",
    "rebase-merge": "allow_rebase_explicit",
    "fast-forward-only": "allow_fast_forward_only_merge",
}
"""The merge styles, each with the repository setting that allows the style."""
_ADVICE = {
    CONFLICT: "another user pushed to the branch",
    NOT_ALLOWED: "the token has no permission to merge into the base branch; hint: allow it in the branch protection",
}


class GiteaAutomerge(CheckedAutomerge[GiteaRemote]):
    """Auto-merge of pull requests in one repository; implements `AutomergeApi`."""

    errors, advice = GITEA_ERRORS, _ADVICE

    def disable(self, number: int) -> None:
        try:
            self.remote.write_json(f"disable auto-merge of pull request #{number}", "DELETE", f"/pulls/{number}/merge")
        except RefusedError as refusal:
            if refusal.status != NOT_FOUND:
                raise

    def try_enable(self, number: int, head: str | None) -> str | None:
        pull = self.remote.read_json(f"read pull request #{number}", f"/pulls/{number}")
        if head is not None and pull["head"]["sha"] != head:
            return _ADVICE[CONFLICT]
        if pull.get("draft"):
            return "it is a draft"
        base = str(pull["base"]["ref"])
        if not self.remote.read_json(f"read the branch {base}", f"/branches/{quote(base)}")["enable_status_check"]:
            return "it would wait for nothing; hint: require a status check in the protection of the base branch"
        repository = self.remote.read_json("read the merge styles")
        styles = [repository.get("default_merge_style"), *_STYLES]
        body = {
            "Do": next(each for each in styles if each in _STYLES and repository[_STYLES[each]]),
            "merge_when_checks_succeed": True,
            "head_commit_id": str(pull["head"]["sha"]),
        }
        self.remote.write_json(f"enable auto-merge of pull request #{number}", "POST", f"/pulls/{number}/merge", body)
        return None
