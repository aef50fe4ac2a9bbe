"""Changed files on their way to a server: what they must be there, and how JSON carries them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.forges._git_objects import RegularFile, blob_name
from bot.model.errors import ForgeError
from bot.model.source import Change, FilePath

MAX_INLINE = 256 * 1024
"""Bytes of one file that are sent as text; more, and what is no text, are sent in base64."""


def as_stored(
    changes: Sequence[Change], before: Mapping[FilePath, RegularFile], repository: str
) -> dict[FilePath, RegularFile]:
    """Return each changed file as it will be: its mode stays. `before` are those of the base branch.

    Raises ForgeError where a path is no regular file there, or nothing would change.
    """
    expected: dict[FilePath, RegularFile] = {}
    for change in changes:
        file = before.get(change.path)
        if file is None:
            raise ForgeError(f"{change.path} is no regular file in the base branch of {repository}; run basebump again")
        expected[change.path] = RegularFile(file.mode, blob_name(change.content, like=file.oid))
    if all(before[path] == file for path, file in expected.items()):
        raise ForgeError(f"nothing would change in {repository}: its base branch already holds what is proposed")
    return expected


def as_text(content: bytes) -> str | None:
    """Return the content as text if JSON surely carries it as it is."""
    if len(content) > MAX_INLINE or b"\0" in content:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None
