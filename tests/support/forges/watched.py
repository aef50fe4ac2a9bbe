"""A server that breaks down, and a basebump that tells how long it waits for it."""

from __future__ import annotations

import re
from dataclasses import replace

from support.forges.contract_scene import BRANCH, CHANGES, INTENT, PREFIX, message_of, proposal
from support.forges.hosted_stand import HostedStand

from bot.model.forge import GitRepository, OpenedRequest
from bot.model.proposal import RemoteRequest
from bot.model.report import RunFailure
from bot.ports import Fleet, Forge


class WatchedStand:
    """A stand whose fleet waits for nothing, and writes down for how long it would have."""

    def __init__(self, stand: HostedStand) -> None:
        self.stand = stand
        self.server = stand.server
        self.pauses: list[float] = []

    def fleet(self, url: str | None = None) -> Fleet:
        return self.stand.client(url or self.server.url, [self.stand.name], self.pauses.append)

    def look(self, url: str | None = None) -> GitRepository | RunFailure:
        (found,) = self.fleet(url).list_repositories(frozenset())
        return found

    def forge(self) -> Forge:
        fleet = self.fleet()
        (repository,) = fleet.list_repositories(frozenset())
        assert isinstance(repository, GitRepository)
        return fleet.get_forge(repository)

    def push(self, changes=CHANGES, over: str | None = None, intent: str = INTENT) -> str:
        return self.forge().push(BRANCH, changes, message_of(intent), over)

    def open(self) -> OpenedRequest:
        return self.forge().open(proposal())

    def seen(self) -> RemoteRequest:
        (seen,) = self.forge().list_requests(PREFIX, frozenset({BRANCH}))
        return seen

    def fail(
        self, request: str, status: int | None, message: object = "Server Error", *, works=False, times=1, **headers
    ) -> None:
        """Let the next requests fail; without a status their answer is lost. Names of headers have `_` for `-`."""
        reply = None
        if status is not None:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            reply = replace(self.server.problem(status, message), headers=named)
        self.server.fail(request, reply, works=works, times=times)

    def sent(self, request: str) -> list[str]:
        """Return the requests that `request`, a pattern, matches."""
        return [line for line in self.server.lines if re.search(request, line)]
