"""The base score of a CVSS 3 vector, and what it is called: pure.

https://www.first.org/cvss/v3.1/specification-document, 7.1 and 7.4.
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
"""They weigh less where the scope changes."""
_STEPS = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))


def severity_of_vector(vector: str) -> Severity:
    """Return what the base score of a vector is called; unknown where it is no vector of CVSS 3, or does no harm."""
    score = base_score(vector)
    return severity_of_score(score) if score is not None else Severity.UNKNOWN


def severity_of_score(score: float) -> Severity:
    """Return what a base score is called; unknown where it does no harm."""
    return next((severity for least, severity in _STEPS if score >= least), Severity.UNKNOWN)


def base_score(vector: str) -> float | None:
    """Return the base score, None where the vector is none of CVSS 3 or not whole."""
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
    """Round to the next tenth, in whole numbers, as the specification does it."""
    whole = round(score * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10
