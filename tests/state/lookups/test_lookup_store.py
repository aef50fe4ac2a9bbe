"""The state store, with SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from support.values import digest

from bot.demo import images
from bot.model.evidence import Finding, Scan, ScannerIdentity, ScanSubject, Severity
from bot.model.history import TagObservation
from bot.model.image import CachedManifest, Manifest, TagDescriptor
from bot.model.image_name import TagRef
from bot.ports import LookupStore
from bot.registries.manifest import parse_document
from bot.state.documents import MAX_DOCUMENT
from bot.state.lookups import lookup_store as kept
from bot.state.no_state import NoState
from bot.state.tables import BATCH_SIZE, TAGS_KEPT

INDEX = "application/vnd.oci.image.index.v1+json"
LINE, OTHER = TagRef("docker.io/library/python", "3.12"), TagRef("docker.io/library/python", "3.13")
TRIVY = ScannerIdentity("trivy", "0.74.0", datetime(2026, 11, 25, 6, 11, 12, 123_456, tzinfo=UTC))
FINDING = Finding("CVE-2026-1", "openssl", "debian", "3.5.0-1", None, Severity.HIGH, "a “title” \x00 with all sorts")
SCAN = Scan(TRIVY, "debian 13.1", (FINDING, replace(FINDING, id="CVE-2026-2", fixed_in="3.5.2-1")), TRIVY.database)
ALONE = images.build_image([images.build_layer({"a": b"alone"})])
BOTH = images.build_index([ALONE, images.build_image([], platform="linux/arm64/v8")], annotations={"key": "välue"})
MANIFEST, OF_ONE = (parse_document(item.digest, item.content, item.media_type).manifest for item in (BOTH, ALONE))
DAY = timedelta(days=1)


def claim(content: str, etag: str | None = None) -> TagDescriptor:
    return TagDescriptor(digest(content), INDEX, etag)


def build_subject(content: str, platform: str = "linux/amd64", line: TagRef = LINE) -> ScanSubject:
    return ScanSubject(line, digest(content), platform)


@pytest.fixture
def now(state_location):
    return state_location.now


def build_cached_manifest(manifest: Manifest) -> CachedManifest:
    return CachedManifest(manifest, frozenset({"ghcr.io/a/b"}))


def list_stays(memory: LookupStore, line: TagRef = LINE) -> list[tuple[str, datetime, datetime]]:
    sightings = memory.load_observations([line]).get(line, ())
    return [(sighting.digest, sighting.first_seen, sighting.last_seen) for sighting in sightings]


def test_empty_database_and_missing_state_load_nothing(lookup_store):
    known: list[LookupStore] = [lookup_store, NoState()]
    for each in known:
        assert (
            each.load_observations([LINE]) == each.load_descriptors([LINE]) == each.load_manifests([digest("a")]) == {}
        )


def test_unchanged_tag_extends_observation_and_rollback_adds_an_observation(lookup_store, now):
    for day, content in enumerate("AABA"):
        lookup_store.record_tags({LINE: claim(content)}, now + day * DAY)
    assert list_stays(lookup_store) == [
        (digest("A"), now, now + DAY),
        (digest("B"), now + 2 * DAY, now + 2 * DAY),
        (digest("A"), now + 3 * DAY, now + 3 * DAY),
    ]


def test_observations_are_stored_separately_for_each_tag(lookup_store, now):
    lookup_store.record_tags({LINE: claim("A"), OTHER: claim("B")}, now)
    lookup_store.record_tags({OTHER: claim("A")}, now + DAY)
    assert [len(list_stays(lookup_store, line)) for line in (LINE, OTHER)] == [1, 2]
    assert lookup_store.load_observations([LINE]).keys() == {LINE}
    assert lookup_store.load_observations([OTHER])[OTHER][0] == TagObservation(OTHER, digest("B"), now, now)


def test_observation_times_are_returned_in_utc(lookup_store, now):
    lookup_store.record_tags({LINE: claim("A")}, now.astimezone(timezone(timedelta(hours=5, minutes=30))))
    ((_, first, last),) = list_stays(lookup_store)
    assert first == last == now
    assert (first.utcoffset(), first.tzinfo) == (timedelta(0), UTC)


def test_older_descriptor_does_not_replace_later_observation(lookup_store, now):
    """Otherwise, a slow run would record a rollback of a tag that was updated once."""
    lookup_store.record_tags({LINE: claim("B", '"b"')}, now + DAY)
    lookup_store.record_tags({LINE: claim("A", '"a"')}, now)
    assert list_stays(lookup_store) == [(digest("B"), now + DAY, now + DAY)]
    assert lookup_store.load_descriptors([LINE]) == {LINE: claim("B", '"b"')}


@pytest.mark.parametrize("has_moved", [True, False])
def test_stored_observation_with_a_future_time_is_replaced(lookup_store, now, has_moved):
    lookup_store.record_tags({LINE: claim("A")}, now + 30_000 * DAY)
    current = "B" if has_moved else "A"
    lookup_store.record_tags({LINE: claim(current)}, now)
    assert list_stays(lookup_store)[-1] == (digest(current), now, now)


def test_last_descriptor_of_each_tag_is_stored_with_etag(lookup_store, now):
    lookup_store.record_tags({LINE: claim("A", 'W/"a"'), OTHER: claim("O")}, now)
    lookup_store.record_tags({LINE: claim("B", '"b"')}, now + DAY)
    assert lookup_store.load_descriptors([LINE, OTHER, TagRef("ghcr.io/a/b", "1")]) == {
        LINE: claim("B", '"b"'),
        OTHER: claim("O"),
    }


def test_more_tags_than_fit_in_one_query_are_stored_and_loaded(lookup_store, now):
    lines = {TagRef(f"ghcr.io/acme/{number}", "1"): claim(str(number)) for number in range(2 * BATCH_SIZE + 1)}
    lookup_store.record_tags(lines, now)
    lookup_store.record_tags(lines, now + DAY)
    assert lookup_store.load_descriptors(lines) == lines
    sightings = lookup_store.load_observations(lines)
    assert {line: each[0].digest for line, each in sightings.items()} == {line: lines[line].digest for line in lines}
    assert all(len(each) == 1 for each in sightings.values())


def test_observations_are_available_after_reopening_the_database(state_location, now):
    state_location.memory().record_tags({LINE: claim("A")}, now)
    assert list_stays(state_location.memory()) == [(digest("A"), now, now)]


# Manifests


def test_manifests_are_loaded_as_saved_with_repositories(lookup_store):
    one, two = CachedManifest(MANIFEST, frozenset({"ghcr.io/a/b", "ghcr.io/a/c"})), build_cached_manifest(OF_ONE)
    lookup_store.save_manifests([build_cached_manifest(MANIFEST), two])
    lookup_store.save_manifests([one])
    kept_ones = lookup_store.load_manifests([MANIFEST.digest, OF_ONE.digest, digest("c")])
    assert kept_ones == {MANIFEST.digest: one, OF_ONE.digest: two}
    assert kept_ones[MANIFEST.digest].manifest.platforms == ("linux/amd64", "linux/arm64/v8")


def test_manifest_above_the_size_limit_is_not_stored(lookup_store):
    lookup_store.save_manifests([build_cached_manifest(replace(MANIFEST, annotations=(("key", "x" * MAX_DOCUMENT),)))])
    assert lookup_store.load_manifests([MANIFEST.digest]) == {}


def test_stored_manifest_with_other_fields_is_omitted(state_location, lookup_store):
    lookup_store.save_manifests([build_cached_manifest(MANIFEST)])
    with state_location.database().open_for_writing() as connection:
        connection.exec_driver_sql("UPDATE manifests SET document = '{\"digest\": 1}'")
    assert lookup_store.load_manifests([MANIFEST.digest]) == {}


# It does not grow for ever


def test_old_observations_are_deleted_except_the_last_of_each_tag(lookup_store, now):
    for day, content in enumerate("ABA"):
        lookup_store.record_tags({LINE: claim(content), OTHER: claim("stays")}, now + day * DAY)
    lookup_store.record_tags({LINE: claim("B")}, now + TAGS_KEPT + 2 * DAY)
    assert [seen for seen, _, _ in list_stays(lookup_store)] == [digest("A"), digest("B")]
    assert [seen for seen, _, _ in list_stays(lookup_store, OTHER)] == [digest("stays")]
    lookup_store.record_tags({LINE: claim("C")}, now + 3 * TAGS_KEPT)
    assert [seen for seen, _, _ in list_stays(lookup_store)] == [digest("C")]
    assert lookup_store.load_descriptors([LINE, OTHER]) == {LINE: claim("C")}


def test_old_manifests_are_deleted(lookup_store, now):
    lookup_store.save_manifests([build_cached_manifest(MANIFEST)])
    lookup_store.record_tags({}, now + kept.MANIFESTS_KEPT)
    assert lookup_store.load_manifests([MANIFEST.digest])
    lookup_store.record_tags({}, now + kept.MANIFESTS_KEPT + DAY)
    assert not lookup_store.load_manifests([MANIFEST.digest])
