"""Converts Renovate's patterns for names and paths to globs of basebump.

A pattern without an exact equivalent has two approximations. The *wide* globs match at least the same images, and are
used for restrictions. The *narrow* globs match at most the same images, and are used for permissions.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.core.globs import is_any_glob_match
from bot.core.references.relate.renovate.patterns import PatternMatcher, UnsupportedPatternError, expand_braces
from bot.model.config_types.texts import validate_image_glob
from bot.model.image_name import DOCKER_HUB
from bot.starter.translation import UntranslatableError, convert_image_name, convert_path_glob

_ALL = frozenset({"*", "**"})
_OFFICIAL = f"{DOCKER_HUB}/library/"
_LITERAL = re.compile(r"[\w./:@-]+")
_UNIT = re.compile(r"(?P<any>\.[*+]?)|\\(?P<escaped>[./:@_-])|(?P<plain>[\w/:@-])", re.ASCII)
"""Matches a part of a regular expression that can be expressed in a glob."""
_REPEATED = re.compile(r"[*+?{]")


@dataclass(frozen=True, slots=True)
class GlobRange:
    """The wide and the narrow globs for a list of patterns. An empty tuple of globs matches everything."""

    wide: tuple[str, ...] | None = ()
    """None if no image matches the patterns."""
    narrow: tuple[str, ...] | None = ()
    """None if it is unknown whether any image matches."""


def convert_names(patterns: Sequence[str] | None, matcher: PatternMatcher, images: Collection[str]) -> GlobRange:
    """Return the globs for the patterns of image names in a package rule.

    `images` are the canonical repositories of the known images. Those that certainly match belong to the narrow globs.
    """
    positive = [each for each in patterns or () if not each.startswith("!")]
    if patterns is None or (len(positive) == len(patterns) and _ALL.intersection(positive)):
        return GlobRange()
    known = tuple(each for each in sorted(images) if matcher.is_list_match(patterns, list_spellings(each)[-1]))
    wide: dict[str, None] = {}
    narrow: dict[str, None] = {}
    is_wide_unknown = not positive
    for pattern in positive:
        globs = None if pattern in _ALL else _widen_name(pattern)
        is_wide_unknown |= globs is None
        wide |= dict.fromkeys(globs or ())
        is_exact = globs is not None and _is_exact_name(pattern)
        narrow |= dict.fromkeys(globs or () if is_exact and len(positive) == len(patterns) else known)
    return GlobRange(() if is_wide_unknown else tuple(wide) or None, tuple(narrow) or None)


def list_spellings(repository: str) -> tuple[str, ...]:
    """Return the ways to write a canonical repository in a file, the most usual one last."""
    if repository.startswith(_OFFICIAL):
        name = repository.removeprefix(_OFFICIAL)
        return repository, f"{DOCKER_HUB}/{name}", f"library/{name}", name
    return (repository, repository.removeprefix(f"{DOCKER_HUB}/"))


def is_name_match(repository: str, patterns: Sequence[str], matcher: PatternMatcher) -> bool | None:
    """Return True if patterns certainly match a canonical repository; None if only some of its spellings match."""
    return matcher.match_all_spellings(patterns, list_spellings(repository))


def convert_conditions(patterns: Sequence[str] | None, matcher: PatternMatcher, values: Collection[str]) -> GlobRange:
    """Return the globs for the patterns of paths or branches in a package rule, which ignore case.

    `values` are the known paths or branches.
    """
    globs = convert_globs(patterns)
    if not patterns or not globs.wide:
        return globs
    wide = dict.fromkeys(re.sub("[A-Z]", "?", each) for each in globs.wide)
    known = [each for each in sorted(values) if matcher.is_list_match(patterns, each) is not False]
    wide |= dict.fromkeys(each for each in known if not is_any_glob_match(tuple(wide), each))
    return GlobRange(tuple(wide), globs.narrow)


def convert_globs(patterns: Sequence[str] | None) -> GlobRange:
    """Return the globs for the patterns of paths or branches."""
    if patterns is None:
        return GlobRange()
    wide: dict[str, None] = {}
    narrow: dict[str, None] = {}
    is_wide_unknown = all(each.startswith("!") for each in patterns)
    for pattern in (each for each in patterns if not each.startswith("!")):
        globs = () if pattern == "*" else _convert_path(pattern)
        is_wide_unknown |= not globs
        wide |= dict.fromkeys(globs or ())
        if globs is not None and all(map(_is_exact_path, globs)):
            narrow |= dict.fromkeys(globs or ("**",))
    has_negation = any(each.startswith("!") for each in patterns)
    return GlobRange(() if is_wide_unknown else tuple(wide), None if has_negation else tuple(narrow) or None)


def _convert_path(pattern: str) -> tuple[str, ...] | None:
    try:
        expanded = [pattern] if pattern.startswith("/") else expand_braces(pattern)
        return tuple(map(convert_path_glob, expanded)) if not pattern.startswith("/") else None
    except (UnsupportedPatternError, UntranslatableError):
        return None


def _is_exact_path(glob: str) -> bool:
    """Return True if a glob has the same meaning in Renovate: `**` is then a whole folder."""
    return all("**" not in part or part == "**" for part in glob.split("/")) and "?" not in glob


def _is_exact_name(pattern: str) -> bool:
    host, slash, _ = pattern.partition("/")
    is_host = bool(slash) and ("." in host or ":" in host) and "docker.io" not in host
    is_glob = is_host and _LITERAL.fullmatch(host) is not None and "{" not in pattern and _is_exact_path(pattern)
    return _LITERAL.fullmatch(pattern) is not None or is_glob


def _widen_name(pattern: str) -> tuple[str, ...] | None:
    """Return globs that match at least the repositories that a pattern matches; None if there are no such globs."""
    if pattern.startswith("/"):
        return _widen_expression(pattern)
    globs: dict[str, None] = {}
    try:
        for glob in expand_braces(pattern.lower()):
            if _LITERAL.fullmatch(glob):
                globs |= dict.fromkeys(_convert_literal(glob))
            else:
                globs |= dict.fromkeys(_add_hosts(convert_path_glob(glob)))
    except (UnsupportedPatternError, UntranslatableError):
        return None
    return tuple(globs)


def _convert_literal(name: str) -> tuple[str, ...]:
    try:
        return (convert_image_name(name),)
    except UntranslatableError:
        return ()  # a package of another ecosystem, such as `@types/node`


def _add_hosts(glob: str) -> tuple[str, ...]:
    """Return the globs for canonical repositories that a glob for names in files stands for."""
    host, slash, rest = glob.partition("/")
    if slash and _LITERAL.fullmatch(host) and ("." in host or ":" in host) and "docker.io" not in host:
        return tuple(filter(_can_match_image, (glob,)))
    if not slash and "**" not in glob:
        return (f"{_OFFICIAL}{glob}",)
    shortened = [glob, rest] if slash else [glob]
    globs = dict.fromkeys(f"{prefix}{each}" for each in shortened for prefix in ("", f"{DOCKER_HUB}/", _OFFICIAL))
    return tuple(filter(_can_match_image, globs))


def _can_match_image(glob: str) -> bool:
    try:
        return bool(validate_image_glob(glob))
    except ValueError:
        return False


def _widen_expression(pattern: str) -> tuple[str, ...] | None:
    """Return wide globs for a regular expression of literals, `.`, `.*` and `.+`, or for its literal beginning."""
    end = pattern.rfind("/")
    source = pattern[1:end]
    if end < 1 or pattern[end:] not in {"/", "/i"} or "|" in source:
        return None
    is_anchored, text = source.startswith("^"), source.removeprefix("^")
    glob, position = "", 0
    while unit := _UNIT.match(text, position):
        if _REPEATED.match(text, unit.end()):
            break
        glob += "**" if unit["any"] else unit["escaped"] or unit["plain"]
        position = unit.end()
    ending = "" if text[position:] == "$" else "**"
    glob = re.sub(r"\*{3,}", "**", f"{'' if is_anchored else '**'}{glob}{ending}".lower())
    if not glob.strip("*") or (not is_anchored and DOCKER_HUB in glob):
        return None
    return _add_hosts(glob) if is_anchored else (glob,)
