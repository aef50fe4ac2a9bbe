"""The real Trivy with scans in the state: no process is started for a scan in the state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.parts import find_trivy
from support.runs.worlds import build_context
from support.scanners.trivy import NEW, OLD, database, debian, why

from bot.demo.trivy_database import TAG
from bot.model.decision import Transition
from bot.model.evidence import UnscannedReason
from bot.pipeline.evidence.collect_evidence import assess
from bot.state.database import Database
from bot.state.exposure.store import DatabaseScanStore
from bot.wiring.state import create_no_state

pytestmark = [pytest.mark.real("trivy"), pytest.mark.real("docker-registry")]


class RepeatedRuns:
    """Separate runs with one transition, one state and one cache of Trivy."""

    def __init__(self, stand, folder: Path) -> None:
        self.stand, self.folder = stand, folder
        self.log, self.program = folder / "log", folder / "trivy"
        self.program.write_text(f'#!/bin/sh\necho "$*" >> {self.log}\nexec "{find_trivy()}" "$@"\n')
        self.program.chmod(0o755)
        old, new = (stand.subject(debian(packages)) for packages in (OLD, NEW))
        self.move = Transition(old.tag_ref, old.digest, new.digest, ("linux/amd64",))

    def scanner(self, **options):
        return self.stand.scanner(binary=str(self.program), cache=self.folder / "cache", **options)

    def run(self, **options):
        """Return the evidence, and the number of images that Trivy scanned for it."""
        self.log.write_text("")
        scans = DatabaseScanStore(Database.sqlite(self.folder / "state.db"), lambda: datetime.now(UTC))
        scanner = self.scanner(**options)
        state = replace(create_no_state(), scans=scans)
        assessed = assess([self.move], build_context(select_scanner=lambda _: scanner, state=state))
        return assessed[self.move], self.log.read_text().count("--image-src")


@pytest.fixture
def runs(stand, tmp_path):
    return RepeatedRuns(stand, tmp_path)


def test_second_run_uses_stored_trivy_scans(runs):
    first, scans = runs.run()
    assert scans == 2
    assert first.delta is not None
    second, scans = runs.run()
    assert scans == 0
    assert second == first


def test_new_trivy_database_is_matched_without_the_images(runs):
    first, _ = runs.run()
    runs.stand.registry.push(database(timedelta(minutes=1)).build_database_artifact(), "newer-db", TAG)
    newer = runs.stand.address(f"{runs.stand.registry.host}/newer-db:{TAG}")
    runs.folder.joinpath("cache", "db", "metadata.json").unlink()
    second, scans = runs.run(database_address=newer)
    assert (scans, runs.log.read_text().count("sbom")) == (0, 1)
    assert second.new.scanner.database > first.new.scanner.database
    assert second.delta == first.delta


def test_failed_trivy_scan_is_not_stored(runs):
    failed, _ = runs.run(timeout=0.001)
    assert why(failed.new) in {UnscannedReason.TIMED_OUT, UnscannedReason.FAILED}
    evidence, scans = runs.run()
    assert (scans, evidence.delta is None) == (2, False)


def test_missing_trivy_has_no_scanner_identity(runs):
    assert runs.scanner().get_identity() == runs.scanner().get_identity()
    assert runs.stand.scanner(binary="/nowhere/trivy").get_identity() is None
