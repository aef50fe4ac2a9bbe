"""Adds up the pods of a cluster for the workloads that own them. This module does no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.clusters.pods import Owner, PodImage, parse_owner, parse_pod_images
from bot.model.image_name import Digest
from bot.model.workload import RunningImage, Workload

CRON_JOB, JOB = "CronJob", "Job"
_NEVER = datetime.min.replace(tzinfo=UTC)
_ImageKey = tuple[str, str, str | None, Digest | None]
"""The name of the container, and the repository, the tag and the digest of its image."""


@dataclass(slots=True)
class _PodCount:
    """The number of pods in which a container runs an image."""

    pods: int = 0
    since: datetime | None = None

    def add(self, pods: int, since: datetime | None) -> None:
        self.pods += pods
        if since is not None and (self.since is None or since < self.since):
            self.since = since


_Counts = dict[Owner, dict[_ImageKey, _PodCount]]


@dataclass(slots=True)
class PodTally:
    """The images of the pods that were read so far, by the objects that own the pods."""

    running: _Counts = field(default_factory=dict)
    finished: _Counts = field(default_factory=dict)
    """The images of Jobs whose pods ended successfully."""

    def add_pod(self, pod: dict[str, Any], find_origin: Callable[[str], str]) -> None:
        """Count the images of a pod. Raises InvalidObjectError if the pod does not have the documented form."""
        owner, found = parse_owner(pod), parse_pod_images(pod, find_origin)
        if found.has_ended and owner.kind != JOB:
            return
        counts = self.finished if found.has_ended else self.running
        # A pod counts once for each image of a container.
        for image in {_get_key(each): each for each in found.images}.values():
            counts.setdefault(owner, {}).setdefault(_get_key(image), _PodCount()).add(1, image.started_at)

    def add_all(self, other: PodTally) -> None:
        """Add the images of the pods in `other`, which are in other namespaces."""
        self.running.update(other.running)
        self.finished.update(other.finished)

    def count_images(self) -> int:
        return sum(len(images) for counts in (self.running, self.finished) for images in counts.values())

    def list_owners(self, kind: str) -> set[Owner]:
        """Return the objects of a kind that own pods."""
        return {each for counts in (self.running, self.finished) for each in counts if each.kind == kind}

    def list_images(self, cluster: str, parents: Mapping[Owner, Owner]) -> Iterator[RunningImage]:
        """Yield the images of each workload, sorted. The images of all ReplicaSets of a Deployment are added up.

        If no pod of a CronJob runs, the CronJob has the images of its last successful Job. Other finished Jobs are
        ignored.

        Args:
            cluster: The name of the cluster.
            parents: The owner of each ReplicaSet and Job that has an owner.
        """
        merged: _Counts = {}
        for owner, images in (*self.running.items(), *self._list_last_jobs(parents)):
            into = merged.setdefault(parents.get(owner, owner), {})
            for key, count in images.items():
                into.setdefault(key, _PodCount()).add(count.pods, count.since)
        for owner, images in sorted(merged.items()):
            workload = Workload(cluster, owner.namespace, owner.kind, owner.name)
            for key, count in sorted(images.items(), key=lambda each: tuple(part or "" for part in each[0])):
                yield RunningImage(workload, *key, count.pods, count.since)

    def _list_last_jobs(self, parents: Mapping[Owner, Owner]) -> list[tuple[Owner, dict[_ImageKey, _PodCount]]]:
        """Return the last successful Job of each CronJob without a running pod."""
        running = {parents.get(owner, owner) for owner in self.running}
        last: dict[Owner, Owner] = {}
        for job in sorted(self.finished, key=self._get_start):
            parent = parents.get(job)
            if parent is not None and parent.kind == CRON_JOB and parent not in running:
                last[parent] = job
        return [(job, self.finished[job]) for job in last.values()]

    def _get_start(self, job: Owner) -> tuple[datetime, Owner]:
        return max(each.since or _NEVER for each in self.finished[job].values()), job


def _get_key(image: PodImage) -> _ImageKey:
    return image.container, image.repository, image.tag, image.digest
