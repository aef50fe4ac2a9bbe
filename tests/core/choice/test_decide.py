"""Tests of the decision on an image reference after its tags were looked up."""

import re
from dataclasses import replace
from datetime import date

import pytest
from support.core.decisions import (
    DAY,
    NEXT,
    NGINX,
    NOW,
    THREE_DAYS,
    build_index,
    build_observations,
    build_resolved_tag,
    build_tracked_image,
    list_candidate_digests,
)
from support.values import digest

from bot.core.choice.decide import decide
from bot.core.choice.verdict import build_verdict
from bot.core.transition import get_first_transition
from bot.model.decision import HeldUpdate, ImageUpdate, UnresolvedReference, UpdateCandidate, UpdateCause, UpToDate
from bot.model.evidence import Severity
from bot.model.image import ChildManifest, RegistryRecord, ResolvedTag, UnresolvedTag
from bot.model.policy import Policy
from bot.model.rules import AcceptedHold
from bot.model.vocabulary import Reason


def test_unpinned_reference_is_updated_to_digest_of_tag():
    decision = decide(build_tracked_image(), [ResolvedTag(NGINX, digest("new"))], NOW)
    assert list_candidate_digests(decision) == [digest("new")]
    assert decision.cause is UpdateCause.MOVED


def test_reference_pinned_to_current_digest_of_tag_is_up_to_date():
    assert isinstance(decide(build_tracked_image("new"), [ResolvedTag(NGINX, digest("new"))], NOW), UpToDate)


def test_pinned_child_manifest_of_current_index_is_up_to_date():
    resolved = ResolvedTag(NGINX, digest("index"), build_index("index", "amd64", "arm64"))
    assert isinstance(decide(build_tracked_image("arm64"), [resolved], NOW), UpToDate)
    assert isinstance(decide(build_tracked_image("older"), [resolved], NOW), ImageUpdate)


def test_unresolved_tag_makes_reference_unresolved_with_same_reason():
    decision = decide(build_tracked_image(), [UnresolvedTag(NGINX, Reason.RATE_LIMITED, "later")], NOW)
    assert decision == UnresolvedReference(build_tracked_image(), Reason.RATE_LIMITED, "later")


def test_update_is_held_when_new_image_cannot_be_pulled_by_name_in_file():
    decision = decide(build_tracked_image("old"), [ResolvedTag(NGINX, digest("new"), not_pullable_reason="404")], NOW)
    assert decision == HeldUpdate(build_tracked_image("old"), Reason.NOT_PULLABLE, "404")


def test_pinned_platform_image_is_unresolved_when_platform_is_unknown():
    unknown = UnresolvedTag(NGINX, Reason.REGISTRY_ERROR, "502")
    resolved = build_resolved_tag("new", same_platform_manifests={digest("one"): unknown})
    assert decide(build_tracked_image("one"), [resolved], NOW) == UnresolvedReference(
        build_tracked_image("one"), Reason.REGISTRY_ERROR, "502"
    )
    assert list_candidate_digests(decide(build_tracked_image("old"), [resolved], NOW)) == [digest("new")]


# ---- patches ---------------------------------------------------------------------------------------------------------


def build_patch_and_original(patched_ago, rebuilt_ago, held):
    """Return a patch of a tag and the tag itself, pushed the given numbers of days ago. The file contains `held`."""
    times = {
        digest("patch"): RegistryRecord(NOW - patched_ago * DAY),
        digest("new"): RegistryRecord(NOW - rebuilt_ago * DAY),
    }
    line = replace(NGINX, tag=f"{NGINX.tag}-4")
    around = {digest(held)} if held else set()

    def known(word):
        return {each: times[each] for each in ({digest(word)} | around) if each in times}

    own = known("new") if held != "new" else {}
    return [
        build_resolved_tag("patch", line, registry_records=known("patch")),
        build_resolved_tag("new", registry_records=own),
    ]


@pytest.mark.parametrize("held", [None, "old"])
def test_patched_tag_is_proposed_unless_original_was_pushed_later(held):
    decision = decide(build_tracked_image(held), build_patch_and_original(1, 9, held), NOW)
    assert (list_candidate_digests(decision), decision.candidates[0].tag) == ([digest("patch")], "1.27.1-4")
    decision = decide(build_tracked_image(held), build_patch_and_original(9, 1, held), NOW)
    assert (list_candidate_digests(decision), decision.candidates[0].tag) == ([digest("new")], None)


def test_original_image_pushed_after_patched_image_is_up_to_date():
    assert isinstance(decide(build_tracked_image("new"), build_patch_and_original(9, 1, "new"), NOW), UpToDate)
    assert list_candidate_digests(decide(build_tracked_image("new"), build_patch_and_original(1, 9, "new"), NOW)) == [
        digest("patch")
    ]


# ---- holds, and owners who accept them -------------------------------------------------------------------------------


def build_accepting_policy(until, reason=Reason.INDEX_CHURN):
    return Policy(accept=(AcceptedHold(reason, "platform team", "attestations matter to us", until),))


