"""Template data on the reasons for an update, and on pages and commands with which a reader can check it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import assert_never

from bot.core.evidence.compare import has_fix_for
from bot.core.markdown import Link, Plain, Text, build_sentence
from bot.core.registry_pages import find_registry_page
from bot.model.advisory import AdvisoryList
from bot.model.contents import ImageContents, TransitionContents
from bot.model.decision import ImageUpdate, Transition, UpdateCause
from bot.model.evidence import Evidence, Scan, ScanOutcome

MAX_COMMAND_LENGTH = 2_400
"""Limit for the characters of a command that names two images. A reference has at most 1024, and a digest 71."""


def list_reasons(update: ImageUpdate, transition: Transition, evidence: Evidence) -> tuple[Text | Plain, ...]:
    """Return the reasons why the update is proposed now, as parts of a sentence."""
    return tuple(build_sentence(each) for each in _describe_reasons(update, transition, evidence))


def build_compare_command(update: ImageUpdate, transition: Transition) -> Text | None:
    """Return the command that compares both images again; None if the file has no digest."""
    if transition.old is None:
        return None
    name, tag = update.reference.image.name, transition.tag_ref.tag
    old, new = f"{name}:{tag}@{transition.old}", f"{name}:{transition.new_tag or tag}@{transition.new}"
    return Text(f"basebump compare {old} {new}", MAX_COMMAND_LENGTH)


def link_repository(name: str, transition: Transition) -> Link | Text:
    """Return the name of an image, with a link to the page of its repository if its registry has public pages."""
    url = find_registry_page(transition.tag_ref.host, transition.tag_ref.path)
    return Link(Text(name), url) if url is not None else Text(name)


def _describe_reasons(update: ImageUpdate, transition: Transition, evidence: Evidence) -> Iterator[str]:
    yield _describe_trigger(update, transition)
    policy = update.tracked_image.policy
    if policy.min_age and update.cause is UpdateCause.MOVED:
        yield _describe_wait(update, evidence)
    contents = evidence.contents or TransitionContents(None, None)
    old, new = _get_build_time(evidence.old, contents.old), _get_build_time(evidence.new, contents.new)
    if old is not None and new is not None and new > old:
        days = (new - old).days
        yield f"the image in the file was built {days} {'day' if days == 1 else 'days'} before it"
    if policy.schedules:
        yield "its schedule allows it"


def _describe_trigger(update: ImageUpdate, transition: Transition) -> str:
    match update.cause:
        case UpdateCause.GONE:
            return "the registry no longer has the digest in the file"
        case UpdateCause.BLOCKED:
            return f"the digest {'in the file' if transition.old is not None else 'of the tag'} is blocked"
        case UpdateCause.WITHDRAWN:
            return "the publisher took the digest in the file back"
        case UpdateCause.MOVED:
            if transition.new_tag is not None:
                return f"there is a newer tag, {transition.new_tag}"
            return "the tag points to a newer digest" if transition.old is not None else "the file has no digest"
    assert_never(update.cause)


def _describe_wait(update: ImageUpdate, evidence: Evidence) -> str:
    """Return whether the minimum age of the policy has passed or was skipped, and why."""
    wait = f"the wait of {_format_wait(update.tracked_image.policy.min_age)}"
    if update.candidates[0].matures_at is None:
        return f"{wait} is over"
    if evidence.delta is None:  # the findings may be private
        return f"{wait} was skipped"
    fix = (
        "a known exploited vulnerability"
        if has_fix_for(evidence, AdvisoryList.KEV)
        else "a vulnerability that must not wait"
    )
    return f"it fixes {fix}, so {wait} was skipped"


def _get_build_time(outcome: ScanOutcome | None, contents: ImageContents | None) -> datetime | None:
    scanned = outcome.created if isinstance(outcome, Scan) else None
    return scanned or (contents.created if contents is not None else None)


def _format_wait(wait: timedelta) -> str:
    hours = round(wait.total_seconds() / 3600)
    count, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{count} {unit}{'' if count == 1 else 's'}"
