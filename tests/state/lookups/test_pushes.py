"""The store of the last commits that basebump pushed to its branches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.model.branch_ownership import BranchPush
from bot.model.forge import GitRepository
from bot.state.lookups.push_store import DatabasePushStore
from bot.state.tables import TAGS_KEPT

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
WEB = GitRepository("github", "acme/web", "main", "c0ffee", host="github.com")
ELSEWHERE = GitRepository("github", "acme/web", "main", "c0ffee", host="git.example.org")
LOCAL = GitRepository("local", "acme/web", "main", "c0ffee")
FIRST, SECOND = BranchPush("a" * 40, "1" * 16), BranchPush("b" * 40, "2" * 16)


@pytest.fixture
def store(state_location):
    return DatabasePushStore(state_location.database())


def test_last_push_of_each_branch_is_loaded(store):
    assert store.load_pushes(WEB) == {}
    store.record_pushes({WEB: {"basebump/x": FIRST, "basebump/y": FIRST}}, NOW)
    store.record_pushes({WEB: {"basebump/x": SECOND}}, NOW)
    assert store.load_pushes(WEB) == {"basebump/x": SECOND, "basebump/y": FIRST}


def test_branch_pushes_to_equally_named_repositories_are_stored_for_each_forge(store):
    store.record_pushes({WEB: {"basebump/x": FIRST}, LOCAL: {"basebump/x": SECOND}}, NOW)
    assert store.load_pushes(LOCAL) == {"basebump/x": SECOND}
    assert store.load_pushes(ELSEWHERE) == {}


def test_records_of_old_pushes_to_own_branches_are_deleted(store):
    store.record_pushes({WEB: {"basebump/x": FIRST}}, NOW)
    later = NOW + TAGS_KEPT + timedelta(days=1)
    store.record_pushes({WEB: {"basebump/y": SECOND}}, later)
    assert store.load_pushes(WEB) == {"basebump/y": SECOND}
