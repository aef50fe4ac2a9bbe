"""Create the parts of a config that `basebump doctor` tests: its forges, registries, scanners and other components."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from bot.core.references.policy import is_ignored_image
from bot.model.diagnosis import ConfigArea, DiagnosisTarget
from bot.model.image_name import DEFAULT_TAG, ImageName, TagRef
from bot.model.vocabulary import RunLevel
from bot.pipeline.doctor import DiagnosisPart
from bot.settings import Settings, load, read_secret
from bot.settings.sections.blocked import list_published_blocklists
from bot.settings.sections.serve import ServeSection
from bot.wiring import build_advisories, refuse_unlisted_host
from bot.wiring.forges import build_fleets
from bot.wiring.registries import build_registry, list_builders
from bot.wiring.scanners import is_scanner_installed, use_installed_scanner

if TYPE_CHECKING:
    from bot.ports import Diagnosable
    from bot.settings.sections.blocked import PublishedBlocklist
    from bot.settings.sections.forges import AnyForgeEntry
    from bot.settings.sections.registries import RegistryConfigEntry
    from bot.settings.sections.scanners import AnyScannerEntry
    from bot.settings.sections.state import AnyState


HUB_IMAGE = TagRef("docker.io/library/alpine", "latest")
"""The image that is looked up to test Docker Hub if the user names no image. A lookup of a tag does not count as a
pull."""
MAX_OWN_IMAGES = 20
"""Limit of the own images in `builds` that are looked up. They are often in one registry with one credential."""


def build_parts(
    config_file: Path, level: RunLevel, images: Sequence[ImageName], trial_repository: str | None = None
) -> tuple[DiagnosisTarget, list[DiagnosisPart]]:
    """Return the kind of run for which the config is tested, and the parts of the config to test.

    All writes are tried on `trial_repository` if it is given. `images` are images that the user named. Each of them is
    looked up to test the access to its registry. Raises UsageError if the config is not valid, or if it does not allow
    contacting the registry of an image.
    """
    settings = load(config_file, requires_forges=True)
    for image in images:
        refuse_unlisted_host(settings, image.host)
    target = DiagnosisTarget(
        level,
        settings.proposals.branch_prefix,
        sets_commit_status=settings.proposals.status
        and bool(settings.scanners or settings.policy_config.trust or is_scanner_installed()),
        has_dashboards=settings.proposals.dashboard,
        reads_ci=settings.state is not None,
        trial_repository=trial_repository,
    )
    return target, list(_list_parts(settings, images))


def _list_parts(settings: Settings, images: Sequence[ImageName]) -> Iterator[DiagnosisPart]:
    from bot.settings.config_examination import SecretsExamination, ServiceExamination, TrustExamination

    yield DiagnosisPart(ConfigArea.CONFIG, settings.source, lambda: [SecretsExamination(settings, os.environ)])
    for forge in settings.forges:
        yield DiagnosisPart(ConfigArea.FORGES, _name_forge(forge), partial(build_fleets, settings, forge))
    yield from _list_registry_parts(settings, images)
    yield from _list_scanner_parts(settings)
    yield DiagnosisPart(ConfigArea.TRUST, "trust", lambda: [TrustExamination(settings)])
    for each in list_published_blocklists(settings.blocked):
        yield DiagnosisPart(ConfigArea.BLOCKED, each.key, partial(_build_blocklist_examination, settings, each))
    if settings.enrichment.has_advisories:
        yield DiagnosisPart(ConfigArea.ENRICHMENT, "enrichment", partial(_build_advisories, settings))
    yield from _list_cluster_parts(settings)
    if settings.state is not None:
        yield DiagnosisPart(ConfigArea.STATE, "state", partial(_build_state_examination, settings.state))
    if settings.serve != ServeSection():
        yield DiagnosisPart(ConfigArea.SERVE, "serve", lambda: [ServiceExamination(settings, os.environ)])


# ---- forges ------------------------------------------------------------------------------------------------------


def _name_forge(forge: AnyForgeEntry) -> str:
    from bot.settings.sections.forges import LocalForgeEntry

    return str(forge.url) if isinstance(forge, LocalForgeEntry) else forge.url


# ---- registries --------------------------------------------------------------------------------------------------


def _list_registry_parts(settings: Settings, images: Sequence[ImageName]) -> Iterator[DiagnosisPart]:
    """Yield the registry checks: logging in to the configured registries, reading build tasks, and looking up images.

    The images in `images` are looked up, and some own images in `builds`. If `images` is empty and the policy does not
    ignore HUB_IMAGE, HUB_IMAGE is looked up. If a secret for a registry is missing, the check reports this as a problem
    and does not contact the registry.
    """
    from bot.registries.registry_examination import ImageExamination, NoImageExamination

    without_secret = {each.server: each for each in settings.registries if _is_secret_missing(each)}
    registry = build_registry(_without_unusable_registries(settings))

    def examine_login(host: str) -> Iterator[Diagnosable]:
        _require_secrets(settings, without_secret.get(host))
        yield registry.create_login_examination(host)

    def examine_image(tag_ref: TagRef, *, is_named: bool) -> Iterator[Diagnosable]:
        _require_secrets(settings, without_secret.get(tag_ref.host))
        yield ImageExamination(registry, tag_ref, is_named=is_named)

    for host in dict.fromkeys(each.server for each in settings.registries):
        yield DiagnosisPart(ConfigArea.REGISTRIES, host, partial(examine_login, host))
    for builder in list_builders(settings):
        yield DiagnosisPart(ConfigArea.REGISTRIES, builder.registry, partial(_wrap_in_list, builder))
    built = sorted(
        {TagRef(each.image.repository, each.image.tag) for each in settings.builds if each.image.tag is not None}
    )
    for tag_ref in built[:MAX_OWN_IMAGES]:
        yield DiagnosisPart(ConfigArea.REGISTRIES, str(tag_ref), partial(examine_image, tag_ref, is_named=True))
    for each in images:
        tag_ref = TagRef(each.repository, each.tag or DEFAULT_TAG)
        yield DiagnosisPart(ConfigArea.REGISTRIES, str(each), partial(examine_image, tag_ref, is_named=True))
    if images:
        return
    if is_ignored_image(settings.policy_config, HUB_IMAGE.repository):
        yield DiagnosisPart(ConfigArea.REGISTRIES, "images", lambda: [NoImageExamination()])
    else:
        yield DiagnosisPart(ConfigArea.REGISTRIES, str(HUB_IMAGE), partial(examine_image, HUB_IMAGE, is_named=False))


def _wrap_in_list(diagnosable: Diagnosable) -> list[Diagnosable]:
    return [diagnosable]


def _without_unusable_registries(settings: Settings) -> Settings:
    """Return a copy of the settings from which the registries whose secrets are missing are removed."""
    return replace(settings, registries=tuple(each for each in settings.registries if not _is_secret_missing(each)))


def _is_secret_missing(registry: RegistryConfigEntry) -> bool:
    return any(
        variable and not read_secret(os.environ, variable)
        for variable in (registry.username_env, registry.password_env)
    )


def _require_secrets(settings: Settings, registry: RegistryConfigEntry | None) -> None:
    """Raise ConfigError if a secret of the registry is not set. If `registry` is None, do nothing."""
    for variable in (registry.username_env, registry.password_env) if registry is not None else ():
        if variable is not None:
            settings.get_secret(variable, os.environ)


# ---- scanners and lists ------------------------------------------------------------------------------------------


def _list_scanner_parts(settings: Settings) -> Iterator[DiagnosisPart]:
    for index, scanner in enumerate(use_installed_scanner(settings).scanners):
        yield DiagnosisPart(ConfigArea.SCANNERS, f"scanners[{index}]", partial(_build_scanner, settings, scanner))


def _build_scanner(settings: Settings, scanner: AnyScannerEntry) -> Iterator[Diagnosable]:
    from bot.wiring.scanners import build_scanner, get_cache_folder

    yield build_scanner(scanner, settings, build_registry(_without_unusable_registries(settings)), get_cache_folder())


def _build_blocklist_examination(settings: Settings, blocklist: PublishedBlocklist) -> list[Diagnosable]:
    from bot.wiring.blocklists import BlocklistExamination

    return [BlocklistExamination(blocklist, _without_unusable_registries(settings))]


def _build_advisories(settings: Settings) -> Iterator[Diagnosable]:
    advisories = build_advisories(settings, build_registry(_without_unusable_registries(settings)))
    if advisories is not None:
        yield advisories


# ---- clusters ----------------------------------------------------------------------------------------------------


def _list_cluster_parts(settings: Settings) -> Iterator[DiagnosisPart]:
    """Yield the checks of clusters: the login, and the permission to list pods and their owners."""
    from bot.wiring.clusters import list_cluster_readers

    for reader in list_cluster_readers(settings) if settings.clusters else ():
        yield DiagnosisPart(ConfigArea.CLUSTERS, reader.name, partial(_wrap_in_list, reader))


# ---- state -------------------------------------------------------------------------------------------------------


def _build_state_examination(state: AnyState) -> Iterator[Diagnosable]:
    from bot.settings.sections.state import StateFile, StateServer
    from bot.state.examination import StateFileExamination, StateServerExamination

    match state:
        case StateFile(path):
            yield StateFileExamination(path)
        case StateServer(url):
            yield StateServerExamination(url)
        case _:
            assert_never(state)
