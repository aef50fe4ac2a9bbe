"""Every output says which data about an update was not looked up, so that silence is not mistaken for good news."""

from __future__ import annotations

import json
from dataclasses import replace

from support.runs.reports import KNOWN, build_repository, build_run_report, build_update
from support.values import digest

from bot.model.advisory import ListVersions
from bot.model.comparison import ComparedImage, Comparison
from bot.model.image import ImageFacts, ManifestKind
from bot.model.image_name import ImageName
from bot.model.signature import NoSignature, TransitionSignatures
from bot.reports.compare.comparison_document import render_comparison_document
from bot.reports.compare.comparison_text import render_comparison_text
from bot.reports.run.markdown_summary import render_markdown_summary
from bot.reports.run.report_document import render_scan_document
from bot.reports.run.report_text import render_run_text, render_scan_text

NOT_LOOKED_UP = (
    "Known exploitation (KEV, EPSS): not looked up (no `enrichment`). Signatures: not checked (no trust rule)."
)
LOOKED_UP = replace(
    KNOWN,
    exploited_ids=frozenset(),
    epss_scores={},
    list_versions=ListVersions(),
    signatures=TransitionSignatures(None, NoSignature()),
)
RENDERERS = (lambda report: render_scan_text(report, None), render_run_text, render_markdown_summary)


def build_comparison(evidence, signature=None) -> Comparison:
    facts = ImageFacts(digest("old"), ManifestKind.INDEX, ("linux/amd64",), None, None, None, None, None)
    image = ComparedImage(ImageName.parse("node:22"), facts, evidence.new, signature=signature)
    return Comparison(image, image, "linux/amd64", evidence)


def test_texts_of_runs_name_lookups_that_were_not_made():
    for render in RENDERERS:
        assert NOT_LOOKED_UP in render(build_run_report(build_repository(build_update())))
        looked_up = render(build_run_report(build_repository(build_update()), evidence=LOOKED_UP))
        assert "not looked up" not in looked_up
        assert "not checked" not in looked_up


def test_texts_of_runs_without_updates_name_no_missing_lookups():
    report = replace(build_run_report(build_repository()), evidence={})
    assert not [render for render in RENDERERS if "not looked up" in render(report)]


def test_json_contains_state_of_each_lookup_of_an_update():
    (reference,) = json.loads(render_scan_document(build_run_report(build_repository(build_update()))))["references"]
    not_looked_up = {"kev": "not-looked-up", "epss": "not-looked-up", "signatures": "not-checked"}
    assert reference["evidence"]["lookups"] == not_looked_up
    assert json.loads(render_comparison_document(build_comparison(KNOWN)))["lookups"] == not_looked_up
    looked_up = json.loads(render_comparison_document(build_comparison(LOOKED_UP, NoSignature())))["lookups"]
    assert looked_up == {"kev": "read", "epss": "read", "signatures": "checked"}


def test_comparison_text_names_lookups_that_were_not_made():
    text = render_comparison_text(build_comparison(KNOWN))
    assert text.count("signature    not checked (no trust rule)") == 2
    assert "Known exploitation (KEV): not looked up (no `enrichment`).\n" in text
    assert "Probability of exploitation (EPSS): not looked up (no `enrichment`).\n" in text
    looked_up = render_comparison_text(build_comparison(LOOKED_UP, NoSignature()))
    assert "not looked up" not in looked_up
    assert "not checked" not in looked_up
