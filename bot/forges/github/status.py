"""Statuses of commits on GitHub: https://docs.github.com/en/rest/commits/statuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from github.Repository import Repository

from bot.forges.github.connection import PER_PAGE, GitHubRemote
from bot.forges.github.errors import STATUSES_WRITE
from bot.forges.hosted.records import StatusWriter
from bot.model.request_attributes import STATUS_CONTEXT, CommitStatus, StatusState


def build_status_writer(remote: GitHubRemote) -> StatusWriter:
    """Return the writer of commit statuses for one repository."""

    def read_status(commit: str) -> CommitStatus | None:
        """Read the last status of each name; a commit has few, so one page is enough."""

        def fetch(repository: Repository) -> CommitStatus | None:
            address = f"{repository.url}/commits/{commit}/status"
            _, answer = repository.requester.requestJsonAndCheck("GET", address, parameters={"per_page": PER_PAGE})
            return next((_parse_status(each) for each in answer["statuses"] if each["context"] == STATUS_CONTEXT), None)

        return remote.read(f"read the status of {commit}", fetch, STATUSES_WRITE)

    def post_status(_branch: str, commit: str, status: CommitStatus) -> None:
        body = {"state": status.state.value, "description": status.description, "context": STATUS_CONTEXT}
        remote.write(
            f"set the status of {commit}",
            lambda repository: repository.requester.requestJsonAndCheck(
                "POST", f"{repository.url}/statuses/{commit}", input=body
            ),
            STATUSES_WRITE,
        )

    return StatusWriter(read_status, post_status)


def _parse_status(data: Mapping[str, Any]) -> CommitStatus | None:
    state = next((each for each in StatusState if each == data["state"]), None)
    return CommitStatus(state, str(data["description"])) if state is not None else None
