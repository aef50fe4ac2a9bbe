"""Links to files on the site of a forge."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import quote

from bot.core.markdown import Link, Text, build_link

MAX_LABEL_LENGTH = 300
"""Characters that are shown of a path with its line numbers."""
MAX_SHOWN_LINES = 5
"""Line numbers that are shown of one file."""
_MAX_URL_LENGTH = 800
"""Characters of a URL. A longer path is shown without a link, so that a few hostile paths cannot fill a whole text."""
_URL_CHARACTERS = "/-._~"


def link_file(files_url: str | None, path: str, lines: Collection[int] = (), base: str | None = None) -> Link | Text:
    """Return a link to the first of some lines of a file, or to the file itself, with path and lines as the label.

    Args:
        files_url: The URL to which the path of a file is appended; None if the forge has no site.
        path: The path of the file in the repository.
        lines: The lines of the file that the label names.
        base: The base branch; None if the label does not name it.
    """
    numbers = sorted(set(lines))
    cut = ",…" if len(numbers) > MAX_SHOWN_LINES else ""
    suffix = f":{','.join(map(str, numbers[:MAX_SHOWN_LINES]))}{cut}" if numbers else ""
    label = f"{path}{suffix}{f' on {base}' if base else ''}"
    anchor = f"#L{numbers[0]}" if numbers else ""
    url = _build_url(files_url, path, anchor) if files_url is not None else None
    return build_link(label, url, MAX_LABEL_LENGTH)


def _build_url(files_url: str, path: str, anchor: str) -> str | None:
    """Return the URL of a file; None if it is too long, or if the path is not a sequence of bytes."""
    try:
        quoted = quote(path.encode("utf-8", "surrogateescape"), safe=_URL_CHARACTERS)
    except UnicodeEncodeError:
        return None
    url = f"{files_url}{quoted}{anchor}"
    return url if len(url) <= _MAX_URL_LENGTH else None
