"""Find the effect of merging an update: which own images are rebuilt, and which repositories build on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from bot.model.build_link import BuildLink
from bot.model.inventory import BranchKey
from bot.model.rebuild_effect import RebuildEffect
from bot.model.stage_facts import DockerfileKey

MAX_ROUNDS = 10
"""The maximum number of own images on top of each other that are followed.

Organisations have three or four layers of golden images.
"""


class RebuildFinder:
    """Follows own images from the files from which they are built to the files that use them as base images."""

    def __init__(
        self, links: Mapping[DockerfileKey, Sequence[BuildLink]], files: Mapping[DockerfileKey, Collection[str]]
    ) -> None:
        """Prepare the search.

        `links` are the own images that are built from each file. `files` are the files from which images are built,
        each with the canonical names of the repositories of its base images.
        """
        self._links = links
        own_images = {link.image for found in links.values() for link in found}
        self._users: dict[str, set[DockerfileKey]] = defaultdict(set)
        for file, bases in files.items():
            for image in own_images.intersection(bases):
                self._users[image].add(file)

    def find_effect(self, key: BranchKey, paths: Collection[str]) -> RebuildEffect | None:
        """Return which images and how many repositories are rebuilt if some files of a base branch change.

        Return None if no image is built from these files. Other base branches of the same repository do not count as
        other repositories.
        """
        images = self._list_images((key, path) for path in paths)
        if not images:
            return None
        seen, new_images = set(images), set(images)
        files: set[DockerfileKey] = set()
        for _ in range(MAX_ROUNDS):
            files |= (new_files := {file for image in new_images for file in self._users[image]} - files)
            new_images = self._list_images(new_files) - seen
            seen |= new_images
            if not new_images:
                break
        own = _get_repository(key)
        return RebuildEffect(tuple(sorted(images)), len({_get_repository(user) for user, _ in files} - {own}))

    def _list_images(self, files: Iterable[DockerfileKey]) -> set[str]:
        return {link.image for file in files for link in self._links.get(file, ())}


def _get_repository(key: BranchKey) -> tuple[str, str, str]:
    return key.forge, key.host, key.repository
