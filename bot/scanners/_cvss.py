"""Maps CVSS 3 and CVSS 4 vectors and scores to severities. This module does no I/O.

The severity scale is the same in both versions: https://www.first.org/cvss/v3.1/specification-document, section 5, and
https://www.first.org/cvss/v4.0/specification-document, section 6.
"""

from __future__ import annotations

from bot.model.evidence import Severity

MAX_VECTOR_LENGTH = 400
"""The longest vector, in characters. A CVSS 4 vector with all 32 metrics has about 200 characters."""
_SEVERITY_THRESHOLDS = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))


def classify_vector(vector: str) -> Severity:
    """Return the severity of a CVSS vector, such as `CVSS:3.1/AV:N/AC:L/…`.

    A CVSS 3 vector has several scores; the base score is used. A CVSS 4 vector has only one score, which includes
    threat and environmental metrics.

    Return UNKNOWN if the score is 0, or if the vector is malformed or of another CVSS version.
    """
    from cvss import CVSS3, CVSS4, CVSSError

    if len(vector) > MAX_VECTOR_LENGTH:
        return Severity.UNKNOWN
    try:
        parsed = CVSS4(vector) if vector.startswith("CVSS:4.") else CVSS3(vector)
    except CVSSError:
        return Severity.UNKNOWN
    return classify_score(float(parsed.base_score))


def classify_score(score: float) -> Severity:
    """Return the severity for a score; UNKNOWN if the score is 0."""
    return next((severity for least, severity in _SEVERITY_THRESHOLDS if score >= least), Severity.UNKNOWN)
