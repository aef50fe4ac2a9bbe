"""Read the builds of own images from their registries, and find the base images on which they were built.

An own image is one that the config names under `builds`, or that matches `own`. A digest never changes, so that each
build is read once, and stored. A run in which nothing was built sends one HEAD request for each tag in use.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from bot.core.choice.platforms import find_platform_image
from bot.core.globs import is_any_glob_match
from bot.core.inventory.build_links import BuildLinker
from bot.core.inventory.image_layers import LayeredImage, add_layer_bases
from bot.core.inventory.rebuild_effects import RebuildFinder
from bot.core.inventory.task_runs import add_task_runs
from bot.core.references.select import is_known_registry
from bot.model.build_task import TaskRun
from bot.model.errors import RegistryError
from bot.model.image import CachedManifest, ManifestKind, TagDescriptor
from bot.model.image_name import Digest, ImageName, TagRef
from bot.model.own_build import ConfiguredBuild, OwnBuild
from bot.model.phases import ProgressStep
from bot.model.policy import PolicyConfig
from bot.model.vocabulary import FailureStage, Reason
from bot.pipeline.failures import RegistryFailures, is_definite
from bot.pipeline.run_context import RunContext, RunOptions
from bot.ports import ImageBuilder


def load_rebuild_finder(context: RunContext, options: RunOptions) -> RebuildFinder | None:
    """Return a finder of the own images that are rebuilt after a merge.

    Return None without a state or without own images. If the state cannot be read, note a failure and return None.
    """
    if not OwnImages(context.builds, options.policy_config):
        return None
    with context.failures.note_state_error(FailureStage.ASSESS):
        builds = [each.build for each in context.state.own_builds.load_builds()]
        if builds or context.builds:
            files = context.state.build_inventory.list_build_files()
            return RebuildFinder(BuildLinker(files).link_images(context.builds, builds), files)
    return None


MAX_READS = 500
"""The maximum number of base images whose layers one run reads, with two or three requests each."""
MAX_PLATFORMS = 4
"""The maximum number of platforms for which the layers of a base image are read.

