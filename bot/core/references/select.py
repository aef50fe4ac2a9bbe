"""Selection of the image references to update, and the reasons for skipping the others, without network access."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date

from bot.core.references.locking import unlock_allowed
from bot.core.references.policy import RuleTarget, determine_role, evaluate_policy
from bot.model.decision import SkippedReference, TrackedImage
from bot.model.hosts import PUBLIC_HOSTS
from bot.model.image_name import parse_sha256
from bot.model.policy import Policy, PolicyConfig
from bot.model.source import IgnoreComment, NotEditable, Reference
from bot.model.vocabulary import Reason, Role

_FOREIGN_IMAGE_REASONS = frozenset({Reason.NOT_AN_IMAGE, Reason.REPLACED_BY_KUSTOMIZE, Reason.OTHER_WRITER})
"""Reasons with the highest precedence: the image in the file is not the one that runs, or another tool writes the
reference.
"""
_UNPARSED_UNTIL = re.compile(r"\buntil\s*[=:]", re.IGNORECASE)
"""Matches an `until` in a comment whose date could not be parsed."""


@dataclass(frozen=True, slots=True)
class RepositoryBranch:
    """The repository and the base branch in which image references were found."""

    repository: str
    base_branch: str


def select_reference(
    policy_config: PolicyConfig, repository_branch: RepositoryBranch, reference: Reference, today: date
) -> TrackedImage | SkippedReference:
    """Return an image reference with its tag and policy if it can be updated; otherwise with the reason to skip it.

    If there are several reasons to skip it, the one with the highest precedence is returned. If the date of an ignore
    comment is before `today`, the comment has no effect. `skip_unknown_registry` checks later whether basebump may
    contact the registry.
    """
    role = determine_role(policy_config, reference)
    policy = evaluate_policy(
        policy_config, RuleTarget(reference, role, repository_branch.repository, repository_branch.base_branch)
    )
    if role is not reference.role:
        reference = replace(reference, role=role)
    reference = unlock_allowed(reference, (*policy_config.allow, *policy.allow))
    tag_ref = reference.image.to_tag_ref(policy.tag)
    tracked_image = TrackedImage(reference, tag_ref, policy) if tag_ref is not None else None
    comment = reference.ignore_comment
    if comment is not None:
        is_expired = comment.until is not None and comment.until < today
        if not policy.mandatory and not is_expired:
            return SkippedReference(reference, Reason.IGNORED, tracked_image, _describe_comment(comment))
        why = f"held until {comment.until}" if is_expired else "does not hold: the policy makes its updates mandatory"
        note = f"The comment on line {comment.line_number} to ignore it {why}."
        reference = replace(reference, notes=(*reference.notes, note))
        tracked_image = replace(tracked_image, reference=reference) if tracked_image is not None else None
    reason = _find_skip_reason(policy_config, policy, reference)
    if reason is not None:
        return SkippedReference(reference, reason, tracked_image)
    return tracked_image or SkippedReference(reference, Reason.NO_TAG)


def is_known_registry(policy_config: PolicyConfig, host: str) -> bool:
    """Return True if `host` is a well-known public registry, or if the operator's config lists it."""
    return host in PUBLIC_HOSTS or host in policy_config.listed_hosts


def skip_unknown_registry(
    policy_config: PolicyConfig, selection: TrackedImage | SkippedReference
) -> TrackedImage | SkippedReference:
    """Skip an image reference whose registry is not known, because basebump contacts only known registries.

    A reference that is already skipped is returned unchanged.
    """
    if isinstance(selection, TrackedImage) and not is_known_registry(policy_config, selection.tag_ref.host):
        return SkippedReference(selection.reference, Reason.UNKNOWN_REGISTRY, selection)
    return selection


def _describe_comment(comment: IgnoreComment) -> str:
    until = f" until {comment.until}" if comment.until else ""
    reason = f": {comment.reason}" if comment.reason else "."
    if comment.until is None and _UNPARSED_UNTIL.search(comment.reason):
        until = " for good, as it does not begin with a date like until=2027-01-31"
    return f"The comment on line {comment.line_number} says so{until}{reason}"


def _find_skip_reason(policy_config: PolicyConfig, policy: Policy, reference: Reference) -> Reason | None:
    image = reference.image
    if policy.ignore:
        return Reason.IGNORED
    not_editable = reference.digest_slot if isinstance(reference.digest_slot, NotEditable) else None
    if not_editable is not None and not_editable.reason in _FOREIGN_IMAGE_REASONS:
        return not_editable.reason
    if reference.role is Role.OWN and not policy.has_own_role_rule:
        return Reason.OWN
    if reference.role is Role.THIRD_PARTY and policy_config.own_globs is None and image.host not in PUBLIC_HOSTS:
        return Reason.MAYBE_OWN
    if image.digest is not None and parse_sha256(image.digest) is None:
        return Reason.UNSUPPORTED_DIGEST
    if image.digest is None and not policy.pin:
        return Reason.PIN_OFF
    if not_editable is not None:
        return not_editable.reason
    return Reason.PAUSED if policy.paused else None
