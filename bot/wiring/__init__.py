"""From settings to what a command needs: the only room that names all adapters, and imports each when it is used."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bot.formats import all_formats, formats_with
from bot.model.errors import UsageError
from bot.model.policy import Rulebook
from bot.model.vocabulary import Level
from bot.pipeline.scan import Offline
from bot.ports import Advisories, Fleet, Progress, Registry, RulesReader
from bot.wiring.clock import SystemClock
from bot.wiring.registries import builders_of, registry_of

if TYPE_CHECKING:
    from bot.model.rules import Rule
    from bot.model.scope import Scope
    from bot.model.trust import Trust
    from bot.pipeline.judge import World
    from bot.pipeline.orders import Orders
    from bot.pipeline.plan import Templates
    from bot.registries.oci import OciRegistry
    from bot.settings import EnrichmentSettings, Settings


def scan_world(config_file: Path | None, *, offline: bool, progress: Progress) -> tuple[World | Offline, Rulebook]:
    """Return what a scan of one folder needs; offline there is no registry and no scanner."""
    if offline and config_file is None:
        return Offline(all_formats(), SystemClock(), _read_rules), Rulebook()
    settings = _settings(config_file, need_forges=False)
    if offline:
        return Offline(formats_with(dict(settings.files)), SystemClock(), _read_rules), settings.rulebook
    return _world(settings, progress, None), settings.rulebook


def _read_rules(content: bytes, source: str) -> tuple[Rule, ...]:
    """Read a repository's own file, for which alone the reader of configs is imported."""
    from bot.settings import repository_rules

    return repository_rules(content, source)


def _reader_of_rules(settings: Settings) -> RulesReader:
    """Return a reader that refuses ages which no run of these settings could ever see."""
    from bot.settings import repository_rules

    return partial(repository_rules, known_at=settings.ages_known_at)


@dataclass(frozen=True, slots=True)
class Wired:
    """What a run over a fleet needs."""

    fleets: tuple[Fleet, ...]
    world: World
    orders: Orders


def fleet_world(config_file: Path, level: Level, scope: Scope, progress: Progress, cache: Path | None = None) -> Wired:
    """Return what a run over the repositories of a config needs; `cache` is where a scanner keeps its database."""
    from bot.pipeline.orders import Orders
    from bot.wiring.forges import fleets_of

    settings = _settings(config_file, need_forges=True)
    world = _world(settings, progress, cache)
    orders = Orders(
        rulebook=settings.rulebook,
        level=level,
        scope=scope,
        limits=settings.limits,
        rollout=settings.rollout,
        branch_prefix=settings.branch_prefix,
        templates=_templates(settings),
        trailers=settings.trailers,
        has_dashboards=settings.has_dashboards,
        has_status=settings.has_status,
    )
    return Wired(
        fleets=tuple(fleet for forge in settings.forges for fleet in fleets_of(settings, forge)),
        world=replace(world, builders=tuple(builders_of(settings)), read_rules=_reader_of_rules(settings)),
        orders=orders,
    )


def _templates(settings: Settings) -> Templates:
    """Return the operator's templates, and ours where there are none. Raises ConfigError where one cannot be used."""
    from bot import resources
    from bot.pipeline.plan import Templates

    own = settings.templates
    return Templates(
        title=own.get("title") or resources.template("title.txt.j2"),
        body=resources.behind_macros(own.get("body") or resources.template("body.md.j2")),
        message=own.get("message") or resources.template("message.txt.j2"),
        dashboard=own.get("dashboard") or resources.template("dashboard.md.j2"),
    )


def _world(settings: Settings, progress: Progress, cache: Path | None) -> World:
    from bot.pipeline.judge import World
    from bot.verifiers import verifiers_for
    from bot.wiring.memory import remembered
    from bot.wiring.scanners import scanner_of

    registry = registry_of(settings)
    scanners = scanner_of(settings, registry, cache)
    memory, ends = remembered(settings)
    return World(
        formats=formats_with(dict(settings.files)),
        registry=registry,
        scanner_of=scanners,
        is_private=scanners.is_private,
        clock=SystemClock(),
        progress=progress,
        memory=memory,
        ends=ends,
        facts=registry.registry_facts(),
        read_rules=_read_rules,
        advisories=advisories_of(settings.enrichment, registry),
        verifiers=verifiers_for(settings.rulebook.trust, registry.artifacts(), SystemClock().now),
    )


def advisories_of(named: EnrichmentSettings, registry: OciRegistry) -> Advisories | None:
    """Return who knows more of vulnerabilities than scanners do; None where the config names nobody."""
    from bot.settings import EnrichmentSettings

    if named == EnrichmentSettings():
        return None
    from bot.advisories.documents import Accepted, VexDocuments
    from bot.advisories.lists import PublicLists
    from bot.advisories.published import PublishedAdvisories
    from bot.advisories.source import Source

    def at(place: Path | str | None) -> Source | None:
        return Source(place, os.environ) if place is not None else None

    vex = [Accepted(f"enrichment.vex[{index}]", each.place, each.authors) for index, each in enumerate(named.vex)]
    return PublishedAdvisories(
        PublicLists(at(named.kev), at(named.epss)),
        VexDocuments(vex, os.environ),
        lambda subject: registry.names(subject.line, subject.digest, subject.platform),
    )


def registry_for(config_file: Path | None, host: str) -> Registry:
    """Return the registries of a config. Raises UsageError when `host` is none of them."""
    settings = _settings(config_file, need_forges=False)
    refuse_unlisted(settings, host)
    return registry_of(settings)


def comparing_world(
    config_file: Path | None, hosts: Sequence[str], progress: Progress
) -> tuple[World, tuple[Trust, ...]]:
    """Return what a comparison of two images needs, and who is trusted to sign them.

    Whoever compares wants a scan: without scanners in the config whatever is installed scans, and nobody else is told
    anything. Raises UsageError when one of `hosts` is no registry of the config.
    """
    from bot.settings import AutoSettings

    settings = _settings(config_file, need_forges=False)
    for host in hosts:
        refuse_unlisted(settings, host)
    if not settings.scanners:
        settings = replace(settings, scanners=(AutoSettings(osv=None),))
    return _world(settings, progress, None), settings.rulebook.trust


def refuse_unlisted(settings: Settings, host: str) -> None:
    """Raise UsageError when `host` is no registry that these settings let anybody contact."""
    from bot.core.places.select import may_ask

    if not may_ask(settings.rulebook, host):
        raise UsageError(
            f"{host} is no well-known registry, so it is not contacted: list it under `registries:` in a config file, "
            "and name that with --config"
        )


def decline(config_file: Path, name: str, branch: str) -> bool:
    """Decline a proposal of a local forge; say whether its branch is gone, too. Raises UsageError and ForgeError."""
    from bot.forges.local.fleet import LocalFleet
    from bot.settings import LocalSettings

    settings = _settings(config_file, need_forges=True)
    for forge in settings.forges:
        if isinstance(forge, LocalSettings):
            fleet = LocalFleet(forge.folder, forge.repositories or ())
            if any(fleet.repositories(frozenset({name}))):
                return fleet.decline(name, branch)
    raise UsageError(f"{config_file} has no local forge with a repository {name}; close requests of others there")


def _settings(config_file: Path | None, *, need_forges: bool) -> Settings:
    from bot.settings import Settings, load

    return Settings() if config_file is None else load(config_file, need_forges=need_forges)