@pytest.mark.parametrize(
    ("policy", "held"),
    [
        (Policy(), True),
        (build_accepting_policy(date(2027, 1, 20)), False),
        (build_accepting_policy(date(2027, 1, 19)), True),
        (build_accepting_policy(date(2027, 1, 31), Reason.OLDER), True),
    ],
)
def test_update_is_held_unless_policy_accepts_hold_until_today_or_later(policy, held):
    resolved = ResolvedTag(
        NGINX, digest("new"), build_index("new", "same"), {digest("old"): build_index("old", "same")}
    )
    decision = decide(build_tracked_image("old", policy), [resolved], NOW)
    assert isinstance(decision, HeldUpdate if held else ImageUpdate)
    assert not held or decision.reason is Reason.INDEX_CHURN


def test_update_despite_accepted_hold_notes_owner_reason_and_end_date():
    resolved = ResolvedTag(
        NGINX, digest("new"), build_index("new", "same"), {digest("old"): build_index("old", "same")}
    )
    decision = decide(build_tracked_image("old", build_accepting_policy(date(2027, 1, 31))), [resolved], NOW)
    (candidate,) = decision.candidates
    why = f"{digest('new')[7:19]} has the same image as {digest('old')[7:19]}"
    said = (
        f"platform team answers until 2027-01-31 for a move in spite of index-churn ({why}): attestations matter to us"
    )
    assert candidate.notes == (said,)
    assert build_verdict(decision).reference.notes == candidate.notes
    plain = decide(
        build_tracked_image("old", build_accepting_policy(date(2027, 1, 31))), [build_resolved_tag("new")], NOW
    )
    assert build_verdict(plain).reference.notes == ()


def test_accepted_hold_is_noted_only_on_candidate_with_this_hold():
    old, same = build_index("old", "same"), {digest("old"): build_index("old", "same")}
    policy = replace(
        build_accepting_policy(date(2027, 1, 31)), min_age=3 * DAY, bypass_min_age_for=(Severity.CRITICAL,)
    )
    history = build_observations(NGINX, old=9, ripe=4, new=1)
    resolved = ResolvedTag(
        NGINX,
        digest("new"),
        build_index("new", "same"),
        same,
        observations=history,
        earlier_manifests=(build_index("ripe"),),
    )
    young, ripe = decide(build_tracked_image("old", policy), [resolved], NOW).candidates
    assert (young.digest, bool(young.notes), ripe.digest, ripe.notes) == (digest("new"), True, digest("ripe"), ())
    resolved = ResolvedTag(
        NGINX,
        digest("new"),
        build_index("new"),
        same,
        observations=history,
        earlier_manifests=(replace(old, digest=digest("ripe")),),
    )
    young, ripe = decide(build_tracked_image("old", policy), [resolved], NOW).candidates
    assert (young.notes, len(ripe.notes)) == ((), 1)
    assert digest("ripe")[7:19] in ripe.notes[0]


# ---- gone and withdrawn ----------------------------------------------------------------------------------------------


def test_gone_digest_is_replaced_at_once_despite_minimum_age_and_holds():
    policy = Policy(min_age=9 * DAY, platforms=("linux/s390x",))
    decision = decide(
        build_tracked_image("old", policy), [build_resolved_tag("new", pinned_manifests={digest("old"): None})], NOW
    )
    assert list_candidate_digests(decision) == [digest("new")]
    assert decision.cause is UpdateCause.GONE


def test_gone_digest_is_replaced_by_digest_of_same_tag_despite_later_tag():
    gone = {digest("old"): None}
    decision = decide(
        build_tracked_image("old"),
        [build_resolved_tag("next", NEXT, pinned_manifests=gone), build_resolved_tag("new", pinned_manifests=gone)],
        NOW,
    )
    assert (decision.cause, list_candidate_digests(decision), decision.candidates[0].tag) == (
        UpdateCause.GONE,
        [digest("new")],
        None,
    )
    unknown = UnresolvedTag(NEXT, Reason.UNREACHABLE, "")
    assert (
        decide(build_tracked_image("old"), [unknown, build_resolved_tag("new", pinned_manifests=gone)], NOW) == decision
    )


def test_later_tag_needs_minimum_age_even_if_tag_and_digest_in_file_are_gone():
    farther = build_resolved_tag("next", NEXT, pinned_manifests={digest("old"): None})
    decision = decide(
        build_tracked_image("old", THREE_DAYS), [farther, UnresolvedTag(NGINX, Reason.NOT_FOUND_OR_DENIED, "")], NOW
    )
    assert not isinstance(decision, ImageUpdate)
    ripe = replace(farther, observations=build_observations(NEXT, next=4))
    moved = decide(
        build_tracked_image("old", THREE_DAYS), [ripe, UnresolvedTag(NGINX, Reason.NOT_FOUND_OR_DENIED, "")], NOW
    )
    assert (moved.cause, moved.candidates[0].tag) == (UpdateCause.MOVED, NEXT.tag)


