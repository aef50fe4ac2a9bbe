"""The levels, scores and messages of `compare` as SARIF."""

from __future__ import annotations

from dataclasses import replace

from support.values import digest, finding, scan
from support.witnesses.sarif import read_sarif

from bot.core.evidence.compare import compare_scans
from bot.model.comparison import ComparedImage, Comparison
from bot.model.evidence import Severity
from bot.model.image import ImageFacts, ManifestKind
from bot.model.image_name import ImageName
from bot.reports.compare.comparison_sarif import render_comparison_sarif

CRITICAL, HIGH = finding("CVE-1900-0001", Severity.CRITICAL), finding("CVE-1900-0002")
FACTS = ImageFacts(digest("image"), ManifestKind.INDEX, ("linux/amd64",), None, None, None, None, None)


def test_sarif_result_has_a_sentence_that_stands_alone_and_a_level_by_worth():
    worst, unfixed = finding("CVE-1900-0003", Severity.LOW), finding("CVE-1900-0004", Severity.CRITICAL, fixed_in=None)
    new = scan(CRITICAL, HIGH, worst, unfixed, finding("CVE-1900-0005", Severity.MEDIUM))
    evidence = replace(compare_scans(scan(CRITICAL), new), exploited_ids=frozenset({worst.id}))
    images = (
        ComparedImage(ImageName.parse(name), FACTS, each)
        for name, each in (("node:22", evidence.old), ("node:24", evidence.new))
    )
    (run,) = read_sarif(render_comparison_sarif(Comparison(*images, "linux/amd64", evidence)))
    levels = {result["ruleId"]: result["level"] for result in run["results"]}
    scores = {rule["id"]: rule["properties"]["security-severity"] for rule in run["tool"]["driver"]["rules"]}
    assert [(levels[each], scores[each]) for each in sorted(levels)] == [
        ("error", "9.0"),
        ("warning", "7.0"),
        ("error", "10.0"),
        ("warning", "9.0"),
        ("note", "4.0"),
    ]
    messages = {result["ruleId"]: result["message"]["text"] for result in run["results"]}
    place = f"{worst.package} {worst.installed}"
    assert messages[worst.id].startswith(f"{worst.id} (low, known to be exploited) is in {place}. ")
    assert ". No version fixes it yet." in messages[unfixed.id]
