"""Fleet pages of reports, and the data that they contain for their script."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from support.witnesses.pages import PageOutline

from bot.cli.outputs import read_page_parts
from bot.reports.page.fleet_html import render_html_page
from bot.reports.page.run_facts import read_document
from bot.reports.run.report_document import render_run_document

PARTS = read_page_parts()
BUILT = datetime(2026, 11, 1, tzinfo=UTC)
"""The time at which images were built."""


def render_page(*reports) -> str:
    return render_html_page([read_document(render_run_document(report)) for report in reports], PARTS)


def outline_page(*reports) -> PageOutline:
    return PageOutline(render_page(*reports))


def read_data(shown):
    """Return the data for the page's script."""
    (data,) = [text for element, text in shown.texts if element == "script" and text.startswith("{")]
    return json.loads(data)


def read_images(shown):
    return read_data(shown)["images"]


def list_users(shown, image):
    """Return the repository, the path, the line, the digest and the status of each reference to an image."""
    names = read_data(shown)["names"]
    return [(names[user[0]], names[user[1]], user[2], user[4], names[user[5]]) for user in image[-2]]
