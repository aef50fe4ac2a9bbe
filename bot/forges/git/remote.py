"""Access to a server with git over HTTP, to read the default branch and some files of one commit.

git uses no configuration of the machine and follows no redirects. git gets the login from environment variables, so
that the login is neither in the list of processes nor in a file.
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

from bot.forges.git.command import GitIdentity, GitRunner
from bot.forges.git.commit import list_regular_files
from bot.forges.git.scratch import build_isolation, create_bare_repository
from bot.forges.git.tree import LocalTree
from bot.forges.hosted.files import TreeListing
from bot.forges.hosted.refusal import RefusedError
from bot.model.errors import HINT_SEPARATOR, ProcessError, TreeError
from bot.model.forge import TreeEntry
from bot.net import PROXY_ADVICE, HostPace, HttpError, sanitize_text
from bot.process import ProcessResult

TIMEOUT = 300.0
"""Seconds after which a fetch fails. The folders of a large repository, without the files, take about ten megabytes."""
MAX_SILENCE_SECONDS = 30
"""Seconds without data after which git cancels a fetch."""

_UNUSED_IDENTITY = GitIdentity("basebump", "basebump@localhost")
_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_HEAD = re.compile(r"^ref: refs/heads/(?P<branch>\S+)\tHEAD\n(?P<commit>[0-9a-f]+)\tHEAD$", re.MULTILINE)
_NO_CONNECTION = re.compile(r"unable to access '[^']*': (?!The requested URL returned error)")
"""Matches git's message if the server sent no response. The message for a response with an error status is
different."""
_SIZES = "%(objectname) %(objectsize)"
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none")
_SCHEMES = ("https", "http")
_PROXIES = ("https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY")
"""The environment variables for proxies that `bot.net` reads. curl, which git uses, reads the same variables."""


@dataclass(frozen=True, slots=True)
class PartialClone:
    """A temporary repository with one commit and its folders, but without the contents of its files.

    The exceptions are files that `fetch_files` fetched from the server.
    """

    remote_git: GitRunner = field(repr=False)
    """Runs git with network access to the server."""
    local_git: GitRunner
    """Runs git without network access, so that git does not fetch missing objects."""
    origin: GitOrigin
    commit: str

    def list_files(self) -> TreeListing:
        """Return the regular files of the commit. Raises RefusedError if git fails."""
        try:
            return TreeListing(list_regular_files(self.local_git, self.commit, with_sizes=False), is_complete=True)
        except ProcessError as error:
            raise self.origin.build_refusal(str(error)) from error

    def fetch_files(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Fetch files in one request, and return an iterator of their contents, in the order of `entries`.

        If a single file cannot be read, the iterator yields a TreeError instead of its content.

        Raises:
            RefusedError: If no file can be fetched. The call itself raises it, not the iterator.
        """
        oids = sorted({each.oid for each in entries if each.oid and _OBJECT.fullmatch(each.oid)})
        object_list = "".join(f"{oid}\n" for oid in oids).encode("ascii")
        self.origin.run(
            self.remote_git, "-c", "fetch.negotiationAlgorithm=noop", *_FETCH, "--stdin", "origin", stdin=object_list
        )
        try:
            size_output = self.local_git.read_output("cat-file", f"--batch-check={_SIZES}", stdin=object_list)
        except ProcessError as error:
            raise self.origin.build_refusal(str(error)) from error
        size_texts = dict(line.split() for line in size_output.decode("ascii").splitlines())
        sizes = {
            oid: int(size) for oid, size in size_texts.items() if size.isdigit()
        }  # the size is `missing` if the server did not send the file
        sized_entries = [replace(each, size=sizes[each.oid]) if each.oid in sizes else each for each in entries]
        return LocalTree(self.local_git, self.commit).read(sized_entries)


