"""Parser of build contexts that are URLs of git repositories: `https://github.com/acme/web.git#main:folder`.

https://docs.docker.com/build/concepts/context/#git-repositories, and scan/git.go in
https://github.com/Azure/acr-builder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from posixpath import normpath
from urllib.parse import unquote

from bot.model.source import FilePath

MAX_CONTEXT_LENGTH = 4096
"""The maximum number of characters of a build context. A longer text is not treated as a URL."""

_URL = re.compile(
    r"(?:(?P<scheme>https?|git|ssh)://)?(?:[^@/\s]*@)?(?P<host>[a-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?/(?P<path>[^\s?]+)",
    re.ASCII | re.IGNORECASE,
)
_SCP = re.compile(r"[a-z0-9._-]+@(?P<host>[a-z0-9.-]+):(?P<path>[^\s?]+)", re.ASCII | re.IGNORECASE)
_DEFAULT_PORTS = {None: ("443", "80"), "https": ("443",), "http": ("80",)}
"""Ports that are omitted from the host, by scheme."""


@dataclass(frozen=True, slots=True)
class GitContext:
    """The folder in a git repository that a build context names, on a branch, tag or commit."""

    host: str
    """`host[:port]`. The port is omitted if it is a default port, or if the scheme is neither HTTP nor HTTPS."""
    repository: str
    """The path on the host, without `.git`."""
    reference: str | None
    """A branch, tag or commit of the repository. None means the default branch."""
    folder: FilePath

    def get_folder_in(self, host: str, repository: str, branch: str) -> FilePath | None:
        """Return the folder if the build context is in the given repository and on its default branch; otherwise None.

        `host` and `repository` identify the repository, and `branch` is its default branch. Hosts and names of
        repositories are compared without regard to upper and lower case, as forges do.
        """
        is_same_repository = (self.host, self.repository) == (host.lower(), repository.lower())
        return self.folder if is_same_repository and self.reference in {None, branch} else None


def parse_context(text: str) -> GitContext | None:
    """Parse a build context that is the URL of a git repository, such as `https://github.com/acme/web.git#main:folder`.

    Return None if the text is not such a URL, is too long, or names a folder outside of the repository.
    """
    if len(text) > MAX_CONTEXT_LENGTH:
        return None
    remote, _, fragment = text.strip().partition("#")
    match = _URL.fullmatch(remote) or _SCP.fullmatch(remote)
    if match is None:
        return None
    groups = match.groupdict()
    host, port, scheme = groups["host"].lower().removeprefix("www."), groups.get("port"), groups.get("scheme")
    default_ports = _DEFAULT_PORTS.get(scheme.lower() if scheme else None)
    if port and default_ports is not None and port not in default_ports:
        host = f"{host}:{port}"
    reference, _, folder = unquote(fragment).partition(":")
    normalised_folder = normpath(folder.strip("/") or ".")
    if normalised_folder == ".." or normalised_folder.startswith("../"):
        return None
    return GitContext(
        host=host,
        repository=unquote(groups["path"]).strip("/").removesuffix(".git").lower(),
        reference=reference.removeprefix("refs/heads/") or None,
        folder=FilePath("" if normalised_folder == "." else normalised_folder),
    )
