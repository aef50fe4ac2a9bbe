"""Build the parts that `basebump doctor` diagnoses from the settings; adapters are imported when they are used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from bot.core.places.left_out import is_ignored_image
from bot.model.diagnosis import ConfigArea, DiagnosisTarget
from bot.model.reference import DEFAULT_TAG, ImageReference, TagRef
from bot.model.vocabulary import RunLevel
from bot.pipeline.doctor import DiagnosisPart
from bot.settings import EnrichmentSettings, Settings, load, read_secret
from bot.wiring import advisories_of, refuse_unlisted
from bot.wiring.forges import fleets_of
from bot.wiring.registries import builders_of, registry_of

if TYPE_CHECKING:
    from bot.ports import Diagnosable
    from bot.settings import ForgeSettings, RegistrySettings, ScannerSettings, StateSettings


HUB_IMAGE = TagRef("docker.io/library/alpine", "latest")
"""Stands for Docker Hub if the user names no image; reading what a tag points to does not count as a pull."""


def parts_of(
    config_file: Path, level: RunLevel, images: Sequence[ImageReference]
) -> tuple[DiagnosisTarget, list[DiagnosisPart]]:
    """Return the target of the diagnosis and the parts that runs of a config need. Raises UsageError."""
    settings = load(config_file, requires_forges=True)
    for image in images:
        refuse_unlisted(settings, image.host)
    aim = DiagnosisTarget(
        level,
        settings.branch_prefix,
        sets_commit_status=settings.has_status and bool(settings.scanners or settings.policy.trust),
        has_dashboards=settings.has_dashboards,
    )
    return aim, list(_parts(settings, images))


def _parts(settings: Settings, images: Sequence[ImageReference]) -> Iterator[DiagnosisPart]:
    from bot.settings.examination import SettingsExamination, TrustExamination

    yield DiagnosisPart(ConfigArea.CONFIG, settings.source, lambda: [SettingsExamination(settings, os.environ)])
    for forge in settings.forges:
        yield DiagnosisPart(ConfigArea.FORGES, _called(forge), partial(fleets_of, settings, forge))
    yield from _registries(settings, images)
    yield from _scanners(settings)
    yield DiagnosisPart(ConfigArea.TRUST, "trust", lambda: [TrustExamination(settings)])
    if settings.enrichment != EnrichmentSettings():
        yield DiagnosisPart(ConfigArea.ENRICHMENT, "enrichment", partial(_advisories, settings))
    if settings.state is not None:
        yield DiagnosisPart(ConfigArea.STATE, "state", partial(_state, settings.state))


# ---- forges ------------------------------------------------------------------------------------------------------


def _called(forge: ForgeSettings) -> str:
    from bot.settings import LocalSettings

    return str(forge.folder) if isinstance(forge, LocalSettings) else forge.url


# ---- registries --------------------------------------------------------------------------------------------------


def _registries(settings: Settings, images: Sequence[ImageReference]) -> Iterator[DiagnosisPart]:
    """Yield each listed registry once, and the images. A registry whose secret is missing is not contacted."""
    from bot.registries.examination import ImageExamination, NoImageExamination

    shut = {each.host: each for each in settings.registries if _lacks_secret(each)}
    registry = registry_of(_open(settings))

    def login(host: str) -> Iterator[Diagnosable]:
        _demand_secrets(settings, shut.get(host))
        yield registry.create_login_examination(host)

    def image(line: TagRef, *, is_named: bool) -> Iterator[Diagnosable]:
        _demand_secrets(settings, shut.get(line.host))
        yield ImageExamination(registry, line, is_named=is_named)

    for host in dict.fromkeys(each.host for each in settings.registries):
        yield DiagnosisPart(ConfigArea.REGISTRIES, host, partial(login, host))
    for builder in builders_of(settings):
        yield DiagnosisPart(ConfigArea.REGISTRIES, builder.registry, partial(_just, builder))
    for each in images:
        line = TagRef(each.repository, each.tag or DEFAULT_TAG)
        yield DiagnosisPart(ConfigArea.REGISTRIES, str(each), partial(image, line, is_named=True))
    if images:
        return
    if is_ignored_image(settings.policy, HUB_IMAGE.repository):
        yield DiagnosisPart(ConfigArea.REGISTRIES, "images", lambda: [NoImageExamination()])
    else:
        yield DiagnosisPart(ConfigArea.REGISTRIES, str(HUB_IMAGE), partial(image, HUB_IMAGE, is_named=False))


def _just(examined: Diagnosable) -> list[Diagnosable]:
    return [examined]


def _open(settings: Settings) -> Settings:
    """Return the settings without the registries whose secrets are missing."""
    return replace(settings, registries=tuple(each for each in settings.registries if not _lacks_secret(each)))


def _lacks_secret(registry: RegistrySettings) -> bool:
    return any(named and not read_secret(os.environ, named) for named in (registry.username_env, registry.password_env))


def _demand_secrets(settings: Settings, registry: RegistrySettings | None) -> None:
    """Raise ConfigError if a secret of a registry is missing."""
    for named in (registry.username_env, registry.password_env) if registry is not None else ():
        if named is not None:
            settings.get_secret(named, os.environ)


# ---- scanners and lists ------------------------------------------------------------------------------------------


def _scanners(settings: Settings) -> Iterator[DiagnosisPart]:
    from bot.settings import NoScannerSettings

    for index, chosen in enumerate(settings.scanners or (NoScannerSettings(),)):
        yield DiagnosisPart(ConfigArea.SCANNERS, f"scanners[{index}]", partial(_scanner, settings, chosen))


def _scanner(settings: Settings, chosen: ScannerSettings) -> Iterator[Diagnosable]:
    from bot.wiring.scanners import cache_folder, scanner_for

    yield scanner_for(chosen, settings, registry_of(_open(settings)), cache_folder())


def _advisories(settings: Settings) -> Iterator[Diagnosable]:
    advisories = advisories_of(settings.enrichment, registry_of(_open(settings)))
    if advisories is not None:
        yield advisories


# ---- state -------------------------------------------------------------------------------------------------------


def _state(state: StateSettings) -> Iterator[Diagnosable]:
    from bot.settings import StateFile, StateServer
    from bot.state.examination import StateFileExamination, StateServerExamination

    match state:
        case StateFile(path):
            yield StateFileExamination(path)
        case StateServer(url):
            yield StateServerExamination(url)
        case _:
            assert_never(state)
