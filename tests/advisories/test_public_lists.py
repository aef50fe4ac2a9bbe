"""Public lists of vulnerabilities; a list that cannot be read completely is not used at all."""

from __future__ import annotations

import gzip
import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.listener import HttpListener, HttpReply
from support.scanners.advisories import epss, kev

from bot.advisories import public_lists
from bot.advisories.public_lists import PublicLists, parse_catalogue, parse_scores
from bot.advisories.source import DocumentSource, MalformedError
from bot.model.advisory import AdvisoryList, ListVersions

CVE, OTHER, THIRD = "CVE-2026-0001", "CVE-2026-0002", "CVE-2026-00031"


@pytest.fixture
def source(tmp_path):
    """Return a source for a file with some content."""

    def _source(content: bytes, called: str = "list"):
        path = tmp_path / called
        path.write_bytes(content)
        return DocumentSource(path, {})

    return _source


def test_kev_and_epss_lists_are_parsed_into_exploited_ids_scores_and_dates(source):
    found = PublicLists(source(kev(CVE, THIRD), "kev"), source(epss({CVE: 0.97, OTHER: 0.00042}), "epss"))
    listed = found.query_lists({CVE, OTHER})
    assert listed.exploited_ids == {CVE}
    assert listed.epss_scores == {CVE: 0.97, OTHER: 0.00042}
    assert listed.list_versions == ListVersions(date(2026, 11, 24), date(2026, 11, 25))
    assert listed.errors == {}


def test_kev_or_epss_list_that_is_not_configured_causes_no_error(source):
    listed = PublicLists(kev=source(kev(CVE))).query_lists({OTHER})
    assert (listed.exploited_ids, listed.epss_scores, listed.list_versions) == (
        frozenset(),
        None,
        ListVersions(date(2026, 11, 24)),
    )
    listed = PublicLists(epss=source(epss({CVE: 1}))).query_lists({OTHER})
    assert (listed.exploited_ids, listed.epss_scores, listed.errors) == (None, {}, {})


def test_compressed_kev_and_epss_lists_are_read(source):
    listed = PublicLists(source(gzip.compress(kev(CVE)), "kev"), source(gzip.compress(epss({CVE: 0})), "epss"))
    assert listed.query_lists({CVE}).exploited_ids == {CVE}
    assert listed.query_lists({CVE}).epss_scores == {CVE: 0}


def test_kev_and_epss_lists_are_downloaded_once_per_run():
    with HttpListener(
        lambda received: HttpReply(200, kev(CVE) if "kev" in received.path else epss({CVE: 0.5}))
    ) as listener:
        found = PublicLists(*(DocumentSource(f"{listener.url}/{each}", {}) for each in ("kev.json", "epss.csv")))
        assert found.query_lists({CVE}).exploited_ids == {CVE}
        assert found.query_lists({OTHER}).exploited_ids == frozenset()
        assert found.query_lists({CVE}).epss_scores == {CVE: 0.5}
    assert [each.path for each in listener.received] == ["/kev.json", "/epss.csv"]


def test_epss_list_is_still_used_if_kev_list_is_unreadable(tmp_path, source):
    found = PublicLists(DocumentSource(tmp_path / "gone.json", {}), source(epss({CVE: 0.5})))
    for _ in range(2):
        listed = found.query_lists({CVE})
        assert (listed.exploited_ids, listed.epss_scores) == (None, {CVE: 0.5})
        assert listed.list_versions.unread_lists == {AdvisoryList.KEV}
        assert listed.errors == {
            AdvisoryList.KEV: f"{tmp_path / 'gone.json'} could not be read: No such file or directory"
        }


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (404, b"", "/kev.json answered 404"),
        (200, b"<html>", "/kev.json is not JSON"),
        (302, b"", "/kev.json answered 302"),
    ],
)
def test_failed_download_of_kev_list_is_reported_with_url_and_reason(status, body, why):
    with HttpListener(lambda _: HttpReply(status, body)) as listener:
        listed = PublicLists(DocumentSource(f"{listener.url}/kev.json", {})).query_lists({CVE})
    assert listed.errors == {AdvisoryList.KEV: f"{listener.url}{why}"}


