"""A summary of a fleet's exposure, as a run stores it."""

from __future__ import annotations

from datetime import datetime, timedelta

from support.visits import NEW, OLD, PYTHON

from bot.core.inventory.exposure_summary import summarise_exposure
from bot.model.evidence import Severity
from bot.model.exposed_images import ExposureCoverage
from bot.model.exposure import FixDate, FixDateOrigin
from bot.model.exposure_summary import DigestUse, FleetFindings, StoredFinding, StoredSummary
from bot.state.database import Database
from bot.state.exposure.summaries import DatabaseExposureSummaries


def save_exposure(database: Database, at: datetime) -> None:
    """Store the summary of a fleet with one image, whose critical vulnerability the newest digest fixes.

    A private vulnerability of the same image is exploited.
    """
    fix = FixDate(at - timedelta(days=9), FixDateOrigin.ADVISORY)
    critical = StoredFinding(Severity.CRITICAL, True, fix)
    findings = {
        (OLD, "linux/amd64", "trivy", False, at): {"CVE-2026-1": critical},
        (NEW, "linux/amd64", "trivy", False, at): {},
        (OLD, "linux/amd64", "defender", True, at): {"CVE-2026-2": critical},
    }
    coverage = ExposureCoverage(3, 2, at - timedelta(hours=5), {"failed": 1})
    facts = FleetFindings(findings, (DigestUse(OLD, PYTHON, (), 4),), frozenset({OLD}), {PYTHON: NEW}, coverage)
    shared, private = (
        summarise_exposure(facts, frozenset({"CVE-2026-2"}), at, includes_private=includes_private)
        for includes_private in (False, True)
    )
    DatabaseExposureSummaries(database).save_summary(StoredSummary(shared, private))
