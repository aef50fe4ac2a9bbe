"""`basebump report`: one page of a run, or of the runs that shared a fleet, from their JSON documents."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli.outputs import html, writable
from bot.model.errors import UsageError
from bot.reports.run_facts import DocumentError

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
    try:
        page = html(*_texts(documents))
    except DocumentError as error:
        raise UsageError(str(error)) from None
    if page_file is None:
        click.echo(page)
    else:
        page_file.write_text(f"{page}\n", encoding="utf-8")


def _texts(documents: tuple[Path, ...]) -> list[str]:
    try:
        if sum(path.stat().st_size for path in documents) > MAX_DOCUMENTS_BYTES:
            raise UsageError(f"the documents are larger than {MAX_DOCUMENTS_BYTES} bytes together: name fewer")
        return [path.read_text(encoding="utf-8") for path in documents]
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"one of the documents is no text: {error}") from None
