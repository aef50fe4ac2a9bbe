"""Search the lists of blocked digests.

An entry for a digest blocks more than this digest:

- An index is blocked if one of its images is blocked, because a pull of the index can return this image.
- The image of a platform is blocked if its index is listed. The other images of an index stay allowed if only one of
  its images is listed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from bot.core.globs import has_wildcard, is_glob_match
from bot.model.blocklist import Block, BlockedBuilds, BlockedDigest, Blocklist, BlocklistEntry
from bot.model.image import Manifest
from bot.model.image_name import Digest


def build_blocklist(entries: Iterable[BlocklistEntry], unread: Iterable[tuple[str, str]] = ()) -> Blocklist:
    """Return a blocklist with these entries. `unread` are the keys and errors of lists that could not be read."""
    by_digest: dict[Digest, list[BlockedDigest]] = defaultdict(list)
    builds: list[BlockedBuilds] = []
    for entry in entries:
        if isinstance(entry, BlockedDigest):
            by_digest[entry.digest].append(entry)
        else:
            builds.append(entry)
    return Blocklist({digest: tuple(each) for digest, each in by_digest.items()}, tuple(builds), tuple(unread))


def merge_blocklists(blocklists: Iterable[Blocklist]) -> Blocklist:
    """Return one list with the entries of all lists. If several entries block a digest, the first one counts."""
    lists = tuple(blocklists)
    entries: list[BlocklistEntry] = [
        entry for each in lists for entries in each.by_digest.values() for entry in entries
    ]
    entries += [entry for each in lists for entry in each.builds]
    return build_blocklist(entries, (error for each in lists for error in each.unread))


def concerns_repository(blocklist: Blocklist, repository: str) -> bool:
    """Return True if an entry could block an image of a repository, so that its manifests must be fetched."""
    return depends_on_build_time(blocklist, repository) or any(
        entry.image is None or is_glob_match(entry.image, repository)
        for entries in blocklist.by_digest.values()
        for entry in entries
    )


def depends_on_build_time(blocklist: Blocklist, repository: str) -> bool:
    """Return True if an entry blocks images of a repository by their build time."""
    return any(is_glob_match(entry.image, repository) for entry in blocklist.builds)


def find_listed_digest(blocklist: Blocklist, repository: str, digest: Digest | None) -> Block | None:
    """Return the block of exactly this digest in a repository; None if no entry names the digest."""
    return next(
        (
            entry.block
            for entry in (blocklist.by_digest.get(digest, ()) if digest is not None else ())
            if entry.image is None or is_glob_match(entry.image, repository)
        ),
        None,
    )


def is_covered(entry: BlockedDigest, listed: BlocklistEntry) -> bool:
    """Return True if a listed entry blocks the digest in all repositories in which `entry` would block it.

    Two globs are compared only as texts. The result is False even if one glob covers another, longer one.
    """
    if not isinstance(listed, BlockedDigest) or listed.digest != entry.digest:
        return False
    if listed.image is None or listed.image == entry.image:
        return True
    return entry.image is not None and not has_wildcard(entry.image) and is_glob_match(listed.image, entry.image)


def find_block(
    blocklist: Blocklist, repository: str, manifest: Manifest, indexes: Iterable[Digest] = ()
) -> Block | None:
    """Return the block of the first entry that names a digest of the image; None if no entry does.

    `indexes` are the digests of the indexes through which the file uses the image of a single platform.
    """
    digests = (manifest.digest, *indexes, *(child.digest for child in manifest.children))
    blocks = (find_listed_digest(blocklist, repository, digest) for digest in digests)
    return next((block for block in blocks if block is not None), None)


def find_build_block(blocklist: Blocklist, repository: str, built_at: datetime) -> Block | None:
    """Return the block of an image that was built at this time; None if no entry covers the time."""
    return next(
        (
            entry.block
            for entry in blocklist.builds
            if is_glob_match(entry.image, repository)
            and (entry.built_from is None or entry.built_from <= built_at)
            and (entry.built_to is None or built_at <= entry.built_to)
        ),
        None,
    )
