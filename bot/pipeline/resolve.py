"""Resolve: ask each distinct line once in a run, and fetch only what moved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.core.choice.ages import known_since, matured
from bot.core.choice.platforms import image_for
from bot.model.errors import RegistryError, StateError
from bot.model.history import Sighting
from bot.model.image import Claim, Kept, Kind, Manifest, Recorded, Resolution, Resolved, Unresolved
from bot.model.reference import Digest, Line
from bot.model.report import Failed
from bot.model.vocabulary import Reason, Stage
from bot.pipeline.pool import Pool
from bot.pipeline.troubles import STATE, Troubles
from bot.ports import Ends, Memory, Progress, Registry, RegistryFacts

MAX_EARLIER = 3
"""Earlier digests of one line that are tried for one age; one that cannot be fetched, or is held, is rare."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What one place wants of a line."""

    line: Line
    held: Digest | None
    min_age: timedelta
    is_written: bool
    """Whether this is the line that the file names."""
    names_platforms: bool = False
    """Whether the place or its rule says which platforms are in use."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Who is asked."""

    registry: Registry
    facts: RegistryFacts
    memory: Memory
    ends: Ends
    purging: frozenset[str]
    """Registries that delete what no tag points to."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the registries said, and which of them could not."""

    resolutions: Mapping[Line, Resolution]
    failed: tuple[Failed, ...]


IsHeld = Callable[[Wish, Resolved], bool]
"""Says whether a place with such a wish is held from moving to what a line points to."""


def resolve(
    wishes: Iterable[Wish], sources: Sources, pool: Pool, progress: Progress, now: datetime, is_held: IsHeld
) -> Answers:
    """Ask for every distinct line of `wishes`. Raises StateError when the memory cannot be read."""
    by_line: dict[Line, set[Wish]] = defaultdict(set)
    for wish in wishes:
        by_line[wish.line].add(wish)
    lines = sorted(by_line)
    asking = _Asking(sources, now, is_held, *_recall(sources.memory, by_line))
    progress.phase("Asking registries", len(lines))

    def ask(line: Line) -> Resolution:
        try:
            return asking.ask(line, by_line[line])
        finally:
            progress.step()

    first = list({line.host: line for line in reversed(lines)}.values())  # what a registry says first guides the rest
    resolutions = dict(zip(first, pool.map(ask, first), strict=True))
    others = [line for line in lines if line not in resolutions]
    resolutions |= zip(others, pool.map(ask, others), strict=True)
    progress.done()
    return Answers(resolutions, (*asking.troubles.failures(), *asking.remember()))


def _recall(
    memory: Memory, wishes: Mapping[Line, Iterable[Wish]]
) -> tuple[Mapping[Line, Claim], Mapping[Line, Sequence[Sighting]], Mapping[Digest, Kept]]:
    """Return what earlier runs knew of these lines, and of what they and the files point to."""
    claims, sightings = memory.claims(wishes.keys()), memory.sightings(wishes.keys())
    digests = {claim.digest for claim in claims.values()}
    digests |= {wish.held for group in wishes.values() for wish in group if wish.held is not None}
    return claims, sightings, memory.manifests(digests)


