"""Image references that a check cannot evaluate: how they are counted, and what a strict check says about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import digest, reference, update

from bot.core.choice.blocklist import build_blocklist
from bot.core.choice.unevaluated import find_unevaluated_reason, find_unreadable_violations
from bot.core.choice.violations import find_violations
from bot.model.blocklist import Block, BlockedDigest, Blocklist
from bot.model.check import CheckReport
from bot.model.decision import (
    Decision,
    HeldUpdate,
    RefusedUpdate,
    SkippedReference,
    SupersededReference,
    UncheckedReference,
    UnresolvedReference,
    UpdateCause,
    UpToDate,
)
from bot.model.source import FilePath, UnsupportedText
from bot.model.vocabulary import REASONS_BY_STATUS, UNSUPPORTED_REASONS, Reason, ReferenceStatus, ViolationKind
from bot.pipeline.checked_references import CheckOptions, build_checked_reference

TODAY = date(2027, 1, 15)
FIX = "basebump scan . --write"
PINNED = f"python:3.12@{digest('old')}"


@st.composite
def decisions(draw) -> Decision:
    """Return a decision on a reference with or without a digest, with any reason that its status can have."""
    written = draw(st.sampled_from(["python:3.12", "registry.acme.dev/base:1", PINNED]))
    moved = update(written, "new")
    tracked = moved.tracked_image

    def reasons(status: ReferenceStatus) -> st.SearchStrategy[Reason]:
        return st.sampled_from(REASONS_BY_STATUS[status])

    choices = [
        st.just(moved),
        st.just(UncheckedReference(tracked)),
        reasons(ReferenceStatus.HELD).map(lambda reason: HeldUpdate(tracked, reason, "")),
        reasons(ReferenceStatus.REFUSED).map(lambda reason: RefusedUpdate(moved, reason)),
        reasons(ReferenceStatus.SKIPPED).map(lambda reason: SkippedReference(tracked.reference, reason, tracked)),
        reasons(ReferenceStatus.UNRESOLVED).map(lambda reason: UnresolvedReference(tracked, reason, "")),
    ]
    if tracked.reference.image.digest is not None:  # only references with a digest get these decisions
        choices += [
            st.just(UpToDate(tracked)),
            st.just(replace(moved, cause=UpdateCause.GONE)),
            reasons(ReferenceStatus.SUPERSEDED).map(lambda reason: SupersededReference(tracked, reason, "")),
        ]
    return draw(st.one_of(choices))


def build_check_report(
    made: list[Decision], unsupported=(), *, is_offline: bool = False, is_strict: bool = False
) -> CheckReport:
    options = CheckOptions(FIX, is_strict=is_strict)
    checked = tuple(
        build_checked_reference(each, find_violations(each, FIX, (), TODAY), options, is_offline=is_offline)
        for each in made
    )
    violations = (tuple(find_unreadable_violations(each, Blocklist(), is_strict=is_strict)) for each in unsupported)
    return CheckReport(
        ".",
        is_offline,
        None,
        checked,
        tuple(unsupported),
        is_strict=is_strict,
        unreadable_violations=tuple(violations),
    )


def generate_unreadable_texts():
    return st.lists(
        st.sampled_from(UNSUPPORTED_REASONS).map(lambda reason: UnsupportedText(FilePath("a"), 1, "$X", reason)),
        max_size=3,
    )


@given(st.lists(decisions(), max_size=12), generate_unreadable_texts(), st.booleans())
def test_count_of_found_references_is_sum_of_pinned_unpinned_and_not_evaluated(made, unsupported, is_offline):
    report = build_check_report(made, unsupported, is_offline=is_offline)
    counts = report.counts
    assert counts.found == len(made) == counts.pinned + counts.unpinned + sum(counts.not_evaluated.values())
    assert counts.unpinned == sum(each.violation.kind is ViolationKind.UNPINNED for each in report.findings)
    assert counts.unresolved == sum(isinstance(each, UnresolvedReference) for each in made)
    assert counts.unreadable == len(unsupported)


@given(st.lists(decisions(), max_size=12), generate_unreadable_texts(), st.booleans())
def test_strict_check_reports_every_reference_that_was_not_evaluated(made, unsupported, is_offline):
    lenient = build_check_report(made, unsupported, is_offline=is_offline)
    strict = build_check_report(made, unsupported, is_offline=is_offline, is_strict=True)
    assert strict.counts == lenient.counts
    not_evaluated = [each for each in strict.findings if each.violation.kind is ViolationKind.NOT_EVALUATED]
    pinned_unresolved = sum(each.is_unresolved and each.violations != () for each in strict.references) - sum(
        each.is_unresolved and each.violations != () for each in lenient.references
    )
    assert len(not_evaluated) == strict.counts.total_not_evaluated + pinned_unresolved + len(unsupported)
    assert all(each.violation.reason for each in not_evaluated)
    assert not any(each.violation.kind is ViolationKind.NOT_EVALUATED for each in lenient.findings)


@pytest.mark.parametrize("reason", [Reason.MAYBE_OWN, Reason.UNKNOWN_REGISTRY])
def test_pinned_reference_on_unknown_registry_counts_as_evaluated_only_offline(reason):
    decision = SkippedReference(reference(PINNED), reason)
    assert find_unevaluated_reason(decision, is_offline=True) is None
    assert find_unevaluated_reason(decision, is_offline=False) is reason


@pytest.mark.parametrize("reason", [Reason.IGNORED, Reason.OWN, Reason.OTHER_WRITER])
def test_pinned_reference_that_basebump_leaves_to_users_counts_as_evaluated(reason):
    assert find_unevaluated_reason(SkippedReference(reference(PINNED), reason), is_offline=False) is None
    assert find_unevaluated_reason(SkippedReference(reference("python:3"), reason), is_offline=False) is reason


BAD = digest("bad")
OTHER = digest("other")


@pytest.mark.parametrize(
    ("text", "image", "problem"),
    [
        (f"${{X}}@{BAD}", None, f"${{X}}@{BAD[7:19]} is blocked: malware (https://a.example)"),
        (f"${{X}}@{BAD}", "ghcr.io/**", f"${{X}}@{BAD[7:19]} is blocked in ghcr.io/**: malware (https://a.example)"),
        (f"${{X}}@{OTHER}", None, None),
        (f"${{X}}@{BAD}0", None, None),
        ("${X}@${Y}", None, None),
    ],
)
def test_blocked_digest_in_an_unreadable_reference_is_a_violation(text, image, problem):
    blocklist = build_blocklist([BlockedDigest(BAD, Block("malware", "https://a.example"), image)])
    unreadable = UnsupportedText(FilePath("Dockerfile"), 1, text, Reason.UNRESOLVED_ARGUMENT)
    found = list(find_unreadable_violations(unreadable, blocklist, is_strict=False))
    assert [(each.kind, each.problem) for each in found] == ([(ViolationKind.BLOCKED, problem)] if problem else [])
    kinds = [each.kind for each in find_unreadable_violations(unreadable, blocklist, is_strict=True)]
    assert kinds == [*(each.kind for each in found), ViolationKind.NOT_EVALUATED]
    broken = replace(unreadable, reason=Reason.UNPARSABLE)
    assert not list(find_unreadable_violations(broken, blocklist, is_strict=False))


def test_block_entry_for_all_repositories_gives_the_reason_for_unreadable_reference():
    entries = [BlockedDigest(BAD, Block(f"{image}"), image) for image in ("ghcr.io/**", None)]
    unreadable = UnsupportedText(FilePath("Dockerfile"), 1, f"${{X}}@{BAD}", Reason.UNRESOLVED_ARGUMENT)
    (found,) = find_unreadable_violations(unreadable, build_blocklist(entries), is_strict=False)
    assert found.problem == f"${{X}}@{BAD[7:19]} is blocked: None"
