"""Read many files of one repository in few requests, and verify each content by its blob name."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bot.forges._batches import batches
from bot.forges._git_objects import blob_name
from bot.forges._graphql import TooOldError, is_too_much
from bot.forges._listed_tree import read_one
from bot.forges._refusal import RefusedError
from bot.forges.github.connection import Remote
from bot.forges.github.errors import understood
from bot.forges.github.graphql import query
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry

MAX_FILES = 50
"""Files in one query, which costs one point however many files it has; more make a slow server give up."""
MAX_BYTES = 1024 * 1024
"""Bytes of all files in one query; both sides hold the answer in memory, and GitHub has ten seconds to build it."""
MAX_TEXT = 256 * 1024
"""Largest file in bytes that is read as text: GitHub truncates longer ones, at twice that size."""


@dataclass(frozen=True, slots=True)
class Blobs:
    """The file contents of one repository."""

    remote: Remote

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry, in order, or the reason why it could not be read."""
        for batch in batches(entries, MAX_BYTES, MAX_FILES):
            found = self._at_once(sorted({each.oid for each in batch if each.oid and (each.size or 0) <= MAX_TEXT}))
            for entry in batch:
                content = found.get(entry.oid or "")
                yield content if content is not None else self._alone(entry)

    def _at_once(self, oids: Sequence[str]) -> dict[str, bytes]:
        """Return the contents that GraphQL returns unchanged, by blob name; binary and truncated files are missing."""
        if len(oids) < 2:  # noqa: PLR2004 - one file is one request by REST, too
            return {}
        parts = [f"b{index}: object(oid: $o{index}) {{ ... on Blob {{ text }} }}" for index in range(len(oids))]
        given = ", ".join(f"$o{index}: GitObjectID!" for index in range(len(oids)))
        text = (
            f"query($owner: String!, $name: String!, {given}) "
            f"{{ repository(owner: $owner, name: $name) {{ {' '.join(parts)} }} }}"
        )
        name = self.remote.name
        variables = {"owner": self.remote.owner, "name": self.remote.short_name}
        variables |= {f"o{index}": oid for index, oid in enumerate(oids)}
        try:
            answered = query(self.remote.connection, f"read files of {name}", text, variables, name)
            with understood(name):
                found = _verified(answered.data.get("repository") or {})
        except TooOldError:
            return {}
        except RefusedError as refusal:
            if not is_too_much(refusal):
                return {}
            half = len(oids) // 2
            return self._at_once(oids[:half]) | self._at_once(oids[half:])
        left = [oid for oid in oids if oid not in found] if answered.is_cut else []
        half = len(left) // 2
        return found | self._at_once(left[:half]) | self._at_once(left[half:])

    def _alone(self, entry: TreeEntry) -> bytes | TreeError:
        """Read one file by REST: https://docs.github.com/en/rest/git/blobs#get-a-blob."""

        def ask(oid: str) -> bytes:
            with understood(self.remote.name):
                blob = self.remote.read(f"read {entry.path}", lambda repository: repository.get_git_blob(oid))
                try:
                    return base64.b64decode(blob.content)
                except binascii.Error as error:
                    what = f"GitHub sent '{entry.path}' with an invalid encoding; hint: rerun basebump"
                    raise RefusedError(what, status=None) from error

        return read_one(entry, ask, "GitHub")


def _verified(parts: dict[str, Any]) -> dict[str, bytes]:
    """Return the texts by blob name; a text that was truncated or is not UTF-8 has a name that nobody requested."""
    texts = [each["text"] for each in parts.values() if each is not None and each.get("text") is not None]
    contents = [text.encode("utf-8", "surrogatepass") for text in texts]
    return {blob_name(content): content for content in contents}
