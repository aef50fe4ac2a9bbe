"""Probes for Kubernetes and load balancers: `GET /livez` and `GET /readyz`.

The responses contain no details, because everyone who can connect can read them. The log contains the details.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from bot.model.errors import StateError
from bot.serve.http import Request, Response, Route
from bot.serve.json_log import JsonLog
from bot.work_ports import WorkQueue

LIVE, READY = b"live\n", b"ready\n"
STATE_UNUSABLE = "the state cannot be used"
STOPPING = "the service is stopping"


class Health:
    """Answers the probes of one process."""

    def __init__(
        self,
        queue: WorkQueue,
        list_ended_threads: Callable[[], Sequence[str]],
        is_stopping: Callable[[], bool],
        log: JsonLog,
    ) -> None:
        """Create probes. `list_ended_threads` returns the names of threads that ended although they should run."""
        self._queue, self._log = queue, log
        self._list_ended_threads, self._is_stopping = list_ended_threads, is_stopping

    def list_routes(self) -> Iterable[Route]:
        """Yield the routes of the probes."""
        yield Route.build("GET", "/livez", self._answer_live)
        yield Route.build("GET", "/readyz", self._answer_ready)

    def _answer_live(self, _request: Request, _parts: Mapping[str, str]) -> Response:
        """Fail if only a new process can help. The state does not matter, because a new process could not use it."""
        return _build_response(LIVE, self._list_thread_problems())

    def _answer_ready(self, _request: Request, _parts: Mapping[str, str]) -> Response:
        """Fail if the process cannot store deliveries or do work."""
        problems = self._list_thread_problems()
        if self._is_stopping():
            problems.append(STOPPING)
        try:
            self._queue.compute_figures()
        except StateError as error:
            self._log.write_error(error, path="/readyz")
            problems.append(STATE_UNUSABLE)
        return _build_response(READY, problems)

    def _list_thread_problems(self) -> list[str]:
        if self._is_stopping():
            return []
        return [f"the thread `{name}` has ended" for name in self._list_ended_threads()]


def _build_response(success: bytes, problems: Sequence[str]) -> Response:
    return Response(503, "".join(f"{each}\n" for each in problems).encode()) if problems else Response(200, success)
