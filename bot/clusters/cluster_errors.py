"""The failure to read a cluster."""

from __future__ import annotations

from bot.model.errors import BasebumpError
from bot.model.workload import ClusterProblem


class ClusterError(BasebumpError):
    """A cluster could not be read."""

    def __init__(self, problem: ClusterProblem, message: str) -> None:
        self.problem = problem
        super().__init__(message)


class ExpiredListError(BasebumpError):
    """The server no longer has the rest of a list, because reading the earlier pages took too long."""
