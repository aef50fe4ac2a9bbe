"""Images that a policy ignores regardless of the files that refer to them."""

from __future__ import annotations

from bot.core.globs import is_glob_match
from bot.model.policy import PolicyConfig
from bot.model.rules import RuleMatch


def is_ignored_image(policy_config: PolicyConfig, repository: str) -> bool:
    """Return True if a canonical repository is an `own` one, or a rule about images alone ignores it.

    The first such rule that matches the image and sets `ignore`, to true or false, decides.
    """
    if any(is_glob_match(glob, repository) for glob in policy_config.own_globs or ()):
        return True
    for rule in policy_config.rules:
        images = rule.match.image
        is_image_match = not images or any(is_glob_match(glob, repository) for glob in images)
        ignore = rule.keys.get("ignore")
        if ignore is not None and is_image_match and rule.match == RuleMatch(image=images):
            return bool(ignore)
    return False
