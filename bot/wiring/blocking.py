"""Adds an entry to the list of blocked images in the file that the operator's repository contains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.model.blocklist import BlockedDigest
from bot.model.errors import ConfigError, ConfigProblem, UsageError
from bot.model.source import FilePath
from bot.worktree import WorkTree

if TYPE_CHECKING:
    from bot.inventory_ports import InventoryReader


@dataclass(frozen=True, slots=True)
class AddedBlock:
    """The file to which an entry was added, or which had it already."""

    path: Path
    is_new: bool


def add_block(config_file: Path, entry: BlockedDigest) -> AddedBlock:
    """Add an entry to the config, or to the file of blocked images that the config names.

    All other bytes of the file stay as they are. Raises ConfigError if a file or the entry is not valid, UsageError if
    it is unclear which file is meant, BlockRefusedError if the entry cannot be added safely, and TreeError if the file
    cannot be written.
    """
    from bot.settings.blocked_edit import add_blocked_entry
    from bot.settings.blocked_files import list_blocked_paths, read_document_file, validate_blocked_content

    paths = list_blocked_paths(config_file)
    if len(paths) > 1:
        raise UsageError(
            f"{config_file} names {len(paths)} files of blocked images; hint: add the entry to one of them by hand"
        )
    path = paths[0] if paths else config_file
    content = read_document_file(path)
    if entry in validate_blocked_content(content, path, is_config=not paths):
        return AddedBlock(path, is_new=False)
    values = {"digest": entry.digest, "image": entry.image, "reason": entry.block.reason, "link": entry.block.link}
    edited = add_blocked_entry(content, {key: value for key, value in values.items() if value}, str(path))
    if entry not in validate_blocked_content(edited, path, is_config=not paths):
        raise ConfigError(str(path), (ConfigProblem("blocked", "the entry would have another meaning"),))
    target = path.resolve()
    WorkTree(target.parent).write(FilePath(target.name), content, edited)
    return AddedBlock(path, is_new=True)


def open_inventory_if_configured(config_file: Path) -> InventoryReader | None:
    """Return a reader of the state of a config; None if the config has no state, or if no run created it yet.

    Raises StateError if the state cannot be used.
    """
    from bot.settings import StateFile, load
    from bot.wiring.inventory import open_inventory

    state = load(config_file, requires_forges=False).state
    if state is None or (isinstance(state, StateFile) and not state.path.exists()):
        return None
    return open_inventory(config_file)
