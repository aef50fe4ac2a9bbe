"""A summary of a fleet's exposure, as a run stores it."""

from __future__ import annotations

from datetime import datetime, timedelta

from support.visits import NEW, OLD, PYTHON

from bot.core.inventory.exposure_summary import build_stored_summary
from bot.model.evidence import FixDate, FixDateOrigin, Severity
from bot.model.exposed_images import ExposureCoverage
from bot.model.exposure_summary import DigestUse, FleetFindings, PublisherFix, StoredFinding
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
    fixed_at, available_at = at - timedelta(days=40), at - timedelta(days=28)
    taken = PublisherFix(PYTHON, "CVE-2025-1", "debian", fixed_at, available_at, is_private=False)
    summary = build_stored_summary(facts, [taken], frozenset({"CVE-2026-2"}), at)
    DatabaseExposureSummaries(database).save_summary(summary)


def save_waiting_exposure(database: Database, at: datetime) -> None:
    """Store the summary of a fleet whose only image waits for the fixes of two vulnerabilities.

    One of them is a private finding, and exploited. The publisher took over another fix after twelve days.
    """
    fix = FixDate(at - timedelta(days=9), FixDateOrigin.ADVISORY)
    critical = StoredFinding(Severity.CRITICAL, True, fix)
    findings = {
        (OLD, "linux/amd64", "trivy", False, at): {"CVE-2026-1": critical},
        (OLD, "linux/amd64", "defender", True, at): {"CVE-2026-2": critical},
    }
    facts = FleetFindings(
        findings,
        (DigestUse(OLD, PYTHON, ("@acme/web", "@ops"), 4),),
        frozenset(),
        {PYTHON: OLD},
        ExposureCoverage(1, 1, at, {}),
        {OLD: "debian"},
    )
    taken = PublisherFix(
        PYTHON, "CVE-2025-1", "debian", at - timedelta(days=40), at - timedelta(days=28), is_private=False
    )
    summary = build_stored_summary(facts, [taken], frozenset({"CVE-2026-2"}), at)
    DatabaseExposureSummaries(database).save_summary(summary)
