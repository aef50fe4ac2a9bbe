"""ACR Tasks: the images that a task's commands run in, and the Dockerfiles that it builds.

Any YAML file may be one (https://learn.microsoft.com/en-us/azure/container-registry/container-registry-tasks-reference-yaml),
so what is in it decides.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from bot.formats._syntax.encoding import is_utf_16
from bot.formats._syntax.yaml.keys import may_be_escaped
from bot.model.found import Found
from bot.model.source import FilePath, SourceFile, Unsupported
from bot.model.vocabulary import Reason
from bot.ports import FileFormat

if TYPE_CHECKING:  # a start pays only for what it uses
    from bot.model.task import StepBuild

_MARK = re.compile(
    rb""":[ \t]+["']?(?:1\.0-preview-1|v1\.[01]\.0)["']?\s"""  # a version of the language
    rb"""|\$Registry|\{\{-?\s*\.Run\b"""  # what a task is told of its run
)


class _AcrTasks:
    name = "acr-tasks"
    has_line_end_comments = True

    def selects(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        return [path for path in paths if path.endswith((".yaml", ".yml"))]

    def extract(self, file: SourceFile) -> Iterator[Found]:
        if is_utf_16(file.content):
            is_task = _may_be_task(file.content.replace(b"\0", b""))
            return iter((Unsupported(file.path, 1, "", Reason.UNDECODABLE),) if is_task else ())
        if not _may_be_task(file.content):
            return iter(())
        from bot.formats._readers.acr_tasks import read

        return read(file)


def builds_of(content: bytes) -> tuple[StepBuild, ...] | None:
    """Return what a task builds, of which somebody else says that it is one; None where it cannot be read."""
    from bot.formats._readers.acr_tasks import read_builds

    return read_builds(content)


def _may_be_task(content: bytes) -> bool:
    """Say whether these bytes may be a task; a no is certain."""
    has_keys = b"steps" in content and (b"cmd" in content or b"build" in content)
    return (has_keys or may_be_escaped(content)) and _MARK.search(content) is not None


FORMAT: FileFormat = _AcrTasks()
