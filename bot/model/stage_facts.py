"""The state's data about the updates of images, as the input of `bot.core.inventory.update_stages`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.model.build_link import BuildLink
from bot.model.ci import FailedCheck
from bot.model.fleet_history import FleetHistory
from bot.model.image_name import Digest
from bot.model.inventory import BranchKey
from bot.model.own_build import StoredBuild
from bot.model.update_stages import ImageUse, StageScope, UnwantedReason
from bot.model.workload import StoredCluster

DockerfileKey = tuple[BranchKey, str]
"""A base branch, and the path of a file in it from which images are built."""


@dataclass(frozen=True, slots=True)
class StoredUse:
    """An image reference as the last visit of its base branch found it."""

    use: ImageUse
    status: str
    """The status of the reference, as a word of `bot.model.vocabulary.ReferenceStatus`."""
    since: datetime
    """The time of the first visit since which the base branch has contained this tag with this digest."""
    is_since_first_visit: bool
    """True if the first visit of the base branch already found the digest, so that it may be older."""
    read_at: datetime
    """The time of the last visit of the base branch."""


@dataclass(frozen=True, slots=True)
class StageFacts:
    """All data from which the stages of some updates are derived."""

    scope: StageScope
    uses: Sequence[StoredUse] = ()
    history: FleetHistory = field(default_factory=FleetHistory)
    """The digests that the base branches of `uses` held for their images, and the pull requests of these branches."""
    clusters: Sequence[StoredCluster] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    """The names upstream of the repositories in mirrors and caches. Clusters list their images under these names."""
    builds: Sequence[StoredBuild] = ()
    links: Mapping[DockerfileKey, Sequence[BuildLink]] = field(default_factory=dict)
    """The own images that are built from each file. Files without a known own image are missing."""
    children: Mapping[Digest, frozenset[Digest]] = field(default_factory=dict)
    """The images in each index. Indexes whose manifest is not stored are missing."""
    holders: Mapping[tuple[str, Digest], frozenset[BranchKey]] = field(default_factory=dict)
    """The base branches of the fleet that contain a digest that runs, by the repository upstream and the digest."""
    own_uses: Sequence[ImageUse] = ()
    """The references of the fleet to own images in `builds`."""
    heads: Mapping[BranchKey, str] = field(default_factory=dict)
    """The commit of each base branch that the last visit read."""
    failed_checks: Mapping[BranchKey, FailedCheck] = field(default_factory=dict)
    """The check that failed on the last commit of each base branch. Other branches are missing."""
    unwanted: Mapping[tuple[str, Digest], UnwantedReason] = field(default_factory=dict)
    """The digests of repositories that are known to be gone or blocked."""
    listed_repositories: frozenset[str] | None = None
    """The repositories of all images that files of the fleet name; None if only a part of the fleet was loaded."""
