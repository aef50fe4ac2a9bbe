"""VEX documents: their statements, accepted authors, and errors for unreadable documents."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.listener import HttpListener, HttpReply
from support.scanners.advisories import statement, vex

from bot.advisories import vex_documents
from bot.advisories._openvex import MAX_REASON_LENGTH, parse_document
from bot.advisories.source import MalformedError
from bot.advisories.vex_documents import AcceptedDocuments, VexDocuments
from bot.core.evidence.purl import parse_purl
from bot.model.vex import VexProduct, VexStatement, VexStatements, VexStatus

CVE = "CVE-2026-0001"
IMAGE = "pkg:oci/web?repository_url=ghcr.io/acme/web"
CURL = "pkg:deb/debian/curl"


def load_accepted(*places, authors=("Acme *",)) -> VexStatements:
    entries = [AcceptedDocuments(f"enrichment.vex[{index}]", place, authors) for index, place in enumerate(places)]
    return VexDocuments(entries, {}).load_statements()


def test_vex_document_is_parsed_into_statements(tmp_path):
    (tmp_path / "vex.json").write_bytes(vex(statement(CVE, IMAGE, CURL)))
    (found,) = load_accepted(tmp_path / "vex.json").statements
    assert found == VexStatement(
        names=frozenset({CVE}),
        status=VexStatus.NOT_AFFECTED,
        justification="vulnerable code not present",
        products=(VexProduct(parse_purl(IMAGE), (parse_purl(CURL),)),),
        author="Acme Security",
        stated_at=datetime(2026, 11, 1, 10, tzinfo=UTC),
    )


def test_only_vex_statements_of_accepted_authors_count(tmp_path):
    (tmp_path / "ours.json").write_bytes(vex(statement(CVE, IMAGE)))
    (tmp_path / "theirs.json").write_bytes(vex(statement(CVE, IMAGE), author="Mallory"))
    assert [each.author for each in load_accepted(tmp_path).statements] == ["Acme Security"]
    assert load_accepted(tmp_path).errors == ()
    alone = load_accepted(tmp_path / "theirs.json")
    assert alone.statements == ()
    path = tmp_path / "theirs.json"
    ((key, error),) = alone.errors
    assert key == "enrichment.vex[0]"
    assert re.match(f"{path} .*`Mallory`.*`authors`", error)


def test_vex_documents_are_read_once_from_folders_and_urls(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "vex.json").write_bytes(vex(statement(CVE, IMAGE)))
    (tmp_path / "inner" / "notes.txt").write_text("no document")
    with HttpListener(lambda _: HttpReply(200, vex(statement(CVE, IMAGE, status="affected")))) as listener:
        read = VexDocuments(
            [AcceptedDocuments("a", tmp_path, ("**",)), AcceptedDocuments("b", f"{listener.url}/vex.json", ("**",))], {}
        )
        assert [each.status.value for each in read.load_statements().statements] == ["not_affected", "affected"]
        assert read.load_statements() is read.load_statements()
    assert len(listener.received) == 1


def test_unreadable_vex_document_is_named_and_others_are_used(tmp_path):
    (tmp_path / "a.json").write_text("<html>")
    (tmp_path / "b.json").write_bytes(vex(statement(CVE, IMAGE)))
    (tmp_path / "c.json").write_text("{}")
    found = load_accepted(tmp_path, tmp_path / "gone.json")
    assert len(found.statements) == 1
    assert found.errors == (
        ("enrichment.vex[0]", f"{tmp_path / 'a.json'} is not JSON (and 1 more like it)"),
        ("enrichment.vex[1]", f"{tmp_path / 'gone.json'} could not be read: No such file or directory"),
    )


def test_vex_documents_and_statements_beyond_the_limits_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(vex_documents, "MAX_DOCUMENTS", 2)
    monkeypatch.setattr(vex_documents, "MAX_STATEMENTS", 3)
    for number in range(3):
        (tmp_path / f"{number}.json").write_bytes(vex(statement(CVE, IMAGE)))
    found = load_accepted(tmp_path)
    assert len(found.statements) == 2
    ((key, error),) = found.errors
    assert (key, "2 documents" in error) == ("enrichment.vex[0]", True)
    (tmp_path / "0.json").write_bytes(vex(*[statement(CVE, IMAGE)] * 4))
    found = load_accepted(tmp_path)
    assert len(found.statements) == 3
    ((key, error),) = found.errors
    assert (key, "3 statements" in error) == ("enrichment.vex[0]", True)


# ---- the shape of documents --------------------------------------------------------------------------------------


def test_vex_statement_is_parsed_with_aliases_time_and_reason():
    said = statement(CVE, IMAGE, justification=None, impact_statement=" nobody\n calls it " + "x" * 500)
    said |= {"vulnerability": {"name": "GHSA-aaaa-bbbb-cccc", "aliases": [CVE]}}
    said |= {"timestamp": "2026-11-02T10:00:00.123456789Z", "last_updated": "2026-11-03T10:00:00"}
    (found,) = parse_document(vex(said)).statements
    assert found.names == {CVE, "GHSA-aaaa-bbbb-cccc"}
    assert found.stated_at == datetime(2026, 11, 3, 10, tzinfo=UTC)
    assert found.justification.startswith("nobody calls it x")
    assert len(found.justification) == MAX_REASON_LENGTH


def test_older_openvex_format_is_parsed():
    said = {"vulnerability": CVE, "products": [IMAGE], "subcomponents": [CURL], "status": "fixed"}
    (found,) = parse_document(vex(said, **{"@context": "https://openvex.dev/ns"})).statements
    assert found.names == {CVE}
    assert found.products == (VexProduct(parse_purl(IMAGE), (parse_purl(CURL),)),)


def test_invalid_vex_products_are_skipped_and_invalid_packages_match_nothing():
    said = statement(CVE, IMAGE, "curl")
    said["products"] += [{"@id": "acme-web"}, {"@id": "x", "identifiers": {"purl": IMAGE}}, 7]
    (found,) = parse_document(vex(said)).statements
    assert found.products == (VexProduct(parse_purl(IMAGE), ()), VexProduct(parse_purl(IMAGE), None))


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b'{"@context": "https://openvex.dev/ns/v0.2.0"}',
        vex(author=""),
        vex(**{"@context": "https://cyclonedx.org"}),
        vex(7),
        vex(statement(CVE, IMAGE, status="exploitable")),
        vex({"products": [IMAGE], "status": "fixed"}),
        vex({"vulnerability": {"aliases": [CVE]}, "status": "fixed"}),
        vex(statement(CVE, IMAGE, justification=None)),
        vex(statement(CVE, IMAGE, justification="because")),
        vex(statement(CVE, IMAGE, products="all")),
        vex(statement(CVE, IMAGE), timestamp=None),
        vex(statement(CVE, IMAGE), timestamp="yesterday"),
    ],
)
def test_malformed_vex_document_is_refused(content):
    with pytest.raises(MalformedError):
        parse_document(content)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(CVE) | st.just(IMAGE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["@id", "name", "aliases"]), inner),
    max_leaves=5,
)
KEYS = ("vulnerability", "products", "subcomponents", "status", "justification", "impact_statement", "timestamp")


@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING))
def test_arbitrary_vex_statement_is_read_or_refused_as_malformed(changed):
    try:
        found = parse_document(vex(statement(CVE, IMAGE) | changed))
    except MalformedError:
        return
    assert len(found.statements) == 1
