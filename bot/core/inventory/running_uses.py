"""Find out where the images of proposed updates run: the images themselves, and own images that were built on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from bot.model.decision import Transition
from bot.model.image_name import Digest
from bot.model.own_build import OwnBuild
from bot.model.workload import RunningImage, RunningPlace, RunningUse, StoredCluster, Workload

MAX_PLACES = 20
"""The maximum number of namespaces of one image that are kept as evidence. A text shows only the first ones."""
MAX_OWN_IMAGES = 20
"""The maximum number of own images that are kept as evidence on one base image."""

_Running = Mapping[str, Sequence[tuple[RunningImage, datetime | None]]]
"""The images that run, by repository, each with the time of the last reading if the cluster could not be read now."""


class RunningUseFinder:
    """Finds where images run, from the data about clusters and builds."""

    def __init__(
        self,
        clusters: Iterable[StoredCluster],
        builds: Iterable[OwnBuild] = (),
        find_origin: Callable[[str], str] = str,
    ) -> None:
        """Prepare the search.

        `find_origin` returns the repository upstream of a mirror or cache, under which clusters list an image.
        """
        self._find_origin = find_origin
        self._running: _Running = _group_by_repository(clusters)
        self._builds: dict[Digest, list[OwnBuild]] = defaultdict(list)
        for build in builds:
            if find_origin(build.repository) in self._running:  # only these builds can be among the running images
                for base in build.bases:
                    self._builds[base.digest].append(build)

    def find_uses(self, transition: Transition, old_images: Iterable[Digest] = ()) -> tuple[RunningUse, ...]:
        """Return the containers that run the image of a transition, or own images that were built on its old digest.

        A container runs the image if it names the tag, or if it runs the old digest. A container that names the tag
        counts whatever its digest, because the update affects its next start.

        Args:
            transition: The update of the image.
            old_images: The digests of the images in the old digest, if it is an index.
        """
        old_digests = {*old_images, *([transition.old] if transition.old is not None else ())}
        tag_ref = transition.tag_ref
        own = [
            (image, as_of)
            for image, as_of in self._running.get(self._find_origin(tag_ref.repository), ())
            if image.tag == tag_ref.tag or image.digest in old_digests
        ]
        places = _list_places(own)
        direct = [RunningUse(None, places)] if places else []
        return (*direct, *self._find_built(old_digests))

    def _find_built(self, old_digests: Iterable[Digest]) -> list[RunningUse]:
        """Return the own images that run and were built on one of these digests, the image with the most pods first."""
        found: dict[str, list[tuple[RunningImage, datetime | None]]] = defaultdict(list)
        builds = {(each.repository, each.digest): each for digest in old_digests for each in self._builds[digest]}
        for build in builds.values():
            found[build.repository] += [
                each for each in self._running[self._find_origin(build.repository)] if build.has_digest(each[0].digest)
            ]
        uses = [RunningUse(name, places) for name, images in found.items() if (places := _list_places(images))]
        uses.sort(key=lambda each: (-sum(place.pods for place in each.places), each.own_image or ""))
        return uses[:MAX_OWN_IMAGES]


def _group_by_repository(clusters: Iterable[StoredCluster]) -> _Running:
    running: dict[str, list[tuple[RunningImage, datetime | None]]] = defaultdict(list)
    for cluster in clusters:
        as_of = cluster.read_at if cluster.failure is not None else None
        for stored in cluster.images:
            if stored.ended_at is None:
                running[stored.image.repository].append((stored.image, as_of))
    return dict(running)


def _list_places(images: Iterable[tuple[RunningImage, datetime | None]]) -> tuple[RunningPlace, ...]:
    """Return the namespaces in which images run, the namespace with the most pods first.

    A pod with several containers of an image counts once. The digests of one container are those of different pods.
    """
    by_container: dict[Workload, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    times: dict[str, datetime | None] = {}
    for image, as_of in images:
        by_container[image.workload][image.container] += image.pods
        times[image.workload.cluster] = as_of
    pods: dict[tuple[str, str], int] = defaultdict(int)
    for workload, containers in by_container.items():
        pods[workload.cluster, workload.namespace] += max(containers.values())
    largest = sorted(pods, key=lambda name: (-pods[name], name))[:MAX_PLACES]
    return tuple(RunningPlace(*name, pods[name], times[name[0]]) for name in largest)
