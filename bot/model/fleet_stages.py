"""The progress of updates of an image, a repository or a fleet, and the running images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.model.unfinished_update import UnfinishedUpdate
from bot.model.update_stages import ClusterCoverage, StageFunnel, StageScope, UnwantedImage, UpdateProgress
from bot.model.workload import RunningImage


@dataclass(frozen=True, slots=True)
class FleetStages:
    """How far updates got, for one image, one repository or a whole fleet."""

    scope: StageScope
    updates: tuple[UpdateProgress, ...] = ()
    """Sorted by base branch, file and line. Several updates of one image reference have the latest one last."""
    running: tuple[RunningImage, ...] = ()
    """All images that run in the clusters. Private evidence."""
    unlisted: tuple[RunningImage, ...] = ()
    """The images in `running` whose repository no file of the fleet names, and that are not built from a file of it.
    Only an answer about the whole fleet or about an image contains them. Private evidence."""
    unwanted: tuple[UnwantedImage, ...] = ()
    """The images in `running` whose digest is gone or blocked. Private evidence."""
    clusters: tuple[ClusterCoverage, ...] = ()
    unfinished: tuple[UnfinishedUpdate, ...] = ()
    """The merged updates that must run by a due date and do not run yet, the earliest due date first."""
    funnels: tuple[StageFunnel, ...] = ()
    """One for each image, sorted by name."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """The names upstream of the repositories in mirrors and caches. `running` contains these names."""

    def is_running_image(self, running: RunningImage, repository: str) -> bool:
        """Return True if containers run an image of a repository, or of its upstream."""
        return running.repository == self.origins.get(repository, repository)

    def list_stuck(self, now: datetime) -> tuple[UpdateProgress, ...]:
        """Return the updates that wait longer than usual, the longest wait first."""
        stuck = [each for each in self.updates if each.is_stuck(now)]
        return tuple(sorted(stuck, key=lambda each: (each.since or now, each.use.key, each.use.path)))
