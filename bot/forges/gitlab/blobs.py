"""Read many files of one commit in few requests, and verify each content by its blob name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.forges._git_objects import hash_blob
from bot.forges.gitlab.connection import GitLabRemote
from bot.forges.gitlab.errors import translate_errors
from bot.forges.gitlab.graphql import run_query
from bot.forges.hosted.files import read_blob
from bot.forges.hosted.refusal import RefusedError, UnsupportedQueryError, is_query_too_large
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry

_QUERY = """query($project: ID!, $commit: String!, $paths: [String!]!) {
  project(fullPath: $project) { repository { blobs(ref: $commit, paths: $paths) { nodes { rawTextBlob } } } }
  queryComplexity { score limit }
}"""
"""The complexity grows with the number of paths: since GitLab 18.4, each takes fourteen of 250 points."""


@dataclass(frozen=True, slots=True)
class GitLabBlobs:
    """The file contents of one commit of a project."""

    remote: GitLabRemote
    commit: str

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry, in order, or the reason why it could not be read."""
        start = 0
        while start < len(entries):
            batch = entries[start : start + self.remote.connection.batch_size.files]
            contents = self._read_by_graphql({each.oid: each.path for each in batch if each.oid})
            for entry in batch:
                content = contents.get(entry.oid or "")
                yield content if content is not None else self._read_by_rest(entry)
            start += len(batch)

    def _read_by_graphql(self, paths: Mapping[str, str]) -> dict[str, bytes]:
        """Return the contents that GraphQL returns unchanged, by blob name; binary files are missing."""
        if len(paths) < 2:  # noqa: PLR2004 - one file is one request by REST, too
            return {}
        remote, batch_size = self.remote, self.remote.connection.batch_size
        variables = {"project": remote.name, "commit": self.commit, "paths": list(paths.values())}
        try:
            answer = run_query(remote.connection, f"read files of {remote.name}", _QUERY, variables)
            with translate_errors(remote.name):
                complexity = answer["queryComplexity"]
                batch_size.record_success(len(paths), int(complexity["score"]), int(complexity["limit"]))
                return _hash_texts(answer["project"]["repository"]["blobs"]["nodes"], paths)
        except UnsupportedQueryError:
            return {}
        except RefusedError as refusal:
            if not is_query_too_large(refusal):
                return {}
            batch_size.record_refusal(len(paths))
            half = len(paths) // 2
            path_items = list(paths.items())
            return self._read_by_graphql(dict(path_items[:half])) | self._read_by_graphql(dict(path_items[half:]))

    def _read_by_rest(self, entry: TreeEntry) -> bytes | TreeError:
        """Read a blob by its name: https://docs.gitlab.com/api/repositories/#get-raw-blob-content."""

        def fetch(oid: str) -> bytes:
            return self.remote.read(f"read {entry.path}", lambda project: project.repository_raw_blob(oid))

        return read_blob(entry, fetch, "GitLab")


def _hash_texts(nodes: Sequence[Mapping[str, Any]], paths: Mapping[str, str]) -> dict[str, bytes]:
    """Return the texts by blob name; a text that changed on its way has a name that nobody requested."""
    texts = [each["rawTextBlob"] for each in nodes if each["rawTextBlob"] is not None]
    contents = [text.encode("utf-8", "surrogatepass") for text in texts]
    return {hash_blob(content, like=next(iter(paths))): content for content in contents}
