"""Renders the references of a fleet that use a digest, for `basebump block`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.model.image_name import ImageName
from bot.model.usage import DigestUsers, ImageUsage
from bot.reports._inventory_parts import describe_coverage
from bot.reports.styled_lines import Line
from bot.reports.usage import UsageAnswer, render_usage_lines


def render_digest_users(users: DigestUsers, now: datetime) -> Iterator[Line]:
    """Yield the files that are pinned to the digest, those that follow a tag to it, and the age of the data."""
    if not users.pinned and not users.followed:
        yield "No file uses it, according to the state."
    for repository, usages in users.pinned.items():
        yield "Pinned to the digest:"
        yield from _render_files(users, ImageName.parse(f"{repository}@{users.digest}"), usages, now)
    for each in users.followed:
        yield f"Without a digest, following a tag that pointed to it at its last lookup ({each.looked_up_at:%Y-%m-%d}):"
        yield from _render_files(users, ImageName.parse(str(each.tag_ref)), each.usages, now)
    yield from describe_coverage(users.coverage, now)


def _render_files(users: DigestUsers, image: ImageName, usages: Sequence[ImageUsage], now: datetime) -> Iterator[Line]:
    """Yield the lines of `basebump usage` about these references, without those about all of the data."""
    lines = render_usage_lines(UsageAnswer(image, None, usages, users.coverage), now)
    yield from lines[: len(lines) - len(list(describe_coverage(users.coverage, now)))]
