"""Find out which of the digests of a tag are blocked, and which images can replace them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from bot.core.choice.blocklist import (
    concerns_repository,
    depends_on_build_time,
    find_block,
    find_build_block,
    find_listed_digest,
)
from bot.core.choice.tags import find_siblings
from bot.core.transition import shorten_digest
from bot.model.blocklist import Block, Blocklist
from bot.model.errors import RegistryError, StateError
from bot.model.image import Manifest, ManifestKind, Replacement, ResolvedTag, UnresolvedTag
from bot.model.reference import Digest, TagRef
from bot.pipeline.manifest_fetcher import ManifestFetcher
from bot.pipeline.run_context import RunContext

MAX_REPLACEMENTS = 3
"""The maximum number of images that are offered to replace a blocked digest. It is rare that two are held."""
MAX_TRIED = 10
"""The maximum number of digests or tags that are requested to find replacements of one tag. Images that were built
after each other are often blocked together, and there is no use in proposing one that is much older."""


@dataclass(frozen=True, slots=True)
class BlockFinder:
    """Compares the digests of tags with the lists of blocked digests. The threads of one lookup phase share it."""

    blocklist: Blocklist
    fetcher: ManifestFetcher
    _concerned: dict[str, bool] = field(default_factory=dict)

    def concerns(self, tag_ref: TagRef) -> bool:
        """Return True if an image of the repository of a tag may be blocked."""
        if not self.blocklist.has_entries:
            return False
        if tag_ref.repository not in self._concerned:
            self._concerned[tag_ref.repository] = concerns_repository(self.blocklist, tag_ref.repository)
        return self._concerned[tag_ref.repository]

    def is_listed(self, tag_ref: TagRef, digest: Digest | None) -> bool:
        """Return True if an entry names exactly this digest."""
        return find_listed_digest(self.blocklist, tag_ref.repository, digest) is not None

    def add_blocks(self, resolved: ResolvedTag, pinned_digests: Iterable[Digest | None]) -> ResolvedTag:
        """Return the lookup of a tag with the blocked digests among its manifests and the digests in files."""
        return _add_results(resolved, self._judge_all(resolved, {each for each in pinned_digests if each is not None}))

    def add_block(self, resolved: ResolvedTag, manifest: Manifest) -> ResolvedTag:
        """Return the lookup of a tag with the reason that one more manifest is blocked, if it is."""
        return _add_results(resolved, [(manifest.digest, self.judge(resolved.tag_ref, manifest))])

    def _judge_all(
        self, resolved: ResolvedTag, pinned_digests: Iterable[Digest]
    ) -> Iterator[tuple[Digest, Block | str | None]]:
        tag_ref, current = resolved.tag_ref, resolved.manifest
        listed = {each: find_listed_digest(self.blocklist, tag_ref.repository, each) for each in pinned_digests}
        yield from listed.items()
        yield resolved.digest, find_listed_digest(self.blocklist, tag_ref.repository, resolved.digest)
        if current is not None:
            yield current.digest, self.judge(tag_ref, current)
        for manifest in resolved.same_platform_manifests.values():
            if isinstance(manifest, Manifest):
                yield manifest.digest, self.judge(tag_ref, manifest, [resolved.digest])
        for digest, block in listed.items():
            manifest = resolved.pinned_manifests.get(digest)
            if block is None and manifest is not None:
                yield digest, self.judge(tag_ref, manifest, self._list_earlier_indexes(resolved, digest))
            elif block is None and current is not None and current.has_child(digest):
                yield digest, self._judge_child(tag_ref, digest, current)

    def judge(self, tag_ref: TagRef, manifest: Manifest, indexes: Iterable[Digest] = ()) -> Block | str | None:
        """Return why an image is blocked, or as a text, why it is not known; None if it is allowed.

        `indexes` are the digests of the indexes through which the file uses the image of a single platform.
        """
        block = find_block(self.blocklist, tag_ref.repository, manifest, indexes)
        if block is not None or not depends_on_build_time(self.blocklist, tag_ref.repository):
            return block
        subject = f"whether {shorten_digest(manifest.digest)} is blocked is not known"
        try:
            built_at = self.fetcher.registry.describe_image(tag_ref, manifest).created
        except RegistryError as error:
            self.fetcher.registry_failures.record_error(tag_ref.host, error)
            return f"{subject}, because its build time could not be read: {error}"
        if built_at is None:
            return f"{subject}, because it states no build time"
        return find_build_block(self.blocklist, tag_ref.repository, built_at)

    def _judge_child(self, tag_ref: TagRef, digest: Digest, index: Manifest) -> Block | str | None:
        """Return the result for an image of `index` that a file pins. Its manifest is fetched only if it is needed."""
        block = find_listed_digest(self.blocklist, tag_ref.repository, index.digest)
        if block is not None or not depends_on_build_time(self.blocklist, tag_ref.repository):
            return block
        try:
            return self.judge(tag_ref, self.fetcher.fetch_manifest(tag_ref, digest))
        except RegistryError as error:
            self.fetcher.registry_failures.record_error(tag_ref.host, error)
            return f"whether {shorten_digest(digest)} is blocked is not known: {error}"

    def _list_earlier_indexes(self, resolved: ResolvedTag, digest: Digest) -> list[Digest]:
        """Return the indexes with this image to which the tag pointed earlier, as far as the state has them."""
        cached = (self.fetcher.cached.get(each.digest) for each in resolved.observations)
        return [each.manifest.digest for each in cached if each is not None and each.manifest.has_child(digest)]


def _add_results(resolved: ResolvedTag, judged: Iterable[tuple[Digest, Block | str | None]]) -> ResolvedTag:
    results = dict(judged)
    blocks = {digest: result for digest, result in results.items() if isinstance(result, Block)}
    unknown = {digest: result for digest, result in results.items() if isinstance(result, str)}
    return replace(
        resolved, blocks={**resolved.blocks, **blocks}, unknown_blocks={**resolved.unknown_blocks, **unknown}
    )


@dataclass(frozen=True, slots=True)
class ReplacementSearch:
    """Searches images that can replace blocked digests. The threads of one lookup phase share it."""

    context: RunContext
    fetcher: ManifestFetcher
    block_finder: BlockFinder

    def add_replacements(self, resolved: ResolvedTag, pinned_digests: Iterable[Digest | None]) -> ResolvedTag:
        """Return the lookup of a tag with images that can replace a blocked digest, most preferred first.

        The digests come from these sources, and the next source is used only if the ones before it have none:

        - the digests to which the tag pointed earlier, newest first
        - the digests that base branches contained for the tag, newest first, according to the inventory
        - the tags of the same family and the same version, such as `3.12.7-slim` for `3.12-slim`, newest first
        """
        in_files = {each for each in pinned_digests if each is not None}
        for find_images in (self._fetch_observed, self._fetch_held, self._fetch_siblings):
            found: list[Replacement] = []
            for manifest, tag in find_images(resolved):
                if manifest.digest == resolved.digest or manifest.digest in resolved.blocks:
                    continue
                if self.block_finder.judge(resolved.tag_ref, manifest) is None:
                    found.append(self._complete(resolved, manifest, tag, in_files))
                if len(found) == MAX_REPLACEMENTS:
                    break
            if found:
                return replace(resolved, replacements=tuple(found))
        return resolved

    def _fetch_observed(self, resolved: ResolvedTag) -> Iterator[tuple[Manifest, str | None]]:
        newest_first = (each.digest for each in reversed(resolved.observations))
        yield from self._fetch_all(resolved, newest_first)

    def _fetch_held(self, resolved: ResolvedTag) -> Iterator[tuple[Manifest, str | None]]:
        if self.context.held_digests is None:
            return
        try:
            held = self.context.held_digests.load_held_digests(resolved.tag_ref)
        except StateError:  # the run reports the error of the state, because it also cannot store its visits
            return
        yield from self._fetch_all(resolved, held)

    def _fetch_all(self, resolved: ResolvedTag, digests: Iterable[Digest]) -> Iterator[tuple[Manifest, None]]:
        tag_ref = resolved.tag_ref
        tried = [
            each
            for each in dict.fromkeys(digests)
            if each != resolved.digest and not self.block_finder.is_listed(tag_ref, each)
        ]
        for digest in tried[:MAX_TRIED]:
            if self.fetcher.is_at_risk(tag_ref, self.fetcher.fetch_record(tag_ref, digest)):
                continue
            manifest = self._request(tag_ref, partial(self.fetcher.fetch_manifest, tag_ref, digest))
            if manifest is not None:
                yield manifest, None

    def _fetch_siblings(self, resolved: ResolvedTag) -> Iterator[tuple[Manifest, str | None]]:
        tag_ref, known_lists = resolved.tag_ref, self.context.known_lookups.tag_lists
        tags = known_lists.get(tag_ref.repository) or self._list_tags(tag_ref)
        for sibling in find_siblings(tag_ref.tag, tags)[:MAX_TRIED]:
            sibling_ref = TagRef(tag_ref.repository, sibling.tag)
            manifest = self._request(tag_ref, partial(self.context.registry.fetch_tag, sibling_ref))
            if manifest is not None:
                self.fetcher.fetched_manifests[manifest.digest, tag_ref.repository] = manifest
                yield manifest, None if sibling.is_same_release else sibling.tag

    def _list_tags(self, tag_ref: TagRef) -> Sequence[str]:
        try:
            return self.context.registry.list_tags(tag_ref.repository)
        except RegistryError as error:
            self.fetcher.registry_failures.record_error(tag_ref.host, error)
            return ()

    def _request(self, tag_ref: TagRef, fetch: Callable[[], Manifest | None]) -> Manifest | None:
        """Return the manifest that `fetch` returns; None if the registry does not return it."""
        try:
            return fetch()
        except RegistryError as error:
            self.fetcher.registry_failures.record_error(tag_ref.host, error)
            return None

    def _complete(
        self, resolved: ResolvedTag, manifest: Manifest, tag: str | None, pinned_digests: Iterable[Digest]
    ) -> Replacement:
        """Return the replacement with the data that is needed to check that it has the platforms in use."""
        tag_ref, current = resolved.tag_ref, resolved.manifest
        platform = None
        if manifest.kind is ManifestKind.MANIFEST:
            platform = self.fetcher.fetch_needed_platform(
                tag_ref, manifest, resolved.pinned_manifests, names_platforms=True
            )
        platforms: dict[Digest, str | UnresolvedTag] = dict(resolved.pinned_platforms)
        for child in current.children if current is not None else ():
            if child.digest in pinned_digests and child.platform:
                platforms[child.digest] = child.platform
        same_platform = dict(self.fetcher.fetch_same_platform_manifests(tag_ref, platforms, manifest))
        return Replacement(manifest, tag, platform, same_platform)
