"""`basebump report`: one page of a run, or of the runs that shared a fleet, from their JSON documents."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli.outputs import page, show, writable
from bot.model.errors import UsageError
from bot.reports.run_facts import DocumentError, RunFacts, read_document

MAX_DOCUMENTS_BYTES = 1024 * 1024 * 1024
"""Of all documents together: two million places, and more than memory should be asked for."""


def _page_file(_context: click.Context, _option: click.Parameter, said: str | None) -> Path | None:
    return writable(said) if said is not None else None


@click.command()
@click.argument("documents", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="RUN.json…")
@click.option("--html", "page_file", metavar="FILE", callback=_page_file, help="Write to FILE, not to stdout.")
def command(documents: tuple[Path, ...], page_file: Path | None) -> None:
    """Make one HTML page of what `run` or `scan` wrote as JSON.

    Runs that shared a fleet (`--shard`) become one page. Of a repository that is in several documents the last one
    counts.
    """
    made = page(_runs(documents))
    if page_file is None:
        show(made)
    else:
        page_file.write_text(f"{made}\n", encoding="utf-8")


def _runs(documents: tuple[Path, ...]) -> list[RunFacts]:
    try:
        if sum(path.stat().st_size for path in documents) > MAX_DOCUMENTS_BYTES:
            raise UsageError(f"the documents are larger than {MAX_DOCUMENTS_BYTES} bytes together: name fewer")
        return [_run(path) for path in documents]
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from None


def _run(path: Path) -> RunFacts:
    """Read one document; a mark in front of its text, as PowerShell writes one, is no part of it."""
    try:
        return read_document(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        why = f"it is no text in UTF-8: {error.reason}"
    except DocumentError as error:
        why = str(error)
    raise UsageError(f"{path} cannot be used: {why}; name files that `run` or `scan` wrote with --format json")
