"""Converts Dependabot's patterns for names and paths to globs of basebump.

Dependabot leaves out the registry of an image: the name of `ghcr.io/acme/web` is `acme/web`. In a name, `*` stands for
any text, and the case is ignored.
"""

from __future__ import annotations

from collections.abc import Collection

from bot.core.references.relate.dependabot import is_name_match
from bot.model.config_types.texts import validate_image_glob
from bot.model.image_name import DOCKER_HUB
from bot.starter.translation import UntranslatableError, convert_path_glob

ALL_NAMES = frozenset({"*", "**"})
_OFFICIAL = f"{DOCKER_HUB}/library/"
_PARENT = ".."


def convert_restricted_name(pattern: str) -> tuple[str, ...]:
    """Return globs that match at least the canonical repositories that a pattern for names matches.

    Raises:
        UntranslatableError: If no image can have such a name.
    """
    glob = pattern.lower().replace("*", "**")
    host, slash, _ = glob.partition("/")
    globs = [f"*/{glob}"] if slash else [f"{_OFFICIAL}{glob}", f"*/{glob}"]
    is_registry = ("." in host or ":" in host) and "*" not in host
    if slash and is_registry:  # the author did not know that Dependabot leaves registries out
        globs.append(glob)
    try:
        if any(map(str.isspace, glob)):
            raise ValueError  # noqa: TRY301 - the same answer as for other names that no image has
        return tuple(map(validate_image_glob, globs))
    except ValueError:
        raise UntranslatableError(f"`{pattern}` is not the name of an image") from None


def convert_permitted_name(pattern: str, images: Collection[str]) -> tuple[str, ...]:
    """Return globs that match at most the canonical repositories that a pattern for names matches.

    A pattern with `*` is replaced by the `images` that it matches. Raises UntranslatableError if it matches none.
    """
    name = pattern.lower()
    if "*" not in name and not name.startswith("library/"):
        return convert_restricted_name(pattern)[: 1 if "/" in name else 2]
    known = tuple(each for each in sorted(images) if is_name_match(_get_name(each), name))
    if not known:
        raise UntranslatableError(f"`{pattern}` matches no image in the folder")
    return known


def _get_name(repository: str) -> str:
    """Return the name that Dependabot gives to a canonical repository if it is written in the usual way."""
    return repository.removeprefix(_OFFICIAL) if repository.startswith(_OFFICIAL) else repository.partition("/")[2]


def convert_folder(folder: str) -> str:
    """Return the glob for the files in a folder, or in the folders that a glob matches.

    Raises UntranslatableError if basebump has no such glob.
    """
    steps = [step for step in folder.split("/") if step not in ("", ".")]
    if _PARENT in steps or any("**" in step and step != "**" for step in steps):
        raise UntranslatableError(f"basebump's globs cannot express `{folder}`")
    if steps[-2:] == ["**", "*"]:
        steps.pop()
    convert_path_glob(folder or "/")  # so that a message contains the folder as it is written
    return "/".join(steps if steps[-1:] == ["**"] else [*steps, "*"])


def convert_excluded_path(pattern: str) -> tuple[str, ...]:
    """Return globs that match at least the files that a pattern in `exclude-paths` matches in any folder.

    Raises UntranslatableError if basebump has no such globs.
    """
    steps = [step for step in pattern.split("/") if step not in ("", ".")]
    if _PARENT in steps or not steps:
        raise UntranslatableError(f"basebump's globs cannot express `{pattern}`")
    glob = convert_path_glob("/".join(steps)).replace("**", "*").replace("*", "**").removesuffix("/**")
    return (f"**/{glob}", f"**/{glob}/**")
