"""Create the objects that `basebump plan` and `basebump apply` need besides those of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot import __version__
from bot.ports import Fleet, ProgressReporter

if TYPE_CHECKING:
    from bot.model.vocabulary import RunLevel
    from bot.pipeline.plans.apply_plan import ApplyContext
    from bot.pipeline.plans.plan_run import PlanOrigin
    from bot.pipeline.references.reader_slots import ReaderSlots
    from bot.pipeline.run_context import RunOptions
    from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class ApplyRun:
    """The fleets, services and options for applying a plan. They contact only forges."""

    fleets: tuple[Fleet, ...]
    context: ApplyContext
    options: RunOptions
    origin: PlanOrigin


def build_apply_run(
    config_file: Path, level: RunLevel, progress: ProgressReporter, reader_slots: ReaderSlots
) -> ApplyRun:
    """Return the fleets, services and options for applying a plan. `level` is the level of the plan.

    Only the tokens of forges are read from the environment. Raises ConfigError if the config is not valid.
    """
    from bot.model.run_scope import RunScope
    from bot.pipeline.plans.apply_plan import ApplyContext
    from bot.settings import load
    from bot.wiring import SystemClock, build_rules_reader, build_run_options, load_file_formats
    from bot.wiring.forges import build_fleets

    settings = load(config_file, requires_forges=True)
    return ApplyRun(
        tuple(fleet for forge in settings.forges for fleet in build_fleets(settings, forge)),
        ApplyContext(
            load_file_formats(settings),
            build_rules_reader(settings),
            SystemClock(),
            progress,
            reader_slots,
        ),
        build_run_options(settings, level, RunScope()),
        build_plan_origin(settings),
    )


def build_plan_origin(settings: Settings) -> PlanOrigin:
    """Return this program and the config, as a plan names them. The settings are those of the config file alone."""
    from bot.pipeline.plans.plan_run import PlanOrigin
    from bot.wiring.config_hashes import hash_config

    return PlanOrigin(__version__, hash_config(settings))
