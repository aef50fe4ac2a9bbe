"""What to do at a place, once its line was asked for."""

from __future__ import annotations

from typing import assert_never

from bot.model.decision import Candidate, Decision, Selected, Unknown, Update, UpToDate
from bot.model.image import Manifest, Resolution, Resolved, Unresolved


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
            return Update(selected, (Candidate(digest, _platforms(manifest)),))
    assert_never(resolution)


def _platforms(manifest: Manifest | None) -> tuple[str, ...]:
    return manifest.platforms if manifest is not None else ()
