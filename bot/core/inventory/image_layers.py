"""Find the base images of own images by their layers.

An image begins with the layers of its base image. The digests of the uncompressed layers are compared, so the
compression makes no difference. No label is needed. Whoever can push an image can also list layers that it does not
contain, but Docker and containerd refuse to unpack such an image.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from bot.model.image_name import Digest
from bot.model.own_build import BaseEvidence, BuiltOn, OwnBuild

MAX_LAYER_BASES = 50
"""The maximum number of bases of one build.

Several digests are bases of the same image if they have the same layers, or if they are bases of its base image.
"""

_Layers = tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class LayeredImage:
    """An image that may be a base, with its layers for one platform."""

    repository: str
    """The canonical name of the repository."""
    digest: Digest
    layers: tuple[Digest, ...]


def add_layer_bases(builds: Iterable[OwnBuild], images: Iterable[LayeredImage]) -> tuple[OwnBuild, ...]:
    """Return the builds that get additional bases, together with these bases.

    Own images can be the bases of other own images.

    `images` are other images that may be bases.
    """
    builds = tuple(builds)
    own_images = (LayeredImage(each.repository, each.digest, each.layers) for each in builds)
    grouped: dict[_Layers, set[LayeredImage]] = defaultdict(set)
    for image in (*images, *own_images):
        if image.layers:
            grouped[image.layers].add(image)
    by_layers = {
        layers: sorted(found, key=lambda each: (each.repository, each.digest)) for layers, found in grouped.items()
    }
    return tuple(changed for each in builds if (changed := _add_bases(each, by_layers)) != each)


def _add_bases(build: OwnBuild, by_layers: Mapping[_Layers, Sequence[LayeredImage]]) -> OwnBuild:
    known = set(build.bases)
    limit = MAX_LAYER_BASES - sum(each.evidence is BaseEvidence.LAYERS for each in build.bases)
    if limit <= 0:
        return build
    added = islice((each for each in _find_bases(build, by_layers) if each not in known), limit)
    return replace(build, bases=(*build.bases, *added))


def _find_bases(build: OwnBuild, by_layers: Mapping[_Layers, Sequence[LayeredImage]]) -> Iterator[BuiltOn]:
    """Yield the images whose layers are the first layers of a build, sorted by the number of layers, most first.

    Another build of the same image is not its base, although both may have the same layers.
    """
    for count in range(len(build.layers), 0, -1):
        for image in by_layers.get(build.layers[:count], ()):
            if image.repository != build.repository:
                yield BuiltOn(image.repository, image.digest, BaseEvidence.LAYERS)
