"""From settings to what can be tried of them; what is heavy is imported when it is used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from bot.model.diagnosis import Aim, Area
from bot.model.vocabulary import Level
from bot.pipeline.doctor import Part
from bot.settings import Settings, load
from bot.wiring import fleets_of

if TYPE_CHECKING:
    from bot.ports import Examined
    from bot.settings import ForgeSettings, StateSettings


def parts_of(config_file: Path, level: Level) -> tuple[Aim, list[Part]]:
    """Return what runs of a config aim at, and all that they need. Raises ConfigError."""
    settings = load(config_file, need_forges=True)
    aim = Aim(
        level,
        settings.branch_prefix,
        has_status=settings.has_status and bool(settings.scanners or settings.rulebook.trust),
        has_dashboards=settings.has_dashboards,
    )
    return aim, list(_parts(settings))


def _parts(settings: Settings) -> Iterator[Part]:
    from bot.settings.examination import SettingsExamination, TrustExamination

    yield Part(Area.CONFIG, settings.source, lambda: [SettingsExamination(settings, os.environ)])
    for forge in settings.forges:
        yield Part(Area.FORGES, _called(forge), partial(fleets_of, settings, forge))
    yield Part(Area.TRUST, "trust", lambda: [TrustExamination(settings)])
    if settings.state is not None:
        yield Part(Area.STATE, "state", partial(_state, settings.state))


# ---- forges ------------------------------------------------------------------------------------------------------


def _called(forge: ForgeSettings) -> str:
    from bot.settings import LocalSettings

    return str(forge.folder) if isinstance(forge, LocalSettings) else forge.url


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
