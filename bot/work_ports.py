"""The Protocols of the service: pending work, deliveries, and the senders of events.

They complete the Protocols in `bot.ports`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from bot.model.work import WorkKind, WorkPriority

if TYPE_CHECKING:  # only signatures need these imports, so they do not slow down the start
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import Connection

    from bot.model.delivery import Delivery, DeliveryOutcome, EventRequest, ParsedDelivery
    from bot.model.due_date import DueClass
    from bot.model.image_name import Digest, TagRef
    from bot.model.inventory import BranchKey
    from bot.model.service_metrics import EndedWork, PendingFigures
    from bot.model.work import (
        ClaimedWork,
        FinishedWork,
        PendingWork,
        QueueFigures,
        WorkKey,
        WorkRequest,
    )


class WorkRequester(Protocol):
    """Stores pending work, and wakes workers for it. Every method raises StateError."""

    def request_work(self, requests: Collection[WorkRequest]) -> None:
        """Store pending work. A request for work that is stored already is merged with it.

        The greater priority and the earlier time count. If a worker is doing the work, it is done again afterwards.
        """

    def request_missing(self, requests: Collection[WorkRequest]) -> None:
        """Store pending work, except for work that is stored already."""

    def signal_due_work(self, kinds: Collection[WorkKind], limit: int) -> int:
        """Wake workers for work of some kinds that is due, for at most `limit` pieces of work. Return their number."""


class WorkClaims(Protocol):
    """Gives pending work to workers, so that no two of them do the same work. Every method raises StateError.

    The clock of the database determines what is due and when a claim ends, so that the clocks of workers do not matter.
    """

    def claim_work(
        self,
        worker: str,
        kinds: Collection[WorkKind],
        limit: int,
        lease: timedelta,
        least_priority: WorkPriority = WorkPriority.SWEEP,
    ) -> Sequence[ClaimedWork]:
        """Return work of some kinds that is due, and reserve it for `worker` until `lease` has passed.

        All returned work has the same kind and priority. Work that was interrupted is returned alone, because it may
        end the process. If nothing is due, the result is empty.
        """

    def extend_claims(self, worker: str, claimed: Collection[ClaimedWork], lease: timedelta) -> Collection[ClaimedWork]:
        """Let the claims of a worker end after `lease` from now.

        Returns:
            The claims that ended, because another worker took the work over. Its own worker must not do it any longer.
        """

    def finish_work(
        self, worker: str, claimed: ClaimedWork, finished: FinishedWork, repeat_after: timedelta | None = None
    ) -> None:
        """Remove a piece of work, and store the record of what was done.

        If further requests arrived, the work stays, and is due. If `repeat_after` is not None, the work stays, and is
        due after this time. Nothing changes if the claim ended, but the record is stored.
        """

    def postpone_work(self, worker: str, claimed: ClaimedWork, delay: timedelta, error: str | None) -> None:
        """End a claim, so that the work is due again after `delay`. `error` is the reason if the attempt failed."""

    def delay_work(self, worker: str, claimed: ClaimedWork, delay: timedelta) -> None:
        """End a claim on work that was not begun. The work is due again after `delay`, whatever requests arrive."""

    def release_claims(self, worker: str) -> None:
        """End all claims of a worker, so that others can do the work at once."""

    def interrupt_claims(self, worker: str) -> None:
        """End all claims of a worker whose process ended, as if their time had passed."""


class WorkQueue(WorkRequester, WorkClaims, Protocol):
    """Pending work, which any number of processes can share. Every method raises StateError."""

    def compute_figures(
        self, kinds: Collection[WorkKind] = tuple(WorkKind), least_priority: WorkPriority = WorkPriority.SWEEP
    ) -> QueueFigures:
        """Return figures about the pending work of some kinds and priorities, by default of all."""


class WorkSignal(Protocol):
    """Wakes workers when work was stored.

    Workers also look for due work from time to time, so that a signal that is lost only delays the work.
    """

    def store(self, connection: Connection, work: Mapping[WorkKey, WorkPriority]) -> None:
        """Store a signal in the transaction that stores the work, if signals are in the same database."""

    def send(self) -> None:
        """Wake the workers of this process. The transaction that stored the work has ended."""


class DeliveryLog(Protocol):
    """Stores the records of deliveries."""

    def record_delivery(self, delivery: Delivery, requests: Collection[WorkRequest]) -> bool:
        """Store a delivery together with the work that it leads to, in one transaction. Raises StateError.

        Returns:
            False if the same delivery was stored before. Then only its repetition is counted.
        """


class ServiceLog(DeliveryLog, Protocol):
    """The records of deliveries and of work that was done. Every method raises StateError."""

    def list_deliveries(self, limit: int) -> Sequence[Delivery]:
        """Return the newest deliveries, the newest first."""

    def list_pending(self, limit: int) -> Sequence[PendingWork]:
        """Return pending work in the order in which it will be done."""

    def list_finished(self, limit: int) -> Sequence[FinishedWork]:
        """Return the newest records of work, the newest first."""

    def find_last_sweep(self) -> datetime | None:
        """Return the end of the last sweep that did not fail; None if there is none."""

    def delete_records(self, before: datetime) -> None:
        """Delete deliveries and records of work that are older than `before`."""


class EventInventory(Protocol):
    """The part of the inventory that events need. Every method raises StateError."""

    def select_used_tags(self, tag_refs: Collection[TagRef]) -> frozenset[TagRef]:
        """Return those of the tags that a base branch uses."""

    def list_registries(self) -> Sequence[str]:
        """Return the registries with tags that base branches use."""

    def list_lookups(self, registry: str) -> Mapping[TagRef, datetime | None]:
        """Return the tags of a registry that base branches use, and when each was last looked up successfully."""

    def list_settled_digests(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, frozenset[Digest]]:
        """Return the digests of tags that the last visits of settled base branches took into account."""

    def list_stale_users(self, tag_ref: TagRef, digest: Digest) -> Sequence[BranchKey]:
        """Return the base branches that use a tag, and whose last visit did not take this digest into account."""

    def list_base_branches(self, repository: str) -> Sequence[BranchKey]:
        """Return the stored base branches of the repositories with this name, on any forge."""

    def list_due_branches(self, at: datetime) -> Sequence[BranchKey]:
        """Return the settled base branches whose result may have changed, because a time was reached before `at`."""


class MetricsReader(Protocol):
    """Reads figures about the service for monitoring. Every method raises StateError."""

    def compute_pending_figures(self) -> Sequence[PendingFigures]:
        """Return figures for each kind of work, also for kinds without pending work."""

    def find_newest_id(self) -> int:
        """Return the number of the newest record of finished work; 0 if there is none."""

    def list_ended(self, after_id: int, limit: int) -> Sequence[EndedWork]:
        """Return the records of finished work with numbers greater than `after_id`, in the order of their numbers."""

    def find_last_successes(self) -> Mapping[WorkKind, datetime]:
        """Return the end of the last work of each kind that did not fail."""

    def find_last_deliveries(self, senders: Sequence[str]) -> Mapping[tuple[str, DeliveryOutcome], datetime]:
        """Return the time of the last delivery for each of these senders and each outcome."""

    def count_overdue_requests(self) -> Mapping[DueClass, int]:
        """Return the numbers of open requests whose due date has passed, by what the date was set for."""


class EventSender(Protocol):
    """The form in which one kind of sender reports events. The methods are pure."""

    def is_proved(self, request: EventRequest, secret: str, now: datetime) -> bool:
        """Return True if the request proves that its sender knows the secret. The comparison takes constant time.

        If requests contain their time, requests that were made long before or after `now` are not proved.
        """

    def parse_delivery(self, request: EventRequest, registry: str | None) -> ParsedDelivery:
        """Return the contents of a proved request. Raises UnreadableDeliveryError.

        `registry` is the registry to which the events refer, if the config sets it. It replaces the host in the events.
        """
