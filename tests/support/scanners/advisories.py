"""Published lists about vulnerabilities, minimal and in the format of the originals."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import date

from bot.model.advisory import AdvisoryList, AdvisoryResult, ListVersions
from bot.model.evidence import ScanSubject
from bot.model.image_name import Digest
from bot.model.vex import VexStatement, VexStatements

DAY = date(2026, 11, 24)


class PresetAdvisories:
    """Preset answers: exploited vulnerabilities, statements of authors, and failures."""

    def __init__(
        self, exploited: Collection[str] = (), said: Iterable[VexStatement] = (), *, kev: str = "", vex: str = ""
    ) -> None:
        self._exploited, self._said = frozenset(exploited), tuple(said)
        self._kev, self._vex = kev, vex

    def load_statements(self) -> VexStatements:
        return VexStatements(self._said, (("enrichment.vex[0]", self._vex),) if self._vex else ())

    def list_digests(self, subject: ScanSubject) -> frozenset[Digest]:
        return frozenset({subject.digest})

    def query_lists(self, ids: Collection[str]) -> AdvisoryResult:
        unread = {listing for listing, why in ((AdvisoryList.KEV, self._kev), (AdvisoryList.VEX, self._vex)) if why}
        asked = ListVersions(None if self._kev else DAY, unread_lists=frozenset(unread))
        exploited = None if self._kev else self._exploited & frozenset(ids)
        return AdvisoryResult(exploited, list_versions=asked, errors={AdvisoryList.KEV: self._kev} if self._kev else {})


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


def vex(*statements: dict, author: str = "Acme Security", **more) -> bytes:
    """Return an OpenVEX document."""
    document = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://acme.example/vex/1",
        "author": author,
        "timestamp": "2026-11-01T10:00:00Z",
        "version": 1,
        "statements": list(statements),
    }
    return json.dumps(document | more).encode()


def statement(cve: str, image: str, *packages: str, status: str = "not_affected", **more) -> dict:
    """Return a statement about an image, or about some packages in it."""
    product = {"@id": image, **({"subcomponents": [{"@id": each} for each in packages]} if packages else {})}
    reason = {"justification": "vulnerable_code_not_present"} if status == "not_affected" else {}
    return {"vulnerability": {"name": cve}, "products": [product], "status": status, **reason, **more}