@dataclass(frozen=True, slots=True)
class GitOrigin:
    """A repository on a server, and the login with which git clones it."""

    url: str
    """The clone URL, without a login."""
    login: str | None = field(default=None, repr=False)
    """`user:password`; None to clone without a login."""
    ca: Path | None = None
    """A file with certificates to trust instead of the default ones."""
    pace: HostPace | None = field(default=None, repr=False)
    """Limits the total time that slow exchanges with the server and with its API take in a run."""

    def read_default_branch(self) -> tuple[str, str] | None:
        """Return name and commit of the default branch; None if the repository has no commits."""
        with self._create_scratch_folder() as folder:
            output = self.run(self._build_remote_git(folder), "ls-remote", "--symref", "--", self.url, "HEAD")
        match = _HEAD.search(output.decode("utf-8", "replace"))
        return (match["branch"], match["commit"]) if match else None

    @contextmanager
    def clone(self, commit: str) -> Iterator[PartialClone]:
        """Fetch one commit into a temporary repository, with its folders but without file contents.

        The temporary repository is deleted at the end of the `with` block. Raises RefusedError if git fails.
        """
        with self.open_empty_repository(commit) as remote_git:
            local_git = GitRunner(remote_git.directory, _UNUSED_IDENTITY, build_isolation(remote_git.directory.parent))
            self.run(remote_git, *_FETCH, "--depth=1", "origin", commit)
            yield PartialClone(remote_git, local_git, self, commit)

    @contextmanager
    def open_empty_repository(self, commit: str) -> Iterator[GitRunner]:
        """Yield a git runner with network access, in a temporary repository with the hash function of `commit`.

        The repository is deleted at the end of the `with` block. Raises RefusedError if `commit` is not an object id.
        """
        if not _OBJECT.fullmatch(commit):
            raise self.build_refusal(f"{commit!r} is not a commit")
        with self._create_scratch_folder() as folder:
            remote_git = self._build_remote_git(folder / "repository.git")
            try:
                create_bare_repository(remote_git, commit)
            except ProcessError as error:
                raise self.build_refusal(str(error)) from error
            yield remote_git

    def run(self, git: GitRunner, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run git, and return its output. Raises RefusedError if git fails."""
        try:
            completed = self.contact(git, *arguments, stdin=stdin)
        except ProcessError as error:
            raise self.build_refusal(str(error)) from error
        if completed.status:
            raise self.build_refusal(completed.error_text or "git failed without an error message")
        return completed.output

    def contact(self, git: GitRunner, *arguments: str, stdin: bytes = b"") -> ProcessResult:
        """Run a git command that contacts the server, and return the result even if git fails.

        Raises ProcessError if git cannot be started or takes too long, or if slow exchanges with the server have taken
        too much time.
        """
        if self.pace is None:
            return git.run(*arguments, stdin=stdin)
        try:
            with self.pace.wait_for_turn() as turn:
                size = _measure_folder(git.directory)
                try:
                    return git.run(*arguments, stdin=stdin)
                finally:
                    turn.received_bytes = _measure_folder(git.directory) - size
        except HttpError as error:
            raise ProcessError(str(error)) from error

    def build_refusal(self, reason: str) -> RefusedError:
        """Return the error for a git command that failed because of `reason`.

        If `reason` contains the login, the login is removed. If git could not connect to the server, the error has a
        hint.
        """
        message = f"git could not read '{self.url}': {self.hide_login(reason)}"
        if _NO_CONNECTION.search(reason):
            message += f"{HINT_SEPARATOR}check the network and the URL, and {PROXY_ADVICE}"
        return RefusedError(message, status=None)

    def hide_login(self, text: str) -> str:
        """Return git's text as one line in which the login is masked."""
        secrets = [self.login, self.login.partition(":")[2], _encode_basic_auth(self.login)] if self.login else []
        return sanitize_text(text, secrets)

    @contextmanager
    def _create_scratch_folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="basebump-git-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def _build_remote_git(self, folder: Path) -> GitRunner:
        """Return a git runner with network access that sends the login only to this server."""
        certificates = str(self.ca) if self.ca is not None else os.environ.get("SSL_CERT_FILE")
        git_settings = [
            ("http.followRedirects", "false"),
            ("http.lowSpeedLimit", "1"),
            ("http.lowSpeedTime", str(MAX_SILENCE_SECONDS)),
            ("credential.helper", ""),
            ("gc.auto", "0"),
            ("maintenance.auto", "false"),
            ("remote.origin.url", self.url),
        ]
        if self.login is not None:
            git_settings.append(
                (f"http.{self.url}.extraHeader", f"Authorization: Basic {_encode_basic_auth(self.login)}")
            )
        scheme = urlsplit(self.url).scheme
        environment = build_isolation(folder) | {
            "GIT_ALLOW_PROTOCOL": scheme if scheme in _SCHEMES else "",
            "GIT_ASKPASS": "",
        }
        environment |= {name: os.environ[name] for name in _PROXIES if name in os.environ}
        environment |= {"GIT_SSL_CAINFO": certificates} if certificates else {}
        environment["GIT_CONFIG_COUNT"] = str(len(git_settings))
        for index, (key, value) in enumerate(git_settings):
            environment |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
        return GitRunner(folder, _UNUSED_IDENTITY, environment, TIMEOUT)


def _measure_folder(folder: Path) -> int:
    """Return the size of all files below a folder in bytes."""
    return sum(each.lstat().st_size for each in folder.rglob("*") if not each.is_dir())


def _encode_basic_auth(login: str) -> str:
    return base64.b64encode(login.encode()).decode("ascii")
