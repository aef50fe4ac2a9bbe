"""Renders the output of `usage` for a vulnerability: the exposed images, and the files and containers that use them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import assert_never

from bot.core.markdown import MAX_MESSAGE_LINE, describe_rest, make_console_line
from bot.core.transition import shorten_digest
from bot.model.evidence import FixDate, FixDateOrigin, Severity
from bot.model.exposed_images import ContainerUse, ExposedImage, ExposedTag, ExposedUse, ExposureCoverage
from bot.model.exposure import FixPlace
from bot.model.inventory import BranchKey
from bot.model.report import SCHEMA
from bot.model.usage import InventoryCoverage
from bot.reports.parts.csv_text import render_records
from bot.reports.parts.evidence_document import build_fix_date
from bot.reports.parts.exposure_lines import describe_fix_age, name_distribution
from bot.reports.parts.inventory_document import (
    BRANCH_COLUMNS,
    build_branch,
    build_coverage,
    count_things,
    describe_coverage,
    describe_duration,
    format_minute,
)
from bot.reports.parts.json_text import JsonValue, format_time, render_json
from bot.reports.parts.styled_lines import Line, Style, StyledLine

MAX_USES = 200
"""The maximum number of files and of containers that the text lists for one image; JSON and CSV have all."""
NOT_KNOWN_TO_BE_USED = "No known image in use contains it."
_MAX_LOCATION_WIDTH = 48
_COLUMNS = (
    *("vulnerability", "severity", "canonical", "tag", "digest"),
    *("fix", "fix_published", "fix_published_origin", "newest_digest"),
    *BRANCH_COLUMNS,
    *("path", "line", "pinned", "owners"),
    *("cluster", "namespace", "kind", "workload", "container"),
    *("since", "exposed_since", "request_number", "request_url", "due_at"),
    *("packages", "installed", "fixed_in", "platforms", "private"),
)
_ORIGINS = {
    FixDateOrigin.ADVISORY: "date of the advisory",
    FixDateOrigin.FIRST_SEEN: "first seen by basebump",
    FixDateOrigin.AT_LEAST: "",
}
"""The origin of the date of a fix in words; empty if the words for its age already contain it."""
_PLACE_STYLES: Mapping[FixPlace | None, Style] = {
    FixPlace.IN_UPDATE: Style.UPDATE,
    FixPlace.IN_DISTRIBUTION: Style.WARNING,
}


@dataclass(frozen=True, slots=True)
class ExposedUsageAnswer:
    """The uses of images with a vulnerability."""

    vulnerability: str
    tags: Sequence[ExposedTag]
    known: ExposureCoverage
    coverage: InventoryCoverage
    is_incomplete: bool = False
    """True if images or uses were left out, because not everyone who can read the answer is allowed to see them."""


def render_exposed_usage_lines(answer: ExposedUsageAnswer, now: datetime) -> list[Line]:
    """Return the text output: the exposed images with their uses, the sums by owner, and how much is known."""
    lines: list[Line] = [_describe_vulnerability(answer), _describe_result(answer), ""]
    for tag in answer.tags:
        lines += [*_render_tag(tag, now), ""]
    lines += _render_owners(answer)
    return [*lines, *describe_known_images(answer.known, now), *describe_coverage(answer.coverage, now)]


def _describe_vulnerability(answer: ExposedUsageAnswer) -> Line:
    images = [image for tag in answer.tags for image in tag.exposed]
    if not images:
        return answer.vulnerability
    severity = max(image.finding.severity for image in images)
    title = next((image.finding.title for image in images if image.finding.title), "")
    words = severity.word if severity is not Severity.UNKNOWN else "unknown severity"
    text = make_console_line(f"{words}: {title}" if title else words, MAX_MESSAGE_LINE)
    style = Style.BAD if severity >= Severity.HIGH else Style.WARNING
    return StyledLine(f"{answer.vulnerability}  ", text, style)


def _describe_result(answer: ExposedUsageAnswer) -> str:
    if not answer.tags:
        return NOT_KNOWN_TO_BE_USED
    uses = [each.use for tag in answer.tags for each in tag.uses]
    containers = {(each.workload, each.container) for tag in answer.tags for each in tag.containers}
    digests = count_things(len({tag.digest for tag in answer.tags}), "image in use contains", "images in use contain")
    places = []
    if uses:
        files = count_things(len({(use.key, use.path) for use in uses}), "file", "files")
        places.append(f"{files} of {count_things(len({use.key for use in uses}), 'base branch', 'base branches')}")
    if containers:
        places.append(count_things(len(containers), "container", "containers"))
    return f"{digests} it: in {' and '.join(places)}."


def _render_tag(tag: ExposedTag, now: datetime) -> Iterator[Line]:
    name = str(tag.tag_ref) if tag.tag_ref is not None else "in no file of the fleet"
    yield StyledLine("", make_console_line(f"{name} {shorten_digest(tag.digest)}"), Style.UPDATE)
    yield StyledLine("  ", describe_fix(tag, now), _PLACE_STYLES.get(tag.fix, Style.EXPLANATION))
    for text in dict.fromkeys(map(_describe_package, tag.exposed)):
        yield StyledLine("  ", text, Style.EXPLANATION)
    shown = tag.uses[:MAX_USES]
    width = min(max((len(_locate(each)) for each in shown), default=0), _MAX_LOCATION_WIDTH)
    for title, group in groupby(shown, key=lambda each: each.use.key):
        yield from _render_branch(title, list(group), width)
    if rest := describe_rest(len(tag.uses), MAX_USES):
        yield f"  {rest} references; `--format csv` lists all"
    for cluster, running in groupby(tag.containers[:MAX_USES], key=lambda each: each.workload.cluster):
        yield StyledLine("  ", make_console_line(f"cluster {cluster}"), Style.EXPLANATION)
        yield from map(_render_container, running)
    if rest := describe_rest(len(tag.containers), MAX_USES):
        yield f"  {rest} containers; `--format csv` lists all"


def describe_fix(tag: ExposedTag, now: datetime) -> str:
    """Return where the fix of a vulnerability exists, since when, and who acts."""
    age = _describe_dated_age(tag.fix_date, now)
    match tag.fix:
        case FixPlace.IN_UPDATE:
            return f"in-update: the newest digest of the tag contains the fix{age}"
        case FixPlace.IN_DISTRIBUTION:
            publisher = name_distribution(tag.exposed[0].os) if tag.exposed else "its publisher"
            return f"in-distribution: fixed in {publisher}{age}, but in no digest of the tag"
        case FixPlace.NO_FIX:
            return "no-fix: no version of the package fixes it"
        case None:
            return f"a fix exists{age}; the newest digest of the tag was not scanned with the same database"
    assert_never(tag.fix)


def _describe_dated_age(fix_date: FixDate | None, now: datetime) -> str:
    """Return since when a fix is published, with the origin of the date; empty if the date is unknown."""
    if fix_date is None:
        return ""
    origin = _ORIGINS[fix_date.origin]
    return f" {describe_fix_age(fix_date, now)}{f' ({origin})' if origin else ''}"


def _describe_package(image: ExposedImage) -> str:
    finding = image.finding
    fixed = f", fixed in {finding.fixed_in}" if finding.fixed_in is not None else ""
    private = ", private" if image.is_private else ""
    return make_console_line(f"{finding.package} {finding.installed}{fixed}, {image.platform}{private}")


def _render_branch(key: BranchKey, uses: Sequence[ExposedUse], width: int) -> Iterator[Line]:
    yield StyledLine("  ", make_console_line(f"{key.repository} ({key.base_branch})"), Style.EXPLANATION)
    for each in uses:
        details = [f"since {each.since:%Y-%m-%d}"]
        if not each.use.is_pinned:
            details.append("not pinned")
        if each.use.owners:
            details.append(" ".join(each.use.owners))
        text = make_console_line(", ".join(details))
        yield StyledLine(f"    {_locate(each):<{width}}  ", text, Style.EXPLANATION)
    for request in dict.fromkeys(each.request for each in uses if each.request is not None):
        number = f"pull request #{request.number}" if request.number else "a pull request"
        due = f", due {request.due_at:%Y-%m-%d}" if request.due_at is not None else ""
        url = make_console_line(f": {request.url}") if request.url else ""
        yield StyledLine(f"    {number} is open{due}", url, Style.GOOD)


def _render_container(use: ContainerUse) -> Line:
    workload = use.workload
    name = make_console_line(f"{workload.namespace}/{workload.kind}/{workload.name}, container {use.container}")
    return StyledLine(f"    {name}  ", f"since {use.since:%Y-%m-%d}", Style.EXPLANATION)


def _locate(use: ExposedUse) -> str:
    location = f"{make_console_line(use.use.path)}:{use.use.line_number}"
    return make_console_line(location, len(location))  # with the path `:`, the line would begin with `::`


def _render_owners(answer: ExposedUsageAnswer) -> Iterator[Line]:
    """Yield the number of files of each owner; nothing if there are not several owners."""
    owners = Counter(
        owner
        for owner, _ in {
            (owner, (use.use.key, use.use.path))
            for tag in answer.tags
            for use in tag.uses
            for owner in use.use.owners or ("no owner",)
        }
    )
    if len(owners) > 1:
        sums = ", ".join(f"{make_console_line(owner)} {count}" for owner, count in owners.most_common(MAX_USES))
        yield StyledLine("Files by owner: ", sums, Style.EXPLANATION)
        yield ""


def describe_known_images(known: ExposureCoverage, now: datetime) -> Iterator[str]:
    """Yield sentences about how many of the images in use are known, and since when. Unknown images are not safe."""
    if not known.digests_in_use:
        yield "The state contains no image in use yet."
        return
    matched = ""
    if known.matched_at is not None:
        age = describe_duration((now - known.matched_at).total_seconds())
        matched = f", all matched within the last {age}" if age.startswith("less") else f", matched up to {age} ago"
        matched += f" ({format_minute(known.matched_at)})"
    images = count_things(known.digests_in_use, "digest in use is", "digests in use are")
    yield f"{known.known_digests:,} of {images} known{matched}."
    unknown = known.digests_in_use - known.known_digests
    if unknown:
        reasons = [f"{count} {reason}" for reason, count in sorted(known.reasons.items())]
        if rest := unknown - sum(known.reasons.values()):
            reasons.append(f"{rest} not scanned yet")
        digests = count_things(unknown, "digest", "digests")
        yield f"The vulnerabilities of {digests} are not known: {', '.join(reasons)}."


def render_exposed_usage_document(answer: ExposedUsageAnswer) -> str:
    """Return the output of `usage VULNERABILITY --format json`."""
    return render_json(
        {
            "schema": SCHEMA,
            "vulnerability": answer.vulnerability,
            "known_images": build_known_images(answer.known),
            "coverage": build_coverage(answer.coverage),
            "withheld": answer.is_incomplete,
            "images": [_build_tag(tag) for tag in answer.tags],
        }
    )


def build_known_images(known: ExposureCoverage) -> JsonValue:
    """Return the numbers of digests in use that are known and unknown, as JSON."""
    return {
        "digests_in_use": known.digests_in_use,
        "known_digests": known.known_digests,
        "matched_at": format_time(known.matched_at),
        "reasons": dict(sorted(known.reasons.items())),
    }


def _build_tag(tag: ExposedTag) -> dict[str, JsonValue]:
    return {
        **_build_image(tag),
        "findings": [
            {
                "platform": image.platform,
                "scanner": image.scanner,
                "package": image.finding.package,
                "package_type": image.finding.package_type,
                "installed": image.finding.installed,
                "fixed_in": image.finding.fixed_in,
                "severity": image.finding.severity.word,
                "title": image.finding.title,
                "first_seen": format_time(image.first_seen),
                "matched_at": format_time(image.matched_at),
                "private": image.is_private,
            }
            for image in tag.exposed
        ],
        "uses": [_build_use(each) for each in tag.uses],
        "containers": [_build_container(each) for each in tag.containers],
    }


def _build_image(tag: ExposedTag) -> dict[str, JsonValue]:
    return {
        "canonical": tag.tag_ref.repository if tag.tag_ref is not None else None,
        "tag": tag.tag_ref.tag or None if tag.tag_ref is not None else None,
        "digest": tag.digest,
        "fix": tag.fix.value if tag.fix is not None else None,
        **build_fix_date(tag.fix_date),
        "newest_digest": tag.newest,
    }


def _build_use(exposed: ExposedUse) -> dict[str, JsonValue]:
    use, request = exposed.use, exposed.request
    return {
        **build_branch(use.key),
        "path": use.path,
        "line": use.line_number,
        "pinned": use.is_pinned,
        "owners": list(use.owners),
        "since": format_time(use.since),
        "exposed_since": format_time(exposed.since),
        "request": {"number": request.number, "url": request.url, "due_at": format_time(request.due_at)}
        if request is not None
        else None,
    }


def _build_container(use: ContainerUse) -> dict[str, JsonValue]:
    workload = use.workload
    return {
        "cluster": workload.cluster,
        "namespace": workload.namespace,
        "kind": workload.kind,
        "workload": workload.name,
        "container": use.container,
        "since": format_time(use.since),
    }


def render_exposed_usage_csv(answer: ExposedUsageAnswer) -> str:
    """Return the output of `usage VULNERABILITY --format csv`: a row for each reference and each container."""
    return render_records(_COLUMNS, _build_records(answer))


def _build_records(answer: ExposedUsageAnswer) -> Iterator[dict[str, JsonValue]]:
    for tag in answer.tags:
        findings = [image.finding for image in tag.exposed]
        image: dict[str, JsonValue] = {
            "vulnerability": answer.vulnerability,
            "severity": max((each.severity for each in findings), default=Severity.UNKNOWN).word,
            **_build_image(tag),
            "packages": _list_distinct(each.package for each in findings),
            "installed": _list_distinct(each.installed for each in findings),
            "fixed_in": _list_distinct(each.fixed_in for each in findings),
            "platforms": _list_distinct(each.platform for each in tag.exposed),
            "private": any(each.is_private for each in tag.exposed),
        }
        for use in tag.uses:
            due_at = use.request.due_at if use.request is not None else None
            yield {**image, **_build_use(use), "due_at": format_time(due_at)}
        for container in tag.containers:
            yield {**image, **_build_container(container)}


def _list_distinct(texts: Iterable[str | None]) -> list[JsonValue]:
    return list(dict.fromkeys(text for text in texts if text is not None))
