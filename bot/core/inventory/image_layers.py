"""Find the base images of own images by their layers.

An image begins with the layers of its base image. The digests are those of the uncompressed layers, so that another
compression makes no difference. This is exact and needs no label: nobody can build an image on layers without having
them in the image.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from bot.model.own_build import BaseEvidence, BuiltOn, OwnBuild
from bot.model.reference import Digest

MAX_LAYER_BASES = 50
"""Limit of the bases of one build. Several digests are bases of the same image if they have the same layers, or if they
are bases of its base image."""

_Layers = tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class LayeredImage:
    """An image that may be a base, with its layers for one platform."""

    repository: str
    """The canonical name of the repository."""
    digest: Digest
    layers: tuple[Digest, ...]


def add_layer_bases(builds: Iterable[OwnBuild], images: Iterable[LayeredImage]) -> tuple[OwnBuild, ...]:
    """Return those builds that have new bases, with these bases. Own images can be the bases of other own images.

    `images` are other images that may be bases.
    """
    builds = tuple(builds)
    own_images = (LayeredImage(each.repository, each.digest, each.layers) for each in builds)
    by_layers: dict[_Layers, set[LayeredImage]] = defaultdict(set)
    for image in (*images, *own_images):
        if image.layers:
            by_layers[image.layers].add(image)
    return tuple(changed for each in builds if (changed := _add_bases(each, by_layers)) != each)


def _add_bases(build: OwnBuild, by_layers: Mapping[_Layers, Iterable[LayeredImage]]) -> OwnBuild:
    known = set(build.bases)
    found = [each for each in _find_bases(build, by_layers) if each not in known]
    count = sum(each.evidence is BaseEvidence.LAYERS for each in build.bases)
    added = found[: max(0, MAX_LAYER_BASES - count)]
    return replace(build, bases=(*build.bases, *added)) if added else build


def _find_bases(build: OwnBuild, by_layers: Mapping[_Layers, Iterable[LayeredImage]]) -> Iterator[BuiltOn]:
    """Yield the images whose layers are the first layers of a build, those with the most layers first.

    Another build of the same image is not its base, although both may have the same layers.
    """
    for count in range(len(build.layers), 0, -1):
        for image in sorted(by_layers.get(build.layers[:count], ()), key=lambda each: (each.repository, each.digest)):
            if image.repository != build.repository:
                yield BuiltOn(image.repository, image.digest, BaseEvidence.LAYERS)
