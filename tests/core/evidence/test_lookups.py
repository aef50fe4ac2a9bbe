"""Reports say which data about an update was not looked up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.values import finding, scan

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.lookups import ListLookup, combine_list_lookups, describe_missing_lookups, get_list_lookup
from bot.model.advisory import AdvisoryList, ListVersions
from bot.model.evidence import Evidence, NotScanned, UnscannedReason
from bot.model.signature import NoSignature, TransitionSignatures

FOUND = compare_scans(scan(finding("CVE-2026-0001")), scan())
UNSCANNED = Evidence(None, NotScanned(UnscannedReason.NO_SCANNER), None)
READ = replace(FOUND, exploited_ids=frozenset(), epss_scores={}, list_versions=ListVersions())
UNREAD = replace(FOUND, list_versions=ListVersions(unread_lists=frozenset({AdvisoryList.KEV})))
SIGNATURES = TransitionSignatures(None, NoSignature())
NOT_LOOKED_UP = "Known exploitation (KEV, EPSS): not looked up (no `enrichment`)."
NOT_CHECKED = "Signatures: not checked (no trust rule)."


@pytest.mark.parametrize(
    ("evidence", "kev", "epss"),
    [
        (FOUND, ListLookup.NOT_LOOKED_UP, ListLookup.NOT_LOOKED_UP),
        (READ, ListLookup.READ, ListLookup.READ),
        (UNREAD, ListLookup.UNREAD, ListLookup.NOT_LOOKED_UP),
        (UNSCANNED, ListLookup.NOTHING_TO_LOOK_UP, ListLookup.NOTHING_TO_LOOK_UP),
    ],
    ids=["no-enrichment", "read", "unread", "not-scanned"],
)
def test_lookup_states_of_kev_and_epss_lists_are_derived_from_evidence(evidence, kev, epss):
    assert get_list_lookup(evidence, AdvisoryList.KEV) is kev
    assert get_list_lookup(evidence, AdvisoryList.EPSS) is epss


def test_advisory_list_counts_as_not_looked_up_if_lookup_is_missing_for_any_update():
    assert combine_list_lookups([READ, UNSCANNED], AdvisoryList.KEV) is ListLookup.READ
    assert combine_list_lookups([READ, UNREAD], AdvisoryList.KEV) is ListLookup.UNREAD
    assert combine_list_lookups([READ, FOUND, UNREAD], AdvisoryList.KEV) is ListLookup.NOT_LOOKED_UP
    assert combine_list_lookups([], AdvisoryList.KEV) is ListLookup.NOTHING_TO_LOOK_UP


@pytest.mark.parametrize(
    ("evidence", "sentences"),
    [
        ([], ""),
        ([FOUND], f"{NOT_LOOKED_UP} {NOT_CHECKED}"),
        ([UNSCANNED], NOT_CHECKED),
        ([replace(READ, epss_scores=None, signatures=SIGNATURES)], ""),
        ([replace(FOUND, epss_scores={}, signatures=SIGNATURES)], NOT_LOOKED_UP.replace(", EPSS", "")),
        (
            [replace(UNREAD, signatures=SIGNATURES)],
            "Known exploitation (KEV): unknown, because the list could not be read.",
        ),
        ([READ, replace(READ, signatures=SIGNATURES)], "Signatures of 1 of 2 updates: not checked (no trust rule)."),
    ],
)
def test_report_sentences_name_only_missing_lookups(evidence, sentences):
    assert describe_missing_lookups(evidence) == sentences
