"""Read the files of a checkout as they were in an earlier revision."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bot.core.git_ownership import explain_refusal
from bot.local_git import (
    MAX_BATCH_BYTES,
    NO_CHECKOUT_ERRORS,
    parse_blobs,
    parse_tree_listing,
    run_git,
    split_into_batches,
)
from bot.model.errors import ProcessError, TreeError, UsageError
from bot.model.forge import REGULAR_MODES, TreeEntry
from bot.model.source import FilePath

MAX_LINK_BYTES = 4096
"""The length of the longest path in Linux, which is therefore the longest text of a link that can be checked out."""
_LINK_MODE = "120000"
_COMMIT = re.compile(r"[0-9a-f]{40,64}", re.ASCII)
_SHA1_LENGTH = 40
_ENVIRONMENT = {"GIT_NO_REPLACE_OBJECTS": "1"}
"""Variables that make git read the commit itself, and not its replacement."""


class RevisionTree:
    """The files of a folder in one commit of the checkout around it; implements `bot.ports.FileTree`.

    Git's attributes, filters and settings do not apply, because the stored contents are read.
    """

    is_complete = True
    is_on_disk = True
    unlisted_folders = ()
    history = None

    def __init__(self, root: Path, commit: str, failure: str) -> None:
        """Create the tree of the files below `root`. Error messages begin with `failure`."""
        self._root, self._commit, self._failure = root, commit, failure
        self._links: dict[FilePath, str] = {}

    @property
    def links(self) -> Mapping[FilePath, str]:
        """The text of each symbolic link. It is complete only after all entries of `list_entries` were consumed."""
        return self._links

    def list_entries(self) -> Iterator[TreeEntry]:
        """Yield the regular files below the folder. Raises TreeError if git fails."""
        links: list[TreeEntry] = []
        for entry in parse_tree_listing(self._query_git("ls-tree", "-r", "-z", "-l", self._commit)):
            if entry.mode in REGULAR_MODES:
                yield TreeEntry(FilePath(os.fsdecode(entry.path)), entry.size, entry.oid)
            elif entry.mode == _LINK_MODE and (entry.size or 0) <= MAX_LINK_BYTES:
                links.append(TreeEntry(FilePath(os.fsdecode(entry.path)), entry.size, entry.oid))
        for link, content in zip(links, self.read(links), strict=True):
            if isinstance(content, TreeError):
                raise content
            self._links[link.path] = os.fsdecode(content)

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the stored content of each entry in order. If an entry cannot be read, yield a TreeError instead."""
        for batch in split_into_batches(entries, MAX_BATCH_BYTES):
            oids = "".join(f"{entry.oid}\n" for entry in batch).encode("ascii")
            try:
                yield from parse_blobs(self._query_git("cat-file", "--batch", stdin=oids))
            except ProcessError as error:  # a partial clone lacks a file
                yield from [TreeError(f"{self._failure}: {error}")] * len(batch)
            except TreeError as error:
                yield from [error] * len(batch)

    def _query_git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        result = run_git(self._root, *arguments, failure=self._failure, environment=_ENVIRONMENT, stdin=stdin)
        if result is None or result.status:
            raise TreeError(f"{self._failure}: {'git is not installed' if result is None else result.error_text}")
        return result.output


@dataclass(frozen=True)
class GitRevision:
    """An earlier revision of a checkout; implements `bot.ports.EarlierRevision`."""

    root: Path
    name: str
    """The revision as the user named it."""
    commit: str
    """The id of the commit to which `name` resolves."""

    @classmethod
    def resolve(cls, root: Path, name: str, option: str = "--since") -> GitRevision:
        """Return a revision of the checkout at `root`, such as a branch, a tag or a commit.

        Error messages name `option`, with which the user named the revision.

        Raises:
            UsageError: If the revision does not exist, `root` is not a checkout, or git is not installed.
            TreeError: If git cannot be queried.
        """
        if not name or name.startswith("-"):
            raise UsageError(f"{name!r} is not a revision; hint: name a commit, a branch or a tag")
        arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        git_result = run_git(root, *arguments, failure=f"{name!r} could not be looked up in {root}")
        if git_result is None:
            raise UsageError(f"{option} needs git, which is not installed; hint: install git")
        if git_result.status and any(words in git_result.error_text for words in NO_CHECKOUT_ERRORS):
            raise UsageError(f"{option} needs a git checkout, but {root} is not in one")
        if git_result.status and (refusal := explain_refusal(git_result.error_text)):
            raise TreeError(refusal)
        commit = git_result.output.decode(errors="replace").strip()
        if git_result.status or not _COMMIT.fullmatch(commit):
            raise UsageError(
                f"{name!r} is not a revision of {root}; hint: in a shallow clone, fetch the revision first"
            )
        return cls(root, name, commit)

    @property
    def tree(self) -> RevisionTree:
        failure = f"the changes in {self.root} since {self.name} could not be determined"
        return RevisionTree(self.root, self.commit, failure)

    def has_changed(self, path: FilePath) -> bool:
        """Return True if the bytes of a file in the folder, or the text of a link, are not those of the revision.

        Raises:
            TreeError: If git cannot list the files of the revision.
        """
        entries, links = self._listing
        entry = entries.get(path)
        try:
            if path in links:
                return (self.root / path).readlink() != Path(links[path])
            if entry is None or entry.oid is None:
                return True
            descriptor = os.open(self.root / path, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as file:
                if os.fstat(descriptor).st_size != entry.size:
                    return True
                algorithm = "sha1" if len(entry.oid) == _SHA1_LENGTH else "sha256"
                start = f"blob {entry.size}\0".encode("ascii")
                return hashlib.file_digest(file, lambda: hashlib.new(algorithm, start)).hexdigest() != entry.oid
        except OSError:
            return True

    @cached_property
    def _listing(self) -> tuple[Mapping[FilePath, TreeEntry], Mapping[FilePath, str]]:
        tree = self.tree
        return {entry.path: entry for entry in tree.list_entries()}, tree.links
