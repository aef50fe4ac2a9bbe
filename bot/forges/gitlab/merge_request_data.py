"""Read a merge request as JSON data: https://docs.gitlab.com/api/merge_requests/#response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.forges.gitlab.connection import GitLabRemote

MergeRequestData = Mapping[str, Any]


def read_merge_request(remote: GitLabRemote, number: int) -> MergeRequestData:
    """Read the current data of a request: https://docs.gitlab.com/api/merge_requests/#get-single-mr.

    Raises RefusedError.
    """
    return remote.read(
        f"read merge request !{number}", lambda project: dict(project.mergerequests.get(number).attributes)
    )
