"""What to do at a place, once its line was asked for."""

from __future__ import annotations

from typing import assert_never

from bot.core.platforms import is_same_platform
from bot.model.decision import Candidate, Decision, Held, Selected, Unknown, Update, UpToDate
from bot.model.image import Resolution, Resolved, Unresolved
from bot.model.vocabulary import Reason


def decide(selected: Selected, resolution: Resolution) -> Decision:
    """Compare what the file holds with what the line points to.

    A file that pins the manifest of one platform is up to date while that manifest is a child of the current index.
    """
    match resolution:
        case Unresolved(reason=reason, detail=detail):
            return Unknown(selected, reason, detail)
        case Resolved(digest=digest, manifest=manifest):
            held = selected.occurrence.reference.digest
            if held == digest or (manifest is not None and held in manifest.children):
                return UpToDate(selected)
            offered = manifest.platforms if manifest is not None else ()
            wanted = selected.occurrence.platform
            if wanted is not None and offered and not any(is_same_platform(each, wanted) for each in offered):
                return Held(selected, Reason.PLATFORM_LOST, f"{digest} has no {wanted}")
            return Update(selected, (Candidate(digest, offered),))
    assert_never(resolution)
