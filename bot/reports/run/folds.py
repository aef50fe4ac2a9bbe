"""Renders the lines of each repository as a collapsible section (a fold) in the log of a CI service.

The log is therefore complete, but short while the sections are collapsed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bot.reports.parts.styled_lines import Line

Fold = Callable[[int, str, Sequence[Line]], Iterator[Line]]
"""Yields a title and its lines as a collapsible section (a fold) in the syntax of a CI service.

The number distinguishes the folds of one log. `make_console_line` has already removed control characters and commands
for the CI service from the title and the lines.
"""


def render_unfolded(_number: int, title: str, lines: Sequence[Line]) -> Iterator[Line]:
    """Yield the title and the lines without a collapsible section, for files, terminals and unknown CI services."""
    yield title
    yield from lines
    yield ""


def render_bracket_fold(_number: int, title: str, lines: Sequence[Line]) -> Iterator[Line]:
    """Yield a collapsible section for GitHub Actions and Azure Pipelines, between `##[group]` and `##[endgroup]`.

    Azure Pipelines documents these lines: https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands.

    GitHub documents only the command `::group::`, which its runner translates to `##[group]`. `::group::` would have no
    effect here, because basebump's action disables commands in its output (`::stop-commands::`). A line with
    `##[group]` starts a section even then:
    https://github.com/actions/runner/blob/main/src/Runner.Worker/ActionCommandManager.cs.

    `%` in the title is escaped, because `%0A` would end the line.
    """
    yield f"##[group]{title.replace('%', '%25')}"
    yield from lines
    yield "##[endgroup]"


def render_gitlab_fold(number: int, title: str, lines: Sequence[Line]) -> Iterator[Line]:
    """Yield a collapsible section for GitLab: https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections.

    `number` makes the name of the section unique. GitLab shows a duration next to a section, which it computes from the
    timestamps of the start and the end. Both timestamps are 0, because all sections are printed at the end of the run,
    so a duration would mean nothing.
    """
    section = f"basebump_{number}"
    yield f"\x1b[0Ksection_start:0:{section}[collapsed=true]\r\x1b[0K{title}"
    yield from lines
    yield f"\x1b[0Ksection_end:0:{section}\r\x1b[0K"
