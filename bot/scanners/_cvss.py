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
_SEVERITY_THRESHOLDS = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))


def classify_vector(vector: str) -> Severity:
    """Return the severity for the base score of a vector; UNKNOWN if the score is 0 or the vector is not CVSS 3."""
    score = compute_base_score(vector)
    return classify_score(score) if score is not None else Severity.UNKNOWN


def classify_score(score: float) -> Severity:
    """Return the severity for a base score; UNKNOWN if the score is 0."""
    return next((severity for least, severity in _SEVERITY_THRESHOLDS if score >= least), Severity.UNKNOWN)


def compute_base_score(vector: str) -> float | None:
    """Return the base score of a CVSS 3 vector; None if the vector is another version or incomplete."""
    match = _VECTOR.fullmatch(vector)
    if match is None:
        return None
    metrics = dict(part.split(":") for part in match[1].strip("/").split("/"))
    try:
        is_scope_changed = {"U": False, "C": True}[metrics["S"]]
        weights = {name: values[metrics[name]] for name, values in _WEIGHTS.items()}
        privileges = _PRIVILEGES[metrics["S"]][metrics["PR"]]
    except KeyError:
        return None
    impact_subscore = 1 - (1 - weights["C"]) * (1 - weights["I"]) * (1 - weights["A"])
    impact = (
        7.52 * (impact_subscore - 0.029) - 3.25 * (impact_subscore - 0.02) ** 15
        if is_scope_changed
        else 6.42 * impact_subscore
    )
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * weights["AV"] * weights["AC"] * privileges * weights["UI"]
    return _round_up(min((1.08 if is_scope_changed else 1.0) * (impact + exploitability), 10.0))


def _round_up(score: float) -> float:
    """Round up to the next tenth with integers, as appendix A of the specification does."""
    scaled = round(score * 100_000)
    return scaled / 100_000 if scaled % 10_000 == 0 else (scaled // 10_000 + 1) / 10
