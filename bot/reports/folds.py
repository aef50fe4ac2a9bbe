"""How the log of a CI service folds the lines of one repository, so that every skip is there and none is in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

Fold = Callable[[int, str, Sequence[str]], Iterator[str]]
"""Gives a title and its lines, as the service reads them; the number tells folds of one log apart. All lines have been
made safe before (`console_line`): they hold no control character, and begin with no command."""


def open_fold(_number: int, title: str, lines: Sequence[str]) -> Iterator[str]:
    """Fold nothing: for files and terminals."""
    yield title
    yield from lines
    yield ""


def bracket_fold(_number: int, title: str, lines: Sequence[str]) -> Iterator[str]:
    """Fold as GitHub and Azure Pipelines do: https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands.

    `::group::` is what GitHub documents. It is a command, of which its runner makes these very lines in the log, and
    where commands are stopped, as the action does, it makes nothing of it:
    https://github.com/actions/runner/blob/main/src/Runner.Worker/ActionCommandManager.cs. `%0A` would end a line there.
    """
    yield f"##[group]{title.replace('%', '%25')}"
    yield from lines
    yield "##[endgroup]"


def gitlab_fold(number: int, title: str, lines: Sequence[str]) -> Iterator[str]:
    """Fold as GitLab does: https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections.

    It shows the time between the two moments, which would say nothing here: a run ends for all at once.
    """
    section = f"basebump_{number}"
    yield f"\x1b[0Ksection_start:0:{section}[collapsed=true]\r\x1b[0K{title}"
    yield from lines
    yield f"\x1b[0Ksection_end:0:{section}\r\x1b[0K"
