"""Data that basebump did not look up about an update: public lists of vulnerabilities, and signatures.

A report that is silent about a lookup reads as if the lookup had found nothing. Reports therefore say which lookups did
not take place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum

from bot.model.advisory import AdvisoryList
from bot.model.evidence import Evidence, Scan

NO_TRUST_RULE = "not checked (no trust rule)"
"""The state of a signature if no entry of `trust` is about the image."""


class ListLookup(StrEnum):
    """The state of looking up an update's vulnerabilities in a public list."""

    READ = "read"
    UNREAD = "unread"
    """The list is configured, and could not be read."""
    NOT_LOOKED_UP = "not-looked-up"
    """The list is not configured."""
    NOTHING_TO_LOOK_UP = "nothing-to-look-up"
    """No vulnerability is known, for example because the images were not scanned."""


def get_list_lookup(evidence: Evidence, advisory_list: AdvisoryList) -> ListLookup:
    """Return whether the vulnerabilities in the evidence were looked up in the list KEV or EPSS."""
    data = evidence.exploited_ids if advisory_list is AdvisoryList.KEV else evidence.epss_scores
    if data is not None:
        return ListLookup.READ
    if evidence.list_versions is not None and advisory_list in evidence.list_versions.unread_lists:
        return ListLookup.UNREAD
    has_findings = any(isinstance(each, Scan) and each.findings for each in (evidence.old, evidence.new))
    return ListLookup.NOT_LOOKED_UP if has_findings else ListLookup.NOTHING_TO_LOOK_UP


def combine_list_lookups(evidence: Iterable[Evidence], advisory_list: AdvisoryList) -> ListLookup:
    """Return the state of the lookups for several updates. A lookup that did not take place or failed counts most."""
    states = {get_list_lookup(each, advisory_list) for each in evidence}
    order = (ListLookup.NOT_LOOKED_UP, ListLookup.UNREAD, ListLookup.READ)
    return next((state for state in order if state in states), ListLookup.NOTHING_TO_LOOK_UP)


def describe_missing_lookups(evidence: Collection[Evidence]) -> str:
    """Return sentences about lookups that failed or did not take place for these updates; empty if there are none.

    Probabilities of exploitation (EPSS) are mentioned only if the list of exploited vulnerabilities (KEV) was not
    looked up either, because an operator who sets only `kev` chose to do without EPSS.
    """
    return " ".join(_list_missing_lookups(evidence))


def _list_missing_lookups(evidence: Collection[Evidence]) -> Iterator[str]:
    kev, epss = (combine_list_lookups(evidence, each) for each in (AdvisoryList.KEV, AdvisoryList.EPSS))
    if kev is ListLookup.NOT_LOOKED_UP:
        lists = "KEV, EPSS" if epss is ListLookup.NOT_LOOKED_UP else "KEV"
        yield f"Known exploitation ({lists}): not looked up (no `enrichment`)."
    elif kev is ListLookup.UNREAD:
        yield "Known exploitation (KEV): unknown, because the list could not be read."
    unchecked = sum(each.signatures is None for each in evidence)
    if unchecked:
        share = "" if unchecked == len(evidence) else f" of {unchecked} of {len(evidence)} updates"
        yield f"Signatures{share}: {NO_TRUST_RULE}."
