"""Violations that `check` reports for an image reference, derived from the decision on the reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, assert_never

from bot.core.choice.blocklist import find_listed_digest
from bot.core.choice.end_of_life import describe_configured_eol, find_configured_eol
from bot.core.choice.verdict import NO_REPLACEMENT
from bot.core.transition import shorten_digest
from bot.model.check import Violation
from bot.model.decision import (
    BlockedReference,
    Decision,
    HeldUpdate,
    ImageUpdate,
    RefusedUpdate,
    SkippedReference,
    SupersededReference,
    UncheckedReference,
    UnresolvedReference,
    UpdateCause,
    UpToDate,
    get_tracked_image,
)
from bot.model.image_name import ImageName
from bot.model.vocabulary import Reason, ViolatedRule, ViolationKind

if TYPE_CHECKING:  # not imported at run time, to keep start-up fast
    from bot.model.blocklist import Block, Blocklist
    from bot.model.rules import ConfiguredEndOfLife


def find_violations(
    decision: Decision,
    fix_command: str,
    configured_ends: Iterable[ConfiguredEndOfLife],
    today: date,
    blocklist: Blocklist | None = None,
) -> Iterator[Violation]:
    """Yield the violations of an image reference, derived from the decision on the reference.

    The messages contain `fix_command`, the command line with which the user can apply the available updates.
    `configured_ends` are the `end_of_life` entries of the operator's config, and `blocklist` are its blocked digests.
    """
    image = decision.reference.image
    if image.digest is None:
        yield from _find_unpinned(decision, fix_command)
    yield from _find_blocked(decision, fix_command, blocklist)
    if isinstance(decision, SkippedReference):
        return
    if isinstance(decision, ImageUpdate | RefusedUpdate):
        yield from _find_gone_or_withdrawn(decision, fix_command)
    end = _describe_end_of_life(decision, configured_ends, today)
    if end:
        yield Violation(
            ViolationKind.POLICY,
            f"{format_short_reference(image)} is past its end of life: {end}",
            ViolatedRule.END_OF_LIFE,
        )


def _find_blocked(decision: Decision, fix_command: str, blocklist: Blocklist | None) -> Iterator[Violation]:
    """Yield a violation if the digest that a reference uses is blocked, even if basebump does not update the reference.

    References that were not looked up are compared with the entries for their own digests.
    """
    block, remedy = _get_block(decision), ""
    match decision:
        case ImageUpdate() | RefusedUpdate():
            remedy = describe_remedy(decision, fix_command)
        case BlockedReference(detail=detail):
            remedy = f"{NO_REPLACEMENT}: {detail}" if detail else NO_REPLACEMENT
        case SkippedReference() | UncheckedReference() if blocklist is not None:
            image = decision.reference.image
            block = find_listed_digest(blocklist, image.repository, image.digest)
        case _:
            return
    if block is not None:
        link = f" ({block.link})" if block.link else ""
        problem = f"{format_short_reference(decision.reference.image)} is blocked: {block.reason}{link}"
        yield Violation(ViolationKind.BLOCKED, problem, remedy=remedy)


def _get_block(decision: Decision) -> Block | None:
    """Return the block of the digest in use, if the decision states one."""
    if isinstance(decision, RefusedUpdate):
        return decision.update.block
    return decision.block if isinstance(decision, ImageUpdate | BlockedReference) else None


def get_update_cause(decision: Decision) -> UpdateCause | None:
    """Return why an update replaces the digest in the file, for example because the pinned digest is gone.

    The decision can be an update or a refused update. For any other decision, return None.
    """
    if isinstance(decision, RefusedUpdate):
        return decision.update.cause
    return decision.cause if isinstance(decision, ImageUpdate) else None


def check_build_age(
    update: ImageUpdate, built_at: datetime, max_age: timedelta, now: datetime, fix_command: str
) -> Violation | None:
    """Return a violation if the image in the file was built longer than `max_age` ago; otherwise None.

    `built_at` is the build time of this image, and `update` is the available update. The message contains the tag or
    digest of the update, and `fix_command`, the command line that applies it.
    """
    age = now - built_at
    if age <= max_age:
        return None
    name = format_short_reference(update.reference.image)
    days = f"{age.days} day{'' if age.days == 1 else 's'} ago"
    return Violation(
        ViolationKind.STALE,
        f"{name} was built {days} ({built_at:%Y-%m-%d})",
        remedy=describe_remedy(update, fix_command),
    )


def build_signature_violation(image: ImageName, why: str) -> Violation:
    """Return the violation for an image whose signature could not be verified although a rule requires it.

    `why` explains why the verification failed.
    """
    subject = "" if image.digest is not None else "what its tag points to "
    message = f"{format_short_reference(image)}: {subject}is not verified, as a rule requires: {why}"
    return Violation(ViolationKind.POLICY, message, ViolatedRule.SIGNATURE)


def format_short_reference(image: ImageName) -> str:
    """Return a reference with a shortened digest, for messages: `python:3.12-slim@4f9725d1120b`."""
    tag = f":{image.tag}" if image.tag is not None else ""
    digest = f"@{shorten_digest(image.digest)}" if image.digest is not None else ""
    return f"{image.name}{tag}{digest}"


def _find_unpinned(decision: Decision, fix_command: str) -> Iterator[Violation]:
    """Yield a violation for a reference that has no digest, if the policy requires one.

    The message names the next step. If basebump can add the digest, this is `fix_command`, the command that adds the
    digest. A missing digest is a violation even if the registry is not known or could not be contacted. If basebump
    itself does not add the digest, for example because the update is held, yield nothing.
    """
    name = format_short_reference(decision.reference.image)
    host = decision.reference.image.host
    match decision:
        case ImageUpdate() | UncheckedReference():
            why, remedy = "has no digest", f"{fix_command} pins it"
        case UnresolvedReference(reason=reason):
            why = f"has no digest, and could not be looked up ({reason})"
            remedy = _describe_lookup_remedy(reason, host, fix_command)
        case SkippedReference(reason=Reason.NO_TAG):
            why, remedy = "has neither tag nor digest", "write the tag that it shall follow"
        case SkippedReference(reason=Reason.UNKNOWN_REGISTRY):
            why, remedy = "has no digest", f"write one, or list {host} under `registries:` so that basebump can pin it"
        case (
            UpToDate()
            | SupersededReference()
            | HeldUpdate()
            | BlockedReference()
            | RefusedUpdate()
            | SkippedReference()
        ):
            return
        case _:
            assert_never(decision)
    yield Violation(ViolationKind.UNPINNED, f"{name} {why}", remedy=remedy)


def _describe_lookup_remedy(reason: Reason, host: str, fix_command: str) -> str:
    """Return the next step for a reference without a digest whose image could not be looked up."""
    match reason:
        case Reason.NOT_FOUND_OR_DENIED:
            return f"correct its name, or configure credentials for {host}"
        case Reason.DENIED:
            return f"correct the credentials for {host}"
        case _:
            return f"{fix_command} pins it when the lookup succeeds"


def _find_gone_or_withdrawn(decision: ImageUpdate | RefusedUpdate, fix_command: str) -> Iterator[Violation]:
    """Yield a violation if the pinned image is gone from its registry, or if its publisher withdrew it.

    This applies even if the update that would replace the image was refused.
    """
    name, remedy = format_short_reference(decision.reference.image), describe_remedy(decision, fix_command)
    update = decision.update if isinstance(decision, RefusedUpdate) else decision
    match update.cause:
        case UpdateCause.GONE:
            yield Violation(ViolationKind.GONE, f"{name} is gone from its registry", remedy=remedy)
        case UpdateCause.WITHDRAWN:
            yield Violation(
                ViolationKind.POLICY, f"{name} was taken back by its publisher", ViolatedRule.TAKEN_BACK, remedy=remedy
            )
        case UpdateCause.MOVED | UpdateCause.BLOCKED:
            pass
        case _:
            assert_never(update.cause)


def describe_remedy(decision: ImageUpdate | RefusedUpdate, fix_command: str) -> str:
    """Return the next step for a reference with an update, without a capital letter and a full stop."""
    if isinstance(decision, RefusedUpdate):
        why = f": {decision.detail}" if decision.detail else ""
        return f"what its tag points to is refused ({decision.reason}){why}"
    first = decision.candidates[0]
    tag = f"{first.tag}@" if first.tag is not None else ""
    return f"{fix_command} moves it to {tag}{shorten_digest(first.digest)}"


def _describe_end_of_life(decision: Decision, configured_ends: Iterable[ConfiguredEndOfLife], today: date) -> str:
    """Return a phrase about the end of life of the tag; empty if the tag is not past its end of life.

    The `end_of_life` entries of the config are checked for every decision, because a tag may still receive updates
    after the configured date.
    """
    if isinstance(decision, SupersededReference):
        return decision.detail if decision.reason is Reason.END_OF_LIFE else ""
    tracked_image = get_tracked_image(decision)
    configured_end = (
        find_configured_eol(tracked_image.tag_ref, configured_ends, today) if tracked_image is not None else None
    )
    return describe_configured_eol(configured_end) if configured_end is not None else ""
