"""Base class of scanners that are programs: prepared once in a run, and run once for each image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.errors import ProcessError, RegistryError
from bot.model.evidence import NotScanned, ScannerIdentity, ScanOutcome, ScanSubject
from bot.model.image import PullAddress
from bot.model.reference import Digest
from bot.scanners._examination import readiness
from bot.scanners._json import UnreadableReportError
from bot.scanners._program import Once, Program, Pull, failed, not_run


@dataclass(frozen=True, slots=True)
class Ready:
    """The program and the database that all images of a run are scanned with."""

    scanner: ScannerIdentity


_Ready = TypeVar("_Ready", bound=Ready)


class InstalledScanner(ABC, Generic[_Ready]):
    """Implements `bot.ports.Scanner` for a program that is run once for each image.

    `display_name` is the program's name in diagnostics.
    """

    def __init__(self, called: str, program: Program, pull: Pull) -> None:
        self._called, self._program, self._pull = called, program, pull
        self._prepared: Once[None, _Ready | NotScanned] = Once()
        self._scans: Once[tuple[str, Digest, str], ScanOutcome] = Once()

    def examine(self, aim: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level scan
        """Check that the program and its database are available; downloads the database if it is missing or old."""
        ready = self._ready()
        yield readiness(self._called, ready if isinstance(ready, NotScanned) else ready.scanner)

    def get_identity(self) -> ScannerIdentity | None:
        """Return the program and its database; downloads the database if it is missing or old.

        None if the scanner cannot be prepared.
        """
        ready = self._ready()
        return None if isinstance(ready, NotScanned) else ready.scanner

    def prefetch(self, subjects: Collection[ScanSubject]) -> None:
        """Do nothing, since a program scans one image at a time."""

    def scan(self, subject: ScanSubject) -> ScanOutcome:
        """Return the outcome for `subject`; repeated calls return the first outcome.

        The old image of one update may be the new image of another.
        """
        key = (subject.tag_ref.repository, subject.digest, subject.platform)
        return self._scans.get(key, lambda: self._scanned(subject))

    def _scanned(self, subject: ScanSubject) -> ScanOutcome:
        ready = self._ready()
        if isinstance(ready, NotScanned):
            return ready
        try:
            return self._scan(subject, self._pull(subject.tag_ref, subject.digest), ready)
        except ProcessError as error:
            return not_run(error)
        except (RegistryError, UnreadableReportError) as error:
            return failed(str(error))

    def _ready(self) -> _Ready | NotScanned:
        def prepare() -> _Ready | NotScanned:
            try:
                return self._prepare()
            except ProcessError as error:
                return not_run(error)

        return self._prepared.get(None, prepare)

    @abstractmethod
    def _prepare(self) -> _Ready | NotScanned:
        """Return the session that all images of this run are scanned with, or why none can be scanned.

        Raises ProcessError.
        """

    @abstractmethod
    def _scan(self, subject: ScanSubject, address: PullAddress, ready: _Ready) -> ScanOutcome:
        """Scan the image at `address`. Raises ProcessError, UnreadableReportError."""
