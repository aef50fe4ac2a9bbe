"""Create the objects that each command needs, as determined by the settings.

An adapter connects basebump to a forge, a registry, a scanner or a database. This is the only package that names the
classes of adapters. Each adapter is imported only in the function that uses it, so that commands start fast.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bot.formats import load_all_formats, load_formats_with_globs
from bot.model.errors import UsageError
from bot.model.policy import PolicyConfig
from bot.model.vocabulary import RunLevel
from bot.pipeline.scan import OfflineContext
from bot.ports import AdvisorySource, FileFormat, Fleet, ProgressReporter, RulesReader, SourceHistory
from bot.registry_ports import Registry
from bot.wiring.found_config import FoundConfigPath, refuse_untrusted_settings
from bot.wiring.registries import build_registry, list_builders

if TYPE_CHECKING:
    from bot.model.policy import PolicyRule
    from bot.model.run_scope import RunScope
    from bot.model.trust import TrustEntry
    from bot.pipeline.references.reader_slots import ReaderSlots
    from bot.pipeline.run_context import RunContext, RunOptions, TemplateSources
    from bot.registries.oci import OciRegistry
    from bot.settings import Settings


class SystemClock:
    """The clock of this machine; implements `bot.ports.Clock`."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)


def build_scan_context(
    config_file: Path | None,
    *,
    offline: bool,
    progress: ProgressReporter,
    reader_slots: ReaderSlots | None = None,
    uses_default_scanner: bool = True,
) -> tuple[RunContext | OfflineContext, PolicyConfig]:
    """Return the services and the policy for a scan of one folder. Raises UsageError and StateError.

    If `offline` is True, the services contain neither a registry nor a scanner. If `config_file` is None, the config's
    defaults are used. `reader_slots` are the processes that may read the folder; None for only this one. If the config
    lists no scanners and `uses_default_scanner` is True, images are scanned with Trivy or Grype if one of them is
    installed.
    """
    now = SystemClock().now()
    if offline and config_file is None:
        return OfflineContext(load_all_formats(), now, _read_rules, reader_slots), PolicyConfig()
    settings = _load_settings(config_file, must_have_forges=False, is_offline=offline)
    if offline:  # an offline scan uses neither registries nor scanners, so a found config can do no harm
        formats = load_file_formats(settings)
        return OfflineContext(formats, now, _read_rules, reader_slots), settings.policy_config
    settings = _read_blocklists(settings)
    context = _build_context(settings, progress, None, uses_default_scanner=uses_default_scanner)
    return replace(context, reader_slots=reader_slots), settings.policy_config


def load_file_formats(settings: Settings) -> tuple[FileFormat, ...]:
    """Return the file formats, which also read the additional files of the config."""
    from bot.settings.sections.files import merge_globs

    return load_formats_with_globs(merge_globs(settings.files))


def _read_rules(content: bytes, source: str) -> tuple[PolicyRule, ...]:
    """Parse the config file that a repository has. `source` is the name of the file in error messages."""
    from bot.settings import load_repository_rules

    return load_repository_rules(content, source)


def build_rules_reader(settings: Settings) -> RulesReader:
    """Return a parser for the config files of repositories, for runs over repositories.

    basebump can determine the age of a digest only if a state is configured or the registry records when a digest was
    pushed. If neither is true, no digest could reach a minimum age. The parser therefore refuses a minimum age.
    """
    from bot.settings import load_repository_rules

    return partial(load_repository_rules, age_registries=settings.age_registries)


@dataclass(frozen=True, slots=True)
class FleetRun:
    """The fleets, services and options of a run over repositories."""

    fleets: tuple[Fleet, ...]
    context: RunContext
    options: RunOptions
    settings: Settings
    """The settings of the config file, which is read only once, without the lists that the run downloads."""