def test_redirect_of_kev_list_download_to_internal_host_is_not_followed():
    with HttpListener(lambda _: HttpReply(200, kev(CVE))) as inside:
        redirect = HttpReply(302, b"", {"Location": f"{inside.url}/kev.json"})
        with HttpListener(lambda _: redirect) as listener:
            listed = PublicLists(DocumentSource(f"{listener.url}/kev.json", {})).query_lists({CVE})
    assert listed.exploited_ids is None
    assert "a blocked URL" in listed.errors[AdvisoryList.KEV]
    assert inside.received == []


# ---- what is no list ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"dateReleased": "2026-11-24", "vulnerabilities": []},
        {"dateReleased": "yesterday", "vulnerabilities": [{"cveID": CVE}]},
        {"vulnerabilities": [{"cveID": CVE}]},
        {"dateReleased": "2026-11-24", "vulnerabilities": [{"cveID": CVE}, {}]},
        {"dateReleased": "2026-11-24", "vulnerabilities": [{"cveID": CVE}, {"cveID": None}]},
        {"dateReleased": "2026-11-24", "vulnerabilities": [{"cveID": CVE}, {"cveID": "DSA-1"}]},
        {"dateReleased": "2026-11-24", "vulnerabilities": [{"cveID": CVE}, CVE]},
        {"dateReleased": 20261124, "vulnerabilities": [{"cveID": CVE}]},
    ],
)
def test_incomplete_kev_catalogue_is_refused(document):
    with pytest.raises(MalformedError, match="CISA"):
        parse_catalogue(json.dumps(document).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"cve,epss,percentile\nCVE-2026-0001,0.5,0.5\n",
        b"#score_date:2026-11-25\nCVE-2026-0001,0.5,0.5\n",
        b"#score_date:2026-13-25\ncve,epss,percentile\n",
        b"<html>\ncve,epss,percentile\n",
    ],
)
def test_epss_scores_without_date_or_columns_are_refused(content):
    with pytest.raises(MalformedError, match="FIRST"):
        parse_scores(content)


@pytest.mark.parametrize("score", ["", "high", "nan", "1.1", "-0.1", "inf"])
def test_invalid_epss_score_of_requested_cve_makes_the_list_unreadable(source, score):
    found = PublicLists(epss=source(epss({CVE: score, OTHER: 0.5})))
    assert found.query_lists({OTHER}).epss_scores == {OTHER: 0.5}
    listed = found.query_lists({CVE})
    assert listed.epss_scores is None
    assert "0 to 1" in listed.errors[AdvisoryList.EPSS]
    assert listed.list_versions == ListVersions(unread_lists=frozenset({AdvisoryList.EPSS}))


@given(st.binary())
def test_arbitrary_bytes_as_public_lists_are_refused(content):
    with pytest.raises(MalformedError, match=r"^is not "):
        parse_catalogue(content)
    with pytest.raises(MalformedError, match=r"^is not "):
        parse_scores(content)


# ---- bounds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_kev_list_above_size_limit_is_refused_even_if_compressed(source, monkeypatch, packed):
    monkeypatch.setattr(public_lists, "MAX_CATALOGUE_SIZE", 1000)
    content = kev(CVE) + b" " * 1_000_000
    listed = PublicLists(source(gzip.compress(content) if packed else content)).query_lists({CVE})
    assert listed.exploited_ids is None
    assert "has more than 1000 bytes" in listed.errors[AdvisoryList.KEV]


def test_download_of_kev_list_above_size_limit_is_refused(monkeypatch):
    monkeypatch.setattr(public_lists, "MAX_CATALOGUE_SIZE", 1000)
    with HttpListener(lambda _: HttpReply(200, kev(CVE) + b" " * 5_000)) as listener:
        listed = PublicLists(DocumentSource(f"{listener.url}/kev.json", {})).query_lists({CVE})
    assert "has more than 1000 bytes" in listed.errors[AdvisoryList.KEV]


def test_damaged_compressed_kev_list_is_refused(source):
    listed = PublicLists(source(gzip.compress(kev(CVE))[:-9])).query_lists({CVE})
    assert "cannot be unpacked" in listed.errors[AdvisoryList.KEV]
    assert listed.exploited_ids is None
