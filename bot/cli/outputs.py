"""Write the result of a command to stdout, and to the files that `--export` names."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.export_files import check_writable, is_replaceable, replace_file
from bot.cli.messages import write_message, write_note
from bot.cli.presentation import get_output_path
from bot.model.report import RunReport

if TYPE_CHECKING:  # imported here, because only HTML pages need these modules
    from bot.model.exposure_summary import ExposureSummary
    from bot.model.patch_times import FleetTrends
    from bot.reports.page.fleet_html import PageParts
    from bot.reports.page.run_facts import RunFacts
    from bot.reports.parts.stage_section import StageReport

FORMATS = ("text", "json", "sarif", "jsonl", "markdown", "html", "metrics")
"""The formats of `scan` and `run`."""

FormatRenderer = Callable[[str], str]
"""Renders the result in the given format, without a line break at the end."""


@dataclass(frozen=True, slots=True)
class ExportTarget:
    """A file to which the result is written, and its format."""

    output_format: str
    path: Path


def build_export_parser(
    formats: Sequence[str],
) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], tuple[ExportTarget, ...]]:
    """Return a click callback that parses every `--export FORMAT=FILE`.

    The callback raises click.BadParameter if a file obviously cannot be written or if two exports name the same file.
    The user therefore gets the error before the run, not after it.
    """

    def parse(_context: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> tuple[ExportTarget, ...]:
        exports = tuple(_parse_export(each, formats) for each in texts)
        if len({export.path.resolve() for export in exports}) < len(exports):
            raise click.BadParameter("two exports write to the same file; hint: name a different file for each export")
        return exports

    return parse


def _parse_export(text: str, formats: Sequence[str]) -> ExportTarget:
    output_format, _, file = text.partition("=")
    if output_format not in formats or not file:
        raise click.BadParameter(
            f"{text!r} does not have the form FORMAT=FILE; hint: use one of the formats {', '.join(formats)}"
        )
    if file == "-":
        raise click.BadParameter(
            "an export cannot be written to stdout; hint: name a file, or choose the format of stdout with --format"
        )
    return ExportTarget(output_format, check_writable(file))


def write_result(
    render: FormatRenderer,
    output_format: str,
    exports: Sequence[ExportTarget],
    render_for_screen: Callable[[], str] | None = None,
) -> bool:
    """Write the result to all exports and to stdout; return False if an export could not be written.

    An export that fails does not stop the other exports.

    Args:
        render: Renders the result in a format.
        output_format: The format for stdout.
        exports: Files to write, with their formats.
        render_for_screen: Renders the text for stdout if `output_format` is `text`, for example with colours. If it is
            None, stdout gets the same text as a file.
    """
    has_written_all = True
    for export in exports:
        text = render(export.output_format)
        try:
            write = replace_file if export.output_format == "metrics" and is_replaceable(export.path) else _write_file
            write(export.path, f"{text}\n" if text else "")
        except OSError as error:
            reason = error.strerror or error
            failure = f"{export.path} could not be written as {export.output_format}: {reason}"
            write_message(f"error: {failure}\nhint: name another file")
            has_written_all = False
        else:
            write_note(f"wrote the result as {export.output_format} to {export.path}")
    is_for_screen = render_for_screen is not None and output_format == "text" and get_output_path() is None
    show(render_for_screen() if render_for_screen is not None and is_for_screen else render(output_format))
    return has_written_all


def show(text: str) -> None:
    """Print a result, or write it to the file that `-o` names.

    Escape sequences are kept, because the text contains only the colours and links that the user wants. If the reader
    closes the pipe early (`| head`), the command still ends normally.

    Raises OSError if the file cannot be written.
    """
    path = get_output_path()
    if path is not None:
        _write_file(path, f"{text}\n" if text else "")
        write_note(f"wrote the result to {path}")
        return
    try:
        click.echo(text, nl=bool(text), color=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # discards everything that is flushed later


def _write_file(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def render_html(document: str, stages: StageReport | None = None) -> str:
    """Return the HTML page for a document that `run` or `scan` wrote with `--format json`."""
    from bot.reports.page.run_facts import read_document

    return render_page([read_document(document)], stages=stages)


def render_page(
    runs: Sequence[RunFacts],
    trends: FleetTrends | None = None,
    stages: StageReport | None = None,
    exposure: ExposureSummary | None = None,
) -> str:
    """Return the HTML page for a run, or for several runs that each handled a part of a fleet (`--shard`).

    If `trends` is not None, the page shows the fixes of the fleet over time. If `stages` is not None, the page shows
    how far updates got. If `exposure` is not None, it shows the tables about publishers.
    """
    from bot.reports.page.fleet_html import render_html_page

    return render_html_page(runs, read_page_parts(), trends, stages, exposure)


def read_page_parts() -> PageParts:
    """Return the templates, stylesheets and scripts of HTML pages."""
    from bot import resources
    from bot.reports.page.fleet_html import PAGE_TEMPLATES, PageParts

    templates = {name: resources.read_template(name) for name in PAGE_TEMPLATES}
    return PageParts(templates, resources.read_template("report.css"), resources.read_template("report.js"))


def render_report(report: RunReport, output_format: str) -> str:
    """Render a report in one of the formats that `scan` and `run` share. Raises ValueError for any other format."""
    match output_format:
        case "sarif":
            from bot.reports.run.report_sarif import render_report_sarif

            return render_report_sarif(report)
        case "jsonl":
            from bot.reports.run.decisions import render_decisions

            return render_decisions(report)
        case "markdown":
            from bot.reports.run.markdown_summary import render_markdown_summary

            return render_markdown_summary(report)
        case "metrics":
            from bot.reports.run.report_metrics import render_metrics

            return render_metrics(report)
        case _:
            raise ValueError(output_format)
