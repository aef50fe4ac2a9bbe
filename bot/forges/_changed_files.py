"""Changed files on their way to a server: the expected result of a push, and their encoding in JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.forges._git_objects import RegularFile, hash_blob
from bot.model.errors import ForgeError
from bot.model.source import FileChange, FilePath

MAX_INLINE_BYTES = 256 * 1024
"""Largest file in bytes that is sent as text; larger files, and files that are not text, are sent in base64."""


def build_expected_files(
    changes: Sequence[FileChange], base_files: Mapping[FilePath, RegularFile], repository: str
) -> dict[FilePath, RegularFile]:
    """Return the mode and blob name that each changed file must have after the push. File modes stay.

    `base_files` are the regular files of the base branch. Raises ForgeError if a path is not among them, or if no file
    would change.
    """
    expected: dict[FilePath, RegularFile] = {}
    for change in changes:
        file = base_files.get(change.path)
        if file is None:
            raise ForgeError(
                f"{repository}: '{change.path}' is not a regular file in the base branch; hint: rerun basebump"
            )
        expected[change.path] = RegularFile(file.mode, hash_blob(change.content, like=file.oid))
    if all(base_files[path] == file for path, file in expected.items()):
        raise ForgeError(
            f"{repository}: nothing would change: the base branch already holds the proposed files; "
            "hint: rerun basebump"
        )
    return expected


def decode_text(content: bytes) -> str | None:
    """Decode the content if JSON is sure to carry it unchanged; return None otherwise."""
    if len(content) > MAX_INLINE_BYTES or b"\0" in content:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None
