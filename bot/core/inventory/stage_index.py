"""Search the facts from which the stages of updates are derived."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from bot.core.inventory.history import list_moves
from bot.core.inventory.running_groups import RunningGroup, group_running
from bot.core.proposal.branch_ownership import parse_targets
from bot.model.fleet_history import BranchRequest, DigestMove, HeldDigest
from bot.model.image_name import Digest
from bot.model.inventory import BranchKey, StoredRequest
from bot.model.own_build import StoredBuild
from bot.model.proposal import DeclineScope, RequestState
from bot.model.stage_facts import StageFacts
from bot.model.update_stages import ImageUse
from bot.model.workload import RunningImage, RunningImages, Workload

_ImageKey = tuple[BranchKey, str]
"""A base branch and the canonical name of the repository of an image."""


@dataclass(frozen=True, slots=True)
class ProposedTarget:
    """The digest that a pull request proposes for an image reference."""

    request: StoredRequest
    digest: Digest


_RequestsByImage = Mapping[_ImageKey, Mapping[str, ProposedTarget]]
"""The pull requests of each image in each base branch by the tag that they write."""


class StageIndex:
    """The facts, indexed for lookups about one image reference. The index does not change."""

    def __init__(self, facts: StageFacts) -> None:
        self.facts = facts
        self._parents: dict[Digest, set[Digest]] = defaultdict(set)
        for index, children in facts.children.items():
            for child in children:
                self._parents[child].add(index)
        self._moves = {_get_span_key(move.held): move for move in _list_current_moves(facts)}
        self._spans: dict[_ImageKey, list[HeldDigest]] = defaultdict(list)
        for held in facts.history.held:
            self._spans[held.key, held.repository].append(held)
        requests = facts.history.requests
        self._open = _group_requests(each for each in requests if each.request.state is RequestState.OPEN)
        self._declined = _group_requests(each for each in requests if each.request.declines is not None)
        self._opted_out = {each.key for each in requests if each.request.declines is DeclineScope.REPOSITORY}
        self._uses: dict[_ImageKey, list[ImageUse]] = defaultdict(list)
        for stored in facts.uses:
            self._uses[stored.use.key, stored.use.repository].append(stored.use)
        self._running = group_running(facts.clusters)
        self._current: dict[tuple[tuple[int, ...], tuple[str, ...]], RunningImages] = {}
        self._builds: dict[str, list[StoredBuild]] = defaultdict(list)
        for each in sorted(facts.builds, key=lambda each: (each.build.repository, each.build.digest)):
            self._builds[each.build.repository].append(each)
        self._builders: dict[str, set[BranchKey]] = defaultdict(set)
        for (key, _), links in facts.links.items():
            for link in links:
                self._builders[link.image].add(key)
        self._own_uses: dict[str, list[ImageUse]] = defaultdict(list)
        for use in facts.own_uses:
            self._own_uses[use.repository].append(use)

    def is_same_image(self, first: Digest, second: Digest) -> bool:
        """Return True if both digests are the same, or if one is an index that contains the other."""
        return first == second or first in self._parents.get(second, ()) or second in self._parents.get(first, ())

    def is_among(self, digest: Digest, digests: AbstractSet[Digest]) -> bool:
        """Return True if `digest` is the same image as one of `digests`."""
        return any(not digests.isdisjoint(each) for each in self._list_same_images(digest))

    def _list_same_images(self, digest: Digest) -> tuple[AbstractSet[Digest], ...]:
        """Return the digest, the indexes that contain it, and the images in it."""
        return {digest}, self._parents.get(digest, frozenset()), self.facts.children.get(digest, frozenset())

    def find_move(self, use: ImageUse) -> DigestMove | None:
        """Return how the digest in the file came into the base branch; None if the history does not contain it."""
        return self._moves.get((use.key, use.repository, use.tag, use.digest))

    def list_earlier_digests(self, use: ImageUse, before: datetime) -> frozenset[Digest]:
        """Return the digests of the image that the base branch no longer holds, and that it held until `before`."""
        older = {each.digest for each in self._list_spans_of(use) if each.since < before}
        return self.list_ended_digests(use) & older

    def list_ended_digests(self, use: ImageUse) -> frozenset[Digest]:
        """Return the digests of the image that the base branch no longer holds.

        A digest that the base branch holds again, or with another tag, is left out.
        """
        spans = self.list_spans(use.key, use.repository)
        held_now = {each.digest for each in spans if each.ended_at is None}
        ended = (each.digest for each in self._list_spans_of(use))
        return frozenset(each for each in ended if each is not None and each not in held_now)

    def list_digests_since(self, use: ImageUse, since: datetime) -> frozenset[Digest]:
        """Return the digests of the image that the base branch got since a time."""
        return frozenset(
            each.digest for each in self._list_spans_of(use) if each.digest is not None and each.since >= since
        )

    def is_use_of(self, use: ImageUse, tags: Collection[str | None], since: datetime | None) -> bool:
        """Return True if a use has one of the tags, or a tag that replaced them in the base branch since a time."""
        if use.tag is None or use.tag in tags:
            return True
        spans = self.list_spans(use.key, use.repository)
        first = min((each.since for each in spans if each.tag == use.tag), default=None)
        is_replaced = all(each.ended_at is not None for each in spans if each.tag in tags)
        return is_replaced and since is not None and first is not None and first >= since

    def list_digests_of_other_tags(self, use: ImageUse) -> frozenset[Digest]:
        """Return the past and present digests that belong only to other tags which the base branch uses now."""
        spans = self.list_spans(use.key, use.repository)
        own = {each.digest for each in self._list_spans_of(use)}
        return frozenset(each.digest for each in spans if each.digest is not None and each.digest not in own)

    def _list_spans_of(self, use: ImageUse) -> Sequence[HeldDigest]:
        """Return the times in which the base branch held digests of the image of a use.

        Digests of a tag that the base branch no longer uses count, because the tag of the use may have been changed.
        Digests of other tags in the base branch are those of other images.
        """
        spans = self.list_spans(use.key, use.repository)
        other_tags = {each.tag for each in spans if each.ended_at is None} - {use.tag}
        return [each for each in spans if each.tag not in other_tags]

    def list_uses(self, key: BranchKey, repository: str) -> Sequence[ImageUse]:
        """Return the present references of a base branch to an image."""
        return self._uses.get((key, repository), ())

    def list_spans(self, key: BranchKey, repository: str) -> Sequence[HeldDigest]:
        """Return the times in which a base branch held digests of a repository."""
        return self._spans.get((key, repository), ())

    def find_open_target(self, use: ImageUse) -> ProposedTarget | None:
        """Return the digest that an open pull request proposes for an image reference; None if there is none."""
        return self._find_target(self._open, use)

    def is_declined(self, use: ImageUse) -> bool:
        """Return True if the last visit did not propose an update, because a person closed a pull request."""
        return use.key in self._opted_out or self._find_target(self._declined, use) is not None

    def _find_target(self, grouped: _RequestsByImage, use: ImageUse) -> ProposedTarget | None:
        """Return the digest that one of the pull requests proposes for an image reference.

        If a pull request writes a tag that the branch does not use yet, it changes the tag of all references without a
        pull request of their own.
        """
        requests = grouped.get((use.key, use.repository), {})
        exact = requests.get(use.tag or "")
        if exact is not None:
            return exact
        used = {each.tag for each in self.list_uses(use.key, use.repository)}
        changed = [target for tag, target in sorted(requests.items()) if tag not in used or use.tag is None]
        return changed[-1] if changed else None

    def list_running(self, repository: str) -> Sequence[RunningGroup]:
        """Return the containers that run or ran an image of a repository."""
        return self._running.get(self.get_origin(repository), ())

    def get_origin(self, repository: str) -> str:
        """Return the name under which clusters list an image; for a mirror or cache, the upstream name."""
        return self.facts.origins.get(repository, repository)

    def list_current(self, groups: Sequence[RunningGroup], unread: tuple[str, ...] = ()) -> RunningImages:
        """Return the containers that run now, sorted, except those of the clusters in `unread`.

        Many updates have the same groups, and then share one tuple.
        """
        key = (tuple(map(id, groups)), unread)
        if key not in self._current:
            found = [image for each in groups for image in each.list_current(unread)]
            found.sort(key=_get_running_position)
            self._current[key] = RunningImages(found)
        return self._current[key]

    def list_builds(self, repository: str) -> Sequence[StoredBuild]:
        """Return the builds of an own image."""
        return self._builds.get(repository, ())

    def list_builders(self, repository: str) -> frozenset[BranchKey]:
        """Return the base branches with a file from which an own image is built."""
        return frozenset(self._builders.get(repository, ()))

    def list_own_uses(self, repository: str) -> Sequence[ImageUse]:
        """Return the references of the fleet to an own image."""
        return self._own_uses.get(repository, ())

    def list_unread_clusters(self, since: datetime) -> tuple[str, ...]:
        """Return the clusters that were not read since a time."""
        clusters = self.facts.clusters
        return tuple(sorted(each.cluster for each in clusters if each.read_at is None or each.read_at < since))

    def is_held_elsewhere(self, use: ImageUse, digest: Digest) -> bool:
        """Return True if another base branch contains a digest of the image now."""
        return any(len(each) > 1 or use.key not in each for each in self._list_holders(use, digest))

    def is_held_by(self, keys: AbstractSet[BranchKey], use: ImageUse, digest: Digest) -> bool:
        """Return True if one of the given base branches contains a digest of the image now."""
        return any(not keys.isdisjoint(each) for each in self._list_holders(use, digest))

    def _list_holders(self, use: ImageUse, digest: Digest) -> Iterator[frozenset[BranchKey]]:
        """Yield the base branches that contain a digest of the image now. No set is empty."""
        repository = self.get_origin(use.repository)
        for each in chain.from_iterable(self._list_same_images(digest)):
            holders = self.facts.holders.get((repository, each))
            if holders:
                yield holders


def _get_running_position(image: RunningImage) -> tuple[Workload, str, str, str, str, int, str]:
    parts = (image.container, image.repository, image.tag or "", image.digest or "", image.pods, str(image.since))
    return (image.workload, *parts)


def _get_span_key(held: HeldDigest) -> tuple[BranchKey, str, str | None, Digest | None]:
    return held.key, held.repository, held.tag, held.digest


def _list_current_moves(facts: StageFacts) -> Iterable[DigestMove]:
    """Return the moves of the digests that base branches hold now."""
    return (each for each in list_moves(facts.history) if each.held.ended_at is None)


def _group_requests(requests: Iterable[BranchRequest]) -> _RequestsByImage:
    """Return the pull requests by image and tag. If several pull requests write the same tag, the last one counts."""
    grouped: dict[_ImageKey, dict[str, ProposedTarget]] = defaultdict(dict)
    for each in sorted(requests, key=lambda each: (each.key, each.request.number, each.request.branch)):
        for repository, tag, digest in sorted(parse_targets(each.request.targets)):
            grouped[each.key, repository][tag] = ProposedTarget(each.request, Digest(digest))
    return grouped
