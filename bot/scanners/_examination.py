"""What trying a scanner has in common: who will scan, with what database."""

from __future__ import annotations

from bot.model.diagnosis import Check, ok, problem
from bot.model.evidence import NotScanned, ScannerIdentity

TRIED = "make it ready"


def readiness(program: str, ready: ScannerIdentity | NotScanned) -> Check:
    """Say whether a scanner could scan in this run; it has filled its cache to find out, as a run does."""
    if isinstance(ready, NotScanned):
        return problem(program, TRIED, unready(ready))
    built = f", with a database that was built on {ready.database:%Y-%m-%d %H:%M} UTC" if ready.database else ""
    return ok(program, TRIED, f"{ready.name} {ready.version}{built}")


def unready(state: NotScanned) -> str:
    """Return why nothing could be scanned."""
    return f"{state.why.sentence}{f': {state.detail}' if state.detail else ''}"
