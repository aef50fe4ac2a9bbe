"""Build the objects that each command needs from the settings.

This is the only package that names all adapters; each adapter is imported inside the function that uses it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bot.formats import load_all_formats, load_formats_with_globs
from bot.model.errors import UsageError
from bot.model.policy import PolicyConfig
from bot.model.vocabulary import RunLevel
from bot.pipeline.scan import OfflineContext
from bot.ports import AdvisorySource, Fleet, ProgressReporter, Registry, RulesReader
from bot.wiring.clock import SystemClock
from bot.wiring.registries import builders_of, registry_of

if TYPE_CHECKING:
    from bot.model.policy import PolicyRule
    from bot.model.scope import RunScope
    from bot.model.trust import TrustEntry
    from bot.pipeline.judge import RunContext
    from bot.pipeline.orders import RunOptions
    from bot.pipeline.plan import TemplateSources
    from bot.registries.oci import OciRegistry
    from bot.settings import EnrichmentSettings, Settings


def scan_world(
    config_file: Path | None, *, offline: bool, progress: ProgressReporter
) -> tuple[RunContext | OfflineContext, PolicyConfig]:
    """Return the context for a scan of one folder; offline, it has no registry and no scanner."""
    if offline and config_file is None:
        return OfflineContext(load_all_formats(), SystemClock(), _read_rules), PolicyConfig()
    settings = _settings(config_file, need_forges=False)
    if offline:
        return OfflineContext(load_formats_with_globs(dict(settings.files)), SystemClock(), _read_rules), settings.policy
    return _world(settings, progress, None), settings.policy


def _read_rules(content: bytes, source: str) -> tuple[PolicyRule, ...]:
    """Parse a repository's own config file; the config parser is imported only for that."""
    from bot.settings import load_repository_rules

    return load_repository_rules(content, source)


def _reader_of_rules(settings: Settings) -> RulesReader:
    """Return a parser of repositories' own files that refuses ages which no run with these settings could determine."""
    from bot.settings import load_repository_rules

    return partial(load_repository_rules, age_registries=settings.age_registries)


@dataclass(frozen=True, slots=True)
class Wired:
    """The fleets, services and options of a run over repositories."""

    fleets: tuple[Fleet, ...]
    world: RunContext
    orders: RunOptions


def fleet_world(
    config_file: Path, level: RunLevel, scope: RunScope, progress: ProgressReporter, cache: Path | None = None
) -> Wired:
    """Return everything that a run over a config's repositories needs.

    `cache` is the folder in which scanners keep their databases. Raises UsageError.
    """
    from bot.pipeline.orders import RunOptions
    from bot.wiring.forges import fleets_of

    settings = _settings(config_file, need_forges=True)
    world = _world(settings, progress, cache)
    orders = RunOptions(
        policy_config=settings.policy,
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


def _templates(settings: Settings) -> TemplateSources:
    """Return the operator's templates, with the built-in ones as defaults. Raises ConfigError if one is unusable."""
    from bot import resources
    from bot.pipeline.plan import TemplateSources

    own = settings.templates
    return TemplateSources(
        title=own.get("title") or resources.read_template("title.txt.j2"),
        body=resources.prepend_macros(own.get("body") or resources.read_template("body.md.j2")),
        message=own.get("message") or resources.read_template("message.txt.j2"),
        dashboard=own.get("dashboard") or resources.read_template("dashboard.md.j2"),
    )


def _world(settings: Settings, progress: ProgressReporter, cache: Path | None) -> RunContext:
    from bot.pipeline.judge import RunContext
    from bot.verifiers import create_verifiers
    from bot.wiring.memory import remembered
    from bot.wiring.scanners import scanner_of

    registry = registry_of(settings)
    scanners = scanner_of(settings, registry, cache)
    memory, ends = remembered(settings)
    return RunContext(
        formats=load_formats_with_globs(dict(settings.files)),
        registry=registry,
        select_scanner=scanners,
        is_private=scanners.is_private,
        clock=SystemClock(),
        progress=progress,
        state_store=memory,
        superseded_store=ends,
        registry_facts=registry.create_facts(),
        read_rules=_read_rules,
        advisories=advisories_of(settings.enrichment, registry),
        verifiers=create_verifiers(settings.policy.trust, registry.create_artifacts(), SystemClock().now),
    )


def advisories_of(named: EnrichmentSettings, registry: OciRegistry) -> AdvisorySource | None:
    """Return the sources of public lists and VEX documents; None if the config names none."""
    from bot.settings import EnrichmentSettings

    if named == EnrichmentSettings():
        return None
    from bot.advisories.documents import AcceptedDocuments, VexDocuments
    from bot.advisories.lists import PublicLists
    from bot.advisories.published import PublishedAdvisories
    from bot.advisories.source import DocumentSource

    def at(place: Path | str | None) -> DocumentSource | None:
        return DocumentSource(place, os.environ) if place is not None else None

    vex = [AcceptedDocuments(f"enrichment.vex[{index}]", each.location, each.authors) for index, each in enumerate(named.vex)]
    return PublishedAdvisories(
        PublicLists(at(named.kev), at(named.epss)),
        VexDocuments(vex, os.environ),
        lambda subject: registry.list_digests(subject.tag_ref, subject.digest, subject.platform),
    )


def registry_for(config_file: Path | None, host: str) -> Registry:
    """Return the registries of a config. Raises UsageError if `host` is not among those that may be contacted."""
    settings = _settings(config_file, need_forges=False)
    refuse_unlisted(settings, host)
    return registry_of(settings)


def comparing_world(
    config_file: Path | None, hosts: Sequence[str], progress: ProgressReporter
) -> tuple[RunContext, tuple[TrustEntry, ...]]:
    """Return the context for a comparison of two images, and the signers that the config trusts.

    A comparison always scans: without scanners in the config an installed one is used, and no service is asked. Raises
    UsageError if one of `hosts` may not be contacted.
    """
    from bot.settings import AutoSettings

    settings = _settings(config_file, need_forges=False)
    for host in hosts:
        refuse_unlisted(settings, host)
    if not settings.scanners:
        settings = replace(settings, scanners=(AutoSettings(osv=None),))
    return _world(settings, progress, None), settings.policy.trust


def refuse_unlisted(settings: Settings, host: str) -> None:
    """Raise UsageError if `host` is not a registry that these settings allow to contact."""
    from bot.core.places.select import is_known_registry

    if not is_known_registry(settings.policy, host):
        raise UsageError(
            f"cannot contact '{host}': it is neither a well-known registry nor listed in the config; hint: list it "
            "under `registries:` in a config file, and pass that file with --config"
        )


def decline(config_file: Path, name: str, branch: str) -> bool:
    """Decline a proposal of a local forge. Return True if its branch is gone. Raises UsageError and ForgeError."""
    from bot.forges.local.fleet import LocalFleet
    from bot.settings import LocalSettings

    settings = _settings(config_file, need_forges=True)
    for forge in settings.forges:
        if isinstance(forge, LocalSettings):
            fleet = LocalFleet(forge.folder, forge.repositories or ())
            if any(fleet.list_repositories(frozenset({name}))):
                return fleet.decline(name, branch)
    raise UsageError(
        f"{config_file}: no local forge has a repository '{name}'; hint: close requests of other forges there"
    )


def _settings(config_file: Path | None, *, need_forges: bool) -> Settings:
    from bot.settings import Settings, load

    return Settings() if config_file is None else load(config_file, requires_forges=need_forges)
