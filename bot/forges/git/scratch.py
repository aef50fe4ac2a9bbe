"""Temporary bare repositories, in which git uses no configuration of this machine or of other repositories."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bot.core.references.git_blobs import SHA256_OID_LENGTH
from bot.forges.git.command import GitRunner


@contextmanager
def open_scratch_repository(source: GitRunner, commit: str) -> Iterator[GitRunner]:
    """Yield a git runner in a temporary repository that has access to all objects of the repository `source`.

    The temporary repository has neither the config nor the attributes of `source`, so git starts no merge driver, no
    filter and no other program that `source` names. Built-in merge drivers such as `union` follow the attributes in
    `commit`. New objects are written to the temporary repository, which is deleted at the end of the `with` block.

    Raises ProcessError if git fails.
    """
    with tempfile.TemporaryDirectory(prefix="basebump-") as folder:
        objects, shallow = (
            source.directory / path
            for path in (source.read_line("rev-parse", "--git-path", name) for name in ("objects", "shallow"))
        )
        environment = {
            **source.base_environment,
            **build_isolation(Path(folder)),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quote_path(objects),
            "GIT_ATTR_SOURCE": commit,
        }
        scratch = replace(source, directory=Path(folder) / "scratch.git", base_environment=environment)
        create_bare_repository(scratch, commit)
        if shallow.exists():  # the file lists the commits whose parents are missing
            shutil.copyfile(shallow, scratch.directory / "shallow")
        yield scratch


def create_bare_repository(git: GitRunner, commit: str) -> None:
    """Create a bare repository without hooks in the folder of `git`, with the hash function of `commit`.

    Raises ProcessError if git fails.
    """
    object_format = "sha256" if len(commit) == SHA256_OID_LENGTH else "sha1"
    git.directory.mkdir()
    git.read_output("init", "--quiet", "--bare", "--template=", f"--object-format={object_format}")


def build_isolation(folder: Path) -> dict[str, str]:
    """Return environment variables that hide the machine's configuration from git, and `.netrc` from curl."""
    return {"GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(folder), "GIT_NO_LAZY_FETCH": "1"}


def _quote_path(path: Path) -> str:
    """Return a path as one element of GIT_ALTERNATE_OBJECT_DIRECTORIES.

    https://git-scm.com/docs/git#Documentation/git.txt-codeGITALTERNATEOBJECTDIRECTORIEScode
    """
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
