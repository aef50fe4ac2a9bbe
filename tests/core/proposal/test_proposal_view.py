"""Tests of a proposal's view, and of when its text is outdated."""

import importlib
import pkgutil
import typing
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime

import pytest
from support.core.bodies import CRITICAL, LOW, MOVE, PIN, build_evidence
from support.values import SCANNER, digest, scan, update

from bot.core.proposal import view
from bot.core.proposal.fingerprint import PROPOSED_DIGITS, compute_fingerprint, is_outdated
from bot.core.proposal.update_groups import compute_intent
from bot.core.proposal.view import proposal
from bot.core.proposal.view.proposal import ProposalView, build_proposal_view
from bot.core.transition import get_first_transition
from bot.model.evidence import NotScanned, UnscannedReason


def test_fields_of_proposal_view_never_have_type_str():
    modules = [
        importlib.import_module(each.name) for each in pkgutil.iter_modules(view.__path__, "bot.core.proposal.view.")
    ]
    shapes = [shape for module in modules for shape in vars(module).values() if is_dataclass(shape)]
    shapes = [shape for shape in shapes if shape.__module__.startswith(view.__name__)]
    assert ProposalView in shapes
    for shape in shapes:
        hints = typing.get_type_hints(shape)
        for field in fields(shape):
            assert str not in _list_leaf_types(hints[field.name]), f"{shape.__name__}.{field.name}"


def _list_leaf_types(hint):
    inner = typing.get_args(hint)
    return {hint} if not inner else set().union(*(_list_leaf_types(each) for each in inner))


# ---- suppressed findings ------------------------------------------------------------------------------------------


def test_pull_request_text_is_outdated_when_suppressed_findings_change():
    before, after = (
        compute_fingerprint((MOVE,), build_evidence(scan(LOW), scan(suppressed=aside))) for aside in ([], [LOW])
    )
    assert is_outdated(before, after)


# ---- fingerprints ------------------------------------------------------------------------------------------------


def _compute_fingerprint(updates=(MOVE,), known=None):
    known = known or build_evidence(None, None, *updates)
    return compute_fingerprint(updates, known)


def test_fingerprint_ignores_build_dates_and_scanner_versions():
    later = replace(SCANNER, version="0.60", database=datetime(2026, 12, 1, tzinfo=UTC))
    old, new = (
        replace(each, scanner=later, created=datetime(2026, 1, 1, tzinfo=UTC))
        for each in (scan(CRITICAL, LOW), scan(LOW))
    )
    assert _compute_fingerprint(known=build_evidence(old, new)) == _compute_fingerprint()


def test_changed_findings_change_only_the_evidence_part_of_the_fingerprint():
    other = _compute_fingerprint(known=build_evidence(scan(CRITICAL), scan()))
    assert other[:PROPOSED_DIGITS] == _compute_fingerprint()[:PROPOSED_DIGITS]
    assert other[PROPOSED_DIGITS:] != _compute_fingerprint()[PROPOSED_DIGITS:]


def test_adding_a_reference_changes_the_proposal_part_of_the_fingerprint():
    assert _compute_fingerprint((MOVE, PIN))[:PROPOSED_DIGITS] != _compute_fingerprint()[:PROPOSED_DIGITS]


def test_fingerprint_ignores_titles_of_findings_and_line_numbers():
    moved = update(f"python:3.12-slim@{digest('old')}", "new", line_number=9)
    retold = [replace(each, title="told anew") for each in (CRITICAL, LOW)]
    assert _compute_fingerprint((moved,), build_evidence(scan(*retold), scan(retold[1]))) == _compute_fingerprint()


def test_last_digit_of_fingerprint_counts_unscanned_images():
    assert _compute_fingerprint()[-1] == "0"
    assert _compute_fingerprint(known=build_evidence(NotScanned(UnscannedReason.IMAGE_GONE)))[-1] == "1"
    assert _compute_fingerprint(known=build_evidence(*[NotScanned(UnscannedReason.TIMED_OUT)] * 2))[-1] == "2"


@pytest.mark.parametrize(
    ("before", "outdated"),
    [
        ("aaaaaaaabbbbbbb1", False),
        ("aaaaaaaaccccccc1", True),
        ("aaaaaaaaccccccc2", True),
        ("aaaaaaaaccccccc0", False),
        ("ccccccccbbbbbbb0", True),
    ],
)
def test_text_with_less_evidence_replaces_only_text_of_other_proposal(before, outdated):
    assert is_outdated(before, "aaaaaaaabbbbbbb1") is outdated


# ---- transitions, titles, messages -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "offered", "expected"),
    [
        (None, (), "linux/amd64"),
        (None, ("linux/arm64", "linux/amd64"), "linux/amd64"),
        (None, ("linux/arm64", "linux/s390x"), "linux/arm64"),
        ("linux/arm64", ("linux/amd64", "linux/arm64"), "linux/arm64"),
    ],
)
def test_transition_uses_platform_of_reference_then_amd64_then_first_in_index(platform, offered, expected):
    assert get_first_transition(update("nginx:1", "new", platforms=offered, platform=platform)).platforms == (expected,)


def test_intent_changes_only_with_reference_and_new_digest():
    assert compute_intent((MOVE,)) == compute_intent((replace(MOVE, candidates=MOVE.candidates),))
    assert compute_intent((MOVE,)) != compute_intent((update(f"python:3.12-slim@{digest('old')}", "newer"),))
    assert compute_intent((MOVE,)) != compute_intent(
        (update(f"python:3.12-slim@{digest('old')}", "new", locator="stage[1]"),)
    )


def test_proposal_view_has_current_template_version():
    assert build_proposal_view((MOVE,), build_evidence(), 1).version == proposal.VERSION == 1
    assert isinstance(build_proposal_view((MOVE,), build_evidence(), 1), ProposalView)
