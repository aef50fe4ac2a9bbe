"""The services with which a run reads the builds of own images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.inventory_ports import BuildInventory, FailedCheckStore, OwnBuildStore, StageReader
from bot.model.own_build import ConfiguredBuild
from bot.registry_ports import BuildReader


@dataclass(frozen=True, slots=True)
class BuildServices:
    """The readers and stores of own images, and the entries of `builds` in the config."""

    reader: BuildReader
    store: OwnBuildStore
    inventory: BuildInventory
    stages: StageReader
    checks: FailedCheckStore
    configured: Sequence[ConfiguredBuild] = ()
