"""Read many files of one commit in few requests, and verify each content by its blob name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.forges._git_objects import blob_name
from bot.forges._graphql import TooOldError, is_too_much
from bot.forges._listed_tree import read_one
from bot.forges._refusal import RefusedError
from bot.forges.gitlab.connection import Remote
from bot.forges.gitlab.errors import understood
from bot.forges.gitlab.graphql import query
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry

_QUERY = """query($project: ID!, $commit: String!, $paths: [String!]!) {
  project(fullPath: $project) { repository { blobs(ref: $commit, paths: $paths) { nodes { rawTextBlob } } } }
  queryComplexity { score limit }
}"""
"""The complexity grows with the number of paths: since GitLab 18.4, each takes fourteen of 250 points."""


@dataclass(frozen=True, slots=True)
class Blobs:
    """The file contents of one commit of a project."""

    remote: Remote
    commit: str

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry, in order, or the reason why it could not be read."""
        start = 0
        while start < len(entries):
            batch = entries[start : start + self.remote.connection.portion.files]
            found = self._at_once({each.oid: each.path for each in batch if each.oid})
            for entry in batch:
                content = found.get(entry.oid or "")
                yield content if content is not None else self._alone(entry)
            start += len(batch)

    def _at_once(self, paths: Mapping[str, str]) -> dict[str, bytes]:
        """Return the contents that GraphQL returns unchanged, by blob name; binary files are missing."""
        if len(paths) < 2:  # noqa: PLR2004 - one file is one request by REST, too
            return {}
        remote, portion = self.remote, self.remote.connection.portion
        variables = {"project": remote.name, "commit": self.commit, "paths": list(paths.values())}
        try:
            answered = query(remote.connection, f"read files of {remote.name}", _QUERY, variables)
            with understood(remote.name):
                complexity = answered["queryComplexity"]
                portion.passed(len(paths), int(complexity["score"]), int(complexity["limit"]))
                return _verified(answered["project"]["repository"]["blobs"]["nodes"], paths)
        except TooOldError:
            return {}
        except RefusedError as refusal:
            if not is_too_much(refusal):
                return {}
            portion.refused(len(paths))
            half = len(paths) // 2
            named = list(paths.items())
            return self._at_once(dict(named[:half])) | self._at_once(dict(named[half:]))

    def _alone(self, entry: TreeEntry) -> bytes | TreeError:
        """Read a blob by its name: https://docs.gitlab.com/api/repositories/#get-raw-blob-content."""

        def ask(oid: str) -> bytes:
            return self.remote.read(f"read {entry.path}", lambda project: project.repository_raw_blob(oid))

        return read_one(entry, ask, "GitLab")


def _verified(nodes: Sequence[Mapping[str, Any]], wanted: Mapping[str, str]) -> dict[str, bytes]:
    """Return the texts by blob name; a text that changed on its way has a name that nobody requested."""
    texts = [each["rawTextBlob"] for each in nodes if each["rawTextBlob"] is not None]
    contents = [text.encode("utf-8", "surrogatepass") for text in texts]
    return {blob_name(content, like=next(iter(wanted))): content for content in contents}
