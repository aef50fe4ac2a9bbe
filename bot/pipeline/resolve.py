"""Resolve: ask each distinct line once in a run, and fetch only what moved."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bot.model.decision import Selected
from bot.model.errors import RegistryError
from bot.model.image import Resolution, Resolved, Unresolved
from bot.model.reference import Digest, Line
from bot.model.report import Failed
from bot.model.vocabulary import Reason, Stage
from bot.pipeline.pool import Pool
from bot.ports import Progress, Registry


@dataclass(slots=True)
class Answers:
    """What the registries said, and which of them could not."""

    resolutions: Mapping[Line, Resolution]
    failed: tuple[Failed, ...]


@dataclass(slots=True)
class _Troubles:
    """The first failure of each registry; one that cannot be reached is not tried again for every image."""

    by_host: dict[str, RegistryError] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, host: str, error: RegistryError) -> None:
        with self.lock:
            self.by_host.setdefault(host, error)

    def of_silent(self, host: str) -> RegistryError | None:
        error = self.by_host.get(host)
        return error if error is not None and error.reason is Reason.UNREACHABLE else None


def resolve(selected: Iterable[Selected], registry: Registry, pool: Pool, progress: Progress) -> Answers:
    """Ask for every distinct line of `selected`."""
    held: dict[Line, set[Digest | None]] = defaultdict(set)
    for place in selected:
        held[place.line].add(place.occurrence.reference.digest)
    troubles = _Troubles()
    progress.phase("Asking registries", len(held))

    def ask(line: Line) -> Resolution:
        try:
            return _ask(registry, line, held[line], troubles)
        finally:
            progress.step()

    lines = sorted(held)
    resolutions = dict(zip(lines, pool.map(ask, lines), strict=True))
    progress.done()
    failed = tuple(
        Failed(host, Stage.RESOLVE, str(error)) for host, error in sorted(troubles.by_host.items()) if error.is_failure
    )
    return Answers(resolutions, failed)


def _ask(registry: Registry, line: Line, held: set[Digest | None], troubles: _Troubles) -> Resolution:
    silent = troubles.of_silent(line.host)
    if silent is not None:
        return Unresolved(line, silent.reason, str(silent))
    try:
        claim = registry.head(line)
        if held == {claim.digest}:
            return Resolved(line, claim.digest)
        return Resolved(line, claim.digest, registry.fetch(line, claim.digest))
    except RegistryError as error:
        if error.is_failure:
            troubles.note(line.host, error)
        return Unresolved(line, error.reason, str(error))