def build_fleet_context(
    config_file: Path,
    level: RunLevel,
    scope: RunScope,
    progress: ProgressReporter,
    cache: Path | None = None,
    reader_slots: ReaderSlots | None = None,
    *,
    uses_public_lists: bool = False,
) -> FleetRun:
    """Return the fleets, services and options for a run over the repositories of a config.

    `cache` is the folder in which scanners keep their databases; None for the default folder. `reader_slots` are the
    processes that may read repositories; None for only this one. If `uses_public_lists` is True and the config has no
    `enrichment`, the lists KEV and EPSS are read from their publishers. Raises UsageError and StateError.
    """
    from bot.wiring.clusters import build_cluster_services
    from bot.wiring.config_hashes import hash_reader, hash_rules
    from bot.wiring.forges import build_fleets

    written = _load_settings(config_file, must_have_forges=True)
    settings = _read_blocklists(written)
    if uses_public_lists:
        settings = _use_public_lists(settings)
    context = _build_context(settings, progress, cache)
    return FleetRun(
        fleets=tuple(fleet for forge in settings.forges for fleet in build_fleets(settings, forge)),
        context=replace(
            context,
            builders=tuple(list_builders(settings)),
            clusters=build_cluster_services(settings),
            read_rules=build_rules_reader(settings),
            reader_slots=reader_slots,
            reader_hash=hash_reader(settings),
            rules_hash=hash_rules(settings),
        ),
        options=build_run_options(settings, level, scope),
        settings=written,
    )


def build_run_options(settings: Settings, level: RunLevel, scope: RunScope) -> RunOptions:
    """Return the options of a run over repositories. Raises ConfigError if a template is unusable."""
    from bot.pipeline.run_context import RunOptions

    return RunOptions(
        policy_config=settings.policy_config,
        level=level,
        scope=scope,
        limits=settings.limits,
        rollout=settings.rollout,
        branch_prefix=settings.proposals.branch_prefix,
        templates=_load_templates(settings),
        trailers=settings.proposals.trailers,
        has_dashboards=settings.proposals.dashboard,
        has_status=settings.proposals.status,
    )


def _read_blocklists(settings: Settings) -> Settings:
    """Return the settings with the entries of the lists of blocked images that must be downloaded."""
    if all(each.url is None and each.oci is None for each in settings.blocked):
        return settings
    from bot.wiring.blocklists import add_published_blocklists

    return add_published_blocklists(settings)


def _use_public_lists(settings: Settings) -> Settings:
    """Return the settings with the public addresses of KEV and EPSS, unless the config names a list or a document."""
    from bot.advisories.public_lists import EPSS_URL, KEV_URL

    if settings.enrichment.has_advisories:
        return settings
    lists = replace(settings.enrichment, kev=KEV_URL, epss=EPSS_URL)
    return replace(settings, enrichment=lists, uses_default_lists=True)


def _load_templates(settings: Settings) -> TemplateSources:
    """Return the operator's templates. A built-in template is used for each one that the operator did not write.

    Raises ConfigError if a template is unusable.
    """
    from bot import resources
    from bot.pipeline.run_context import TemplateSources

    configured = settings.template_sources
    return TemplateSources(
        title=configured.get("title") or resources.read_template("title.txt.j2"),
        body=resources.prepend_proposal_macros(configured.get("body") or resources.read_template("body.md.j2")),
        summary=resources.prepend_proposal_macros(resources.read_template("summary.md.j2")),
        appendix=resources.prepend_proposal_macros(configured.get("body") or resources.read_template("appendix.md.j2")),
        message=configured.get("message") or resources.read_template("message.txt.j2"),
        dashboard=configured.get("dashboard") or resources.read_template("dashboard.md.j2"),
    )


def _build_context(
    settings: Settings, progress: ProgressReporter, cache: Path | None, *, uses_default_scanner: bool = True
) -> RunContext:
    from bot.pipeline.run_context import RunContext
    from bot.verifiers import create_verifiers
    from bot.wiring.scanners import build_scanner_selector, use_installed_scanner
    from bot.wiring.state import open_state_stores

    registry = build_registry(settings)
    uses_default_scanner = uses_default_scanner and not settings.scanners
    scanners = build_scanner_selector(
        use_installed_scanner(settings) if uses_default_scanner else settings, registry, cache
    )
    state = open_state_stores(settings)
    clock = SystemClock()
    return RunContext(
        formats=load_file_formats(settings),
        registry=registry,
        select_scanner=scanners,
        is_private=scanners.is_private,
        uses_default_scanner=uses_default_scanner,
        clock=clock,
        now=clock.now(),
        progress=progress,
        state=state,
        registry_facts=registry.create_facts(),
        build_reader=registry.create_builds(),
        builds=settings.builds,
        read_rules=_read_rules,
        advisories=build_advisories(settings, registry),
        source_history=_build_source_history(settings),
        verifiers=create_verifiers(settings.policy_config.trust, registry.create_artifacts(), clock.now),
    )


