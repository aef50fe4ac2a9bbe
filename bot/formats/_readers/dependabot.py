"""Read a `dependabot.yml`, which configures the images that Dependabot updates.

The file itself names no image. See
https://docs.github.com/en/code-security/reference/supply-chain-security/dependabot-options-reference.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.formats._syntax.yaml.key_paths import KeyPath
from bot.formats._syntax.yaml.nodes import ALL_ITEMS, TooDeepError, YamlDocument, YamlNode, YamlScalar, read_documents
from bot.model.cross_file import DependabotConfig
from bot.model.source import SourceFile
from bot.model.updater import BotUpdateType, DependabotUpdate, IgnoredImages

_VERSION = "2"
_ECOSYSTEMS = frozenset({"docker", "docker-compose", "helm"})
"""The ecosystems with images. `terraform` reads modules, `devcontainers` reads features, and `github-actions` reads no
images."""
_UPDATE_TYPE_PREFIX = "version-update:semver-"
_UPDATE_TYPES = {
    f"{_UPDATE_TYPE_PREFIX}{move}": move for move in (BotUpdateType.MAJOR, BotUpdateType.MINOR, BotUpdateType.PATCH)
}


def read(file: SourceFile) -> Iterator[DependabotConfig]:
    """Yield a `DependabotConfig` with the image updates that the file configures.

    If the file cannot be read, the `DependabotConfig` contains the reason and no updates. Yield nothing if the file
    configures no image updates.
    """
    document = next(read_documents(file.content, lambda _: True), None)
    if not isinstance(document, YamlDocument):
        yield DependabotConfig(file.path, (), "cannot be read")
        return
    try:
        if _list_scalars(document, document.root, ("version",)) != [_VERSION]:
            yield DependabotConfig(file.path, (), f"does not have `version: {_VERSION}`")
            return
        updates = tuple(_list_updates(document))
    except TooDeepError:
        yield DependabotConfig(file.path, (), "is nested more deeply than basebump reads")
        return
    if updates:
        yield DependabotConfig(file.path, updates)


def _list_updates(document: YamlDocument) -> Iterator[DependabotUpdate]:
    for _, entry in document.walk(document.root, ("updates", ALL_ITEMS), ""):
        for ecosystem in _list_scalars(document, entry, ("package-ecosystem",)):
            if ecosystem in _ECOSYSTEMS and _list_scalars(document, entry, ("open-pull-requests-limit",)) != ["0"]:
                yield _read_update(document, entry, ecosystem)


def _read_update(document: YamlDocument, entry: YamlNode, ecosystem: str) -> DependabotUpdate:
    folders = _list_scalars(document, entry, ("directory",)) + _list_scalars(
        document, entry, ("directories", ALL_ITEMS)
    )
    branches = _list_scalars(document, entry, ("target-branch",))
    return DependabotUpdate(
        document.get_line_number(entry),
        ecosystem,
        tuple(_normalise_folder(each) for each in folders),
        branches[-1] if branches else None,
        _list_allowed(document, entry),
        tuple(_list_ignored(document, entry)),
    )


def _normalise_folder(folder: str) -> str:
    steps = [step for step in folder.split("/") if step not in ("", ".")]
    return "/".join(steps)


def _list_allowed(document: YamlDocument, entry: YamlNode) -> tuple[str, ...]:
    """Return the names of the images to which the key `allow` of an update entry restricts Dependabot.

    Return an empty tuple if Dependabot may update every image. The result is also empty if an entry of `allow` has no
    name.
    """
    entries = [node for _, node in document.walk(entry, ("allow", ALL_ITEMS), "")]
    names = [_list_scalars(document, each, ("dependency-name",)) for each in entries]
    return tuple(name for found in names for name in found) if all(names) else ()


def _list_ignored(document: YamlDocument, entry: YamlNode) -> Iterator[IgnoredImages]:
    for _, ignore_entry in document.walk(entry, ("ignore", ALL_ITEMS), ""):
        types = _list_scalars(document, ignore_entry, ("update-types", ALL_ITEMS)) + _list_scalars(
            document, ignore_entry, ("update-types",)
        )
        has_versions = bool(document.get_values(ignore_entry, "versions"))
        for name in _list_scalars(document, ignore_entry, ("dependency-name",)) or ["*"] * bool(types):
            if types:
                yield IgnoredImages(name, frozenset(_UPDATE_TYPES[each] for each in types if each in _UPDATE_TYPES))
            elif not has_versions:  # `versions` ignores only some updates
                yield IgnoredImages(name)


def _list_scalars(document: YamlDocument, node: YamlNode, key_path: KeyPath) -> list[str]:
    return [found.value for _, found in document.walk(node, key_path, "") if isinstance(found, YamlScalar)]
