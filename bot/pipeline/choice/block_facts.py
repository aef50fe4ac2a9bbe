"""Find out which of the digests of a tag are blocked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from bot.core.choice.blocklist import (
    concerns_repository,
    depends_on_build_time,
    find_block,
    find_build_block,
    find_listed_digest,
)
from bot.core.transition import shorten_digest
from bot.model.blocklist import Block, Blocklist
from bot.model.errors import RegistryError
from bot.model.image import Manifest, ResolvedTag
from bot.model.image_name import Digest, TagRef
from bot.pipeline.choice.manifest_fetcher import ManifestFetcher


@dataclass(frozen=True, slots=True)
class BlockFinder:
    """Compares the digests of tags with the lists of blocked digests. The threads of one lookup phase share it."""

    blocklist: Blocklist
    fetcher: ManifestFetcher
    _concerned: dict[str, bool] = field(default_factory=dict)

    def concerns(self, tag_ref: TagRef) -> bool:
        """Return True if an entry of the lists could block an image in the tag's repository."""
        if not self.blocklist.has_entries:
            return False
        if tag_ref.repository not in self._concerned:
            self._concerned[tag_ref.repository] = concerns_repository(self.blocklist, tag_ref.repository)
        return self._concerned[tag_ref.repository]

    def is_listed(self, tag_ref: TagRef, digest: Digest | None) -> bool:
        """Return True if an entry names exactly this digest."""
        return find_listed_digest(self.blocklist, tag_ref.repository, digest) is not None

    def add_blocks(self, resolved: ResolvedTag, pinned_digests: Iterable[Digest | None]) -> ResolvedTag:
        """Return `resolved` with the blocks of its own manifests and of `pinned_digests`.

        If basebump cannot determine whether a digest is blocked, the result states why.
        """
        return _add_results(resolved, self._judge_all(resolved, {each for each in pinned_digests if each is not None}))

    def add_block(self, resolved: ResolvedTag, manifest: Manifest) -> ResolvedTag:
        """Return `resolved` with the block of `manifest`, or with the reason why the block is unknown."""
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
        """Return the block of an image; None if the image is allowed.

        If basebump cannot determine whether the image is blocked, return the reason as a text. `indexes` are the
        digests of the indexes through which the file uses the image of a single platform.
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
        """Return the result of `judge` for an image of `index` that a file pins.

        The manifest of the image is fetched only if an entry depends on its build time.
        """
        block = find_listed_digest(self.blocklist, tag_ref.repository, index.digest)
        if block is not None or not depends_on_build_time(self.blocklist, tag_ref.repository):
            return block
        try:
            return self.judge(tag_ref, self.fetcher.fetch_manifest(tag_ref, digest))
        except RegistryError as error:
            self.fetcher.registry_failures.record_error(tag_ref.host, error)
            return f"whether {shorten_digest(digest)} is blocked is not known: {error}"

    def _list_earlier_indexes(self, resolved: ResolvedTag, digest: Digest) -> list[Digest]:
        """Return the indexes with this image to which the tag pointed earlier, according to the state."""
        cached = (self.fetcher.cached.get(each.digest) for each in resolved.observations)
        return [each.manifest.digest for each in cached if each is not None and each.manifest.has_child(digest)]


def _add_results(resolved: ResolvedTag, judged: Iterable[tuple[Digest, Block | str | None]]) -> ResolvedTag:
    results = dict(judged)
    blocks = {digest: result for digest, result in results.items() if isinstance(result, Block)}
    unknown = {digest: result for digest, result in results.items() if isinstance(result, str)}
    return replace(
        resolved, blocks={**resolved.blocks, **blocks}, unknown_blocks={**resolved.unknown_blocks, **unknown}
    )