def build_advisories(settings: Settings, registry: OciRegistry) -> AdvisorySource | None:
    """Return the source of vulnerability data from public lists (KEV, EPSS) and VEX documents.

    If the config names neither lists nor documents, return None.
    """
    lists = settings.enrichment
    if not lists.has_advisories:
        return None
    from bot.advisories.public_lists import PublicLists
    from bot.advisories.published import PublishedAdvisories
    from bot.advisories.source import DocumentSource
    from bot.advisories.vex_documents import AcceptedDocuments, VexDocuments

    def build_source(location: Path | str | None) -> DocumentSource | None:
        return DocumentSource(location, os.environ) if location is not None else None

    vex = [
        AcceptedDocuments(f"enrichment.vex[{index}]", each.location, each.authors)
        for index, each in enumerate(lists.vex)
    ]
    return PublishedAdvisories(
        PublicLists(build_source(lists.kev), build_source(lists.epss), are_optional=settings.uses_default_lists),
        VexDocuments(vex, os.environ),
        lambda subject: registry.list_digests(subject.tag_ref, subject.digest, subject.platform),
    )


def _build_source_history(settings: Settings) -> SourceHistory | None:
    """Return the public forges on which the sources of images are looked up; None if the config does not allow it.

    Raises ConfigError if the config names a token, and its environment variable is not usable.
    """
    if not settings.enrichment.source_changes:
        return None
    from bot.advisories.source_history import ForgeSourceHistory

    variable = settings.enrichment.github_token_env
    return ForgeSourceHistory(os.environ, settings.get_token(variable, os.environ) if variable is not None else None)


def build_registry_for_host(config_file: Path | None, host: str) -> Registry:
    """Return the client for all registries.

    Raises UsageError if the config does not allow contacting the registry `host`.
    """
    settings = _load_settings(config_file, must_have_forges=False)
    refuse_unlisted_host(settings, host)
    return build_registry(settings)


def build_compare_context(
    config_file: Path | None, hosts: Sequence[str], progress: ProgressReporter
) -> tuple[RunContext, tuple[TrustEntry, ...]]:
    """Return the services for a comparison of two images, and the entries of `trust` in the config.

    `hosts` are the registries of the two images. Raises UsageError if the config does not allow contacting one of them.
    """
    settings = _load_settings(config_file, must_have_forges=False)
    for host in hosts:
        refuse_unlisted_host(settings, host)
    return _build_context(settings, progress, None), settings.policy_config.trust


def refuse_unlisted_host(settings: Settings, host: str) -> None:
    """Raise UsageError if the registry `host` is neither well-known nor listed in the settings."""
    from bot.core.references.select import is_known_registry

    if not is_known_registry(settings.policy_config, host):
        raise UsageError(
            f"cannot contact '{host}': it is neither a well-known registry nor listed in the config; "
            "hint: list the host under `registries:` in a config file, and pass that file with --config"
        )


def _load_settings(config_file: Path | None, *, must_have_forges: bool, is_offline: bool = False) -> Settings:
    """Return the settings of a config; the defaults if `config_file` is None.

    Raises ConfigError if the config is not valid. Also if the user did not name the config, the command works without
    one, and the config would do more than the user can expect from a file in a checkout.
    """
    from bot.settings import Settings, load

    if config_file is None:
        return Settings()
    settings = load(config_file, requires_forges=must_have_forges)
    if isinstance(config_file, FoundConfigPath) and not must_have_forges and not is_offline:
        refuse_untrusted_settings(settings)
    return settings
