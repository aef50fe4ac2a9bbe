"""The config of `check --gate`, which a pull request cannot change."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bot.model.errors import TreeError, UsageError
from bot.revision_tree import GitRevision

MAX_FILE_BYTES = 1024 * 1024
"""Larger files next to the config are left out. No file that a config names may be larger."""
MAX_BYTES = 64 * 1024 * 1024
"""The maximum size of all files next to the config that are written. Files in the highest folders come first."""
MAX_FILES = 20_000


def secure_config(config: Path, folder: Path, base: str | None, stack: ExitStack) -> Path:
    """Return a config that the change which is checked cannot have modified.

    A config outside of the checkout around `folder` is returned as it is. For any other config, the files of its folder
    in the revision `base` are written to a temporary folder, because the config can name files beside it. The folder
    exists until `stack` is closed.

    Raises:
        UsageError: If the config is in the checkout, and `base` is None or does not contain the config.
        TreeError: If the files of the revision cannot be read.
    """
    inside = folder.resolve()
    root = next((each for each in (inside, *inside.parents) if os.path.lexists(each / ".git")), inside)
    given = Path(os.path.normpath(config.absolute()))
    candidates = (given, given.parent.resolve() / given.name, given.resolve())
    path = next((each.relative_to(root) for each in candidates if each.is_relative_to(root)), None)
    if path is None:
        return config
    if base is None:
        raise UsageError(
            f"{config} is in the repository that is checked, so a pull request can change it; "
            "hint: name the commit on which the pull request is based with --base REV"
        )
    revision = GitRevision.resolve(root, base, option="--base")
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="basebump-")))
    _write_files(revision, path.parent, scratch)
    if not (scratch / path).is_file():
        raise UsageError(f"{base} does not contain {config}; hint: add the config to the base branch first")
    return scratch / path


def _write_files(revision: GitRevision, folder: Path, scratch: Path) -> None:
    """Write the regular files of a folder in a revision to `scratch`, as far as the limits allow."""
    tree = revision.tree
    inside = [each for each in tree.list_entries() if Path(each.path).is_relative_to(folder)]
    small = [each for each in inside if each.size is not None and each.size <= MAX_FILE_BYTES]
    entries, total = [], 0
    for entry in sorted(small, key=lambda each: (each.path.count("/"), each.path))[:MAX_FILES]:
        total += entry.size or 0
        if total > MAX_BYTES:
            break
        entries.append(entry)
    for entry, content in zip(entries, tree.read(entries), strict=True):
        if isinstance(content, TreeError):
            raise content
        target = scratch / entry.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
