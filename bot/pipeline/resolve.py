"""Resolve: ask each distinct line once in a run, and fetch only what moved."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.model.decision import Selected
from bot.model.errors import RegistryError, StateError
from bot.model.history import Sighting
from bot.model.image import Claim, Manifest, Resolution, Resolved, Unresolved
from bot.model.reference import Digest, Line
from bot.model.report import Failed
from bot.model.vocabulary import Reason, Stage
from bot.pipeline.pool import Pool
from bot.ports import Memory, Progress, Registry

STATE = "state"
"""What failed where the memory could not be written."""


@dataclass(slots=True)
class Answers:
    """What the registries said, and which of them could not."""

    resolutions: Mapping[Line, Resolution]
    failed: tuple[Failed, ...]
    sightings: Mapping[Line, tuple[Sighting, ...]] = field(default_factory=dict)
    """What earlier runs saw of these lines, oldest first."""


@dataclass(slots=True)
class _Recalled:
    """What earlier runs had as answers, and what this one adds to it."""

    claims: Mapping[Line, Claim]
    manifests: Mapping[Digest, Manifest]
    """Behind those claims: what has not moved since is not fetched again."""
    new_claims: dict[Line, Claim] = field(default_factory=dict)
    new_manifests: dict[Digest, Manifest] = field(default_factory=dict)


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


def resolve(
    selected: Iterable[Selected], registry: Registry, memory: Memory, at: datetime, pool: Pool, progress: Progress
) -> Answers:
    """Ask for every distinct line of `selected`, `at` the time when the run asks. Raises StateError."""
    held: dict[Line, set[Digest | None]] = defaultdict(set)
    for place in selected:
        held[place.line].add(place.occurrence.reference.digest)
    lines = sorted(held)
    claims, sightings = memory.claims(lines), memory.sightings(lines)
    recalled = _Recalled(claims, memory.manifests({claim.digest for claim in claims.values()}))
    troubles = _Troubles()
    progress.phase("Asking registries", len(held))

    def ask(line: Line) -> Resolution:
        try:
            return _ask(registry, line, held[line], recalled, troubles)
        finally:
            progress.step()

    resolutions = dict(zip(lines, pool.map(ask, lines), strict=True))
    progress.done()
    failed = [
        Failed(host, Stage.RESOLVE, str(error)) for host, error in sorted(troubles.by_host.items()) if error.is_failure
    ]
    try:  # also where some lines failed: what was seen was seen
        memory.saw(recalled.new_claims, at)
        memory.keep(recalled.new_manifests.values())
    except StateError as error:
        failed.append(Failed(STATE, Stage.RESOLVE, str(error)))
    return Answers(resolutions, tuple(failed), sightings)


def _ask(
    registry: Registry, line: Line, held: set[Digest | None], recalled: _Recalled, troubles: _Troubles
) -> Resolution:
    silent = troubles.of_silent(line.host)
    if silent is not None:
        return Unresolved(line, silent.reason, str(silent))
    try:
        claim = recalled.new_claims[line] = registry.head(line, recalled.claims.get(line))
        if held == {claim.digest}:
            return Resolved(line, claim.digest)
        manifest = recalled.manifests.get(claim.digest)
        if manifest is None:
            manifest = recalled.new_manifests[claim.digest] = registry.fetch(line, claim.digest)
        return Resolved(line, claim.digest, manifest)
    except RegistryError as error:
        if error.is_failure:
            troubles.note(line.host, error)
        return Unresolved(line, error.reason, str(error))
