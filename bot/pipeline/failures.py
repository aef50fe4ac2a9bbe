"""Note the failures of a run for the report, but at most one failure of each registry."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bot.model.errors import RegistryError, StateError
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage, Reason

STATE_SUBJECT = "state"
"""The subject of a failure if the state cannot be read or written."""


class FailureLog:
    """The failures of one run, in the order in which the report lists them.

    The thread of the run notes the failures of a phase after the threads of the phase ended. Therefore the order does
    not depend on threads.
    """

    def __init__(self) -> None:
        self._failures: list[RunFailure] = []

    def add(self, failures: Iterable[RunFailure]) -> None:
        """Add failures, even if the log already contains equal failures."""
        self._failures += failures

    def add_new(self, failures: Iterable[RunFailure]) -> None:
        """Add the failures that the log does not contain yet, because several phases can have the same failure."""
        self._failures += [each for each in dict.fromkeys(failures) if each not in self._failures]

    @contextmanager
    def note_state_error(self, stage: FailureStage) -> Iterator[None]:
        """Add a failure if the state cannot be used. The rest of the block is skipped, and the run continues."""
        try:
            yield
        except StateError as error:
            self.add_new([RunFailure(STATE_SUBJECT, stage, str(error))])

    def list_all(self) -> tuple[RunFailure, ...]:
        """Return the failures that were noted so far."""
        return tuple(self._failures)


def _deduplicate_failures(failures: Iterable[RunFailure]) -> Iterator[RunFailure]:
    """Yield only the first failure with each error text, because the same error may occur for every image."""
    known_errors: set[str] = set()
    for failed in failures:
        if failed.error not in known_errors:
            known_errors.add(failed.error)
            yield failed


def build_assess_failures(errors: Iterable[tuple[str, str]]) -> tuple[RunFailure, ...]:
    """Return one failure of the evidence phases for each distinct error, with the first subject that has the error.

    `errors` are pairs of a subject, such as an image, and its error.
    """
    return tuple(_deduplicate_failures(RunFailure(subject, FailureStage.ASSESS, error) for subject, error in errors))


def is_definite(error: RegistryError) -> bool:
    """Return True if the error is a final answer of the registry, so that later runs would get the same error.

    For example, the registry states that the image does not exist, or it returned an object that is not an image, such
    as a Helm chart.
    """
    return error.is_absent or (error.reason is Reason.REGISTRY_ERROR and not error.is_failure)


@dataclass(slots=True)
class RegistryFailures:
    """The errors of registries in one phase of a run.

    Only the first error of each registry is reported. If a registry could not be reached, no further requests are sent
    to it.
    """

    first_errors: dict[str, RegistryError] = field(default_factory=dict)
    unreachable: dict[str, RegistryError] = field(default_factory=dict)
    """The errors of registries that could not be reached, even if another error of the registry was recorded first."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def record_error(self, host: str, error: RegistryError) -> None:
        """Record an error if it is a failure (`is_failure`), such as a timeout.

        An error that is not a failure is ignored, because it only states a fact, such as that a tag does not exist.
        """
        if error.is_failure:
            with self.lock:
                self.first_errors.setdefault(host, error)
                if error.reason is Reason.UNREACHABLE:
                    self.unreachable.setdefault(host, error)

    def raise_if_unreachable(self, host: str) -> None:
        """Raise an error if an earlier request in this phase could not reach the host, to avoid another timeout.

        The message only says that the host was not contacted again. It does not repeat the message of the earlier
        error, because that message is about the image of the earlier request.

        Raises:
            RegistryError: If the host could not be reached.
        """
        if error := self.unreachable.get(host):
            what = f"{error.host} was not contacted again, because it did not respond before"
            raise RegistryError(error.host, error.reason, what, is_failure=error.is_failure)

    def list_failures(self) -> Iterator[RunFailure]:
        """Yield the first error of each registry as a failure, sorted by host."""
        for host, error in sorted(self.first_errors.items()):
            yield RunFailure(host, FailureStage.RESOLVE, str(error))
