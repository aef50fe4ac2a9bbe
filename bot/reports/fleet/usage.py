"""Renders the output of `usage`: the files of a fleet that use an image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from bot.core.markdown import MAX_MESSAGE_LINE, make_console_line
from bot.core.transition import shorten_digest
from bot.model.image_name import Digest, ImageName
from bot.model.inventory import BranchKey
from bot.model.report import SCHEMA
from bot.model.update_stages import UpdateProgress
from bot.model.usage import DeclinedRequest, ImageUsage, InventoryCoverage, RequestLink
from bot.reports.fleet.stage_documents import build_stages, build_updates
from bot.reports.fleet.stage_lines import (
    describe_progress,
    list_cluster_sentences,
    list_running_lines,
    summarise_funnels,
)
from bot.reports.parts.csv_text import render_records
from bot.reports.parts.decline_words import describe_decline, describe_decline_effect
from bot.reports.parts.inventory_document import (
    BRANCH_COLUMNS,
    build_branch,
    build_coverage,
    count_things,
    describe_coverage,
)
from bot.reports.parts.json_text import JsonValue, format_time, render_json
from bot.reports.parts.styled_lines import Line, Style, StyledLine

if TYPE_CHECKING:
    from bot.model.workload import RunningImage
    from bot.reports.parts.stage_section import StageReport


from bot.model.usage import DigestUsers


def render_digest_users(users: DigestUsers, now: datetime) -> Iterator[Line]:
    """Yield the files that are pinned to the digest, the files whose tag pointed to it, and the age of the data."""
    if not users.pinned and not users.followed:
        yield "No file uses the digest, according to the state."
    for repository, usages in users.pinned.items():
        yield "Pinned to the digest:"
        yield from _render_files(users, ImageName.parse(f"{repository}@{users.digest}"), usages, now)
    for each in users.followed:
        yield f"With a tag only, which pointed to the digest at its last lookup ({each.looked_up_at:%Y-%m-%d}):"
        yield from _render_files(users, ImageName.parse(str(each.tag_ref)), each.usages, now)
    yield from describe_coverage(users.coverage, now)


def _render_files(users: DigestUsers, image: ImageName, usages: Sequence[ImageUsage], now: datetime) -> Iterator[Line]:
    """Yield the lines of `basebump usage` about these references, without the lines about the age of the data."""
    lines = render_usage_lines(UsageAnswer(image, None, usages, users.coverage), now)
    yield from lines[: len(lines) - len(list(describe_coverage(users.coverage, now)))]


_NOT_PINNED = "not pinned"
UNLISTED_AFTER = timedelta(days=8)
"""A base branch that no run has listed for this time gets a remark. Most fleets have at least one run per week."""
_LOCATION_WIDTH = 37
"""The maximum width of the columns of files and tags, so that all columns fit 80 characters. A longer path is not
shortened, so the rest of its line is not aligned.
"""
_COLUMNS = (
    *BRANCH_COLUMNS,
    *("path", "line", "format", "written", "tag", "digest", "status"),
    *("reason", "since", "since_first_visit", "read_at", "seen_at", "owners", "request_numbers", "request_urls"),
    *("declined_number", "declined_url", "declined_closed_at", "declined_scope"),
    *("stage", "stage_since", "waits_for"),
)

_Position = tuple[BranchKey, str, int, str | None, Digest | None]
"""The base branch, path, line number, tag and digest of a use."""


@dataclass(frozen=True, slots=True)
class UsageAnswer:
    """The uses of an image, and the arguments of the user."""

    image: ImageName
    excluded_digest: Digest | None
    """If this is not None, `usages` has only references that do not contain this digest."""
    usages: Sequence[ImageUsage]
    coverage: InventoryCoverage
    stages: StageReport | None = None
    """How far the updates of these uses got; None if this was not read."""

    def group_updates(self) -> Mapping[_Position, Sequence[UpdateProgress]]:
        """Return how far the updates of each use got, with the latest update last."""
        updates: dict[_Position, list[UpdateProgress]] = defaultdict(list)
        for each in self.stages.stages.updates if self.stages is not None else ():
            use = each.use
            updates[use.key, use.path, use.line_number, use.tag, use.digest].append(each)
        return updates

    def list_running(self) -> Sequence[RunningImage]:
        """Return the containers that run the image with the tag and the digest in the user's argument."""
        if self.stages is None:
            return ()
        image, stages = self.image, self.stages.stages
        return [
            each
            for each in stages.running
            if stages.is_running_image(each, image.repository)
            and image.tag in {None, each.tag}
            and image.digest in {None, each.digest}
            and (self.excluded_digest is None or each.digest != self.excluded_digest)
        ]


