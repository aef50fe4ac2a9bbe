"""The part of the inventory that events and polls need."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.values import digest
from support.visits import API, CONDITIONS, NEW, OLD, PYTHON, WEB, build_verdict, build_visit

from bot.model.image import TagDescriptor
from bot.model.image_name import TagRef
from bot.model.inventory import SettledBranch
from bot.model.vocabulary import Reason, ReferenceStatus
from bot.state.inventory.event_inventory import DatabaseEventInventory

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
NODE = TagRef("docker.io/library/node", "22")
QUAY, OTHER = (TagRef(f"{host}/acme/base", "1") for host in ("quay.io", "quay.io.example.com"))


@pytest.fixture
def events(state_location):
    return DatabaseEventInventory(state_location.database())


def test_tags_to_look_up_are_listed_by_registry_with_the_last_lookup_time(inventory, lookup_store, events):
    inventory.record_visits([build_visit(*map(str, (PYTHON, NODE, QUAY, OTHER)))], {}, AT)
    lookup_store.record_tags({PYTHON: TagDescriptor(NEW, "")}, AT)
    assert events.list_lookups("docker.io") == {PYTHON: AT, NODE: None}
    assert events.list_lookups("quay.io") == {QUAY: None}
    assert events.list_registries() == ["docker.io", "quay.io", "quay.io.example.com"]


def test_skipped_references_need_no_lookups(inventory, events):
    skipped = build_verdict(str(PYTHON), ReferenceStatus.SKIPPED, reason=Reason.IGNORED)
    inventory.record_visits([build_visit(skipped, "node@" + digest("no tag"))], {}, AT)
    assert events.list_registries() == []
    assert events.list_lookups("docker.io") == {}


def test_tags_of_settled_branches_need_lookups_even_without_a_reference(inventory, events):
    settled = SettledBranch(CONDITIONS, {NODE: OLD})
    inventory.record_visits([build_visit(str(PYTHON), settled=settled)], {}, AT)
    assert events.list_lookups("docker.io") == {PYTHON: None, NODE: None}


def test_settled_digests_of_a_tag_are_collected_from_all_branches(inventory, events):
    visits = [
        build_visit(str(PYTHON), key=key, settled=SettledBranch(CONDITIONS, {PYTHON: each, NODE: each}))
        for key, each in ((WEB, OLD), (API, NEW))
    ]
    inventory.record_visits(visits, {}, AT)
    assert events.list_settled_digests([PYTHON, QUAY]) == {PYTHON: {OLD, NEW}, QUAY: frozenset()}
