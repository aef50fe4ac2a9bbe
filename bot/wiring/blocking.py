"""Adds an entry to the list of blocked images in the operator's repository, and finds out who uses the digest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.core.choice.blocklist import is_covered
from bot.core.globs import is_glob_match
from bot.model.blocklist import Block, BlockedDigest
from bot.model.errors import ConfigError, ConfigProblem, UsageError
from bot.model.image_name import ImageName
from bot.model.source import FilePath
from bot.model.usage import DigestUsers, FollowedTag
from bot.worktree import WorkTree


@dataclass(frozen=True, slots=True)
class AddedBlock:
    """The file to which an entry was added."""

    path: Path


@dataclass(frozen=True, slots=True)
class ListedBlock:
    """An entry in a file that already blocks the digest. No file was changed."""

    path: Path
    key: str
    """The config key of the entry, such as `blocked[0]`."""
    block: Block


def add_block(config_file: Path, entry: BlockedDigest) -> AddedBlock | ListedBlock:
    """Add an entry to the config, or to the file of blocked images that the config names.

    All other bytes of the file stay as they are. If an entry already blocks the digest in the same repositories, no
    file is changed, even if the reasons differ: open proposals show the reason of the first entry, so that another
    entry would have no effect.

    Raises ConfigError if a file or the entry is not valid, UsageError if it is unclear which file is meant,
    BlockRefusedError if the entry cannot be added safely, and TreeError if the file cannot be written.
    """
    from bot.settings.reading.blocked_edit import add_blocked_entry, list_blocked_paths, validate_blocked_content
    from bot.settings.reading.named_files import read_named_document

    paths = list_blocked_paths(config_file)
    listed = next(_find_listed_blocks(config_file, paths, entry), None)
    if listed is not None:
        return listed
    if len(paths) > 1:
        raise UsageError(
            f"{config_file} names {len(paths)} files of blocked images; hint: add the entry to one of them by hand"
        )
    path = paths[0] if paths else config_file
    content = read_named_document(path)
    values = {"digest": entry.digest, "image": entry.image, "reason": entry.block.reason, "link": entry.block.link}
    edited = add_blocked_entry(content, {key: value for key, value in values.items() if value}, str(path))
    if entry not in validate_blocked_content(edited, path, is_config=not paths).values():
        raise ConfigError(str(path), (ConfigProblem("blocked", "the entry would have another meaning"),))
    target = path.resolve()
    WorkTree(target.parent).write(FilePath(target.name), content, edited)
    return AddedBlock(path)


def _find_listed_blocks(config_file: Path, paths: Sequence[Path], entry: BlockedDigest) -> Iterator[ListedBlock]:
    """Yield the entries of the config, and of the files in `paths`, that already block what `entry` would block."""
    from bot.settings.reading.blocked_edit import validate_blocked_content
    from bot.settings.reading.named_files import read_named_document

    for path in (config_file, *paths):
        content = read_named_document(path)
        for key, listed in validate_blocked_content(content, path, is_config=path == config_file).items():
            if is_covered(entry, listed):
                yield ListedBlock(path, key, listed.block)


def find_users(config_file: Path, entry: BlockedDigest) -> DigestUsers | None:
    """Return the references that use the digest of an entry, according to the state of a config.

    Return None if the config has no state, or if no run created it yet. Raises StateError if the state cannot be used.
    """
    from bot.settings import load
    from bot.settings.sections.state import StateFile
    from bot.wiring.inventory import open_fleet_of

    settings = load(config_file, requires_forges=False)
    if settings.state is None or (isinstance(settings.state, StateFile) and not settings.state.path.exists()):
        return None
    inventory = open_fleet_of(settings).inventory

    def is_blocked_in(repository: str) -> bool:
        return entry.image is None or is_glob_match(entry.image, repository)

    pinned = {
        repository: tuple(inventory.list_usages(ImageName.parse(f"{repository}@{entry.digest}")))
        for repository in inventory.list_repositories(entry.digest)
        if is_blocked_in(repository)
    }
    followed = (
        FollowedTag(
            tag_ref,
            looked_up_at,
            tuple(each for each in inventory.list_usages(ImageName.parse(str(tag_ref))) if each.digest is None),
        )
        for tag_ref, looked_up_at in inventory.list_pointing_tags(entry.digest).items()
        if is_blocked_in(tag_ref.repository)
    )
    return DigestUsers(entry.digest, pinned, tuple(each for each in followed if each.usages), inventory.load_coverage())
