"""Troubles: what failed at registries in a run, each said once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bot.model.errors import RegistryError
from bot.model.report import Failed
from bot.model.vocabulary import Reason, Stage

STATE = "state"
"""What failed where the memory could not be written."""


def each_once(failures: Iterable[Failed]) -> Iterator[Failed]:
    """Yield each error with the first subject that it is about: it may have come up for every image."""
    said: set[str] = set()
    for failed in failures:
        if failed.error not in said:
            said.add(failed.error)
            yield failed


@dataclass(slots=True)
class Troubles:
    """The first failure of each registry; one that cannot be reached is not tried again for every image."""

    by_host: dict[str, RegistryError] = field(default_factory=dict)
    silent: dict[str, RegistryError] = field(default_factory=dict)
    """Those that could not be reached, whatever failed there before."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, host: str, error: RegistryError) -> None:
        """Remember an error that is a failure; others are findings."""
        if error.is_failure:
            with self.lock:
                self.by_host.setdefault(host, error)
                if error.reason is Reason.UNREACHABLE:
                    self.silent.setdefault(host, error)

    def raise_if_silent(self, host: str) -> None:
        """Raise a RegistryError for a host that could not be reached before; what was asked then says nothing here."""
        if error := self.silent.get(host):
            what = f"{error.host} was not asked again, since it had not answered"
            raise RegistryError(error.host, error.reason, what, is_failure=error.is_failure)

    def failures(self) -> Iterator[Failed]:
        """Yield one failure for each registry."""
        for host, error in sorted(self.by_host.items()):
            yield Failed(host, Stage.RESOLVE, str(error))
