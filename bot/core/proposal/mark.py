"""Data that basebump stores in commit messages and request bodies: intent trailers and body markers.

Anyone with write access can change both, so they are parsed strictly, and trusted only in combination with the branch:
the forge determines the author of a commit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.markdown import one_line
from bot.model.extras import MAX_STATUS_DESCRIPTION, CommitStatus, StatusState
from bot.model.proposal import Target

MAX_MARK = 65_536
"""Characters of a marker that is parsed; the maximum length of a body on GitHub."""
MAX_TARGET = 1_400
"""Characters of one target; a reference has at most 1024, a digest 135."""

TOLD = "<!-- basebump:told -->"
"""Hidden in basebump's only comment on a request, by which it is recognised."""

_OPENING = "<!-- basebump:1 "
_CLOSING = " -->"
_REPORT = re.compile(r"[0-9a-f]{16}(?:-[0-9a-f]{1,64})?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{12}", re.ASCII)

_TRAILER = "Basebump-Intent"
_BASE = "Basebump-Base"
_INTENT = re.compile(rf"{_TRAILER}: 1 ([0-9a-f]{{16}})", re.ASCII)
_ANY_TRAILER = re.compile(r"[A-Za-z0-9-]+: \S.*", re.ASCII)
"""https://git-scm.com/docs/git-interpret-trailers, without support for folded lines and mixed paragraphs."""


def trailer(intent: str) -> str:
    """Return the trailer of a commit message with `intent`, 16 hexadecimal digits."""
    return f"{_TRAILER}: 1 {intent}"


def signed(message: str, intent: str, trailers: Sequence[str], base: str | None = None) -> str:
    """Return a commit message that ends with a paragraph of `trailers` and the intent trailer.

    `base` is the base branch if it is not the default branch.
    """
    of_base = [f"{_BASE}: {base}"] if base is not None else []
    return "\n\n".join([message.strip(), "\n".join([*trailers, *of_base, trailer(intent)])]) + "\n"


def intent_of(message: str) -> str | None:
    """Return the intent of a commit message; None unless it occurs once, in a last paragraph of trailers only."""
    claims = _claims(message, _TRAILER)
    found = _INTENT.fullmatch(claims[0]) if len(claims) == 1 else None
    return found[1] if found else None


def base_of(message: str) -> str | None:
    """Return the base branch that a commit message states; None for the default branch."""
    claims = _claims(message, _BASE)
    return claims[0].removeprefix(f"{_BASE}: ") if len(claims) == 1 else None


def _claims(message: str, key: str) -> list[str]:
    """Return the trailers with this key, if the last paragraph consists of trailers only."""
    paragraphs = message.rstrip().rpartition("\n\n")
    lines = paragraphs[2].split("\n")
    if not paragraphs[1] or not all(_ANY_TRAILER.fullmatch(line) for line in lines):
        return []
    return [line for line in lines if line.startswith(f"{key}:")]


@dataclass(frozen=True, slots=True)
class Tried:
    """A commit status that was set, or that the forge refused."""

    commit: str
    """Shortened by `shorten_commit`."""
    status: CommitStatus


@dataclass(frozen=True, slots=True)
class Remembered:
    """The content of the marker in a body; a marker that cannot be parsed has the defaults."""

    targets: tuple[Target, ...] = ()
    report: str | None = None
    withdrawn: bool = False
    """Whether basebump withdrew the request, so that its closing is not a decline."""
    automerge: bool = False
    """Whether basebump enabled automerge."""
    status: Tried | None = None
    """The last status and its commit."""
    started: str | None = None
    """The commit for which workflows were started or refused, shortened by `shorten_commit`."""


def short_commit(commit: str) -> str:
    """Return the part of a commit hash that markers store, which suffices to tell commits of a branch apart."""
    return commit[:12]


def mark(remembered: Remembered) -> str:
    """Return an HTML comment, invisible in rendered Markdown, that `parse_marker` can parse."""
    written: dict[str, object] = {
        "targets": remembered.targets,
        "report": remembered.report,
        "withdrawn": remembered.withdrawn,
    }
    if remembered.automerge:
        written["automerge"] = True
    if (tried := remembered.status) is not None:
        written["status"] = {"on": tried.commit, "state": tried.status.state, "said": tried.status.description}
    if remembered.started:
        written["started"] = remembered.started
    content = json.dumps(written, separators=(",", ":"))
    # A `>` or `--` could end the comment (https://html.spec.whatwg.org/multipage/syntax.html#comments), a `<` could
    # begin another. In JSON they occur in strings only, where escapes are equivalent.
    escaped = content.replace("<", r"\u003c").replace(">", r"\u003e").replace("--", r"-\u002d")
    return f"{_OPENING}{escaped}{_CLOSING}"


def read_mark(body: str) -> Remembered:
    """Return the content of the last marker in a body; the defaults if there is none, or it is malformed."""
    start = body.rfind(_OPENING)
    return _parse(_content(body, start)) if start >= 0 else Remembered()


def with_withdrawn(body: str) -> str:
    """Return the body with a marker that basebump withdrew the request; adds a marker if none can be parsed."""
    remembered = read_mark(body)
    if remembered == Remembered():
        added = mark(Remembered(withdrawn=True))
        return f"{body}\n\n{added}\n" if body else added
    return _remarked(body, replace(remembered, withdrawn=True))


def with_status(body: str, commit: str, status: CommitStatus) -> str:
    """Return the body with the status and its commit in the marker; unchanged if no marker can be parsed."""
    remembered = read_mark(body)
    if remembered == Remembered():
        return body
    return _remarked(body, replace(remembered, status=Tried(short_commit(commit), status)))


def with_started(body: str, commit: str) -> str:
    """Return the body with the commit of started workflows in the marker; unchanged if no marker can be parsed."""
    remembered = read_mark(body)
    return body if remembered == Remembered() else _remarked(body, replace(remembered, started=short_commit(commit)))


def _remarked(body: str, remembered: Remembered) -> str:
    """Return the body with its last marker replaced."""
    start = body.rfind(_OPENING)
    end = start + len(_OPENING) + len(_content(body, start)) + len(_CLOSING)
    return body[:start] + mark(remembered) + body[end:]


def _content(body: str, start: int) -> str:
    """Return the content of the marker at `start`; empty if it does not end within MAX_MARKER_LENGTH."""
    inside = start + len(_OPENING)
    end = body.find(_CLOSING, inside, start + MAX_MARK)
    return body[inside:end] if end >= 0 else ""


def _parse(content: str) -> Remembered:
    try:
        read = json.loads(content)
    except (ValueError, RecursionError):
        return Remembered()
    match read:
        case {"targets": list() as targets, "report": str() | None as report, "withdrawn": bool() as withdrawn}:
            is_sound = all(isinstance(target, str) and len(target) <= MAX_TARGET for target in targets)
            if is_sound and (report is None or _REPORT.fullmatch(report)):
                tried, started = _tried(read), _commit(read.get("started"))
                return Remembered(tuple(targets), report, withdrawn, read.get("automerge") is True, tried, started)
    return Remembered()


def _tried(read: Mapping[str, object]) -> Tried | None:
    match read.get("status"):
        case {"on": str(commit), "state": str(word), "said": str(said)} if _COMMIT.fullmatch(commit):
            state = next((each for each in StatusState if each == word), None)
            return Tried(commit, CommitStatus(state, one_line(said, MAX_STATUS_DESCRIPTION))) if state else None
    return None


def _commit(said: object) -> str | None:
    return said if isinstance(said, str) and _COMMIT.fullmatch(said) else None
