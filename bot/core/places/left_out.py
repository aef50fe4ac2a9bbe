"""Images that a policy ignores regardless of the files that refer to them."""

from __future__ import annotations

from bot.core.globs import matches
from bot.model.policy import PolicyConfig
from bot.model.rules import RuleMatch


def is_left_out(rulebook: PolicyConfig, repository: str) -> bool:
    """Return True if a canonical repository is an `own` one, or a rule about images alone ignores it.

    The first such rule that matches the image and sets `ignore`, to true or false, decides.
    """
    if any(matches(glob, repository) for glob in rulebook.own_globs or ()):
        return True
    for rule in rulebook.rules:
        images = rule.match.image
        is_for_it = not images or any(matches(glob, repository) for glob in images)
        ignore = rule.keys.get("ignore")
        if ignore is not None and is_for_it and rule.match == RuleMatch(image=images):
            return bool(ignore)
    return False
