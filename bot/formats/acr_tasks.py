"""ACR Tasks: the images in which the commands of a task run, and the Dockerfiles that the task builds.

A task file may have any name that ends in `.yaml` or `.yml`, so tasks are recognised by their content
(https://learn.microsoft.com/en-us/azure/container-registry/container-registry-tasks-reference-yaml).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from bot.formats._syntax.encoding import is_utf_16
from bot.formats._syntax.yaml.key_escapes import may_be_escaped
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason
from bot.ports import FileFormat

if TYPE_CHECKING:  # needed by annotations only; not imported at start-up
    from bot.model.build_task import StepBuild

_TASK_MARKS = (
    re.compile(rb"\$Registry"),  # variables that ACR sets for each run
    re.compile(rb"\{\{-?\s*\.Run\b"),
    re.compile(rb""":[ \t]+["']?(?:1\.0-preview-1|v1\.[01]\.0)["']?\s"""),  # the `version` of a task file
)
"""A task contains a match of at least one of these patterns. A single pattern for all would have no fixed prefix to
search for, and would take four times as long."""


class _AcrTasksFormat:
    name = "acr-tasks"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return paths.list_ending(".yaml", ".yml")

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if is_utf_16(file.content):
            is_task = _may_be_task(file.content.replace(b"\0", b""))
            return iter((UnsupportedText(file.path, 1, "", Reason.UNPARSABLE),) if is_task else ())
        if not _may_be_task(file.content):
            return iter(())
        from bot.formats._readers.acr_tasks import read

        return read(file)


def parse_task_builds(content: bytes) -> tuple[StepBuild, ...] | None:
    """Return the builds of a task file, or None if the file cannot be parsed completely.

    Call this only for a file that is a task, because this function does not check that.
    """
    from bot.formats._readers.acr_tasks import read_builds

    return read_builds(content)


def _may_be_task(content: bytes) -> bool:
    """Return False if `content` is certainly not a task, so that most YAML files need not be parsed."""
    has_keys = b"steps" in content and (b"cmd" in content or b"build" in content)
    return (has_keys or may_be_escaped(content)) and any(mark.search(content) for mark in _TASK_MARKS)


FORMAT: FileFormat = _AcrTasksFormat()
