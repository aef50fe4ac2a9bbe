"""What others publish of vulnerabilities, as small as it gets and in the shape of the real thing."""

from __future__ import annotations

import json


def kev(*ids: str, released: str = "2026-11-24T15:00:12.1234Z") -> bytes:
    """Return a catalogue as CISA publishes it."""
    entries = [
        {
            "cveID": each,
            "vendorProject": "Acme",
            "product": "Anvil",
            "vulnerabilityName": "made for tests",
            "dateAdded": "2026-11-01",
            "shortDescription": "made for tests",
            "requiredAction": "Replace it.",
            "dueDate": "2026-11-22",
            "knownRansomwareCampaignUse": "Unknown",
            "notes": "",
            "cwes": [],
        }
        for each in ids
    ]
    document = {"title": "made for tests", "catalogVersion": "2026.11.24", "dateReleased": released}
    return json.dumps(document | {"count": len(entries), "vulnerabilities": entries}).encode()


def epss(scores: dict[str, float | str], day: str = "2026-11-25") -> bytes:
    """Return a bulk file as FIRST publishes it."""
    rows = [f"{identifier},{score},0.5" for identifier, score in scores.items()]
    first = f"#model_version:v2026.03.14,score_date:{day}T00:00:00+0000"
    return "\n".join([first, "cve,epss,percentile", *rows, ""]).encode()
