"""All published vulnerability information, as the pipeline uses it."""

from __future__ import annotations

import pytest
from support.scanners.advisories import statement, vex
from support.values import digest

from bot.advisories.public_lists import PublicLists
from bot.advisories.published import PublishedAdvisories
from bot.advisories.vex_documents import AcceptedDocuments, VexDocuments
from bot.model.advisory import AdvisoryList
from bot.model.errors import RegistryError
from bot.model.evidence import ScanSubject
from bot.model.image_name import TagRef
from bot.model.vocabulary import Reason

IMAGE = ScanSubject(TagRef("ghcr.io/acme/web", "1"), digest("index"), "linux/amd64")
CVE = "CVE-2026-0001"


@pytest.fixture
def create_advisories(tmp_path):
    """Return advisories with one document, and the list of images that were looked up in a registry."""

    def _published(content: bytes, *, broken: bool = False):
        asked = []

        def names(subject):
            asked.append(subject)
            if broken:
                raise RegistryError("ghcr.io", Reason.UNREACHABLE, "it does not answer", is_failure=True)
            return frozenset({digest("index"), digest("manifest")})

        path = tmp_path / "vex.json"
        path.write_bytes(content)
        documents = VexDocuments([AcceptedDocuments("enrichment.vex[0]", path, ("**",))], {})
        return PublishedAdvisories(PublicLists(), documents, names), asked

    return _published


@pytest.mark.parametrize("image", ["pkg:oci/web?repository_url=ghcr.io/acme/web", f"pkg:oci/web@{digest('index')}"])
def test_registry_gets_no_request_if_vex_documents_name_only_known_digests(create_advisories, image):
    advisories, asked = create_advisories(vex(statement(CVE, image)))
    assert advisories.list_digests(IMAGE) == {digest("index")}
    assert asked == []


def test_digests_of_image_are_looked_up_if_vex_document_names_another_digest(create_advisories):
    advisories, asked = create_advisories(vex(statement(CVE, f"pkg:oci/web@{digest('manifest')}")))
    assert advisories.list_digests(IMAGE) == {digest("index"), digest("manifest")}
    assert asked == [IMAGE]


def test_only_pinned_digest_is_matched_with_vex_if_registry_is_unreachable(create_advisories):
    advisories, _ = create_advisories(vex(statement(CVE, f"pkg:oci/web@{digest('manifest')}")), broken=True)
    assert advisories.list_digests(IMAGE) == {digest("index")}


def test_unreadable_vex_documents_are_listed_as_unread(create_advisories):
    advisories, _ = create_advisories(b"<html>")
    assert advisories.query_lists({CVE}).list_versions.unread_lists == {AdvisoryList.VEX}
    advisories, _ = create_advisories(vex())
    assert advisories.query_lists({CVE}).list_versions.unread_lists == frozenset()
