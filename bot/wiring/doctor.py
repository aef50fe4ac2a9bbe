"""From settings to what can be tried of them; what is heavy is imported when it is used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from bot.core.places.left_out import is_left_out
from bot.model.diagnosis import Aim, Area
from bot.model.reference import DEFAULT_TAG, ImageReference, Line
from bot.model.vocabulary import Level
from bot.pipeline.doctor import Part
from bot.settings import EnrichmentSettings, Settings, load, secret_in
from bot.wiring import advisories_of, refuse_unlisted
from bot.wiring.forges import fleets_of
from bot.wiring.registries import builders_of, registry_of

if TYPE_CHECKING:
    from bot.ports import Examined
    from bot.settings import ForgeSettings, RegistrySettings, ScannerSettings, StateSettings


HUB_IMAGE = Line("docker.io/library/alpine", "latest")
"""Stands for the images of Docker Hub where nobody names one; to ask what a tag points to counts as no pull."""


def parts_of(config_file: Path, level: Level, images: Sequence[ImageReference]) -> tuple[Aim, list[Part]]:
    """Return what runs of a config aim at, and all that they need. Raises UsageError."""
    settings = load(config_file, need_forges=True)
    for image in images:
        refuse_unlisted(settings, image.host)
    aim = Aim(
        level,
        settings.branch_prefix,
        has_status=settings.has_status and bool(settings.scanners or settings.rulebook.trust),
        has_dashboards=settings.has_dashboards,
    )
    return aim, list(_parts(settings, images))


def _parts(settings: Settings, images: Sequence[ImageReference]) -> Iterator[Part]:
    from bot.settings.examination import SettingsExamination, TrustExamination

    yield Part(Area.CONFIG, settings.source, lambda: [SettingsExamination(settings, os.environ)])
    for forge in settings.forges:
        yield Part(Area.FORGES, _called(forge), partial(fleets_of, settings, forge))
    yield from _registries(settings, images)
    yield from _scanners(settings)
    yield Part(Area.TRUST, "trust", lambda: [TrustExamination(settings)])
    if settings.enrichment != EnrichmentSettings():
        yield Part(Area.ENRICHMENT, "enrichment", partial(_advisories, settings))
    if settings.state is not None:
        yield Part(Area.STATE, "state", partial(_state, settings.state))


# ---- forges ------------------------------------------------------------------------------------------------------


def _called(forge: ForgeSettings) -> str:
    from bot.settings import LocalSettings

    return str(forge.folder) if isinstance(forge, LocalSettings) else forge.url


# ---- registries --------------------------------------------------------------------------------------------------


def _registries(settings: Settings, images: Sequence[ImageReference]) -> Iterator[Part]:
    """Yield each listed registry once, and the images; one whose secret is missing is not asked without it."""
    from bot.registries.examination import ImageExamination, NoImage

    shut = {each.host: each for each in settings.registries if _lacks_secret(each)}
    registry = registry_of(_open(settings))

    def login(host: str) -> Iterator[Examined]:
        _demand_secrets(settings, shut.get(host))
        yield registry.login_examination(host)

    def image(line: Line, *, is_named: bool) -> Iterator[Examined]:
        _demand_secrets(settings, shut.get(line.host))
        yield ImageExamination(registry, line, is_named=is_named)

    for host in dict.fromkeys(each.host for each in settings.registries):
        yield Part(Area.REGISTRIES, host, partial(login, host))
    for builder in builders_of(settings):
        yield Part(Area.REGISTRIES, builder.registry, partial(_just, builder))
    for each in images:
        line = Line(each.repository, each.tag or DEFAULT_TAG)
        yield Part(Area.REGISTRIES, str(each), partial(image, line, is_named=True))
    if images:
        return
    if is_left_out(settings.rulebook, HUB_IMAGE.repository):
        yield Part(Area.REGISTRIES, "images", lambda: [NoImage()])
    else:
        yield Part(Area.REGISTRIES, str(HUB_IMAGE), partial(image, HUB_IMAGE, is_named=False))


def _just(examined: Examined) -> list[Examined]:
    return [examined]


def _open(settings: Settings) -> Settings:
    """Return the same without the registries whose secrets are missing."""
    return replace(settings, registries=tuple(each for each in settings.registries if not _lacks_secret(each)))


def _lacks_secret(registry: RegistrySettings) -> bool:
    return any(named and not secret_in(os.environ, named) for named in (registry.username_env, registry.password_env))


def _demand_secrets(settings: Settings, registry: RegistrySettings | None) -> None:
    """Raise ConfigError where a secret of a registry is missing."""
    for named in (registry.username_env, registry.password_env) if registry is not None else ():
        if named is not None:
            settings.secret(named, os.environ)


# ---- scanners and lists ------------------------------------------------------------------------------------------


def _scanners(settings: Settings) -> Iterator[Part]:
    from bot.settings import NobodySettings

    for index, chosen in enumerate(settings.scanners or (NobodySettings(),)):
        yield Part(Area.SCANNERS, f"scanners[{index}]", partial(_scanner, settings, chosen))


def _scanner(settings: Settings, chosen: ScannerSettings) -> Iterator[Examined]:
    from bot.wiring.scanners import cache_folder, scanner_for

    yield scanner_for(chosen, settings, registry_of(_open(settings)), cache_folder())


def _advisories(settings: Settings) -> Iterator[Examined]:
    advisories = advisories_of(settings.enrichment, registry_of(_open(settings)))
    if advisories is not None:
        yield advisories


# ---- state -------------------------------------------------------------------------------------------------------


def _state(state: StateSettings) -> Iterator[Examined]:
    from bot.settings import StateFile, StateServer
    from bot.state.examination import StateFileExamination, StateServerExamination

    match state:
        case StateFile(path):
            yield StateFileExamination(path)
        case StateServer(url):
            yield StateServerExamination(url)
        case _:
            assert_never(state)