def render_usage_document(answer: UsageAnswer) -> str:
    """Return the output of `usage --format json`."""
    image = answer.image
    return render_json(
        {
            "schema": SCHEMA,
            "canonical": image.repository,
            "tag": image.tag,
            "digest": image.digest,
            "not_on": answer.excluded_digest,
            "coverage": build_coverage(answer.coverage),
            **build_stages(answer.stages, answer.list_running()),
            "usages": _build_usages(answer),
        }
    )


def _build_usages(answer: UsageAnswer) -> JsonValue:
    if answer.stages is None:
        return [{**_build_usage(each), "updates": None} for each in answer.usages]
    updates = answer.group_updates()
    return [
        {**_build_usage(each), "updates": build_updates(updates.get(_get_position(each), ()), answer.stages)}
        for each in answer.usages
    ]


def render_usage_csv(answer: UsageAnswer) -> str:
    """Return the output of `usage --format csv`. Several owners or pull requests are separated by blanks."""
    updates = answer.group_updates()
    records = (
        {**_build_usage(each), **_build_latest_stage(updates.get(_get_position(each), ()))} for each in answer.usages
    )
    return render_records(_COLUMNS, records)


def render_usage_lines(answer: UsageAnswer, now: datetime) -> list[Line]:
    """Return the text output of `usage`: the files of each repository, and the age of the data."""
    lines: list[Line] = [make_console_line(_describe_result(answer)), ""]
    tag_width = max((len(each.tag or "-") for each in answer.usages), default=0) if answer.image.tag is None else 0
    room = max(_LOCATION_WIDTH - tag_width - 2 * bool(tag_width), 0)
    width = min(max((len(_locate(each)) for each in answer.usages), default=0), room)
    updates = answer.group_updates()
    for title, group in groupby(answer.usages, key=lambda usage: usage.title):
        usages = list(group)
        lines.append(StyledLine("", make_console_line(title), Style.UPDATE))
        for each in usages:
            lines.append(_render_usage(each, width, tag_width))
            lines += _render_updates(updates.get(_get_position(each), ()), answer.stages)
        requests = dict.fromkeys(request for usage in usages for request in usage.requests)
        lines += [_render_request(each) for each in requests]
        declined = dict.fromkeys(usage.declined for usage in usages if usage.declined is not None)
        lines += [line for each in declined for line in _render_declined(each, usages[0].key.forge)]
        lines += _render_unlisted(usages[0].seen_at, now)
        lines.append("")
    stages = [*_render_running(answer), *_render_funnels(answer)]
    ages = list_cluster_sentences(answer.stages.stages, now) if answer.stages is not None else ()
    return [*lines, *stages, *describe_coverage(answer.coverage, now), *ages]


def _describe_result(answer: UsageAnswer) -> str:
    """Return a sentence with the number of repositories and files that use the image."""
    name, usages = str(answer.image), answer.usages
    excluded = shorten_digest(answer.excluded_digest) if answer.excluded_digest is not None else ""
    condition = f" with another digest than {excluded}, or without one" if excluded else ""
    if not usages:
        return f"No base branch uses {name}{condition}."
    branches = len({usage.key for usage in usages})
    verb = "uses" if branches == 1 else "use"
    files = count_things(len({(usage.key, usage.path) for usage in usages}), "file", "files")
    return f"{count_things(branches, 'base branch', 'base branches')} {verb} {name}{condition}, in {files}."


