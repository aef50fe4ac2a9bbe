"""The files of one commit on Gitea or Forgejo. The API reads a few files, and git reads many."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bot.forges.git.tree_by_git import ApiLimits, TreeByGit
from bot.forges.gitea.connection import FORGEJO_MARK, GiteaRemote
from bot.forges.gitea.gitea_errors import GITEA_ERRORS
from bot.forges.hosted.files import BlobReader, ListedTree, QueriedContents, index_contents
from bot.forges.hosted.folders import ListedNodes, TreeNode
from bot.forges.hosted.refusal import RefusedError, UnsupportedQueryError
from bot.forges.hosted.rest import RestAnswer
from bot.local_git import split_by_cost, split_into_batches
from bot.model.forge import TreeEntry

ENTRIES_BY_API = 20_000
"""The largest number of entries in a tree to list with the API, which takes twenty API calls by default. For a larger
tree, git needs fewer requests."""
MAX_ENTRIES = 100_000
"""The largest number of entries to list with the API if git cannot list them."""
FILES_BY_API = 300
"""The largest number of files of one commit to read with the API, which takes about ten API calls. For more files, git
needs fewer requests."""
MAX_BATCH_BYTES = 1024 * 1024
"""The largest size of all files in one response, in bytes."""
MAX_URL_CHARACTERS = 1_800
"""The largest total length of the paths or object ids in one URL. Servers and proxies accept longer URLs, but Forgejo's
documentation warns of URLs over 2,083 characters."""


def open_tree(remote: GiteaRemote, commit: str) -> ListedTree:
    """Return the tree of one commit. Its files are listed when they are first needed."""
    return TreeByGit(partial(remote.connection.build_origin, remote.name), commit).open_after_api(
        lambda most: list_nodes(remote, commit, most).select_files(),
        BlobReader("Gitea", partial(_fetch_blob, remote), GiteaBatchQuery(remote, commit)),
        ApiLimits(ENTRIES_BY_API, MAX_ENTRIES, FILES_BY_API),
        partial(GITEA_ERRORS.translate, remote.name),
    )


def list_nodes(remote: GiteaRemote, commit: str, max_entries: int | None = None) -> ListedNodes:
    """List the entries of a commit's tree, without folders and at most `MAX_ENTRIES` by default.

    If two entries have equal names, the result is marked as incomplete. Raises RefusedError if an API call fails.

    https://docs.gitea.com/api/next/#tag/repository/operation/GetTree
    """
    entries: list[Mapping[str, Any]] = []
    truncations: list[bool] = []  # for each page, whether there are further pages
    size = remote.connection.get_limits().tree_entries

    def add_page(answer: RestAnswer) -> bool:
        listed = answer.value["tree"] or []
        entries.extend(each for each in listed if each["type"] != "tree")
        truncations.append(bool(answer.value["truncated"]))
        count = max(len(truncations) * size, len(entries))
        return not truncations[-1] or not listed or count >= (max_entries or MAX_ENTRIES)

    remote.connection.read_until(
        f"list the files of {remote.name}",
        f"{remote.path}/git/trees/{commit}",
        lambda page: {"recursive": "true", "page": page, "per_page": size},
        add_page,
    )
    nodes = {str(each["path"]): TreeNode(str(each["mode"]), str(each["sha"]), int(each["size"])) for each in entries}
    return ListedNodes(nodes, is_complete=not truncations[-1] and len(nodes) == len(entries))


@dataclass(frozen=True, slots=True)
class GiteaBatchQuery:
    """The requests for the contents of several files of one commit; implements `BatchQuery`.

    Gitea reads files by their paths, and Forgejo by their object ids. Gitea also has a POST call for this, but it
    requires a token with permission to write.
    """

    remote: GiteaRemote
    commit: str

    def split(self, entries: Sequence[TreeEntry]) -> Iterator[Sequence[TreeEntry]]:
        for batch in split_into_batches(entries, MAX_BATCH_BYTES, self.remote.connection.get_limits().files):
            yield from split_by_cost(batch, _measure_name, MAX_URL_CHARACTERS)

    def query_contents(self, entries: Sequence[TreeEntry]) -> QueriedContents:
        connection = self.remote.connection
        if not connection.has_file_contents:
            raise UnsupportedQueryError
        try:
            if FORGEJO_MARK in connection.get_version():
                query = {"shas": ",".join(str(each.oid) for each in entries)}
                answer = self.remote.read_json("read files", "/git/blobs", query=query)
            else:
                body = json.dumps({"files": [each.path for each in entries]})
                answer = self.remote.read_json("read files", "/file-contents", query={"ref": self.commit, "body": body})
        except RefusedError as refusal:
            if refusal.may_have_worked or refusal.retry_after is not None:
                raise
            connection.has_file_contents = False
            raise UnsupportedQueryError from refusal
        with GITEA_ERRORS.translate(self.remote.name):
            contents = [_decode(each) for each in answer if each is not None and each.get("content")]
            return QueriedContents(index_contents(contents, sample_oid=entries[0].oid or ""))


def _measure_name(entry: TreeEntry) -> int:
    """Return the number of characters that the path or the object id of an entry takes in a URL, with a separator."""
    return max(len(json.dumps(entry.path)), len(entry.oid or "")) + 1


def _decode(blob: Mapping[str, Any]) -> bytes:
    """Return the bytes of a file in a response; no bytes if they are not in Base64."""
    try:
        return base64.b64decode(blob["content"])
    except binascii.Error:
        return b""


def _fetch_blob(remote: GiteaRemote, entry: TreeEntry, oid: str) -> bytes:
    """Return the content of one file.

    Raises RefusedError if it cannot be read. The caller checks the content against the object id.

    https://docs.gitea.com/api/next/#tag/repository/operation/GetBlob
    """
    blob = remote.read_json(f"read {entry.path}", f"/git/blobs/{oid}")
    with GITEA_ERRORS.translate(remote.name):
        if blob["content"] is None and blob["size"]:
            raise RefusedError(
                f"Gitea refused to read {entry.path} of {remote.name}: the file is larger than the server's "
                "`DEFAULT_MAX_BLOB_SIZE`; hint: exclude the file from basebump",
                status=None,
            )
        return _decode(blob) if blob["content"] else b""
