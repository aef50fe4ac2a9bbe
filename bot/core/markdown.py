"""Safe rendering of untrusted text in Markdown.

Untrusted text is rendered as a code span, or as escaped text if no forge would interpret it (`EscapedText`). In a code
span, GitHub and GitLab interpret no mentions, references, links, HTML, quick actions or emphasis
(https://github.github.com/gfm/#code-spans), so texts from images, registries or file names cannot trigger anything.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

MAX_TEXT_LENGTH = 200
"""Number of characters that are shown of one text. A longer text is cut and ends with an ellipsis."""

MAX_MESSAGE_LINE = 2000
"""Number of characters that are shown of one line of a message. Messages can quote paths and several names."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of characters that are not shown: control, format (which includes bidirectional controls),
surrogate, private use, unassigned, and line and paragraph separators."""
_BACKTICKS = re.compile(r"`+")


def make_one_line(text: str, limit: int = MAX_TEXT_LENGTH) -> str:
    """Return `text` as a single line of at most `limit` visible characters, without commands for CI services.

    Invisible characters become spaces, and runs of spaces become one space. A longer text ends with an ellipsis.

    Azure Pipelines and GitHub Actions also execute some commands in the middle of a log line (`strip_ci_commands`).
    Commands at the start of a line (`::command::`) are not removed, because the result need not be a line of a log.
    """
    head = text[: 4 * limit]
    visible = "".join(" " if unicodedata.category(character) in _INVISIBLE else character for character in head)
    line = strip_ci_commands(" ".join(visible.split()))
    is_whole = len(head) == len(text) and len(line) <= limit
    return line if is_whole else line[: limit - 1] + "…"


def shorten_to_words(text: str, limit: int, ellipsis: str = "…") -> str:
    """Return `text` in at most `limit` characters. A longer text is cut after a word and ends with `ellipsis`.

    It is cut inside a word only if no word ends in the second half. At least one character is kept.
    """
    if len(text) <= limit:
        return text
    room = max(limit - len(ellipsis), 1)
    head = text[:room]
    words = head if text[room] == " " else head.rpartition(" ")[0]
    return f"{(words if len(words) > room // 2 else head).rstrip(' ,;:(-') or head}{ellipsis}"


def make_console_line(text: str, limit: int = MAX_TEXT_LENGTH) -> str:
    """Return `text` as a single line for a terminal or a log, with at most `limit` visible characters.

    The result contains no commands of GitHub Actions
    (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands) and of Azure Pipelines
    (https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands).
    """
    line = make_one_line(text, limit)
    return f": {line[1:]}" if line.startswith("::") else line


def make_console_text(text: str) -> str:
    """Return a message of several lines for a terminal or a log. Each line is treated as by `make_console_line`.

    The indentation of the lines is kept. Lines are cut at MAX_MESSAGE_LINE characters.
    """
    lines = ((line[: len(line) - len(line.lstrip(" "))], line) for line in text.split("\n"))
    return "\n".join((indentation + make_console_line(line, MAX_MESSAGE_LINE)).rstrip() for indentation, line in lines)


def make_console_block(text: str) -> str:
    """Return a text of several lines for a terminal or a log. Unlike in `make_console_text`, blanks stay as they are.

    Control characters become blanks, and commands for CI services have no effect.
    """
    kept = "\n\t"
    shown = "".join(" " if unicodedata.category(each) in _INVISIBLE and each not in kept else each for each in text)
    lines = (line.replace("::", ": ", 1) if line.lstrip().startswith("::") else line for line in shown.split("\n"))
    return strip_ci_commands("\n".join(line[:MAX_MESSAGE_LINE] for line in lines))


def strip_ci_commands(text: str) -> str:
    """Return `text` (one or more lines) without the commands that CI services execute in the middle of a line.

    Azure Pipelines executes `##vso[command]`, and shows lines with `##[command]` in another way. GitHub Actions also
    executes `##[command]` (https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs).
    """
    return text.replace("##[", "## [").replace("##vso[", "## vso[")


def render_code_span(text: str, limit: int = MAX_TEXT_LENGTH) -> str:
    """Return `text` as a Markdown code span. No character in `text` can end the code span or a table cell around it."""
    content = make_one_line(text, limit).replace("|", "¦") or "-"
    longest = max((len(run) for run in _BACKTICKS.findall(content)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if longest else ""
    return f"{fence}{padding}{content}{padding}{fence}"


@dataclass(frozen=True, slots=True)
class Text:
    """Untrusted text for templates. Wherever a template shows it, it becomes a Markdown code span.

    Templates can also use it in conditions, for example to compare it with another value.
    """

    _raw: str
    _limit: int = MAX_TEXT_LENGTH

    def __str__(self) -> str:
        return render_code_span(self._raw, self._limit)

    def __html__(self) -> str:
        return render_code_span(self._raw, self._limit)

    def __format__(self, specification: str) -> str:
        return render_code_span(self._raw, self._limit)

    def __repr__(self) -> str:
        return render_code_span(self._raw, self._limit)

    def __add__(self, other: object) -> str:
        return f"{self}{other}"

    def __radd__(self, other: object) -> str:
        return f"{other}{self}"


_SAFE_TEXT = re.compile(r"[A-Za-z0-9 ,;.'_/:()@-]*", re.ASCII)
"""Letters, digits, and punctuation that no forge gives a meaning. An `@` is only safe before a digest."""
_ACTIVE_TEXT = re.compile(r"@(?!sha256:)|://|www\.|\bgh-\d", re.ASCII | re.IGNORECASE)
"""Mentions, and texts that forges turn into links. GitHub turns `GH-1` into a link to an issue."""


@dataclass(frozen=True, slots=True)
class Plain:
    """Text for templates that becomes a Markdown code span only if it contains special characters of Markdown.

    It is used for references, digests, and basebump's own words.
    """

    _raw: str

    def shorten(self, limit: int) -> Plain:
        """Return the text with at most `limit` characters, but at least one. A shortened text ends with `...`."""
        return Plain(shorten_to_words(self._raw, limit, "..."))

    def __str__(self) -> str:
        is_safe = _SAFE_TEXT.fullmatch(self._raw) and not _ACTIVE_TEXT.search(self._raw)
        return self._raw if is_safe else render_code_span(self._raw)

    def __html__(self) -> str:
        return str(self)

    def __format__(self, specification: str) -> str:
        return str(self)


_MARKUP = re.compile(r"""["&*<>[\]\\^_`{|}~]""", re.ASCII)
"""Punctuation that Markdown may interpret in the middle of a line."""
_FORGE_REFERENCE = re.compile(
    r"[@#!~%&^][\w\"{]|\*iteration|\$|://|\bwww\.|\bgh-\d|\[\w+:|:[\w+-]+:|^[^\w(]|^\d+[.)]|\b[0-9a-f]{7,}\b|\b[a-z]\w*-\d",
    re.ASCII | re.IGNORECASE,
)
"""Texts that a forge turns into a mention, a link, an emoji, a formula, a list or an action even if they are escaped.

The last alternative is a key of an external issue tracker (`SHOP-1`), which a forge may link or close.
"""


