"""What basebump writes into commits and bodies to remember by, and how it reads that back.

Both are text that anybody with write access can change, so both are read strictly and believed only together with the
branch: who made the commit is for the forge to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.markdown import one_line
from bot.model.extras import MAX_DESCRIPTION, CommitStatus, StatusState
from bot.model.proposal import Target

MAX_MARK = 65_536
"""Characters of a mark that is read back: the longest body that GitHub keeps."""
MAX_TARGET = 1_400
"""Characters of one target: a reference has at most 1024, a digest 135."""

TOLD = "<!-- basebump:told -->"
"""Hidden in our one comment on a request, so that it is the only one."""

_OPENING = "<!-- basebump:1 "
_CLOSING = " -->"
_REPORT = re.compile(r"[0-9a-f]{16}(?:-[0-9a-f]{1,64})?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{12}", re.ASCII)

_TRAILER = "Basebump-Intent"
_BASE = "Basebump-Base"
_INTENT = re.compile(rf"{_TRAILER}: 1 ([0-9a-f]{{16}})", re.ASCII)
_ANY_TRAILER = re.compile(r"[A-Za-z0-9-]+: \S.*", re.ASCII)
"""https://git-scm.com/docs/git-interpret-trailers, without its leniency for folded and mixed paragraphs."""


def trailer(intent: str) -> str:
    """Return the last paragraph of a commit message that carries `intent`, 16 hexadecimal digits."""
    return f"{_TRAILER}: 1 {intent}"


def signed(message: str, intent: str, trailers: Sequence[str], base: str | None = None) -> str:
    """Return a commit message with `trailers` and the one that carries `intent` for its last paragraph.

    `base` is the base branch where that is not the default one.
    """
    of_base = [f"{_BASE}: {base}"] if base is not None else []
    return "\n\n".join([message.strip(), "\n".join([*trailers, *of_base, trailer(intent)])]) + "\n"


def intent_of(message: str) -> str | None:
    """Return the intent that a commit message carries: in its last paragraph, among trailers only, once; else None."""
    claims = _claims(message, _TRAILER)
    found = _INTENT.fullmatch(claims[0]) if len(claims) == 1 else None
    return found[1] if found else None


def base_of(message: str) -> str | None:
    """Return the base branch that a commit message was made for, None for the default one."""
    claims = _claims(message, _BASE)
    return claims[0].removeprefix(f"{_BASE}: ") if len(claims) == 1 else None


def _claims(message: str, key: str) -> list[str]:
    """Return the lines of the last paragraph that begin with `key`, where that has nothing but trailers."""
    paragraphs = message.rstrip().rpartition("\n\n")
    lines = paragraphs[2].split("\n")
    if not paragraphs[1] or not all(_ANY_TRAILER.fullmatch(line) for line in lines):
        return []
    return [line for line in lines if line.startswith(f"{key}:")]


@dataclass(frozen=True, slots=True)
class Tried:
    """A status that was set on a commit, or refused there."""

    commit: str
    """As `short_commit` has it."""
    status: CommitStatus


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the mark of a body remembers; one that cannot be read knows nothing."""

    targets: tuple[Target, ...] = ()
    report: str | None = None
    withdrawn: bool = False
    """Whether we took the request back ourselves, so that its being closed is no decline."""
    automerge: bool = False
    """Whether it was we who let the forge merge it by itself."""
    status: Tried | None = None
    """The last status, and the commit that it was for."""
    started: str | None = None
    """The commit for which workflows were started or refused, as `short_commit` has it."""


def short_commit(commit: str) -> str:
    """Return what a mark remembers of a commit: enough to know it among those of one branch."""
    return commit[:12]


def mark(remembered: Remembered) -> str:
    """Return a comment, invisible in rendered Markdown, that `read_mark` reads back."""
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
    # begin another; inside JSON they stand only in strings, where escapes mean the same.
    escaped = content.replace("<", r"\u003c").replace(">", r"\u003e").replace("--", r"-\u002d")
    return f"{_OPENING}{escaped}{_CLOSING}"


def read_mark(body: str) -> Remembered:
    """Return what the last mark of a body says; nothing where there is none, or where it is not as `mark` writes it."""
    start = body.rfind(_OPENING)
    return _parse(_content(body, start)) if start >= 0 else Remembered()


def with_withdrawn(body: str) -> str:
    """Return the body with its mark saying that we took the request back; a mark is added where none can be read."""
    remembered = read_mark(body)
    if remembered == Remembered():
        added = mark(Remembered(withdrawn=True))
        return f"{body}\n\n{added}\n" if body else added
    return _remarked(body, replace(remembered, withdrawn=True))


def with_status(body: str, commit: str, status: CommitStatus) -> str:
    """Return the body with its mark saying of which commit the status was set; one that cannot be read stays."""
    remembered = read_mark(body)
    if remembered == Remembered():
        return body
    return _remarked(body, replace(remembered, status=Tried(short_commit(commit), status)))


def with_started(body: str, commit: str) -> str:
    """Return the body with its mark saying for which commit workflows were started; one that cannot be read stays."""
    remembered = read_mark(body)
    return body if remembered == Remembered() else _remarked(body, replace(remembered, started=short_commit(commit)))


def _remarked(body: str, remembered: Remembered) -> str:
    """Return the body with another last mark."""
    start = body.rfind(_OPENING)
    end = start + len(_OPENING) + len(_content(body, start)) + len(_CLOSING)
    return body[:start] + mark(remembered) + body[end:]


def _content(body: str, start: int) -> str:
    """Return what stands in the mark that begins at `start`; nothing where it has no end within MAX_MARK."""
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
            return Tried(commit, CommitStatus(state, one_line(said, MAX_DESCRIPTION))) if state else None
    return None


def _commit(said: object) -> str | None:
    return said if isinstance(said, str) and _COMMIT.fullmatch(said) else None
