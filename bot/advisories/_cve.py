"""What the names of vulnerabilities in public lists look like."""

from __future__ import annotations

import re

_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}")
"""https://cve.mitre.org/cve/identifiers/syntaxchange.html"""


def is_cve(text: str) -> bool:
    return _CVE.fullmatch(text) is not None
