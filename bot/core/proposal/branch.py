"""The names of our branches: from what is followed alone, so that every run finds the branch of the run before."""

from __future__ import annotations

import hashlib
import re

from bot.model.reference import Line

MAX_SLUG = 40
"""Characters; enough to recognise an image by, and short in the lists of a forge. The hash makes a name unique."""
HASH_DIGITS = 8

_FOREIGN = re.compile(r"[^a-z0-9.-]")
_RUN = re.compile(r"([.-])\1+")


def line_key(line: Line, folder: str | None = None, base: str | None = None) -> str:
    """Return what a branch of one line stands for.

    `folder` is the one that it is split by, `base` the base branch where that is not the default branch.
    """
    return _key(f"line:{line}", folder, base)


def group_key(group: str, folder: str | None = None, base: str | None = None) -> str:
    """Return what a branch of a named group stands for; `folder` and `base` as in `line_key`."""
    return _key(f"group:{group}", folder, base)


def branch_name(prefix: str, source: Line | str, key: str) -> str:
    """Return `<prefix><slug>-<hash8>`, or `<prefix><hash8>` where nothing of `source` can stand in a slug.

    `source` is what people recognise the branch by: a line or the name of a group. The result is a valid name for git
    (https://git-scm.com/docs/git-check-ref-format) wherever `prefix` followed by a letter is.
    """
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:HASH_DIGITS]
    slug = _slug(source if isinstance(source, str) else f"{source.repository.rpartition('/')[2]}-{source.tag}")
    return f"{prefix}{slug}-{digest}" if slug else f"{prefix}{digest}"


def _key(followed: str, folder: str | None, base: str | None) -> str:
    parts = [followed]
    if folder is not None:
        parts.append(f"folder={folder}")
    if base is not None:
        parts.append(f"base={base}")
    return "\n".join(parts)


def _slug(text: str) -> str:
    plain = _RUN.sub(r"\1", _FOREIGN.sub("-", text.lower()))
    return plain[:MAX_SLUG].strip(".-")
