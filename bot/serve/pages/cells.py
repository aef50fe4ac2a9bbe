"""Builds the cells of tables. Every text that basebump did not write itself is cut to one line of limited length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import assert_never
from urllib.parse import quote

from bot.core.markdown import describe_rest, is_safe_url, make_one_line
from bot.core.transition import shorten_digest
from bot.model.image_name import Digest
from bot.model.inventory import BranchKey, StoredRequest
from bot.model.patch_times import FixSeverity
from bot.model.work import PollWork, SweepWork, TagWork, VisitWork, WorkKey, WorkReason
from bot.serve.pages.content import Cell, CellStyle, Part, ShownTime

NO_HOST = "-"
"""The host in the URL of a page about a local folder, which has no host."""
MAX_TARGETS = 3
"""The maximum number of images of one proposal that are shown."""
SHOWN_IDENTIFIER = 8
"""The number of characters of a trace or of the identifier of a delivery that are shown."""
NOT_SHOWN = "not shown"
"""The text that is shown instead of findings that are left out."""
_UNITS = (
    (timedelta(days=60), timedelta(days=30), "months"),
    (timedelta(hours=48), timedelta(days=1), "d"),
    (timedelta(hours=2), timedelta(hours=1), "h"),
    (timedelta(minutes=2), timedelta(minutes=1), "min"),
    (timedelta(), timedelta(seconds=1), "s"),
)
"""For each unit of a relative time: the shortest time for which it is used, its length, and its name."""
_REASONS: Mapping[str, str] = {
    WorkReason.DUE: "a waiting time ended",
    WorkReason.SWEEP: "regular reading",
    WorkReason.POLL: "regular lookup",
}
"""The reasons whose words are the service's own names for its parts. The others are plain words already."""
_SEVERITY_STYLES: Mapping[FixSeverity, CellStyle] = {
    FixSeverity.EXPLOITED: CellStyle.CRITICAL,
    FixSeverity.CRITICAL: CellStyle.CRITICAL,
    FixSeverity.HIGH: CellStyle.HIGH,
}


def build_cell(*parts: Part, note: str = "") -> Cell:
    return Cell(parts, make_one_line(note))


def show_text(text: str, style: CellStyle = CellStyle.PLAIN) -> Cell:
    return Cell((Part(make_one_line(text), style),))


def show_count(count: int, style: CellStyle = CellStyle.PLAIN) -> Cell:
    """Return a cell with a number. Zero is muted, so that other numbers stand out."""
    return Cell((Part(f"{count:,}", style if count else CellStyle.MUTED),))


def show_time(time: datetime | None, now: datetime, style: CellStyle = CellStyle.PLAIN) -> Cell:
    """Return a cell with a time; an empty cell if the time is None."""
    return Cell((build_time_part(time, now, style),)) if time is not None else Cell()


def build_time_part(time: datetime, now: datetime, style: CellStyle = CellStyle.PLAIN) -> Part:
    shown = ShownTime(time.isoformat(timespec="seconds"), f"{time:%Y-%m-%d %H:%M:%S} UTC", describe_time(time, now))
    return Part("", style, time=shown)


def describe_time(time: datetime, now: datetime) -> str:
    """Return a time relative to now, such as `3 h ago` or `in 5 min`."""
    words = describe_span(abs(now - time))
    return f"in {words}" if time > now else f"{words} ago"


def describe_span(span: timedelta) -> str:
    """Return a duration in one unit, such as `5 min`."""
    for shortest, unit, name in _UNITS:
        if span >= shortest:
            return f"{span // unit} {name}"
    return f"0 {_UNITS[-1][2]}"


def show_digest(digest: str | None) -> Cell:
    if digest is None:
        return Cell((Part("not pinned", CellStyle.WARNING),))
    return Cell((build_digest_part(digest),))


def build_digest_part(digest: str) -> Part:
    return Part(make_one_line(shorten_digest(Digest(digest))), is_code=True, title=make_one_line(digest))


