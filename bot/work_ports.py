"""The Protocols of the service: pending work, deliveries, and the senders of events.

These Protocols complete those in `bot.ports`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from bot.model.work import WorkKind, WorkPriority

if TYPE_CHECKING:  # only signatures need these imports, so they do not slow down the start
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import Connection

    from bot.model.delivery import Delivery, EventRequest, ParsedDelivery
    from bot.model.work import (
        ClaimedWork,
        FinishedWork,
        QueueFigures,
        WorkKey,
        WorkRequest,
    )


class WorkRequester(Protocol):
    """Stores pending work, and wakes workers for it. Every method raises StateError if the state cannot be used."""

    def request_work(self, requests: Collection[WorkRequest]) -> None:
        """Store pending work. Requests for the same work are merged.

        Merged work has the greater priority and the earlier time. If a worker is doing the work already, the work is
        done again afterwards.
        """

    def request_missing(self, requests: Collection[WorkRequest]) -> None:
        """Store pending work, except for work that is stored already."""

    def signal_due_work(self, kinds: Collection[WorkKind], limit: int) -> int:
        """Wake workers for work of some kinds that is due, for at most `limit` pieces of work. Return their number."""


class WorkClaims(Protocol):
    """Gives pending work to workers, so that no two of them do the same work.

    Every method raises StateError if the state cannot be used. The clock of the database determines what is due and
    when a claim ends, so that the clocks of workers do not matter.
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

        All returned work has the same kind and priority. Work that was interrupted is returned alone, because such work
        might end the process. If nothing is due, the result is empty.
        """

    def extend_claims(self, worker: str, claimed: Collection[ClaimedWork], lease: timedelta) -> Collection[ClaimedWork]:
        """Let the claims of a worker end after `lease` from now.

        Returns:
            The claims that ended, because another worker took the work over. The former worker must no longer do this
            work.
        """

    def finish_work(
        self, worker: str, claimed: ClaimedWork, finished: FinishedWork, repeat_after: timedelta | None = None
    ) -> None:
        """Remove a piece of work, and store the record of its result.

        If further requests arrived, the work stays, and is due. If `repeat_after` is not None, the work stays, and is
        due after this time. Nothing changes if the claim ended, but the record is stored.
        """

    def postpone_work(self, worker: str, claimed: ClaimedWork, delay: timedelta, error: str | None) -> None:
        """End a claim, so that the work is due again after `delay`. `error` is the reason if the attempt failed."""

    def delay_work(self, worker: str, claimed: ClaimedWork, delay: timedelta) -> None:
        """End a claim on work that was not begun.

        The work is due again after `delay`, even if requests arrive earlier.
        """

    def release_claims(self, worker: str) -> None:
        """End all claims of a worker, so that others can do the work at once."""

    def interrupt_claims(self, worker: str) -> None:
        """End all claims of a worker whose process ended, as if their time had passed."""


class WorkQueue(WorkRequester, WorkClaims, Protocol):
    """Pending work, which any number of processes can share. Every method raises StateError if the state fails."""

    def compute_figures(
        self, kinds: Collection[WorkKind] = tuple(WorkKind), least_priority: WorkPriority = WorkPriority.SWEEP
    ) -> QueueFigures:
        """Return figures about the pending work of some kinds and priorities, by default of all work."""


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
        """Store a delivery together with the work that it leads to, in one transaction.

        Raises StateError if the state cannot be used.

        Returns:
            False if the same delivery was stored before. Only its repetition is counted then.
        """


class EventSender(Protocol):
    """The form in which one kind of sender reports events. The methods are pure."""

    def is_proved(self, request: EventRequest, secret: str, now: datetime) -> bool:
        """Return True if the request proves that its sender knows the secret. The comparison takes constant time.

        If requests contain their time, requests that were made long before or after `now` are not proved.
        """

    def parse_delivery(self, request: EventRequest, registry: str | None) -> ParsedDelivery:
        """Return the contents of a proved request.

        Raises UnreadableDeliveryError if the request does not have the documented form. `registry` is the registry to
        which the events refer, if the config sets it. It replaces the host in the events.
        """
