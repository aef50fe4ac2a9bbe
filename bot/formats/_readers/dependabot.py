"""Read a `dependabot.yml`: which images Dependabot is configured to update. The file names no image itself.

https://docs.github.com/en/code-security/reference/supply-chain-security/dependabot-options-reference
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from bot.formats._syntax.yaml.nodes import EACH, Document, Node, Scalar, TooDeepError, read_documents
from bot.formats._syntax.yaml.ways import Path
from bot.model.remark import DependabotConfig
from bot.model.source import SourceFile
from bot.model.updater import BotUpdateType, DependabotUpdate, IgnoredImages

MAX_UPDATES = 1_000
"""Limit on updates of image ecosystems in one file; the largest that people write have some hundreds."""
MAX_ENTRIES = 200
"""Limit on the folders and on the ignored images of one update; people write some dozens."""
_VERSION = "2"
_ECOSYSTEMS = frozenset({"docker", "docker-compose", "helm"})
"""Ecosystems with images: `terraform` reads modules, `devcontainers` features, and `github-actions` no images."""
_SEMVER = "version-update:semver-"
_MOVES = {f"{_SEMVER}{move}": move for move in (BotUpdateType.MAJOR, BotUpdateType.MINOR, BotUpdateType.PATCH)}


def read(file: SourceFile) -> Iterator[DependabotConfig]:
    """Yield the file's updates of images, or why the file cannot be read; nothing if no update is about images."""
    document = next(read_documents(file.content, lambda _: True), None)
    if not isinstance(document, Document):
        yield DependabotConfig(file.path, (), "cannot be read")
        return
    try:
        if _scalars(document, document.root, ("version",)) != [_VERSION]:
            yield DependabotConfig(file.path, (), f"does not have `version: {_VERSION}`")
            return
        updates = tuple(islice(_updates(document), MAX_UPDATES))
    except TooDeepError:
        yield DependabotConfig(file.path, (), "is nested more deeply than basebump reads")
        return
    if updates:
        yield DependabotConfig(file.path, updates)


def _updates(document: Document) -> Iterator[DependabotUpdate]:
    for _, entry in document.walk(document.root, ("updates", EACH), ""):
        for ecosystem in _scalars(document, entry, ("package-ecosystem",)):
            if ecosystem in _ECOSYSTEMS and _scalars(document, entry, ("open-pull-requests-limit",)) != ["0"]:
                yield _update(document, entry, ecosystem)


def _update(document: Document, entry: Node, ecosystem: str) -> DependabotUpdate:
    folders = _scalars(document, entry, ("directory",)) + _scalars(document, entry, ("directories", EACH))
    branches = _scalars(document, entry, ("target-branch",))
    return DependabotUpdate(
        document.line_number(entry),
        ecosystem,
        tuple(_folder(each) for each in folders[:MAX_ENTRIES]),
        branches[-1] if branches else None,
        _allowed(document, entry),
        tuple(islice(_ignored(document, entry), MAX_ENTRIES)),
    )


def _folder(written: str) -> str:
    steps = [step for step in written.split("/") if step not in ("", ".")]
    return "/".join(steps)


def _allowed(document: Document, entry: Node) -> tuple[str, ...]:
    """Return the allowed names; empty if any `allow` entry has no name, since it may allow every image."""
    entries = [node for _, node in document.walk(entry, ("allow", EACH), "")]
    names = [_scalars(document, each, ("dependency-name",)) for each in entries]
    return tuple(name for found in names for name in found)[:MAX_ENTRIES] if all(names) else ()


def _ignored(document: Document, entry: Node) -> Iterator[IgnoredImages]:
    for _, ignored in document.walk(entry, ("ignore", EACH), ""):
        types = _scalars(document, ignored, ("update-types", EACH)) + _scalars(document, ignored, ("update-types",))
        has_versions = bool(document.values(ignored, "versions"))
        for name in _scalars(document, ignored, ("dependency-name",)) or ["*"] * bool(types):
            if types:
                yield IgnoredImages(name, frozenset(_MOVES[each] for each in types if each in _MOVES))
            elif not has_versions:  # with `versions`, only some updates are ignored, and which ones is unknown
                yield IgnoredImages(name)


def _scalars(document: Document, node: Node, path: Path) -> list[str]:
    return [found.value for _, found in document.walk(node, path, "") if isinstance(found, Scalar)]