def link_image(name: str) -> Part:
    """Return a link to the page of an image, or of all tags of a repository of images."""
    return Part(make_one_line(name), address=f"/images/{quote(name, safe='/:@')}", is_code=True)


def link_repository(key: BranchKey) -> Part:
    """Return a link to the page of a repository. Its text includes the base branch."""
    text = f"{key.repository} ({key.base_branch})"
    return Part(make_one_line(text), address=build_repository_address(key.forge, key.host, key.repository))


def build_repository_address(forge: str, host: str, repository: str) -> str:
    return "/repositories/" + quote(f"{forge}/{host or NO_HOST}/{repository}", safe="/:")


def link_request(request: StoredRequest) -> Part:
    """Return the number of a proposal, with a link to the proposal if its URL is safe."""
    text = f"#{request.number}" if request.number else make_one_line(request.branch)
    return link_outside(text, request.url)


def link_outside(text: str, url: str | None) -> Part:
    """Return a text with a link to another site. The link is left out if its URL is not safe."""
    return Part(make_one_line(text), address=url if url is not None and is_safe_url(url) else None)


def show_targets(request: StoredRequest) -> Cell:
    """Return the images that a proposal updates."""
    names = list(dict.fromkeys(target.rpartition("@")[0] for target in request.targets))
    parts = tuple(link_image(each) for each in names[:MAX_TARGETS] if each != "*")
    return Cell(parts, describe_rest(len(names), MAX_TARGETS))


def show_fixes(fixes: Mapping[str, int] | None, *, is_shown: bool) -> Cell:
    """Return the numbers of vulnerabilities that a proposal fixes, the most severe ones first."""
    if not is_shown:
        return show_text(NOT_SHOWN, CellStyle.MUTED)
    if fixes is None:
        return show_text("not known", CellStyle.MUTED)
    counts = {each: fixes.get(each.value, 0) for each in FixSeverity}
    return show_severities({each.value: count for each, count in counts.items()}) if fixes else show_text("none")


def show_severities(counts: Mapping[str, int]) -> Cell:
    """Return the numbers of vulnerabilities by severity as badges; severities without vulnerabilities are left out."""
    styles = {each.value: style for each, style in _SEVERITY_STYLES.items()}
    parts = tuple(
        Part(f"{count:,} {severity}", styles.get(severity, CellStyle.PLAIN), is_badge=True)
        for severity, count in counts.items()
        if count
    )
    return Cell(parts) if parts else show_text("none", CellStyle.MUTED)


def show_due(due_at: datetime | None, now: datetime) -> Cell:
    """Return the due date of a proposal."""
    if due_at is None:
        return Cell()
    if due_at > now:
        return show_time(due_at, now)
    return Cell((Part("overdue", CellStyle.ALARM, is_badge=True), build_time_part(due_at, now)))


def show_work(key: WorkKey) -> Cell:
    """Return a piece of work, with a link to the page of the image or the repository."""
    match key:
        case TagWork(tag_ref):
            return Cell((Part("look up"), link_image(str(tag_ref))))
        case VisitWork(forge, host, repository):
            address = build_repository_address(forge, host, repository)
            return Cell((Part("read"), Part(make_one_line(repository), address=address)))
        case SweepWork():
            return Cell((Part("list all repositories"),))
        case PollWork(host):
            return Cell((Part("look up all tags of"), Part(make_one_line(host), is_code=True)))
    assert_never(key)


def join_words(words: Iterable[str]) -> str:
    """Return the values of an enumeration as readable words, such as `image pushed` for `image-pushed`."""
    return ", ".join(each.replace("-", " ") for each in words)


def show_reason(reason: str) -> Cell:
    """Return why work was requested, in words for readers who do not know the parts of the service."""
    return show_text(_REASONS.get(reason) or join_words([reason]))


def show_identifier(text: str) -> Cell:
    """Return the beginning of an identifier. Browsers show the whole identifier when the pointer is over it."""
    line = make_one_line(text)
    return Cell((Part(line[:SHOWN_IDENTIFIER], is_code=True, title=line),))
