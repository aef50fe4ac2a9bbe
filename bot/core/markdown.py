"""The one place where text from outside is made safe for Markdown: every rendering of it is a code span.

In a code span GitHub and GitLab know no mentions, references, links, HTML, quick actions or emphasis
(https://github.github.com/gfm/#code-spans), so nothing that an image, a registry or a file name says can act.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

MAX_TEXT = 200
"""Characters of one text that are shown; more is cut, and an ellipsis says so."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that are never shown: controls, formats (bidi among them), surrogates, private, unassigned."""
_BACKTICKS = re.compile(r"`+")


def one_line(text: str, limit: int = MAX_TEXT) -> str:
    """Return `text` as one line of visible characters, at most `limit` of them."""
    head = text[: 4 * limit]
    visible = "".join(" " if unicodedata.category(character) in _INVISIBLE else character for character in head)
    line = " ".join(visible.split())
    is_whole = len(head) == len(text) and len(line) <= limit
    return line if is_whole else line[: limit - 1] + "…"


def console_line(text: str, limit: int = MAX_TEXT) -> str:
    """Return `text` as one line for a terminal or a log, in which no CI service finds a command.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands, and Azure's `##[command]`.
    """
    line = one_line(text, limit)
    return without_commands(f": {line[1:]}" if line.startswith("::") else line)


def without_commands(text: str) -> str:
    """Return a text, of several lines perhaps, in which Azure finds no command; GitHub's begin a line."""
    return text.replace("##[", "## [").replace("##vso[", "## vso[")


def code_span(text: str, limit: int = MAX_TEXT) -> str:
    """Return `text` as a Markdown code span that nothing in it can end, safe in a table cell."""
    content = one_line(text, limit).replace("|", "¦") or "-"
    longest = max((len(run) for run in _BACKTICKS.findall(content)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if longest else ""
    return f"{fence}{padding}{content}{padding}{fence}"


@dataclass(frozen=True, slots=True)
class Text:
    """Text from outside, as templates get it: it can be shown, counted and compared, and shows only as a code span."""

    _raw: str
    _limit: int = MAX_TEXT

    def __str__(self) -> str:
        return code_span(self._raw, self._limit)

    def __html__(self) -> str:
        return code_span(self._raw, self._limit)

    def __format__(self, specification: str) -> str:
        return code_span(self._raw, self._limit)

    def __repr__(self) -> str:
        return code_span(self._raw, self._limit)

    def __add__(self, other: object) -> str:
        return f"{self}{other}"

    def __radd__(self, other: object) -> str:
        return f"{other}{self}"


_SAFE = re.compile(r"[A-Za-z0-9 ,;.'_/:()@-]*", re.ASCII)
"""Letters, digits and marks that no forge reads as anything: an `@` only before a digest."""
_ACTS = re.compile(r"@(?!sha256:)|://|www\.", re.ASCII | re.IGNORECASE)
"""Mentions, and what forges make links of by themselves."""


@dataclass(frozen=True, slots=True)
class Plain:
    """Words that show as they are: references, digests and our own. Whatever else comes in shows as a code span."""

    _raw: str

    def __str__(self) -> str:
        is_safe = _SAFE.fullmatch(self._raw) and not _ACTS.search(self._raw)
        return self._raw if is_safe else code_span(self._raw)

    def __html__(self) -> str:
        return str(self)

    def __format__(self, specification: str) -> str:
        return str(self)


def first_of(words: Sequence[str], most: int) -> tuple[Text | Plain, ...]:
    """Return the first of a list that somebody else made as long as he likes, and how many more there are."""
    shown, more = words[: max(most, 1)], len(words) - max(most, 1)
    return (*map(Text, shown), *([Plain(f"and {more} more")] if more > 0 else []))


_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9._~%/+-]*)?(?:#[A-Za-z0-9_-]*)?", re.ASCII)
"""What can end no link and hold no other: no user, no question, no brackets."""


def linked(label: str, address: str | None) -> Link | Text:
    """Return `label` as a link, or as text where there is no address that is one beyond doubt."""
    return Link(Text(label), address) if address is not None and is_address(address) else Text(label)


def is_address(text: str) -> bool:
    """Say whether a text is an address of the web beyond doubt, which no markup around it can be ended with."""
    return _ADDRESS.fullmatch(text) is not None


_CVE = re.compile(r"CVE-\d{4}-\d{4,19}", re.ASCII)
_GHSA = re.compile(r"GHSA(?:-[23456789cfghjmpqrvwx]{4}){3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Link:
    """A link to an address that was validated, never to one as somebody wrote it."""

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


def public_page(identifier: str) -> str | None:
    """Return the address of the public page of a CVE or GHSA; None of what is called otherwise."""
    if _CVE.fullmatch(identifier):
        return f"https://nvd.nist.gov/vuln/detail/{identifier}"
    if _GHSA.fullmatch(identifier):
        return f"https://github.com/advisories/{identifier}"
    return None


def vulnerability(identifier: str) -> Link | Text:
    """Return a link to the public page of a CVE or GHSA, else the identifier as text."""
    address = public_page(identifier)
    return Link(Text(identifier), address) if address is not None else Text(identifier)
