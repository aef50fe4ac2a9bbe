"""Collapses the lines of each repository in the log of a CI service, so that the log is complete but short."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bot.reports.styled_lines import Line

Fold = Callable[[int, str, Sequence[Line]], Iterator[Line]]
"""Yields a title and its lines as a collapsible section (a fold) in the syntax of a CI service.

The number distinguishes the folds of one log. The title and the lines were made safe by `make_console_line`: they have
no control characters, and do not begin with a command for the CI service.
"""


def render_unfolded(_number: int, title: str, lines: Sequence[Line]) -> Iterator[Line]:
    """Yield the title and the lines without a fold, as for files and terminals."""
    yield title
    yield from lines
    yield ""


def render_bracket_fold(_number: int, title: str, lines: Sequence[Line]) -> Iterator[Line]:
    """Yield a fold for GitHub Actions and Azure Pipelines.

    GitHub documents the command `::group::`, which its runner translates to the lines used here. The runner ignores
    that command while commands are stopped, and basebump's action stops them. These lines create a fold even then:
    https://github.com/actions/runner/blob/main/src/Runner.Worker/ActionCommandManager.cs. `%` is escaped because `%0A`
    in the title would end the line. Azure Pipelines documents these lines:
    https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands.
    """
    yield f"##[group]{title.replace('%', '%25')}"
    yield from lines
    yield "##[endgroup]"


def render_gitlab_fold(number: int, title: str, lines: Sequence[Line]) -> Iterator[Line]:
    """Yield a fold for GitLab: https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections.

    GitLab shows the time between the two timestamps. Both are 0, because the lines of all repositories are printed at
    the end of the run.
    """
    section = f"basebump_{number}"
    yield f"\x1b[0Ksection_start:0:{section}[collapsed=true]\r\x1b[0K{title}"
    yield from lines
    yield f"\x1b[0Ksection_end:0:{section}\r\x1b[0K"