@dataclass(frozen=True, slots=True)
class EscapedText:
    """Untrusted text for templates that becomes escaped text, which takes less room than a code span.

    If a forge would interpret the text even if it is escaped, it becomes a code span.
    """

    _raw: str
    _limit: int = MAX_TEXT_LENGTH

    def __str__(self) -> str:
        line = shorten_to_words(make_one_line(self._raw, 2 * self._limit), self._limit)
        if not line or _FORGE_REFERENCE.search(line):
            return render_code_span(line, self._limit)
        return _MARKUP.sub(r"\\\g<0>", line)

    def __html__(self) -> str:
        return str(self)

    def __format__(self, specification: str) -> str:
        return str(self)

    def __repr__(self) -> str:
        return str(self)


def build_sentence(text: str, limit: int = MAX_TEXT_LENGTH) -> Plain | Text:
    """Return a sentence of basebump, which may quote other texts.

    If it contains nothing that a forge would interpret, it is rendered as it is, and otherwise as a code span.
    """
    line = make_one_line(text, limit)
    return Plain(line) if str(Plain(line)) == line else Text(text, limit)


def describe_rest(count: int, shown: int) -> str:
    """Return the text after the first `shown` of `count` items, such as `and 3 more`; empty if all are shown."""
    return f"and {count - shown:,} more" if count > shown else ""


def truncate_list(items: Sequence[str], max_items: int) -> tuple[Text | Plain, ...]:
    """Return the first `max_items` of `items`, but at least one.

    If there are more, a text such as `and 3 more` follows.
    """
    shown = items[: max(max_items, 1)]
    rest = describe_rest(len(items), len(shown))
    return (*map(Text, shown), *([Plain(rest)] if rest else []))


_SAFE_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9._~%/+-]*)?(?:#[A-Za-z0-9_-]*)?", re.ASCII)
"""Matches a URL that can neither close a Markdown link nor contain another one: without user, query and brackets."""


def build_link(label: str, url: str | None, limit: int = MAX_TEXT_LENGTH) -> Link | Text:
    """Return a Markdown link to `url`. If `url` is None or not safe (`is_safe_url`), return only the label.

    At most `limit` characters of the label are shown.
    """
    text = Text(label, limit)
    return Link(text, url) if url is not None and is_safe_url(url) else text


def is_safe_url(text: str) -> bool:
    """Return True if `text` is an HTTP(S) URL, and none of its characters could end or start a Markdown link."""
    return _SAFE_URL.fullmatch(text) is not None


_CVE = re.compile(r"CVE-\d{4}-\d{4,19}", re.ASCII)
_GHSA = re.compile(r"GHSA(?:-[23456789cfghjmpqrvwx]{4}){3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Link:
    """A Markdown link. Only create it with a URL for which `is_safe_url` returns True."""

    _label: Text | Plain
    _address: str

    def __str__(self) -> str:
        return f"[{self._label}]({self._address})"

    def __html__(self) -> str:
        return str(self)

    def __format__(self, specification: str) -> str:
        return str(self)

    def __add__(self, other: object) -> str:
        return f"{self}{other}"

    def __radd__(self, other: object) -> str:
        return f"{other}{self}"


def get_advisory_url(identifier: str) -> str | None:
    """Return the URL of the public page about a vulnerability, or None if `identifier` is neither a CVE nor a GHSA."""
    if _CVE.fullmatch(identifier):
        return f"https://nvd.nist.gov/vuln/detail/{identifier}"
    if _GHSA.fullmatch(identifier):
        return f"https://github.com/advisories/{identifier}"
    return None


def link_vulnerability(identifier: str) -> Link | Text:
    """Return a link to the public page about a vulnerability, with its identifier as the label.

    If the identifier is neither a CVE nor a GHSA, return it as a text without a link.
    """
    url = get_advisory_url(identifier)
    return Link(Text(identifier), url) if url is not None else Text(identifier)
