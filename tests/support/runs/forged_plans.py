"""Plans that were changed by a user, with the right digest of the changed plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable


def seal_plan(document: dict) -> bytes:
    """Return a document as the file of a plan with the right digest."""

    def render(value: object) -> str:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    unsealed = {key: value for key, value in document.items() if key != "digest"}
    digest = hashlib.sha256(render(unsealed).encode()).hexdigest()
    return f"{render({**unsealed, 'digest': f'sha256:{digest}'})}\n".encode()


def forge_plan(content: bytes, change: Callable[[dict], object]) -> bytes:
    """Return a plan that `change` changed."""
    document = json.loads(content)
    change(document)
    return seal_plan(document)


def get_branch(document: dict, branch: str = "") -> dict:
    """Return the step for a branch of the first repository; the first step if no branch is given."""
    branches = document["repositories"][0]["branches"]
    return next(each for each in branches if branch in ("", each["branch"]))


def get_edited_file(document: dict) -> dict:
    """Return the first file of the first proposal."""
    return get_branch(document)["proposal"]["files"][0]
