"""How a `dependabot.yml` is read: which images it tells Dependabot to move. It names no image itself.

https://docs.github.com/en/code-security/reference/supply-chain-security/dependabot-options-reference
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from bot.formats._syntax.yaml.nodes import EACH, Document, Node, Scalar, TooDeepError, read_documents
from bot.formats._syntax.yaml.ways import Path
from bot.model.remark import DependabotConfig
from bot.model.source import SourceFile
from bot.model.updater import DependabotUpdate, IgnoredImages, Move

MAX_UPDATES = 1_000
"""That are about images; the largest that people write have some hundreds."""
MAX_ENTRIES = 200
"""Folders of one of them, and images that it ignores: people write some dozens."""
_VERSION = "2"
_ECOSYSTEMS = frozenset({"docker", "docker-compose", "helm"})
"""Those that read images. `terraform` reads modules, `devcontainers` features, and `github-actions` no images."""
_SEMVER = "version-update:semver-"
_MOVES = {f"{_SEMVER}{move}": move for move in (Move.MAJOR, Move.MINOR, Move.PATCH)}


def read(file: SourceFile) -> Iterator[DependabotConfig]:
    """Yield what a file tells Dependabot, if that is about images or cannot be read."""
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
        yield DependabotConfig(file.path, (), "is deeper than basebump follows")
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
    """Return the names that are allowed, none for all: what else allows something may allow every image."""
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
            elif not has_versions:  # which versions come is not known, so some may be wanted
                yield IgnoredImages(name)


def _scalars(document: Document, node: Node, path: Path) -> list[str]:
    return [found.value for _, found in document.walk(node, path, "") if isinstance(found, Scalar)]
