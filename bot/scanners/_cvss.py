"""Computes the base score and the severity of a CVSS 3 vector: pure.

The formulas are those of https://www.first.org/cvss/v3.1/specification-document, sections 7.1 and 7.4; the severity
scale is that of section 5.
"""

from __future__ import annotations

import re

from bot.model.evidence import Severity

_VECTOR = re.compile(r"CVSS:3\.[01]((?:/[A-Z]{1,3}:[A-Z]){1,40})")
_WEIGHTS: dict[str, dict[str, float]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}
"""Weights of the metric "Privileges Required"; required privileges reduce the score less if the scope changes (S:C)."""
_STEPS = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))


def severity_of_vector(vector: str) -> Severity:
    """Return the severity for the base score of a vector; UNKNOWN if the score is 0 or the vector is not CVSS 3."""
    score = base_score(vector)
    return severity_of_score(score) if score is not None else Severity.UNKNOWN


def severity_of_score(score: float) -> Severity:
    """Return the severity for a base score; UNKNOWN if the score is 0."""
    return next((severity for least, severity in _STEPS if score >= least), Severity.UNKNOWN)


def base_score(vector: str) -> float | None:
    """Return the base score of a CVSS 3 vector; None if the vector is another version or incomplete."""
    found = _VECTOR.fullmatch(vector)
    if found is None:
        return None
    metrics = dict(part.split(":") for part in found[1].strip("/").split("/"))
    try:
        changes = {"U": False, "C": True}[metrics["S"]]
        weights = {name: values[metrics[name]] for name, values in _WEIGHTS.items()}
        privileges = _PRIVILEGES[metrics["S"]][metrics["PR"]]
    except KeyError:
        return None
    lost = 1 - (1 - weights["C"]) * (1 - weights["I"]) * (1 - weights["A"])
    impact = 7.52 * (lost - 0.029) - 3.25 * (lost - 0.02) ** 15 if changes else 6.42 * lost
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * weights["AV"] * weights["AC"] * privileges * weights["UI"]
    return _rounded_up(min((1.08 if changes else 1.0) * (impact + exploitability), 10.0))


def _rounded_up(score: float) -> float:
    """Round up to the next tenth with integers, as appendix A of the specification does."""
    whole = round(score * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10
