"""Branch names, which depend only on the tag or group, so that each run finds the branches of earlier runs."""

from __future__ import annotations

import hashlib
import re

from bot.model.reference import TagRef

MAX_SLUG_LENGTH = 40
"""Characters; enough to recognise an image, and short in branch lists. The hash makes the name unique."""
HASH_DIGITS = 8

_INVALID_CHARACTER = re.compile(r"[^a-z0-9.-]")
_REPEATED_SEPARATOR = re.compile(r"([.-])\1+")


def build_tag_key(tag_ref: TagRef, folder: str | None = None, base: str | None = None) -> str:
    """Return the key of a branch for one tag.

    `folder` is set if proposals are split by folder, `base` if the base branch is not the default branch.
    """
    return _build_key(f"line:{tag_ref}", folder, base)


def build_group_key(group: str, folder: str | None = None, base: str | None = None) -> str:
    """Return the key of a branch for a named group; `folder` and `base` as in `build_tag_key`."""
    return _build_key(f"group:{group}", folder, base)


def build_branch_name(prefix: str, source: TagRef | str, key: str) -> str:
    """Return `<prefix><slug>-<hash8>`, or `<prefix><hash8>` if `source` has no characters for a slug.

    `source` is a tag or the name of a group, by which users recognise the branch. The result is a valid branch name
    (https://git-scm.com/docs/git-check-ref-format) if `prefix` followed by a letter is valid.
    """
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:HASH_DIGITS]
    slug = _build_slug(source if isinstance(source, str) else f"{source.repository.rpartition('/')[2]}-{source.tag}")
    return f"{prefix}{slug}-{digest}" if slug else f"{prefix}{digest}"


def _build_key(subject: str, folder: str | None, base: str | None) -> str:
    parts = [subject]
    if folder is not None:
        parts.append(f"folder={folder}")
    if base is not None:
        parts.append(f"base={base}")
    return "\n".join(parts)


def _build_slug(text: str) -> str:
    plain = _REPEATED_SEPARATOR.sub(r"\1", _INVALID_CHARACTER.sub("-", text.lower()))
    return plain[:MAX_SLUG_LENGTH].strip(".-")
