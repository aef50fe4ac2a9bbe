"""Group the containers that run the same image, so that each group is compared with an update only once."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate

from bot.model.image_name import Digest
from bot.model.workload import RunningImage, StoredCluster, StoredRunningImage

_Start = tuple[datetime, bool]
"""The first known time at which a container ran an image, and False if the cluster reported this time."""


class RunningGroup:
    """The containers of all clusters that run or ran the same tag and digest of a repository.

    The object does not change.
    """

    def __init__(self, tag: str | None, digest: Digest | None, stored: Iterable[StoredRunningImage]) -> None:
        """Group the containers. `stored` is sorted by workload and container."""
        self.tag, self.digest = tag, digest
        current: dict[str, list[RunningImage]] = defaultdict(list)
        starts: list[_Start] = []
        ended: list[tuple[datetime, _Start]] = []
        for each in stored:
            if each.ended_at is None:
                current[each.image.workload.cluster].append(each.image)
                starts.append(_get_start(each))
            else:
                ended.append((each.ended_at, _get_start(each)))
        self._current = {name: tuple(images) for name, images in sorted(current.items())}
        self._all_current = tuple(image for images in self._current.values() for image in images)
        self._current_start = min(starts, default=None)
        ended.sort()
        self._ends = [end for end, _ in ended]
        self._earliest_starts = list(accumulate((start for _, start in reversed(ended)), min))[::-1]

    @property
    def clusters(self) -> Collection[str]:
        """The clusters in which containers run the image now."""
        return self._current.keys()

    @property
    def last_end(self) -> datetime | None:
        """The time at which the last container ended; None if none has ended."""
        return self._ends[-1] if self._ends else None

    def find_start(self, since: datetime) -> _Start | None:
        """Return the start of the first container that runs now, or that ended after `since`; None if there is none."""
        position = bisect_right(self._ends, since)
        later = self._earliest_starts[position : position + 1]
        return min(filter(None, (self._current_start, *later)), default=None)

    def list_current(self, unread: Collection[str]) -> tuple[RunningImage, ...]:
        """Return the containers that run the image now, except those of the clusters in `unread`.

        Every call returns the same tuple, which many updates share.
        """
        if self._current.keys().isdisjoint(unread):
            return self._all_current
        return tuple(image for name, images in self._current.items() if name not in unread for image in images)


def group_running(clusters: Iterable[StoredCluster]) -> Mapping[str, Sequence[RunningGroup]]:
    """Return the groups of each repository, sorted by tag and digest."""
    grouped: dict[str, dict[tuple[str, str], list[StoredRunningImage]]] = defaultdict(lambda: defaultdict(list))
    for cluster in clusters:
        for stored in cluster.images:
            grouped[stored.image.repository][stored.image.tag or "", stored.image.digest or ""].append(stored)
    return {repository: tuple(_build_groups(groups)) for repository, groups in grouped.items()}


def _build_groups(groups: Mapping[tuple[str, str], list[StoredRunningImage]]) -> Iterator[RunningGroup]:
    for _, stored in sorted(groups.items()):
        stored.sort(key=lambda each: (each.image.workload, each.image.container, each.first_seen_at))
        yield RunningGroup(stored[0].image.tag, stored[0].image.digest, stored)


def _get_start(stored: StoredRunningImage) -> _Start:
    """Return the first known time at which a container ran an image.

    Pods restart later, so the start of the present pods is not enough.
    """
    since = stored.image.since
    if since is not None and since <= stored.first_seen_at:
        return since, False
    return stored.first_seen_at, True
