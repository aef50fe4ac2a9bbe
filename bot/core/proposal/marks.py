"""Data that basebump stores in git and on the forge, in order to recognise its own work in later runs.

- Trailers in commit messages state the base branch and the *intent*: a hash of all values that the commit writes into
  files.
- A mark in the text of a pull request is an HTML comment with JSON. It contains, for example, the proposed digests.

Anyone with write access can change both, so they are parsed strictly and only used for branches of basebump. Whether
basebump created the commits of a branch is determined by the forge, not by a trailer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.core.markdown import make_one_line
from bot.model.due_date import DueClass, DueDate, DueUntil
from bot.model.proposal import BodyMark, StatusAttempt
from bot.model.request_attributes import MAX_STATUS_DESCRIPTION, CommitStatus, StatusState

MAX_MARK_LENGTH = 65_536
"""The maximum number of characters of a mark. This is also GitHub's limit for a whole body."""
MAX_TARGET_LENGTH = 1_400
"""The maximum number of characters of one target. A reference has at most 1024, and a digest 135."""

COMMENT_MARK = "<!-- basebump:told -->"
"""Hidden mark in basebump's only comment on a pull request. basebump recognises the comment by this mark."""

_OPENING = "<!-- basebump:1 "
_CLOSING = " -->"
_REPORT = re.compile(r"[0-9a-f]{16}(?:-[0-9a-f]{1,64})?", re.ASCII)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+00:00", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{12}", re.ASCII)

_INTENT_TRAILER = "Basebump-Intent"
_BASE_TRAILER = "Basebump-Base"
_INTENT_PATTERN = re.compile(rf"{_INTENT_TRAILER}: 1 ([0-9a-f]{{16}})", re.ASCII)
_ANY_TRAILER = re.compile(r"[A-Za-z0-9-]+: \S.*", re.ASCII)
"""Matches any trailer: https://git-scm.com/docs/git-interpret-trailers.

Folded lines and paragraphs that mix trailers with other lines are not supported.
"""


def format_intent_trailer(intent: str) -> str:
    """Return the trailer line for a commit message that states the commit's intent: `Basebump-Intent: 1 <intent>`.

    `intent` is a hash of all values that the commit writes into files.
    """
    return f"{_INTENT_TRAILER}: 1 {intent}"


def append_trailers(message: str, intent: str, trailers: Sequence[str], base: str | None = None) -> str:
    """Return the commit message with a last paragraph of trailers: `trailers`, and basebump's own trailers.

    `trailers` are complete lines from the config. basebump's own trailers state the intent (a hash of all values that
    the commit writes into files), and the base branch (`base`) if it is not the default branch.
    """
    base_trailer = [f"{_BASE_TRAILER}: {base}"] if base is not None else []
    return "\n\n".join([message.strip(), "\n".join([*trailers, *base_trailer, format_intent_trailer(intent)])]) + "\n"


def parse_intent(message: str) -> str | None:
    """Return the intent in the trailer of a commit message: a hash of all values that the commit writes into files.

    Return None if there is no such trailer, if there are several of them, or if the last paragraph of the message does
    not consist only of trailers.
    """
    trailers = _find_trailers(message, _INTENT_TRAILER)
    match = _INTENT_PATTERN.fullmatch(trailers[0]) if len(trailers) == 1 else None
    return match[1] if match else None


def parse_base_branch(message: str) -> str | None:
    """Return the base branch that the trailer of a commit message states.

    Return None if there is no such trailer. The base branch is then the default branch.
    """
    trailers = _find_trailers(message, _BASE_TRAILER)
    return trailers[0].removeprefix(f"{_BASE_TRAILER}: ") if len(trailers) == 1 else None


def _find_trailers(message: str, key: str) -> list[str]:
    """Return the lines in the last paragraph of a commit message that start with `<key>:`.

    The result is empty if this paragraph does not consist only of trailers.
    """
    paragraphs = message.rstrip().rpartition("\n\n")
    lines = paragraphs[2].split("\n")
    if not paragraphs[1] or not all(_ANY_TRAILER.fullmatch(line) for line in lines):
        return []
    return [line for line in lines if line.startswith(f"{key}:")]


def shorten_commit(commit: str) -> str:
    """Return the first twelve digits of a commit hash, which is the form that marks contain.

    Twelve digits suffice to distinguish the commits of one branch.
    """
    return commit[:12]


def render_mark(mark: BodyMark) -> str:
    """Return the mark as an HTML comment, which is invisible in rendered Markdown."""
    document: dict[str, object] = {
        "targets": mark.targets,
        "report": mark.report,
        "withdrawn": mark.is_withdrawn,
    }
    if mark.has_automerge:
        document["automerge"] = True
    if (status_attempt := mark.status_attempt) is not None:
        document["status"] = {
            "on": status_attempt.commit,
            "state": status_attempt.status.state,
            "said": status_attempt.status.description,
        }
    if mark.started_commit:
        document["started"] = mark.started_commit
    if mark.due is not None:
        due = {"at": mark.due.at.isoformat(timespec="seconds"), "fixes": mark.due.fixes}
        until = {"until": mark.due.until.value} if mark.due.until is not DueUntil.MERGED else {}
        document["due"] = due | until | ({"private": True} if mark.due.is_private else {})
    content = json.dumps(document, separators=(",", ":"))
    # A `>` or `--` could end the comment (https://html.spec.whatwg.org/multipage/syntax.html#comments), a `<` could
    # begin another. In JSON they occur in strings only, where escapes are equivalent.
    escaped = content.replace("<", r"\u003c").replace(">", r"\u003e").replace("--", r"-\u002d")
    return f"{_OPENING}{escaped}{_CLOSING}"


