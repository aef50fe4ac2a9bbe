"""The ways in which a hold or a refusal ends: by itself, or by a rule in the config."""

from __future__ import annotations

from bot.model.vocabulary import Override, Reason

_IN_CONFIG = "put this rule first under `policy:` in basebump's config"
MAX_RULE_LENGTH = 1_500
"""Limit for the characters of a rule. The name of an image has at most 1,024."""


def describe_hold_remedy(reason: Reason) -> str:
    """Return the way to end a hold or a refusal, without a full stop; empty for other reasons."""
    match reason.facts.override:
        case Override.ACCEPT:
            return f"To accept it for a limited time, {_IN_CONFIG}"
        case Override.MIN_AGE:
            return f"{reason.facts.ending}, {_IN_CONFIG}"
        case Override.ALLOW | None:
            return reason.facts.ending


def build_hold_rule(reason: Reason, image: str) -> str | None:
    """Return the rule for the config that ends a hold of an image; None if no rule can end it.

    `image` is the canonical name of the image's repository.
    """
    match reason.facts.override:
        case Override.ACCEPT:
            exception = f"{{hold: {reason}, owner: WHO, reason: WHY, until: YYYY-MM-DD}}"
            return f'- {{match: {{image: "{image}"}}, accept: [{exception}]}}'
        case Override.MIN_AGE:
            return f'- {{match: {{image: "{image}"}}, min_age: 0d}}'
        case Override.ALLOW | None:
            return None
