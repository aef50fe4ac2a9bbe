"""Whether an image is left alone wherever it stands, as far as that can be said of an image alone."""

from __future__ import annotations

from bot.core.globs import matches
from bot.model.policy import Rulebook
from bot.model.rules import Match


def is_left_out(rulebook: Rulebook, repository: str) -> bool:
    """Say whether a canonical repository is one's own, or the first rule about images alone that is for it ignores it.

    Such a rule says `ignore`, whichever way.
    """
    if any(matches(glob, repository) for glob in rulebook.own or ()):
        return True
    for rule in rulebook.rules:
        images = rule.match.image
        is_for_it = not images or any(matches(glob, repository) for glob in images)
        if rule.ignore is not None and is_for_it and rule.match == Match(image=images):
            return rule.ignore
    return False