def _render_usage(usage: ImageUsage, width: int, tag_width: int) -> Line:
    tag = f"{usage.tag or '-':<{tag_width}}  " if tag_width else ""
    pin = shorten_digest(usage.digest) if usage.digest is not None else _NOT_PINNED
    since = f"since {'at least ' if usage.is_since_first_visit else ''}{usage.since:%Y-%m-%d}"
    style = Style.WARNING if usage.digest is None else Style.EXPLANATION
    return StyledLine(f"  {_locate(usage):<{width}}  ", f"{tag}{pin:<12}  {since}", style)


def _render_updates(updates: Sequence[UpdateProgress], report: StageReport | None) -> Iterator[Line]:
    if report is not None:
        for each in updates:
            yield from describe_progress(each, report.stages, report.now, "    ")


def _render_running(answer: UsageAnswer) -> Iterator[Line]:
    running = answer.list_running()
    if answer.stages is not None and running:
        yield from list_running_lines(answer.stages.stages, running)
        yield ""


def _render_funnels(answer: UsageAnswer) -> Iterator[Line]:
    """Yield the numbers of uses in each stage; nothing if there is only one use."""
    if answer.stages is not None and len(answer.usages) > 1:
        yield from summarise_funnels(answer.stages.stages.funnels)
        yield ""


def _get_position(usage: ImageUsage) -> _Position:
    return usage.key, usage.path, usage.line_number, usage.tag, usage.digest


def _render_unlisted(seen_at: datetime, now: datetime) -> Iterator[Line]:
    """Yield a remark if no run has listed the base branch for UNLISTED_AFTER."""
    if now - seen_at >= UNLISTED_AFTER:
        reason = "the repository was possibly renamed, archived or removed"
        yield StyledLine(f"  not listed since {seen_at:%Y-%m-%d}", f": {reason}", Style.WARNING)


def _render_request(request: RequestLink) -> Line:
    number = f"pull request #{request.number}" if request.number else "a pull request"
    return StyledLine(f"  {number} is open", f": {make_console_line(request.url)}" if request.url else "", Style.GOOD)


def _render_declined(declined: DeclinedRequest, forge: str) -> Iterator[Line]:
    url = f": {declined.link.url}" if declined.link.url else ""
    yield StyledLine("  ", make_console_line(f"{describe_decline(declined)}{url}", MAX_MESSAGE_LINE), Style.WARNING)
    yield StyledLine("    ", describe_decline_effect(declined, forge), Style.EXPLANATION)


def _locate(usage: ImageUsage) -> str:
    location = f"{make_console_line(usage.path)}:{usage.line_number}"
    return make_console_line(location, len(location))  # with the path `:`, the line would begin with `::`


def _build_usage(usage: ImageUsage) -> dict[str, JsonValue]:
    return {
        **build_branch(usage.key),
        "path": usage.path,
        "line": usage.line_number,
        "format": usage.format,
        "written": usage.written,
        "tag": usage.tag,
        "digest": usage.digest,
        "status": usage.status,
        "reason": usage.reason,
        "since": format_time(usage.since),
        "since_first_visit": usage.is_since_first_visit,
        "read_at": format_time(usage.read_at),
        "seen_at": format_time(usage.seen_at),
        "owners": list(usage.owners),
        "requests": [
            {"number": each.number, "url": each.url, "opened_at": format_time(each.opened_at)}
            for each in usage.requests
        ],
        "declined": _build_declined(usage.declined) if usage.declined is not None else None,
    }


def _build_declined(declined: DeclinedRequest) -> JsonValue:
    link = declined.link
    return {
        "number": link.number,
        "url": link.url,
        "opened_at": format_time(link.opened_at),
        "closed_at": format_time(declined.closed_at),
        "scope": declined.scope.value,
    }


def _build_latest_stage(updates: Sequence[UpdateProgress]) -> dict[str, JsonValue]:
    """Return the stage that the latest update reached, for CSV; empty if there are no updates."""
    if not updates:
        return {}
    latest = updates[-1]
    return {
        "stage": latest.stage.value if latest.stage is not None else None,
        "stage_since": format_time(latest.since),
        "waits_for": latest.wait.reason.value if latest.wait is not None else None,
    }
