"""Merged updates that make no progress, as reports on a repository contain them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StuckUpdate:
    """An update of an image reference that was merged, and that waits longer than usual for a build or a deployment.

    The value contains only facts that stay the same while the update waits, so a text with these facts need not be
    rewritten.
    """

    path: str
    line_number: int
    image: str
    """The image without its digest."""
    state: str
    """How far the update got, such as `merged, not rebuilt`."""
    since: datetime
    """The time at which the update reached this state."""
    reason: str
    """The reason why the update waits, as a word of `bot.model.update_stages.WaitReason`."""
    images: tuple[str, ...] = ()
    """The canonical names of the own images that are built from the file."""
    manifests: tuple[str, ...] = ()
    """The references to older builds in manifests, such as `acme/deploy web.yaml:9`. Private evidence, because the
    other repository may be private."""
    workloads: tuple[str, ...] = ()
    """The workloads that run older images, such as `prod/payments/Deployment/web`. Private evidence."""
    check_name: str | None = None
    """The check that failed, such as a run of a workflow. The name is untrusted text, like the URL."""
    check_url: str | None = None
