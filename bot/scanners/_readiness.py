"""Creates the diagnostic results of scanners that are programs."""

from __future__ import annotations

from bot.model.diagnosis import Check, report_ok, report_problem
from bot.model.evidence import NotScanned, ScannerIdentity

PREPARE_ACTION = "prepare the scanner"


def build_readiness_check(program: str, outcome: ScannerIdentity | NotScanned) -> Check:
    """Return the result of `doctor` that states whether a scanner program can be used.

    `program` is the name of the program. `outcome` is the identity of the scanner, or the reason that the scanner
    cannot scan. If the scanner can scan, the result states its version and the build time of its database.
    """
    if isinstance(outcome, NotScanned):
        return report_problem(program, PREPARE_ACTION, describe_not_scanned(outcome))
    built = f", with a database that was built on {outcome.database:%Y-%m-%d %H:%M} UTC" if outcome.database else ""
    return report_ok(program, PREPARE_ACTION, f"{outcome.name} {outcome.version}{built}")


def describe_not_scanned(not_scanned: NotScanned) -> str:
    """Return the reason why an image was not scanned, as one sentence."""
    return f"{not_scanned.reason.sentence}{f': {not_scanned.detail}' if not_scanned.detail else ''}"
