"""Find superseded tags, by checks in this run or stored results of earlier runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from bot.core.choice.end_of_life import determine_superseded
from bot.model.errors import RegistryError, StateError
from bot.model.history import SupersededTag
from bot.model.hosts import has_lifecycle_data
from bot.model.image import Resolution, ResolvedTag
from bot.model.reference import Digest, TagRef
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage, Reason
from bot.pipeline.registry_failures import STATE_SUBJECT
from bot.pipeline.resolve_tags import LookupClients
from bot.pipeline.tag_listings import TagListings
from bot.ports import RegistryFacts, SupersededStore


@dataclass(frozen=True, slots=True)
class SupersededTags:
    """The superseded tags, and the failures."""

    by_tag: Mapping[TagRef, SupersededTag]
    failures: tuple[RunFailure, ...]


def find_superseded_tags(
    tag_listings: TagListings,
    resolutions: Mapping[TagRef, Resolution],
    known_superseded: Mapping[TagRef, SupersededTag],
    clients: LookupClients,
    now: datetime,
) -> SupersededTags:
    """Check the tags whose turn it is, and store the results for runs that do not check them.

    A stored result (`known_superseded`) remains valid until the same source is checked again or the tag is updated.
    Tags and publishers are checked in turns, and a source that does not answer does not revoke its earlier answer.
    """
    tag_digests = {tag_ref: entry.digest for tag_ref, entry in resolutions.items() if isinstance(entry, ResolvedTag)}
    announced_dates = dict(_fetch_announced_dates(tag_listings.watched_tags, tag_digests, clients.registry_facts))
    superseded: dict[TagRef, SupersededTag] = {}
    changes: dict[TagRef, SupersededTag | None] = {}
    for tag_ref, digest in tag_digests.items():
        known_entry = known_superseded.get(tag_ref)
        entry = determine_superseded(
            digest, tag_listings.endings_by_tag.get(tag_ref), announced_dates.get(tag_ref), now.date()
        )
        is_announced = known_entry is not None and known_entry.reason is Reason.END_OF_LIFE
        was_checked = tag_ref in announced_dates if is_announced else tag_ref in tag_listings.endings_by_tag
        if (
            known_entry is not None
            and known_entry.digest == digest
            and not was_checked
            and (entry is None or is_announced)
        ):
            entry = known_entry
        elif entry is not None or known_entry is not None:
            changes[tag_ref] = entry
        if entry is not None:
            superseded[tag_ref] = entry
    return SupersededTags(superseded, tuple(_record_changes(clients.superseded_store, changes, now)))


def _fetch_announced_dates(
    watched_tags: Iterable[TagRef], tag_digests: Mapping[TagRef, Digest], facts: RegistryFacts
) -> Iterator[tuple[TagRef, date | None]]:
    """Yield the end-of-life dates that publishers announce; they are hints, so that errors are ignored."""
    for tag_ref in watched_tags:
        if tag_ref in tag_digests and has_lifecycle_data(tag_ref.host):
            with suppress(RegistryError):
                yield tag_ref, facts.fetch_end_of_life(tag_ref, tag_digests[tag_ref])


def _record_changes(
    superseded_store: SupersededStore, changes: Mapping[TagRef, SupersededTag | None], now: datetime
) -> Iterator[RunFailure]:
    try:
        superseded_store.record(changes, now)
    except StateError as error:
        yield RunFailure(STATE_SUBJECT, FailureStage.RESOLVE, str(error))
