"""Read from a server with git over HTTP: the default branch, and single files of one commit without all the others.

git uses no configuration of the machine and follows no redirects. It gets its login from the environment alone, so that
the login appears in no list of processes and in no file.
"""

from __future__ import annotations

import base64
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from bot.forges._git_objects import SHA256_DIGITS
from bot.forges._listed_tree import Listing
from bot.forges._refusal import RefusedError
from bot.forges.git.command import Git, Identity
from bot.forges.git.commit import regular_files
from bot.forges.git.tree import LocalTree
from bot.model.errors import ProcessError, TreeError
from bot.model.forge import TreeEntry
from bot.net import sanitize_text

TIMEOUT = 300.0
"""Seconds for one fetch; a large tree without its files has about ten megabytes."""
SILENCE = 30
"""Seconds without data after which git gives up."""

_NOBODY = Identity("basebump", "basebump@localhost")
_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_HEAD = re.compile(r"^ref: refs/heads/(?P<branch>\S+)\tHEAD\n(?P<commit>[0-9a-f]+)\tHEAD$", re.MULTILINE)
_SIZES = "%(objectname) %(objectsize)"
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none")
_SCHEMES = ("https", "http")
_PROXIES = ("https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY")
"""The proxy variables that `bot.net` reads; curl reads the same ones, lower case first."""


@dataclass(frozen=True, slots=True)
class Clone:
    """A temporary repository that has the trees of one commit, and the files that were fetched explicitly."""

    far: Git = field(repr=False)
    """Runs git with access to the server."""
    near: Git
    """Runs git without network access, so that missing objects stay missing."""
    origin: Origin
    commit: str

    def listing(self) -> Listing:
        """Return the regular files of the commit. Raises RefusedError."""
        try:
            return Listing(regular_files(self.near, self.commit, sized=False), complete=True)
        except ProcessError as error:
            raise self.origin.refusal(str(error)) from error

    def fetch(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Fetch files in one request, and return the content of each entry in order.

        Raises RefusedError before the first content is returned.
        """
        oids = sorted({each.oid for each in entries if each.oid and _OBJECT.fullmatch(each.oid)})
        asked = "".join(f"{oid}\n" for oid in oids).encode("ascii")
        self.origin.run(self.far, "-c", "fetch.negotiationAlgorithm=noop", *_FETCH, "--stdin", "origin", stdin=asked)
        told = self.origin.run(self.near, "cat-file", f"--batch-check={_SIZES}", stdin=asked)
        said = dict(line.split() for line in told.decode("ascii").splitlines())
        sizes = {oid: int(size) for oid, size in said.items() if size.isdigit()}  # `missing` if the server sent none
        known = [replace(each, size=sizes[each.oid]) if each.oid in sizes else each for each in entries]
        return LocalTree(self.near, self.commit).read(known)


@dataclass(frozen=True, slots=True)
class Origin:
    """A repository on a server that git can clone."""

    url: str
    """The clone URL, without a login."""
    login: str | None = field(default=None, repr=False)
    """`user:password`."""
    ca: Path | None = None
    """A file with certificates to trust instead of the default ones."""

    def head(self) -> tuple[str, str] | None:
        """Return the default branch and its commit; None if the repository has none. Raises RefusedError."""
        with self._scratch() as folder:
            told = self.run(self._git(folder), "ls-remote", "--symref", "--", self.url, "HEAD")
        found = _HEAD.search(told.decode("utf-8", "replace"))
        return (found["branch"], found["commit"]) if found else None

    @contextmanager
    def clone(self, commit: str) -> Iterator[Clone]:
        """Fetch one commit with its trees and without its files into a temporary repository. Raises RefusedError.

        The repository is deleted when the context ends.
        """
        if not _OBJECT.fullmatch(commit):
            raise self.refusal(f"{commit!r} is not a commit")
        with self._scratch() as folder:
            near = Git(folder / "repository.git", _NOBODY, _settings(folder))
            far = self._git(folder / "repository.git")
            kind = "sha256" if len(commit) == SHA256_DIGITS else "sha1"
            near.directory.mkdir()
            self.run(near, "init", "--quiet", "--bare", "--template=", f"--object-format={kind}")
            self.run(far, *_FETCH, "--depth=1", "origin", commit)
            yield Clone(far, near, self, commit)

    def run(self, git: Git, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run git, and return its output. Raises RefusedError."""
        try:
            done = git.ask(*arguments, stdin=stdin)
        except ProcessError as error:
            raise self.refusal(str(error)) from error
        if done.status:
            raise self.refusal(done.error_text or "git failed without an error message")
        return done.output

    def refusal(self, why: str) -> RefusedError:
        """Return the error for a failed git command, without the login."""
        secrets = [self.login, self.login.partition(":")[2], _basic(self.login)] if self.login else []
        return RefusedError(f"git could not read '{self.url}': {sanitize_text(why, secrets)}", status=None)

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="basebump-git-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def _git(self, folder: Path) -> Git:
        """Return a git runner that may contact this server and no other."""
        certificates = str(self.ca) if self.ca is not None else os.environ.get("SSL_CERT_FILE")
        given = [
            ("http.followRedirects", "false"),
            ("http.lowSpeedLimit", "1"),
            ("http.lowSpeedTime", str(SILENCE)),
            ("credential.helper", ""),
            ("gc.auto", "0"),
            ("maintenance.auto", "false"),
            ("remote.origin.url", self.url),
        ]
        if self.login is not None:
            given.append((f"http.{self.url}.extraHeader", f"Authorization: Basic {_basic(self.login)}"))
        scheme = urlsplit(self.url).scheme
        settings = _settings(folder) | {"GIT_ALLOW_PROTOCOL": scheme if scheme in _SCHEMES else "", "GIT_ASKPASS": ""}
        settings |= {name: os.environ[name] for name in _PROXIES if name in os.environ}
        settings |= {"GIT_SSL_CAINFO": certificates} if certificates else {}
        settings["GIT_CONFIG_COUNT"] = str(len(given))
        for index, (key, value) in enumerate(given):
            settings |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
        return Git(folder, _NOBODY, settings, TIMEOUT)


def _settings(folder: Path) -> dict[str, str]:
    """Return the environment that hides all configuration of the machine from git, and `.netrc` from curl."""
    return {"GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(folder), "GIT_NO_LAZY_FETCH": "1"}


def _basic(login: str) -> str:
    return base64.b64encode(login.encode()).decode("ascii")
