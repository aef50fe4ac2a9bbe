"""The ways to end a hold or a refusal: by themselves, or by a rule in the config."""

from __future__ import annotations

from bot.model.overridable_reasons import ACCEPTABLE_REASONS
from bot.model.vocabulary import Reason

_IN_CONFIG = "put this rule first under `policy:` in basebump's config"
_ACCEPT = f"To accept it for a limited time, {_IN_CONFIG}"
_REMEDIES: dict[Reason, str] = {
    Reason.TOO_YOUNG: f"This ends by itself at that age. To end it now, {_IN_CONFIG}",
    Reason.RETENTION_RISK: (
        f"This ends by itself with the next update of the tag. To take the newest image now, {_IN_CONFIG}"
    ),
    Reason.NOT_PULLABLE: "This ends by itself as soon as the repository that the file names has the image",
    Reason.UNSIGNED: "This ends by itself with the next image that a signer listed under `trust:` signed",
    Reason.SIGNER_CHANGED: "If you know the new signer, list it under `trust:` in basebump's config",
    Reason.SIGNATURE_FAILED: "This ends by itself with the next image that has a valid signature",
}
_MIN_AGE_REASONS = frozenset({Reason.TOO_YOUNG, Reason.RETENTION_RISK})
MAX_RULE_LENGTH = 1_500
"""Limit for the characters of a rule. The name of an image has at most 1,024."""


def describe_hold_remedy(reason: Reason) -> str:
    """Return what ends a hold or a refusal, without a full stop; empty for other reasons."""
    return _ACCEPT if reason in ACCEPTABLE_REASONS else _REMEDIES.get(reason, "")


def build_hold_rule(reason: Reason, image: str) -> str | None:
    """Return the rule for the config that ends a hold of an image; None if no rule can end it.

    `image` is the canonical name of the image's repository.
    """
    if reason in ACCEPTABLE_REASONS:
        exception = f"{{hold: {reason}, owner: WHO, reason: WHY, until: YYYY-MM-DD}}"
        return f'- {{match: {{image: "{image}"}}, accept: [{exception}]}}'
    return f'- {{match: {{image: "{image}"}}, min_age: 0d}}' if reason in _MIN_AGE_REASONS else None
