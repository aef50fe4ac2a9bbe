"""Folds the lines of one repository in the log of a CI service, so that the log is complete and still short."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bot.reports.styled_lines import Line

Fold = Callable[[int, str, Sequence[Line]], Iterator[Line]]
"""Yields a title and its lines in the syntax of a CI service.

The number distinguishes the folds of one log. All lines were made safe before by `console_line`: they have no control
characters and do not begin with a command.
"""


def render_unfolded(_number: int, title: str, lines: Sequence[Line]) -> Iterator[Line]:
    """Yield the title and the lines without a fold, for files and terminals."""
    yield title
    yield from lines
    yield ""


def render_bracket_fold(_number: int, title: str, lines: Sequence[Line]) -> Iterator[Line]:
    """Yield a fold of GitHub and Azure Pipelines.

    GitHub documents `::group::`, a command that its runner translates to the lines used here. The runner ignores the
    command if commands are stopped, as the action does, but these lines fold even then:
    https://github.com/actions/runner/blob/main/src/Runner.Worker/ActionCommandManager.cs. `%0A` in the title would end
    the line. For Azure Pipelines: https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands.
    """
    yield f"##[group]{title.replace('%', '%25')}"
    yield from lines
    yield "##[endgroup]"


def render_gitlab_fold(number: int, title: str, lines: Sequence[Line]) -> Iterator[Line]:
    """Yield a fold of GitLab: https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections.

    GitLab shows the time between the two timestamps. Both are 0, since all repositories of a run end at the same time.
    """
    section = f"basebump_{number}"
    yield f"\x1b[0Ksection_start:0:{section}[collapsed=true]\r\x1b[0K{title}"
    yield from lines
    yield f"\x1b[0Ksection_end:0:{section}\r\x1b[0K"
