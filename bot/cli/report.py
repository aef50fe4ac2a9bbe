"""`basebump report`: creates an HTML page from the JSON output of one or several runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from bot.cli.export_files import check_writable
from bot.cli.messages import write_message, write_note
from bot.cli.outputs import render_page, show
from bot.core.markdown import make_console_line
from bot.core.notes import MAX_NOTE_LENGTH
from bot.model.errors import UsageError
from bot.model.vocabulary import ExitCode
from bot.reports.run_facts import DocumentError, RunFacts, merge_runs, read_document

MAX_DOCUMENTS_BYTES = 1024 * 1024 * 1024
"""The maximum size of all documents together. They then have two million image references, and need much memory."""

MAX_NAMED = 20
"""The maximum number of overdue proposals that `--fail-overdue` names. The page lists more of them."""


def _parse_page_file(_context: click.Context, _option: click.Parameter, text: str | None) -> Path | None:
    return check_writable(text) if text is not None else None


@click.command()
@click.argument("documents", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="RUN.json…")
@click.option(
    "-o", "--html", "page_file", metavar="FILE", callback=_parse_page_file, help="Write to FILE instead of stdout."
)
@click.option("--fail-overdue", "fails_if_overdue", is_flag=True, help="End with exit code 4 if proposals are overdue.")
def command(documents: tuple[Path, ...], page_file: Path | None, *, fails_if_overdue: bool) -> int:
    """Create an HTML page from the JSON output of `run` or `scan`.

    The files of several runs that shared a fleet (`--shard`) become one page. If several files contain the same
    repository, the last file counts.

    With --fail-overdue, the exit code is 4 if the due date of a proposal had passed at the time of its run.
    """
    runs = _read_runs(documents)
    html_text = render_page(runs)
    if page_file is None:
        show(html_text)
    else:
        page_file.write_text(f"{html_text}\n", encoding="utf-8")
        write_note(f"wrote the page to {page_file}")
    return _report_overdue(runs) if fails_if_overdue else ExitCode.DONE


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
    """Read a document that `run` or `scan` wrote with `--format json`. Raises UsageError if it is anything else.

    A byte order mark at its beginning is skipped, because PowerShell's redirection writes one.
    """
    try:
        return read_document(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        reason = f"it is not UTF-8 text: {error.reason}"
    except DocumentError as error:
        reason = str(error)
    raise UsageError(f"{path} cannot be used: {reason}; hint: name files that `run` or `scan` wrote with --format json")
