"""`basebump report`: creates an HTML page from the JSON output of one or several runs."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli.export_files import check_writable
from bot.cli.messages import write_note
from bot.cli.outputs import render_page, show
from bot.model.errors import UsageError
from bot.reports.run_facts import DocumentError, RunFacts, read_document

MAX_DOCUMENTS_BYTES = 1024 * 1024 * 1024
"""The maximum size of all documents together. They then have two million image references, and need much memory."""


def _parse_page_file(_context: click.Context, _option: click.Parameter, text: str | None) -> Path | None:
    return check_writable(text) if text is not None else None


@click.command()
@click.argument("documents", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="RUN.json…")
@click.option(
    "-o", "--html", "page_file", metavar="FILE", callback=_parse_page_file, help="Write to FILE instead of stdout."
)
def command(documents: tuple[Path, ...], page_file: Path | None) -> None:
    """Create an HTML page from the JSON output of `run` or `scan`.

    The files of several runs that shared a fleet (`--shard`) become one page. If several files contain the same
    repository, the last file counts.
    """
    html_text = render_page(_read_runs(documents))
    if page_file is None:
        show(html_text)
    else:
        page_file.write_text(f"{html_text}\n", encoding="utf-8")
        write_note(f"wrote the page to {page_file}")


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
