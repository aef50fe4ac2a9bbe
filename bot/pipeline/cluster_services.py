"""The services with which a run finds out which images run in clusters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.inventory_ports import RunningImageStore
from bot.model.workload import StoredCluster
from bot.ports import ClusterReader


@dataclass(frozen=True, slots=True)
class ClusterServices:
    """The clusters of the config, and the store of what runs in them."""

    readers: Sequence[ClusterReader] = ()
    store: RunningImageStore | None = None
    """None if no state is configured."""
    known: tuple[StoredCluster, ...] | None = None
    """What is known about the clusters; None if the config lists no clusters, or if they were not read yet."""
    is_read_by_sweeps: bool = False
    """True if this run uses what the state contains, because the sweeps of the service read the clusters."""
    find_origin: Callable[[str], str] = str
    """Returns the repository upstream of a mirror or cache, or its argument. Clusters list images under this name."""
