"""Builds the diagnostic checks of scanners that are programs."""

from __future__ import annotations

from bot.model.diagnosis import Check, report_ok, report_problem
from bot.model.evidence import NotScanned, ScannerIdentity

TRIED = "make it ready"


def readiness(program: str, ready: ScannerIdentity | NotScanned) -> Check:
    """Return the check that reports whether a scanner is ready, with its version and its database.

    Preparing the scanner has downloaded its database, as a run does.
    """
    if isinstance(ready, NotScanned):
        return report_problem(program, TRIED, unready(ready))
    built = f", with a database that was built on {ready.database:%Y-%m-%d %H:%M} UTC" if ready.database else ""
    return report_ok(program, TRIED, f"{ready.name} {ready.version}{built}")


def unready(state: NotScanned) -> str:
    """Return the reason for a missing scan as one sentence."""
    return f"{state.reason.sentence}{f': {state.detail}' if state.detail else ''}"
