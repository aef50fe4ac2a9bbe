"""Read the layers of images that may be bases of own images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.choice.platforms import find_platform_image
from bot.core.inventory.image_layers import LayeredImage
from bot.model.errors import RegistryError
from bot.model.image import CachedManifest, ManifestKind
from bot.model.image_name import Digest, ImageName, TagRef
from bot.model.own_build import OwnBuild
from bot.pipeline.build_services import BuildServices
from bot.pipeline.registry_failures import RegistryFailures, is_definite
from bot.pipeline.run_context import RunContext

MAX_READS = 500
"""Limit of the base images whose layers are read in one run, with two or three requests each."""
MAX_PLATFORMS = 4
"""Limit of the platforms for which the layers of a base image are read. Own images of one fleet rarely have more."""


@dataclass(frozen=True, slots=True)
class _Base:
    image: ImageName
    digest: Digest
    platform: str


def read_base_layers(
    context: RunContext,
    services: BuildServices,
    builds: Iterable[OwnBuild],
    names: Collection[str],
    failures: RegistryFailures,
) -> Sequence[LayeredImage]:
    """Return the digests that Dockerfiles contain or contained, with their layers on the platforms of own images.

    Layers that are not stored are read and stored. If `names` is not empty, only the Dockerfiles of these git
    repositories count. Raises StateError.
    """
    platforms = _list_platforms(builds)
    images = services.inventory.list_base_digests(names)
    bases = [_Base(each, each.digest, platform) for each in images if each.digest for platform in platforms]
    stored = context.state_store.load_manifests({each.digest for each in bases})
    missing = [each for each in bases if each.digest not in stored or each.platform not in stored[each.digest].layers]
    new_layers = _read_layers(context, services, missing[:MAX_READS], stored, failures)
    context.state_store.save_manifests(new_layers.values())
    manifests = {**stored, **new_layers}
    return [
        LayeredImage(each.image.repository, each.digest, layers)
        for each in bases
        if each.digest in manifests and (layers := manifests[each.digest].layers.get(each.platform))
    ]


def _list_platforms(builds: Iterable[OwnBuild]) -> list[str]:
    """Return the platforms of the builds whose layers are known, those of most builds first."""
    counts: dict[str, int] = defaultdict(int)
    for each in builds:
        if each.platform is not None and each.layers:
            counts[each.platform] += 1
    return sorted(counts, key=lambda each: (-counts[each], each))[:MAX_PLATFORMS]


def _read_layers(
    context: RunContext,
    services: BuildServices,
    bases: Sequence[_Base],
    stored: Mapping[Digest, CachedManifest],
    failures: RegistryFailures,
) -> dict[Digest, CachedManifest]:
    """Return the manifests of base images with the layers that were read. Images that could not be read are missing.

    An image that the registry does not have gets no layers, so that it is not requested again.
    """

    def read(base: _Base) -> CachedManifest | None:
        host = base.image.host
        try:
            failures.raise_if_unreachable(host)
            return _read_base(context, services, base, stored.get(base.digest))
        except RegistryError as error:
            failures.record_error(host, error)
            known = stored.get(base.digest)
            is_gone = known is not None and is_definite(error)
            return replace(known, layers={**known.layers, base.platform: ()}) if known and is_gone else None

    if not bases:
        return {}
    found: dict[Digest, CachedManifest] = {}
    for base, result in zip(
        bases, context.registry_pool.run_phase("Reading base images", read, bases, context.progress), strict=True
    ):
        if result is not None:
            earlier = found.get(base.digest, result)
            found[base.digest] = replace(result, layers={**earlier.layers, **result.layers})
    return found


def _read_base(
    context: RunContext, services: BuildServices, base: _Base, known: CachedManifest | None
) -> CachedManifest:
    """Return the manifest of a base image with its layers. Raises RegistryError."""
    repository = base.image.repository
    if known is None:
        manifest = context.registry.fetch_manifest(TagRef(repository, base.image.tag or ""), base.digest)
        known = CachedManifest(manifest, frozenset({repository}))
    digest: Digest | None = base.digest
    if known.manifest.kind is ManifestKind.INDEX:
        child = find_platform_image(known.manifest, base.platform)
        digest = child.digest if child is not None else None
    layers = services.reader.read_layers(repository, digest) if digest is not None else ()
    return replace(known, layers={**known.layers, base.platform: layers})