@dataclass(slots=True)
class _Asking:
    """One phase of asking; a line is asked by one thread."""

    sources: Sources
    now: datetime
    is_held: IsHeld
    claims: Mapping[Line, Claim]
    sightings: Mapping[Line, Sequence[Sighting]]
    kept: Mapping[Digest, Kept]
    seen: dict[Line, Claim] = field(default_factory=dict)
    fetched: dict[tuple[Digest, str], Manifest] = field(default_factory=dict)
    """By digest and repository."""
    troubles: Troubles = field(default_factory=Troubles)
    all_moved: dict[str, bool] = field(default_factory=dict)
    """By host: whether every place that was looked at so far had something newer."""

    def ask(self, line: Line, wishes: Iterable[Wish]) -> Resolution:
        try:
            for host in (line.host, self.sources.registry.origin(line).host):
                self.troubles.raise_if_silent(host)
            current, manifest = self._current(line, {wish.held for wish in wishes})
            moving = [wish for wish in wishes if wish.held != current]
            if moving:
                self.all_moved.setdefault(line.host, True)
            else:
                self.all_moved[line.host] = False
            return self._resolved(line, current, manifest, moving)
        except RegistryError as error:
            self.troubles.note(error.host, error)
            return Unresolved(line, error.reason, str(error), _is_definite(error))

    def remember(self) -> Iterator[Failed]:
        """Write down what was seen, also where some lines failed; yield why that could not be done."""
        try:
            self.sources.memory.saw(self.seen, self.now)
            self.sources.memory.keep(self._fetched())
        except StateError as error:
            yield Failed(STATE, Stage.RESOLVE, str(error))

    def _fetched(self) -> Iterator[Kept]:
        """Yield what was fetched, with all names under which it ever was, as far as that is known."""
        names: dict[Digest, set[str]] = defaultdict(set)
        for digest, repository in self.fetched:
            names[digest].add(repository)
        for (digest, _), manifest in self.fetched.items():
            before = self.kept.get(digest) or Kept(manifest, frozenset())
            yield replace(before, repositories=before.repositories | names[digest])

    def _current(self, line: Line, held: set[Digest | None]) -> tuple[Digest, Manifest | None]:
        """Return what the line points to, and what is behind it where that came along.

        A HEAD is cheap everywhere. While all that a registry was asked for had moved, and so had to be fetched, too,
        the next line is fetched at once, unless it is still what the file holds, or what a cache may be behind with.
        """
        if self.all_moved.get(line.host) and len(held) == 1 and not self._is_cached(line):
            (only,) = held
            try:
                manifest = self.sources.registry.get(line, only)
            except RegistryError as error:
                if error.reason is not Reason.RATE_LIMITED:
                    raise
                manifest, only = None, None  # what is rationed is pulls; a HEAD is none
            if manifest is not None:
                self.fetched[manifest.digest, line.repository] = manifest
                self.seen[line] = Claim(manifest.digest, manifest.media_type)
                return manifest.digest, manifest
            if only is not None:
                self.seen[line] = Claim(only, "")
                return only, None
        claim = self.seen[line] = self.sources.registry.head(line, self.claims.get(line))
        return claim.digest, None

    def _is_cached(self, line: Line) -> bool:
        """Say whether the file names a pull-through cache: who knows the tag is then not who gives the digest."""
        return self.sources.registry.origin(line) != line

    def _resolved(self, line: Line, current: Digest, manifest: Manifest | None, moving: Sequence[Wish]) -> Resolved:
        """Return what the line points to, with as much around it as those need that do not hold it."""
        resolved = Resolved(line, current, manifest, history=tuple(self.sightings.get(line, ())))
        if not moving:
            return resolved
        try:
            manifest = manifest or self._proved(resolved)
        except RegistryError as error:
            if error.reason is not Reason.NOT_FOUND_OR_DENIED:
                raise
            return replace(resolved, not_pullable=str(error))
        held = dict(self._held(line, {wish.held for wish in moving if wish.held is not None}, manifest))
        platforms = dict(self._held_platforms(line, held, manifest, moving))
        kept = dict(self._kept(line, platforms, manifest))
        held_platforms = {digest: platform for digest, platform in platforms.items() if isinstance(platform, str)}
        recorded = {digest: record for digest in (current, *held) if (record := self._recorded(line, digest))}
        platform = self._platform(line, manifest, held, moving)
        resolved = replace(
            resolved,
            manifest=manifest,
            platform=platform,
            held=held,
            held_platforms=held_platforms,
            kept=kept,
            recorded=recorded,
        )
        return self._with_earlier(resolved, moving)

    def _proved(self, resolved: Resolved) -> Manifest:
        """Return what is behind what the line points to, fetched under its own name in this run or an earlier one."""
        line, claim = resolved.line, self.claims.get(resolved.line)
        may_be_known = claim and claim.digest == resolved.digest and not self._is_cached(line)
        known = self._known(line, resolved.digest) if may_be_known else None
        return known or self._fetch(line, resolved.digest)

    def _known(self, line: Line, digest: Digest) -> Manifest | None:
        """Return what an earlier run fetched under the name of this very repository."""
        kept = self.kept.get(digest)
        return kept.manifest if kept is not None and line.repository in kept.repositories else None

    def _held(self, line: Line, held: Iterable[Digest], current: Manifest) -> Iterator[tuple[Digest, Manifest | None]]:
        """Yield what is behind each digest that places hold; of what could not be asked for, nothing is known.

        What an earlier run fetched is asked for again only where registries delete what has no tag.
        """
        for digest in sorted(held):
            if current.holds(digest):
                continue
            known = None if line.host in self.sources.purging else self._known(line, digest)
            try:
                yield digest, known or self._fetch(line, digest)
            except RegistryError as error:
                self.troubles.note(line.host, error)
                if error.is_absent:
                    yield digest, None

    def _held_platforms(
        self, line: Line, held: Mapping[Digest, Manifest | None], current: Manifest, moving: Iterable[Wish]
    ) -> Iterator[tuple[Digest, str | Unresolved]]:
        """Yield the platform of each held manifest, which its config says, where there is anything to compare it with.

        Who pinned one in place of an index keeps to it: where it cannot be found out, the line is resolved for others.
        """
        named = {wish.held for wish in moving if wish.names_platforms}
        for digest, old in held.items():
            if old is None or old.kind is not Kind.MANIFEST or not (current.kind is Kind.INDEX or digest in named):
                continue
            try:
                platform = next(iter(self.sources.registry.describe(line, old).platforms), None)
            except RegistryError as error:
                self.troubles.note(line.host, error)
                if current.kind is Kind.INDEX and not _is_definite(error):
                    yield digest, Unresolved(line, error.reason, str(error))
                continue
            if platform is not None:
                yield digest, platform

    def _kept(
        self, line: Line, platforms: Mapping[Digest, str | Unresolved], current: Manifest
    ) -> Iterator[tuple[Digest, Manifest | Unresolved | None]]:
        """Yield, for each held manifest of one platform, the one of the same platform: who pinned one keeps to one."""
        for digest, platform in platforms.items() if current.kind is Kind.INDEX else ():
            if isinstance(platform, Unresolved):
                yield digest, platform
                continue
            child = image_for(current, platform)
            try:
                yield digest, self._fetch(line, child.digest) if child is not None else None
            except RegistryError as error:
                self.troubles.note(line.host, error)
                yield digest, None if _is_definite(error) else Unresolved(line, error.reason, str(error))

    def _platform(
        self, line: Line, current: Manifest, held: Mapping[Digest, Manifest | None], moving: Iterable[Wish]
    ) -> str | None:
        """Return the platform of what is no index, which its config says, where it is known which are in use."""
        had_more = any(old is not None and old.kind is Kind.INDEX for old in held.values())
        if current.kind is Kind.INDEX or not (had_more or any(wish.names_platforms for wish in moving)):
            return None
        return self._described(line, current)

    def _described(self, line: Line, manifest: Manifest) -> str | None:
        """Return the platform of what is no index, as its config says; None where nobody can say."""
        try:
            return next(iter(self.sources.registry.describe(line, manifest).platforms), None)
        except RegistryError as error:
            self.troubles.note(line.host, error)
            return None

    def _with_earlier(self, resolved: Resolved, moving: Sequence[Wish]) -> Resolved:
        """Add the earlier digests that may be taken by those for whom the current one is too young or held."""
        history = resolved.history
        since = known_since(resolved.digest, history, resolved.recorded, self.now)
        tried: set[Digest] = set()
        for wish in moving:
            if since + wish.min_age <= self.now and not self.is_held(wish, resolved):
                continue
            held = wish.held if wish.is_written else None
            for digest in matured(history, resolved.digest, held, wish.min_age, self.now)[:MAX_EARLIER]:
                if digest not in tried:
                    tried.add(digest)
                    resolved = self._with_one_more(resolved, digest, moving)
                manifest = next((each for each in resolved.earlier if each.digest == digest), None)
                if manifest is not None and not self.is_held(wish, resolved.before(manifest)):
                    break
        newest_first = sorted(resolved.earlier, key=lambda each: _last_seen(history, each.digest), reverse=True)
        return replace(resolved, earlier=tuple(newest_first))

    def _with_one_more(self, resolved: Resolved, digest: Digest, moving: Sequence[Wish]) -> Resolved:
        """Add one earlier digest, unless it cannot be fetched: that is done whether it is remembered or not."""
        line, record = resolved.line, self._recorded(resolved.line, digest)
        if line.host in self.sources.purging and (record is None or not (record.tags or record.is_locked)):
            return replace(resolved, at_risk=resolved.at_risk | {digest})
        try:
            manifest = self._fetch(line, digest)
        except RegistryError as error:
            self.troubles.note(line.host, error)
            return resolved
        platform = self._platform(line, manifest, resolved.held, moving)
        return replace(
            resolved,
            earlier=(*resolved.earlier, manifest),
            earlier_platforms={**resolved.earlier_platforms, **({digest: platform} if platform else {})},
            recorded={**resolved.recorded, **({digest: record} if record else {})},
        )

    def _fetch(self, line: Line, digest: Digest) -> Manifest:
        self.fetched[digest, line.repository] = manifest = self.sources.registry.fetch(line, digest)
        return manifest

    def _recorded(self, line: Line, digest: Digest) -> Recorded | None:
        """Return what the registry recorded; where it cannot say, that is a failure, and no reason to stop."""
        try:
            return self.sources.facts.recorded(line, digest)
        except RegistryError as error:
            self.troubles.note(line.host, error)
            return None


def _is_definite(error: RegistryError) -> bool:
    """Say whether there is no image: nothing at all, or what is none, such as a chart; asking again changes neither."""
    return error.is_absent or (error.reason is Reason.REGISTRY_ERROR and not error.is_failure)


def _last_seen(history: Sequence[Sighting], digest: Digest) -> datetime:
    return max(sighting.last_seen for sighting in history if sighting.digest == digest)
