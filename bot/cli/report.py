"""`basebump report`: creates an HTML page from the JSON output of runs, or shows how long fixes waited."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click

from bot.cli import options
from bot.cli.export_files import check_writable
from bot.cli.messages import write_message, write_note
from bot.cli.outputs import render_page, show
from bot.cli.patch_report import FORMATS, load_patch_report, render_patch_report
from bot.core.markdown import make_console_line
from bot.core.notes import MAX_NOTE_LENGTH
from bot.model.config_types.times import parse_age
from bot.model.errors import UsageError
from bot.model.vocabulary import ExitCode
from bot.reports.page.run_facts import DocumentError, RunFacts, merge_runs, read_document
from bot.wiring.inventory import open_fleet

MAX_DOCUMENTS_BYTES = 1024 * 1024 * 1024
"""The maximum size of all documents together. This size corresponds to two million image references, which need much
memory.
"""

_PAGE_SUFFIXES = (".html", ".htm")

MAX_NAMED = 20
"""The maximum number of overdue proposals that `--fail-overdue` names. The page lists more proposals."""


def _parse_page_file(_context: click.Context, _option: click.Parameter, text: str | None) -> Path | None:
    return check_writable(text) if text is not None else None


def _parse_period(_context: click.Context, _option: click.Parameter, text: str | None) -> timedelta | None:
    try:
        return parse_age(text) if text is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("documents", type=click.Path(path_type=Path), nargs=-1, metavar="[RUN.json…]")
@click.option(
    "-o", "--html", "page_file", metavar="FILE", callback=_parse_page_file, help="Write to FILE instead of stdout."
)
@click.option("--fail-overdue", "fails_if_overdue", is_flag=True, help="End with exit code 4 if proposals are overdue.")
@click.option(
    "--since",
    "period",
    metavar="DURATION",
    callback=_parse_period,
    help="Show how long fixes waited: fixes merged in the last DURATION, such as `90d`, and fixes that still wait.",
)
@options.optional_config_option
@click.option(
    "--format",
    "output_format",
    type=click.Choice(FORMATS),
    help="The format of the result of --since without files.  [default: html for a FILE with this ending, else text]",
)
def command(
    documents: tuple[Path, ...],
    page_file: Path | None,
    period: timedelta | None,
    config_file: Path | None,
    output_format: str | None,
    *,
    fails_if_overdue: bool,
) -> int:
    """Create an HTML page from the JSON output of `run` or `scan`, or show how long fixes waited.

    The files of several runs that shared a fleet (`--shard`) become one page. If several files contain the same
    repository, the last file counts.

    With --fail-overdue, the exit code is 4 if the due date of a proposal had passed at the time of its run.

    With --since and without files, the result is the time from the first sighting of a fix to its merge. If the
    publication of a fix is known, the time from its publication to its merge is shown, too. The times are grouped by
    severity, team, repository and month, and come from the state of the config alone. With --since and files, the page
    also shows the fixes of the fleet and of each team over this time.
    """
    if not documents and fails_if_overdue:
        raise click.UsageError(
            "--fail-overdue reads the results of runs: name files that `run` wrote with --format json"
        )
    if not documents and period is None:
        raise click.UsageError("name files that `run` or `scan` wrote with --format json, or a period with --since")
    if not documents and period is not None:
        config_file, is_for_file = options.require_config(config_file), page_file is not None
        default_format = "html" if page_file is not None and page_file.suffix in _PAGE_SUFFIXES else "text"
        text = render_patch_report(config_file, period, output_format or default_format, is_for_file=is_for_file)
        _write_result(text, page_file)
        return ExitCode.DONE
    if output_format is not None:
        raise click.UsageError("--format is only for --since without files, because files become an HTML page")
    known = load_patch_report(open_fleet(options.require_config(config_file)), period) if period is not None else None
    runs = _read_runs(documents)
    page = render_page(runs, known.trends, known.stages, known.exposure) if known is not None else render_page(runs)
    _write_result(page, page_file)
    return _report_overdue(runs) if fails_if_overdue else ExitCode.DONE


def _write_result(text: str, file: Path | None) -> None:
    if file is None:
        show(text)
    else:
        file.write_text(f"{text}\n", encoding="utf-8")
        write_note(f"wrote the result to {file}")


def _report_overdue(runs: Sequence[RunFacts]) -> ExitCode:
    """Write a message for each overdue proposal, and return the exit code."""
    overdue = [
        (tree, proposal)
        for tree in merge_runs(runs).repositories
        for proposal in tree.proposals
        if proposal.is_overdue and proposal.due_at is not None
    ]
    overdue.sort(key=lambda each: (each[1].due_at, each[0].name, each[1].branch))
    for tree, proposal in overdue[:MAX_NAMED]:
        words = f"{tree.name}: {proposal.title} ({proposal.url or proposal.branch})"
        write_message(f"overdue since {proposal.due_at:%Y-%m-%d}: {make_console_line(words, MAX_NOTE_LENGTH)}")
    if len(overdue) > MAX_NAMED:
        write_message(f"{len(overdue) - MAX_NAMED} more proposals are overdue; the page lists them")
    return ExitCode.FOUND if overdue else ExitCode.DONE


def _read_runs(documents: tuple[Path, ...]) -> list[RunFacts]:
    try:
        if sum(path.stat().st_size for path in documents) > MAX_DOCUMENTS_BYTES:
            raise UsageError(
                f"the documents together have more than {MAX_DOCUMENTS_BYTES} bytes; hint: name fewer documents"
            )
        return [_read_run(path) for path in documents]
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from None


def _read_run(path: Path) -> RunFacts:
    """Read a document that `run` or `scan` wrote with `--format json`. Raises UsageError for any other file.

    A byte order mark at the beginning is skipped, because PowerShell's redirection writes such a mark.
    """
    try:
        return read_document(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        reason = f"it is not UTF-8 text: {error.reason}"
    except DocumentError as error:
        reason = str(error)
    raise UsageError(f"{path} cannot be used: {reason}; hint: name files that `run` or `scan` wrote with --format json")
