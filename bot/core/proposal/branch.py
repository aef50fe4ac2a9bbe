"""Branch names, which depend only on the tag or group, so that each run finds the branches of earlier runs."""

from __future__ import annotations

import hashlib
import re

from bot.model.reference import TagRef

MAX_SLUG = 40
"""Characters; enough to recognise an image, and short in branch lists. The hash makes the name unique."""
HASH_DIGITS = 8

_FOREIGN = re.compile(r"[^a-z0-9.-]")
_RUN = re.compile(r"([.-])\1+")


def line_key(line: TagRef, folder: str | None = None, base: str | None = None) -> str:
    """Return the key of a branch for one tag.

    `folder` is set if proposals are split by folder, `base` if the base branch is not the default branch.
    """
    return _key(f"line:{line}", folder, base)


def group_key(group: str, folder: str | None = None, base: str | None = None) -> str:
    """Return the key of a branch for a named group; `folder` and `base` as in `build_tag_key`."""
    return _key(f"group:{group}", folder, base)


def branch_name(prefix: str, source: TagRef | str, key: str) -> str:
    """Return `<prefix><slug>-<hash8>`, or `<prefix><hash8>` if `source` has no characters for a slug.

    `source` is a tag or the name of a group, by which users recognise the branch. The result is a valid branch name
    (https://git-scm.com/docs/git-check-ref-format) if `prefix` followed by a letter is valid.
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