def test_digest_in_file_that_was_not_looked_up_does_not_count_as_gone():
    assert decide(build_tracked_image("old"), [build_resolved_tag("new")], NOW).cause is UpdateCause.MOVED


def test_withdrawn_digest_is_rolled_back_despite_minimum_age():
    history = build_observations(NGINX, good=9, bad=1)
    decision = decide(
        build_tracked_image("bad", Policy(min_age=30 * DAY)), [build_resolved_tag("good", observations=history)], NOW
    )
    assert list_candidate_digests(decision) == [digest("good")]
    assert decision.cause is UpdateCause.WITHDRAWN


# ---- other tags ------------------------------------------------------------------------------------------------------


def test_newer_tag_is_proposed_together_with_digest():
    decision = decide(build_tracked_image("old"), [build_resolved_tag("next", NEXT), build_resolved_tag("old")], NOW)
    assert decision.candidates == (UpdateCandidate(digest("next"), ("linux/amd64",), "1.27.3"),)
    assert get_first_transition(decision).new_tag_ref == NEXT


def test_digest_of_tag_in_file_is_updated_when_newer_tag_is_held():
    young = build_resolved_tag("next", NEXT)
    ripe = build_resolved_tag("new", observations=build_observations(NGINX, new=4))
    assert decide(build_tracked_image("old", THREE_DAYS), [young, ripe], NOW).candidates[0].tag is None
    held = decide(build_tracked_image("old", THREE_DAYS), [young, build_resolved_tag("old")], NOW)
    assert isinstance(held, HeldUpdate)
    assert held.reason is Reason.TOO_YOUNG


def test_reference_is_unresolved_when_newer_tag_is_unresolved():
    failed = UnresolvedTag(NEXT, Reason.UNREACHABLE, "")
    assert isinstance(decide(build_tracked_image("old"), [failed, build_resolved_tag("new")], NOW), UnresolvedReference)


@pytest.mark.parametrize("reason", [Reason.NOT_FOUND_OR_DENIED, Reason.REGISTRY_ERROR])
def test_newer_tag_that_is_not_an_image_is_skipped_with_note(reason):
    patch = replace(NEXT, tag="1.27.2")
    nothing = UnresolvedTag(NEXT, reason, "404", is_definite=True)
    decision = decide(
        build_tracked_image("old"), [nothing, build_resolved_tag("patch", patch), build_resolved_tag("new")], NOW
    )
    assert (list_candidate_digests(decision), decision.candidates[0].tag) == ([digest("patch")], "1.27.2")
    (note,) = decision.tracked_image.notes
    assert re.search(r"`1\.27\.3`.*404", note)
    stays = decide(build_tracked_image("old"), [nothing, build_resolved_tag("old")], NOW)
    assert isinstance(stays, UpToDate)
    assert stays.tracked_image.notes == decision.tracked_image.notes


def test_reference_is_unresolved_when_tag_in_file_is_not_an_image():
    nothing = UnresolvedTag(NGINX, Reason.NOT_FOUND_OR_DENIED, "404", is_definite=True)
    assert isinstance(decide(build_tracked_image("old"), [nothing], NOW), UnresolvedReference)


# ---- several tags ----------------------------------------------------------------------------------------------------


def test_later_tag_below_minimum_age_is_tried_first_if_the_fix_may_be_urgent():
    policy = Policy(min_age=3 * DAY, bypass_min_age_for=(Severity.CRITICAL,))
    young, own = (
        build_resolved_tag("young", NEXT),
        build_resolved_tag("new", observations=build_observations(NGINX, old=9, new=5)),
    )
    decision = decide(build_tracked_image("old", policy), [young, own], NOW)
    assert list_candidate_digests(decision) == [digest("young"), digest("new")]
    assert [candidate.matures_at is None for candidate in decision.candidates] == [False, True]
    assert [candidate.tag for candidate in decision.candidates] == [NEXT.tag, None]


def test_rollback_of_withdrawn_digest_is_tried_before_later_tag_with_urgent_fix():
    policy = Policy(min_age=3 * DAY, bypass_min_age_for=(Severity.CRITICAL,))
    went_back = build_observations(NGINX, first=9, bad=5) + build_observations(NGINX, first=1)
    own = build_resolved_tag("first", observations=went_back)
    decision = decide(build_tracked_image("bad", policy), [build_resolved_tag("young", NEXT), own], NOW)
    assert (list_candidate_digests(decision), decision.cause) == ([digest("first")], UpdateCause.WITHDRAWN)


def test_update_of_tag_in_file_notes_why_later_tag_is_held():
    lost = build_resolved_tag("lost", NEXT, pinned_manifests={digest("old"): build_index("old")})
    lost = replace(lost, manifest=replace(lost.manifest, children=(ChildManifest(digest("arm"), "linux/arm64"),)))
    decision = decide(build_tracked_image("old"), [lost, build_resolved_tag("new")], NOW)
    assert list_candidate_digests(decision) == [digest("new")]
    (note,) = decision.tracked_image.notes
    assert note.startswith(f"`{NEXT.tag}` ")
    assert "(platform-lost)" in note
