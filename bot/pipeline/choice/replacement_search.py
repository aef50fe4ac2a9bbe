"""Search images that can replace the blocked digests of a tag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from bot.core.choice.tags import find_siblings
from bot.model.errors import RegistryError, StateError
from bot.model.image import Manifest, ManifestKind, RegistryRecord, Replacement, ResolvedTag, UnresolvedTag
from bot.model.image_name import Digest, TagRef
from bot.pipeline.choice.block_facts import BlockFinder
from bot.pipeline.choice.manifest_fetcher import ManifestFetcher
from bot.pipeline.failures import is_definite
from bot.pipeline.run_context import RunContext

MAX_REPLACEMENTS = 3
"""The maximum number of replacements for a blocked digest. It is rare that updates to two of them are held."""
MAX_TRIED = 10
"""The maximum number of digests or tags that are requested to find replacements of one tag.

Images that were built after each other are often blocked together, and proposing a much older image is no use.
"""


@dataclass(slots=True)
class ReplacementSearch:
    """Searches the images that can replace the blocked digests of one tag."""

    context: RunContext
    fetcher: ManifestFetcher
    block_finder: BlockFinder
    resolved: ResolvedTag
    """The lookup of the tag."""
    pinned_digests: frozenset[Digest]
    """The digests in files for the tag.

    If such a digest is for a single platform, its replacement must be for the same platform.
    """
    unread_sources: list[str] = field(default_factory=list)
    """The reasons why sources of replacements could not be read."""

    def add_replacements(self) -> ResolvedTag:
        """Return the lookup of the tag with images that can replace a blocked digest, most preferred first.

        The digests come from these sources, and each source is used only if all sources before it have none:

        - the digests to which the tag pointed earlier, as the registry records them, newest first
        - the digests to which the tag pointed earlier, as the state has observed them, newest first
        - the digests that base branches contained for the tag, newest first, according to the inventory
        - the tags of the same family and the same version, such as `3.12.7-slim` for `3.12-slim`, newest first
        """
        found: Sequence[Replacement] = ()
        for find_images in (self._fetch_recorded, self._fetch_observed, self._fetch_held, self._fetch_siblings):
            found = self._select_allowed(find_images())
            if found:
                break
        return replace(self.resolved, replacements=tuple(found), unread_sources=tuple(self.unread_sources))

    def add_digests(self, digests: Iterable[Digest]) -> ResolvedTag:
        """Return the lookup of the tag with `digests` as replacements, before images of sibling tags.

        Files of the repository contained these digests for the tag.
        """
        found = self._select_allowed(self._fetch_all(digests, "files of this repository contained it before"))
        return replace(
            self.resolved,
            replacements=(*found, *self.resolved.replacements),
            unread_sources=(*self.resolved.unread_sources, *self.unread_sources),
        )

    def _select_allowed(self, images: Iterable[_FoundImage]) -> Sequence[Replacement]:
        """Return the first images that are not blocked, at most MAX_REPLACEMENTS."""
        resolved = self.resolved
        found: list[Replacement] = []
        for image in images:
            digest = image.manifest.digest
            if digest == resolved.digest or digest in resolved.blocks:
                continue
            if self.block_finder.judge(resolved.tag_ref, image.manifest) is None:
                found.append(self._complete(image))
            if len(found) == MAX_REPLACEMENTS:
                break
        return found

    def _fetch_recorded(self) -> Iterator[_FoundImage]:
        tag_ref = self.resolved.tag_ref
        try:
            records = self.fetcher.registry_facts.fetch_earlier_records(tag_ref)
        except RegistryError as error:
            self._record_error(error)
            return
        yield from self._fetch_all(records, "the registry records that the tag pointed to it before", records.get)

    def _fetch_observed(self) -> Iterator[_FoundImage]:
        digests = (each.digest for each in reversed(self.resolved.observations))
        yield from self._fetch_all(digests, "the tag pointed to it in an earlier run")

    def _fetch_held(self) -> Iterator[_FoundImage]:
        try:
            held = self.context.state.held_digests.load_held_digests(self.resolved.tag_ref)
        except StateError as error:  # the run reports the same error when it stores its visits
            self.unread_sources.append(str(error))
            return
        yield from self._fetch_all(held, "files of the fleet contained it before")

    def _fetch_all(
        self,
        digests: Iterable[Digest],
        source: str,
        get_record: Callable[[Digest], RegistryRecord | None] | None = None,
    ) -> Iterator[_FoundImage]:
        """Yield the images with these digests, except images that the registry might delete soon.

        `source` says why a digest may replace another one. `get_record` returns the registry's record of a digest; if
        it is None, the record is fetched.
        """
        tag_ref = self.resolved.tag_ref
        fetch_record = get_record or partial(self.fetcher.fetch_record, tag_ref)
        tried = [
            each
            for each in dict.fromkeys(digests)
            if each != self.resolved.digest and not self.block_finder.is_listed(tag_ref, each)
        ]
        for digest in tried[:MAX_TRIED]:
            if self.fetcher.is_at_risk(tag_ref, fetch_record(digest)):
                continue
            fetched = self.fetcher.fetched_manifests.get((digest, tag_ref.repository))
            manifest = fetched or self._request(partial(self.fetcher.fetch_manifest, tag_ref, digest))
            if manifest is not None:
                yield _FoundImage(manifest, source)

    def _fetch_siblings(self) -> Iterator[_FoundImage]:
        tag_ref, known_lists = self.resolved.tag_ref, self.context.known_lookups.tag_lists
        tags = known_lists.get(tag_ref.repository) or self._list_tags(tag_ref)
        for sibling in find_siblings(tag_ref.tag, tags)[:MAX_TRIED]:
            sibling_ref = TagRef(tag_ref.repository, sibling.tag)
            manifest = self._request(partial(self.context.registry.fetch_tag, sibling_ref))
            if manifest is not None:
                self.fetcher.fetched_manifests[manifest.digest, tag_ref.repository] = manifest
                written_tag = None if sibling.is_same_release else sibling.tag
                source = f"the tag `{sibling.tag}` points to it"
                yield _FoundImage(manifest, source, is_of_sibling=True, written_tag=written_tag)

    def _list_tags(self, tag_ref: TagRef) -> Sequence[str]:
        try:
            return self.context.registry.list_tags(tag_ref.repository)
        except RegistryError as error:
            self._record_error(error)
            return ()

    def _request(self, fetch: Callable[[], Manifest | None]) -> Manifest | None:
        """Return the manifest that `fetch` returns; None if the registry does not return it."""
        try:
            return fetch()
        except RegistryError as error:
            self._record_error(error)
            return None

    def _record_error(self, error: RegistryError) -> None:
        self.fetcher.registry_failures.record_error(self.resolved.tag_ref.host, error)
        if not is_definite(error):
            self.unread_sources.append(str(error))

    def _complete(self, image: _FoundImage) -> Replacement:
        """Return the image as a replacement, with the data for checking its platforms."""
        tag_ref, current, manifest = self.resolved.tag_ref, self.resolved.manifest, image.manifest
        platform = None
        if manifest.kind is ManifestKind.MANIFEST:
            platform = self.fetcher.fetch_needed_platform(
                tag_ref, manifest, self.resolved.pinned_manifests, names_platforms=True
            )
        platforms: dict[Digest, str | UnresolvedTag] = dict(self.resolved.pinned_platforms)
        for child in current.children if current is not None else ():
            if child.digest in self.pinned_digests and child.platform:
                platforms[child.digest] = child.platform
        same_platform = dict(self.fetcher.fetch_same_platform_manifests(tag_ref, platforms, manifest))
        return Replacement(
            manifest, image.source, image.written_tag, platform, same_platform, is_of_sibling=image.is_of_sibling
        )


@dataclass(frozen=True, slots=True)
class _FoundImage:
    """An image that may replace a blocked one, and where it was found."""

    manifest: Manifest
    source: str
    is_of_sibling: bool = False
    written_tag: str | None = None
    """The tag to write together with the digest; None to keep the tag in the file."""
