"""Template data on the reasons for an update, and on pages and commands with which a reader can check it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import assert_never

from bot.core.evidence.compare import count_by_severity, count_distinct, filter_exploited
from bot.core.markdown import Link, Plain, Text, build_sentence
from bot.core.registry_pages import find_registry_page
from bot.model.contents import ImageContents, TransitionContents
from bot.model.decision import ImageUpdate, Transition, UpdateCause
from bot.model.evidence import Evidence, Scan, ScanOutcome, Severity

MAX_COMMAND_LENGTH = 2_400
"""Limit for the characters of a command that names two images. A reference has at most 1024, and a digest 71."""


def list_reasons(update: ImageUpdate, transition: Transition, evidence: Evidence) -> tuple[Text | Plain, ...]:
    """Return the reasons why the update is proposed now, as parts of a sentence."""
    return tuple(build_sentence(each) for each in _describe_reasons(update, transition, evidence))


def summarise_reason(update: ImageUpdate, transition: Transition, evidence: Evidence) -> Plain | Text:
    """Return the first reason in a few words, for tables of several images: `fixes 2 critical`, `newer digest`."""
    count, kind = _count_grave_fixes(evidence)
    if not count and evidence.delta is not None and update.cause is UpdateCause.MOVED:
        count, kind = count_by_severity(evidence.delta.fixed)[Severity.HIGH], "high"
    return build_sentence(f"fixes {count} {kind}" if count else _describe_trigger(update, transition)[0])


def build_compare_command(update: ImageUpdate, transition: Transition) -> Text | None:
    """Return the command that compares both images again; None if the file has no digest, or one that is gone."""
    if transition.old is None or update.cause is UpdateCause.GONE:
        return None
    name, tag = update.reference.image.name, transition.tag_ref.tag
    old, new = f"{name}:{tag}@{transition.old}", f"{name}:{transition.new_tag or tag}@{transition.new}"
    return Text(f"basebump compare {old} {new}", MAX_COMMAND_LENGTH)


def link_repository(name: str, transition: Transition) -> Link | Text:
    """Return the name of an image, with a link to the page of its repository if its registry has public pages."""
    url = find_registry_page(transition.tag_ref.host, transition.tag_ref.path)
    return Link(Text(name), url) if url is not None else Text(name)


def _describe_reasons(update: ImageUpdate, transition: Transition, evidence: Evidence) -> Iterator[str]:
    policy = update.tracked_image.policy
    fixes = _describe_fixes(evidence)
    if policy.min_age and update.cause is UpdateCause.MOVED:
        wait = f"the wait of {_format_wait(policy.min_age)}"
        if update.candidates[0].matures_at is None:
            yield from (fixes, f"{wait} is over") if fixes else (f"{wait} is over",)
        elif evidence.delta is None:  # the findings may be private
            yield f"{wait} was skipped"
        else:
            yield f"{fixes or 'a fix that must not wait'}, so {wait} was skipped"
    elif fixes:
        yield fixes
    yield _describe_trigger(update, transition)[1]
    contents = evidence.contents or TransitionContents(None, None)
    old, new = _get_build_time(evidence.old, contents.old), _get_build_time(evidence.new, contents.new)
    if old is not None and new is not None and new > old:
        yield f"the image in the file is {_format_age((new - old).days)} older"
    for schedule in policy.schedules:
        yield f"the schedule {schedule.cron} ({schedule.timezone}) allows it"


def _describe_trigger(update: ImageUpdate, transition: Transition) -> tuple[str, str]:
    """Return what caused the update, in a few words and as the end of a sentence."""
    match update.cause:
        case UpdateCause.GONE:
            return "digest is gone", "the registry no longer has the digest in the file"
        case UpdateCause.BLOCKED:
            which = "in the file" if transition.old is not None else "of the tag"
            return "digest is blocked", f"the digest {which} is blocked"
        case UpdateCause.WITHDRAWN:
            return "digest withdrawn", "the publisher took the digest in the file back"
        case UpdateCause.MOVED if transition.new_tag is not None:
            return f"newer tag {transition.new_tag}", f"there is a newer tag, {transition.new_tag}"
        case UpdateCause.MOVED if transition.old is not None:
            return "newer digest", "the tag points to a newer digest"
        case UpdateCause.MOVED:
            return "no digest yet", "the file has no digest"
    assert_never(update.cause)


def _count_grave_fixes(evidence: Evidence) -> tuple[int, str]:
    """Return how many exploited vulnerabilities are fixed or, if none is, how many critical ones."""
    fixed = evidence.delta.fixed if evidence.delta is not None else ()
    exploited = count_distinct(filter_exploited(fixed, evidence.exploited_ids))
    return (exploited, "exploited") if exploited else (count_by_severity(fixed)[Severity.CRITICAL], "critical")


def _describe_fixes(evidence: Evidence) -> str:
    """Return how many exploited vulnerabilities are fixed or, if none is, how many critical ones; empty if none."""
    count, kind = _count_grave_fixes(evidence)
    if not count:
        return ""
    return (
        f"1 fix of {'an' if kind == 'exploited' else 'a'} {kind} vulnerability"
        if count == 1
        else f"{count} fixes of {kind} vulnerabilities"
    )


def _format_age(days: int) -> str:
    """Return an age in years, months or days, rounded down: `3 years`, `35 months`."""
    for unit, length, minimum in (("year", 365, 1095), ("month", 30.4, 61)):
        if days >= minimum:
            return f"{int(days / length)} {unit}s"
    return f"{days} {'day' if days == 1 else 'days'}"


def _get_build_time(outcome: ScanOutcome | None, contents: ImageContents | None) -> datetime | None:
    scanned = outcome.created if isinstance(outcome, Scan) else None
    return scanned or (contents.created if contents is not None else None)


def _format_wait(wait: timedelta) -> str:
    hours = round(wait.total_seconds() / 3600)
    count, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{count} {unit}{'' if count == 1 else 's'}"
