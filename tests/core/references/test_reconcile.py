"""Tests of image references that share the bytes of a digest."""

from support.values import reference, update

from bot.core.references.reconcile import reconcile_decisions
from bot.model.decision import SkippedReference
from bot.model.vocabulary import Reason


def _reason(selected):
    assert isinstance(selected, SkippedReference), selected
    return selected.reason


def test_places_that_share_bytes_and_agree_move_together():
    both = [update("nginx:1", "new", locator="a", at=5), update("nginx:1", "new", locator="b", at=5)]
    assert reconcile_decisions(both) == tuple(both)


def test_places_that_share_bytes_and_disagree_are_all_skipped():
    both = [update("nginx:1", "new", locator="a", at=5), update("nginx:1", "other", locator="b", at=5)]
    assert [_reason(each) for each in reconcile_decisions(both)] == [Reason.CONFLICTING_EDITS] * 2


def test_a_place_that_must_stay_holds_those_that_share_its_bytes():
    stays = SkippedReference(reference("nginx:1", locator="b", at=5), Reason.IGNORED)
    settled = reconcile_decisions([update("nginx:1", "new", locator="a", at=5), stays])
    assert [_reason(each) for each in settled] == [Reason.CONFLICTING_EDITS, Reason.IGNORED]


def test_the_same_span_in_another_file_is_another_place():
    both = [update("nginx:1", "new", path="a", at=5), update("nginx:1", "other", path="b", at=5)]
    assert reconcile_decisions(both) == tuple(both)
