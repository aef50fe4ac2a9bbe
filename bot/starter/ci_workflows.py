"""Finds the workflows of GitHub Actions that basebump can start to check a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES
from bot.formats._syntax.yaml.nodes import TooDeepError, YamlDocument, YamlMapping, YamlNode, YamlScalar, read_documents
from bot.model.config_types.names import WORKFLOW_NAME
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry
from bot.model.source import FilePath
from bot.ports import FileTree

_PATH = re.compile(rf"\.github/workflows/({WORKFLOW_NAME})")
MAX_WORKFLOWS = 200
"""Limit on the workflows that are read. Repositories have dozens."""
_PULL_REQUEST, _DISPATCH = "pull_request", "workflow_dispatch"


def list_ci_workflows(tree: FileTree, entries: Mapping[FilePath, TreeEntry]) -> list[str]:
    """Return the file names of the workflows that run for pull requests, and that can also be started by hand.

    Workflows that cannot be started without inputs are left out, and so are files that cannot be read.
    """
    names = {path: match[1] for path in sorted(entries) if (match := _PATH.fullmatch(path))}
    paths = list(names)[:MAX_WORKFLOWS]
    contents = tree.read([entries[path] for path in paths]) if paths else ()
    return [
        names[path]
        for path, content in zip(paths, contents, strict=True)
        if not isinstance(content, TreeError) and _is_ci_workflow(content)
    ]


def _is_ci_workflow(content: bytes) -> bool:
    document = next(read_documents(content, lambda _: True), None)
    if not isinstance(document, YamlDocument):
        return False
    try:
        triggers = dict(_list_triggers(document))
        return {_PULL_REQUEST, _DISPATCH} <= triggers.keys() and not _has_required_input(document, triggers[_DISPATCH])
    except TooDeepError:
        return False


def _list_triggers(document: YamlDocument) -> Iterator[tuple[str, YamlNode]]:
    for node in document.get_values(document.root, "on"):
        if isinstance(node, YamlMapping):
            yield from document.get_entries(node).items()
        else:
            children = [child for _, child in document.walk(node, (ALL_ITEMS,), "")]
            yield from ((each.value, each) for each in (node, *children) if isinstance(each, YamlScalar))


def _has_required_input(document: YamlDocument, trigger: YamlNode) -> bool:
    return any(
        any(isinstance(each, YamlScalar) and each.value == "true" for each in document.get_values(setting, "required"))
        and not document.get_values(setting, "default")
        for _, setting in document.walk(trigger, ("inputs", ALL_VALUES), "")
    )