def parse_mark(body: str) -> BodyMark:
    """Return the data of the last mark in the text of a pull request. Without a valid mark, return `BodyMark()`."""
    start = body.rfind(_OPENING)
    return _parse_content(_extract_content(body, start)) if start >= 0 else BodyMark()


def find_mark(body: str) -> str:
    """Return the last mark in the text of a pull request, exactly as written; empty if there is no valid mark."""
    start = body.rfind(_OPENING)
    if start < 0 or parse_mark(body) == BodyMark():
        return ""
    return body[start : _find_end(body, start)]


def mark_withdrawn(body: str) -> str:
    """Return a pull request's text, with a mark which records that basebump itself closed it.

    Later runs then do not mistake the closing for the decision of a user. If the text has no valid mark, a new one is
    appended.
    """
    mark = parse_mark(body)
    if mark == BodyMark():
        added = render_mark(BodyMark(is_withdrawn=True))
        return f"{body}\n\n{added}\n" if body else added
    return _replace_mark(body, replace(mark, is_withdrawn=True))


def record_status(body: str, commit: str, status: CommitStatus) -> str:
    """Return a pull request's text, with a mark which records that basebump tried to set `status` on `commit`.

    If the text has no valid mark, it is returned unchanged.
    """
    mark = parse_mark(body)
    if mark == BodyMark():
        return body
    return _replace_mark(body, replace(mark, status_attempt=StatusAttempt(shorten_commit(commit), status)))


def record_started_commit(body: str, commit: str) -> str:
    """Return a pull request's text, with a mark which records that basebump tried to start workflows for `commit`.

    If the text has no valid mark, it is returned unchanged.
    """
    mark = parse_mark(body)
    return body if mark == BodyMark() else _replace_mark(body, replace(mark, started_commit=shorten_commit(commit)))


def _replace_mark(body: str, mark: BodyMark) -> str:
    """Return the text of a pull request with its last mark replaced by `mark`."""
    start = body.rfind(_OPENING)
    return body[:start] + render_mark(mark) + body[_find_end(body, start) :]


def _find_end(body: str, start: int) -> int:
    """Return the position after the valid mark that starts at `start`."""
    return start + len(_OPENING) + len(_extract_content(body, start)) + len(_CLOSING)


def _extract_content(body: str, start: int) -> str:
    """Return the JSON in the mark that starts at `start`.

    Return an empty text if the mark has no end, or is longer than MAX_MARK_LENGTH.
    """
    inside = start + len(_OPENING)
    end = body.find(_CLOSING, inside, start + MAX_MARK_LENGTH)
    return body[inside:end] if end >= 0 else ""


def _parse_content(content: str) -> BodyMark:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return BodyMark()
    match document:
        case {"targets": list() as targets, "report": str() | None as report, "withdrawn": bool() as withdrawn}:
            is_valid = all(isinstance(target, str) and len(target) <= MAX_TARGET_LENGTH for target in targets)
            if is_valid and (report is None or _REPORT.fullmatch(report)):
                return BodyMark(
                    tuple(targets),
                    report,
                    withdrawn,
                    has_automerge=document.get("automerge") is True,
                    status_attempt=_parse_status_attempt(document),
                    started_commit=_parse_commit(document.get("started")),
                    due=_parse_due_date(document),
                )
    return BodyMark()


def _parse_status_attempt(document: Mapping[str, object]) -> StatusAttempt | None:
    match document.get("status"):
        case {"on": str(commit), "state": str(word), "said": str(said)} if _COMMIT.fullmatch(commit):
            state = next((each for each in StatusState if each == word), None)
            return (
                StatusAttempt(commit, CommitStatus(state, make_one_line(said, MAX_STATUS_DESCRIPTION)))
                if state
                else None
            )
    return None


def _parse_due_date(document: Mapping[str, object]) -> DueDate | None:
    match document.get("due"):
        case {"at": str(time), "fixes": str(word), **others} if _TIME.fullmatch(time):
            fixes = next((each for each in DueClass if each == word), None)
            try:
                at = datetime.fromisoformat(time)
            except ValueError:
                return None
            until = DueUntil.RUNNING if others.get("until") == DueUntil.RUNNING.value else DueUntil.MERGED
            is_private = others.get("private") is True
            return DueDate(at, fixes, until=until, is_private=is_private) if fixes is not None else None
    return None


def _parse_commit(value: object) -> str | None:
    return value if isinstance(value, str) and _COMMIT.fullmatch(value) else None
