"""Load from the state which own images are built from which files, to show what merging a request leads to."""

from __future__ import annotations

from bot.core.inventory.build_links import BuildLinker
from bot.core.inventory.rebuild_effects import RebuildFinder
from bot.model.errors import StateError
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage
from bot.pipeline.own_builds import OwnImages
from bot.pipeline.registry_failures import STATE_SUBJECT
from bot.pipeline.run_context import RunContext, RunOptions


def load_rebuild_finder(context: RunContext, options: RunOptions) -> RebuildFinder | RunFailure | None:
    """Return an object that finds out what merging leads to. Return None without a state or without own images.

    If the state cannot be read, return the failure.
    """
    services = context.builds
    if services is None or not OwnImages(services.configured, options.policy_config):
        return None
    try:
        builds = [each.build for each in services.store.load_builds()]
        if not builds and not services.configured:
            return None
        files = services.inventory.list_build_files()
    except StateError as error:
        return RunFailure(STATE_SUBJECT, FailureStage.ASSESS, str(error))
    return RebuildFinder(BuildLinker(files).link_images(services.configured, builds), files)
