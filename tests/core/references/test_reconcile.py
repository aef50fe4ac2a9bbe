"""Tests of image references that share the bytes of a digest."""

from support.values import reference, update

from bot.core.references.reconcile import reconcile_decisions
from bot.model.decision import SkippedReference
from bot.model.vocabulary import Reason


def _get_reason(selected):
    assert isinstance(selected, SkippedReference), selected
    return selected.reason


def test_references_with_shared_bytes_and_same_update_are_updated_together():
    both = [update("nginx:1", "new", locator="a", at=5), update("nginx:1", "new", locator="b", at=5)]
    assert reconcile_decisions(both) == tuple(both)


def test_references_with_shared_bytes_and_different_updates_are_all_skipped():
    both = [update("nginx:1", "new", locator="a", at=5), update("nginx:1", "other", locator="b", at=5)]
    assert [_get_reason(each) for each in reconcile_decisions(both)] == [Reason.CONFLICTING_EDITS] * 2


def test_skipped_reference_blocks_update_of_references_with_shared_bytes():
    stays = SkippedReference(reference("nginx:1", locator="b", at=5), Reason.IGNORED)
    settled = reconcile_decisions([update("nginx:1", "new", locator="a", at=5), stays])
    assert [_get_reason(each) for each in settled] == [Reason.CONFLICTING_EDITS, Reason.IGNORED]


def test_references_at_same_position_in_different_files_do_not_conflict():
    both = [update("nginx:1", "new", path="a", at=5), update("nginx:1", "other", path="b", at=5)]
    assert reconcile_decisions(both) == tuple(both)