Own images of one fleet rarely have more.
"""


@dataclass(frozen=True, slots=True)
class _Base:
    image: ImageName
    digest: Digest
    platform: str


def read_base_layers(
    context: RunContext,
    builds: Iterable[OwnBuild],
    names: Collection[str],
    failures: RegistryFailures,
) -> Sequence[LayeredImage]:
    """Return the digests that Dockerfiles contain or contained, with their layers on the platforms of own images.

    Layers that are not stored are read and stored. If `names` is not empty, only the Dockerfiles of these git
    repositories count. Raises StateError if the state cannot be used.
    """
    platforms = _list_platforms(builds)
    images = context.state.build_inventory.list_base_digests(names)
    bases = [_Base(each, each.digest, platform) for each in images if each.digest for platform in platforms]
    stored = context.state.lookups.load_manifests({each.digest for each in bases})
    missing = [each for each in bases if each.digest not in stored or each.platform not in stored[each.digest].layers]
    new_layers = _read_layers(context, missing[:MAX_READS], stored, failures)
    context.state.lookups.save_manifests(new_layers.values())
    manifests = {**stored, **new_layers}
    return [
        LayeredImage(each.image.repository, each.digest, layers)
        for each in bases
        if each.digest in manifests and (layers := manifests[each.digest].layers.get(each.platform))
    ]


def _list_platforms(builds: Iterable[OwnBuild]) -> list[str]:
    """Return the platforms of the builds whose layers are known, the most common platform first."""
    counts: dict[str, int] = defaultdict(int)
    for each in builds:
        if each.platform is not None and each.layers:
            counts[each.platform] += 1
    return sorted(counts, key=lambda each: (-counts[each], each))[:MAX_PLATFORMS]


def _read_layers(
    context: RunContext,
    bases: Sequence[_Base],
    stored: Mapping[Digest, CachedManifest],
    failures: RegistryFailures,
) -> dict[Digest, CachedManifest]:
    """Return the manifests of base images with the layers that were read. Images that could not be read are left out.

    An image that the registry does not have gets no layers, so that it is not requested again.
    """

    def read(base: _Base) -> CachedManifest | None:
        host = base.image.host
        try:
            failures.raise_if_unreachable(host)
            return _read_base(context, base, stored.get(base.digest))
        except RegistryError as error:
            failures.record_error(host, error)
            known = stored.get(base.digest)
            is_gone = known is not None and is_definite(error)
            return replace(known, layers={**known.layers, base.platform: ()}) if known and is_gone else None

    if not bases:
        return {}
    found: dict[Digest, CachedManifest] = {}
    for base, result in zip(
        bases,
        context.registry_pool.run_phase(ProgressStep.READ_BASE_IMAGES, read, bases, context.progress),
        strict=True,
    ):
        if result is not None:
            earlier = found.get(base.digest, result)
            found[base.digest] = replace(result, layers={**earlier.layers, **result.layers})
    return found


def _read_base(context: RunContext, base: _Base, known: CachedManifest | None) -> CachedManifest:
    """Return the manifest of a base image with its layers. Raises RegistryError if a request fails."""
    repository = base.image.repository
    if known is None:
        manifest = context.registry.fetch_manifest(TagRef(repository, base.image.tag or ""), base.digest)
        known = CachedManifest(manifest, frozenset({repository}))
    digest: Digest | None = base.digest
    if known.manifest.kind is ManifestKind.INDEX:
        child = find_platform_image(known.manifest, base.platform)
        digest = child.digest if child is not None else None
    layers = context.build_reader.read_layers(repository, digest) if digest is not None else ()
    return replace(known, layers={**known.layers, base.platform: layers})


MAX_TAGS = 2000
"""The maximum number of tags that one run looks up. If more are in use, each run looks up a different part of them."""
MAX_BUILDS = 500
"""The maximum number of builds that one run reads, with about four requests each. The next runs read the others."""
MAX_BUILDS_PER_IMAGE = 20
"""The maximum number of builds of one image that one run reads. Only the first run finds this many."""

_DENIALS = frozenset({Reason.DENIED, Reason.NOT_FOUND_OR_DENIED})
_ImageDigest = tuple[str, Digest]
"""The canonical name of the repository of an own image, and a digest in it."""
_Value = TypeVar("_Value")
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class OwnImages:
    """Decides which images are own images that basebump can read."""

    configured: Sequence[ConfiguredBuild]
    policy_config: PolicyConfig

    def __bool__(self) -> bool:
        """Return True if the config names own images."""
        return bool(self.configured or self.policy_config.own_globs)

    def contains(self, repository: str) -> bool:
        """Return True if a repository contains own images, and if its registry can be contacted."""
        is_own = any(each.image.repository == repository for each in self.configured) or is_any_glob_match(
            self.policy_config.own_globs or (), repository
        )
        return is_own and is_known_registry(self.policy_config, repository.partition("/")[0])


def read_own_builds(context: RunContext, options: RunOptions, known_digests: Mapping[TagRef, Digest]) -> None:
    """Read the builds of own images that are not stored yet, and store them with their base images.

    `known_digests` are the digests of tags that the run already looked up. Without a state, or without own images in
    the config, nothing is done. At most one failure is noted for each registry.
    """
    shard = options.scope.shard
    if shard is not None and shard.number > 1:  # of the runs that share a fleet, only the first one reads builds
        return
    own_images = OwnImages(context.builds, options.policy_config)
    if not own_images:
        return
    reading = _BuildReading(context, own_images, options.scope.names)
    with reading.note_failures():
        stored = [each.build for each in context.state.own_builds.load_builds()]
        reading.update_store(stored, reading.find_digests(stored, known_digests))


def read_pushed_builds(context: RunContext, options: RunOptions, digests: Mapping[TagRef, Digest]) -> None:
    """Read and store the builds of the own images among `digests`.

    Failures are noted as in `read_own_builds`.

    `digests` are the digests that tags point to.
    """
    own_images = OwnImages(context.builds, options.policy_config)
    pushed = {(each.repository, digest) for each, digest in digests.items() if own_images.contains(each.repository)}
    if not pushed:
        return
    reading = _BuildReading(context, own_images, ())
    with reading.note_failures():
        reading.update_store([each.build for each in context.state.own_builds.load_builds()], pushed)


@dataclass(frozen=True, slots=True)
class _BuildReading:
    context: RunContext
    own_images: OwnImages
    names: Collection[str]
    """The git repositories to which the run is limited; empty for all of them."""
    failures: RegistryFailures = field(default_factory=RegistryFailures)

    @contextmanager
    def note_failures(self) -> Iterator[None]:
        """Note the failures of registries in the block, and a failure of the state if it cannot be used."""
        log = self.context.failures
        with log.note_state_error(FailureStage.RESOLVE):
            try:
                yield
            finally:
                log.add(self.failures.list_failures())

    def find_digests(self, stored: Sequence[OwnBuild], known_digests: Mapping[TagRef, Digest]) -> set[_ImageDigest]:
        """Return the digests of own images that are in use, or that tags in use point to.

        Raises StateError if the state cannot be read.
        """
        references = self._list_references(stored)
        references += [ImageName(*each) for each in self._list_newest(references)]
        tags = {TagRef(each.repository, each.tag) for each in references if each.tag is not None}
        digests = {(each.repository, each.digest) for each in references if each.digest is not None}
        return digests | self._look_up_tags(tags, known_digests)

    def update_store(self, stored: Sequence[OwnBuild], digests: Iterable[_ImageDigest]) -> None:
        """Read the missing builds, and store them and all builds whose base images changed.

        Raises StateError if the state cannot be used.
        """
        new_builds = self._add_task_runs(self._read_builds(_select_new(digests, stored)))
        builds = [*stored, *new_builds]
        bases = read_base_layers(self.context, builds, self.names, self.failures) if builds else ()
        changed = {(each.repository, each.digest): each for each in (*new_builds, *add_layer_bases(builds, bases))}
        self.context.state.own_builds.record_builds(changed.values(), self.context.now)

    def _list_references(self, stored: Sequence[OwnBuild]) -> list[ImageName]:
        """Return the own images in the config, in files and in clusters, with their tags and digests.

        If the run is limited to some git repositories, only the images that are built or used in them are returned.
        """
        references = [
            *self.context.state.build_inventory.list_references(self.own_images.contains),
            *(each for each in self._list_running() if self.own_images.contains(each.repository)),
            *(each.image for each in self.context.builds),
        ]
        if not self.names:
            return references
        files = self.context.state.build_inventory.list_build_files(self.names)
        links = BuildLinker(files).link_images(self.context.builds, stored)
        used = self.context.state.build_inventory.list_references(self.own_images.contains, self.names)
        wanted = {*(link.image for found in links.values() for link in found), *(each.repository for each in used)}
        return [each for each in references if each.repository in wanted]

    def _list_running(self) -> Iterator[ImageName]:
        clusters = self.context.state.running_images.load_clusters()
        for stored in (stored for cluster in clusters for stored in cluster.images):
            if stored.ended_at is None:
                yield ImageName(stored.image.repository, stored.image.tag, stored.image.digest)

    def _list_newest(self, references: Sequence[ImageName]) -> Iterator[tuple[str, None, Digest]]:
        """Yield the most recently pushed digests of configured images that have no fixed tag.

        Registries that do not record pushes yield nothing.
        """
        wanted = {each.repository for each in references}
        images = sorted({each.image.repository for each in self.context.builds if each.image.tag is None} & wanted)

        def list_digests(image: str) -> Sequence[Digest] | None:
            return self._request(image, lambda: self.context.registry_facts.list_newest_digests(image))

        for image, digests in self._request_each(ProgressStep.LIST_OWN_IMAGES, list_digests, images[:MAX_TAGS]).items():
            yield from ((image, None, each) for each in digests)

    def _look_up_tags(self, tag_refs: Collection[TagRef], known_digests: Mapping[TagRef, Digest]) -> set[_ImageDigest]:
        """Return the digests to which tags point now. Tags that the run already looked up cost no request."""
        missing = [each for each in tag_refs if each not in known_digests and self.own_images.contains(each.repository)]
        selected = _select_part(missing, MAX_TAGS, f"{self.context.now:%Y-%m-%d %H}")
        earlier = self.context.state.lookups.load_descriptors(selected)

        def look_up(tag_ref: TagRef) -> TagDescriptor | None:
            return self._request(
                tag_ref.repository, lambda: self.context.registry.fetch_descriptor(tag_ref, earlier.get(tag_ref))
            )

        descriptors = self._request_each(ProgressStep.LOOK_UP_OWN_IMAGES, look_up, selected)
        if descriptors:
            self.context.state.lookups.record_tags(descriptors, self.context.now)
        known = {(each.repository, known_digests[each]) for each in tag_refs if each in known_digests}
        return known | {(each.repository, descriptor.digest) for each, descriptor in descriptors.items()}

    def _read_builds(self, digests: Sequence[_ImageDigest]) -> list[OwnBuild]:
        def read(image: _ImageDigest) -> OwnBuild | None:
            return self._request(image[0], lambda: self.context.build_reader.read_build(*image))

        return list(self._request_each(ProgressStep.READ_OWN_IMAGES, read, digests).values())

    def _add_task_runs(self, builds: Sequence[OwnBuild]) -> list[OwnBuild]:
        """Add what the registries state about builds that their tasks pushed.

        It is not a failure if the identity is allowed to list the tasks, but not their runs. Other evidence then shows
        the builds.
        """
        hosts = {each.repository.partition("/")[0] for each in builds}

        def list_runs(builder: ImageBuilder) -> tuple[TaskRun, ...] | None:
            try:
                return builder.list_runs()
            except RegistryError as error:
                if error.reason not in _DENIALS:
                    self.failures.record_error(builder.registry, error)
                return None

        builders = [each for each in self.context.builders if each.registry in hosts]
        runs = self._request_each(ProgressStep.READ_TASK_RUNS, list_runs, builders)
        return add_task_runs(builds, (run for found in runs.values() for run in found))

    def _request_each(
        self, title: str, request: Callable[[_Item], _Value | None], items: Sequence[_Item]
    ) -> dict[_Item, _Value]:
        """Return the results of a request for each item. Items whose request failed are left out."""
        if not items:
            return {}
        results = self.context.registry_pool.run_phase(title, request, items, self.context.progress)
        return {item: result for item, result in zip(items, results, strict=True) if result is not None}

    def _request(self, image: str, request: Callable[[], _Value]) -> _Value | None:
        """Return the result of a request about an own image.

        Return None if the request fails, and record the failure. If an image only matches `own`, a denied pull is not
        recorded, because many bots need no access to own images. How such images were built is then unknown.
        """
        host = image.partition("/")[0]
        try:
            self.failures.raise_if_unreachable(host)
            return request()
        except RegistryError as error:
            if error.reason not in _DENIALS or any(
                each.image.repository == image for each in self.own_images.configured
            ):
                self.failures.record_error(host, error)
            return None


def _select_new(digests: Iterable[_ImageDigest], stored: Iterable[OwnBuild]) -> list[_ImageDigest]:
    """Return the digests that are not stored yet, neither as a build nor as an image in the index of a build."""
    known = {(each.repository, digest) for each in stored for digest in (each.digest, *each.children)}
    by_image: dict[str, list[_ImageDigest]] = defaultdict(list)
    for image in sorted(set(digests) - known):
        by_image[image[0]].append(image)
    limited = [each for found in by_image.values() for each in found[:MAX_BUILDS_PER_IMAGE]]
    return limited[:MAX_BUILDS]


def _select_part(tag_refs: Sequence[TagRef], limit: int, turn: str) -> list[TagRef]:
    """Return at most `limit` tags. If there are more, the selection depends on `turn`."""
    if len(tag_refs) <= limit:
        return sorted(tag_refs)
    return sorted(tag_refs, key=lambda each: hashlib.sha256(f"{turn} {each}".encode()).digest())[:limit]
