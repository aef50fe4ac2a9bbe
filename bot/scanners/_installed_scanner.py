"""Base class of scanners that are programs on this machine.

The program is prepared once per run, for example by downloading its database. After that, it runs once for each image.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from bot.model.contents import InstalledPackage
from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.errors import ProcessError, RegistryError
from bot.model.evidence import Finding, NotScanned, ScannerIdentity, ScanOutcome, ScanSubject
from bot.model.image import PullAddress
from bot.model.image_name import Digest
from bot.scanners._json import UnreadableReportError
from bot.scanners._readiness import build_readiness_check
from bot.scanners._scanner_program import (
    ComputeOnce,
    PullAddressResolver,
    ScannerProgram,
    make_failure,
    translate_process_error,
)


@dataclass(frozen=True, slots=True)
class ScannerSession:
    """The program and the database with which all images of a run are scanned."""

    identity: ScannerIdentity


_Session = TypeVar("_Session", bound=ScannerSession)


class InstalledScanner(ABC, Generic[_Session]):
    """A scanner that runs a program once for each image. Implements `bot.ports.Scanner`.

    `display_name` is the program's name in diagnostics.
    """

    def __init__(self, display_name: str, program: ScannerProgram, resolve_pull_address: PullAddressResolver) -> None:
        self._display_name, self._program, self._resolve_pull_address = display_name, program, resolve_pull_address
        self._session_cache: ComputeOnce[None, _Session | NotScanned] = ComputeOnce()
        self._scan_cache: ComputeOnce[tuple[str, Digest, str], ScanOutcome] = ComputeOnce()

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level scan
        """Yield a result that states whether the scanner and its database can be used.

        The database is downloaded if it is missing or old.
        """
        session = self._get_session()
        yield build_readiness_check(
            self._display_name, session if isinstance(session, NotScanned) else session.identity
        )

    def get_identity(self) -> ScannerIdentity | None:
        """Return the identity of the program and its database; None if the scanner cannot be prepared.

        The database is downloaded if it is missing or old.
        """
        ready = self._get_session()
        return None if isinstance(ready, NotScanned) else ready.identity

    def prefetch(self, subjects: Collection[ScanSubject]) -> None:
        """Do nothing, because the program can only scan one image at a time."""

    def match_packages(
        self,
        release: str,  # noqa: ARG002 - the signature of the port
        packages: Collection[InstalledPackage],  # noqa: ARG002 - the signature of the port
    ) -> Mapping[InstalledPackage, tuple[Finding, ...]] | NotScanned | None:
        """Return None, so that each image is scanned, unless the program can match packages."""
        return None

    def scan(self, subject: ScanSubject) -> ScanOutcome:
        """Scan the image of `subject`; return the findings, or the reason why there are no findings.

        Each image is scanned once per run, and further calls return the same outcome. This saves time, because the old
        image of one update is often the new image of another update.
        """
        key = (subject.tag_ref.repository, subject.digest, subject.platform)
        return self._scan_cache.get(key, lambda: self._run_scan(subject))

    def _run_scan(self, subject: ScanSubject) -> ScanOutcome:
        session = self._get_session()
        if isinstance(session, NotScanned):
            return session
        try:
            return self._scan_address(subject, self._resolve_pull_address(subject.tag_ref, subject.digest), session)
        except ProcessError as error:
            return translate_process_error(error)
        except (RegistryError, UnreadableReportError) as error:
            return make_failure(str(error))

    def _get_session(self) -> _Session | NotScanned:
        def prepare_session() -> _Session | NotScanned:
            try:
                return self._prepare_session()
            except ProcessError as error:
                return translate_process_error(error)

        return self._session_cache.get(None, prepare_session)

    @abstractmethod
    def _prepare_session(self) -> _Session | NotScanned:
        """Prepare the program and its database for this run; return the reason if no image can be scanned.

        Raises ProcessError if the program cannot be run.
        """

    @abstractmethod
    def _scan_address(self, subject: ScanSubject, address: PullAddress, session: _Session) -> ScanOutcome:
        """Scan the image at `address`.

        Raises ProcessError if the program fails, and UnreadableReportError if its report cannot be read.
        """
