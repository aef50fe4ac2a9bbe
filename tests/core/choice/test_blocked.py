"""Decisions on blocked digests, and on tags that point to one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
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

from bot.core.choice.blocked import add_block_note, apply_unread_lists, report_block
from bot.core.choice.blocklist import build_blocklist
from bot.core.choice.decide import decide
from bot.core.choice.verdict import build_verdict
from bot.model.blocklist import Block, BlockedDigest, Blocklist
from bot.model.decision import (
    BlockedReference,
    HeldUpdate,
    ImageUpdate,
    SkippedReference,
    SupersededReference,
    UnresolvedReference,
    UpdateCause,
    UpToDate,
)
from bot.model.image import ChildManifest, RegistryRecord, Replacement, ResolvedTag, UnresolvedTag
from bot.model.policy import Policy
from bot.model.source import NotEditable
from bot.model.vocabulary import FOLDER_REASONS, Reason, ReferenceStatus

BLOCK = Block("malware", "https://sec.example.com/42")


def build_blocks(*words):
    return {digest(word): BLOCK for word in words}


def build_index_with_platforms(word, *platforms):
    return replace(
        build_index(word), children=tuple(ChildManifest(digest(f"{word} {each}"), each) for each in platforms)
    )


def build_replacement(manifest, **more):
    return Replacement(manifest, "the tag pointed to it in an earlier run", **more)


def test_blocked_digest_is_replaced_by_current_digest_of_tag_despite_minimum_age():
    resolved = build_resolved_tag(
        "new", observations=build_observations(NGINX, bad=9, new=0), blocks=build_blocks("bad")
    )
    decision = decide(build_tracked_image("bad", THREE_DAYS), [resolved], NOW)
    assert list_candidate_digests(decision) == [digest("new")]
    assert (decision.cause, decision.block, decision.candidates[0].goes_back) == (UpdateCause.BLOCKED, BLOCK, False)


@pytest.mark.parametrize("held", ["bad", None])
def test_replacements_are_tried_in_order_when_tag_points_to_blocked_digest(held):
    replacements = tuple(build_replacement(build_index(word)) for word in ("older", "oldest"))
    decision = decide(
        build_tracked_image(held),
        [build_resolved_tag("bad", blocks=build_blocks("bad"), replacements=replacements)],
        NOW,
    )
    assert list_candidate_digests(decision) == [digest("older"), digest("oldest")]
    assert all(each.goes_back for each in decision.candidates)
    (note,) = decision.candidates[0].notes
    assert note.startswith(
        f"{digest('older')[7:19]} is the newest known image that is not blocked: the tag pointed to "
    )


def test_replacement_of_blocked_digest_may_be_older_but_must_have_platforms_in_use():
    amd64, arm64 = "linux/amd64", "linux/arm64"
    bad, old, half = (
        build_index_with_platforms("bad", amd64, arm64),
        build_index_with_platforms("old", amd64, arm64),
        build_index_with_platforms("half", amd64),
    )
    records = {each.digest: RegistryRecord(NOW - age * DAY) for each, age in ((bad, 1), (old, 9))}
    resolved = ResolvedTag(
        NGINX,
        bad.digest,
        bad,
        {bad.digest: bad},
        observations=build_observations(NGINX, half=20, old=9, bad=1),
        registry_records=records,
        blocks=build_blocks("bad"),
        replacements=(build_replacement(half), build_replacement(old)),
    )
    assert list_candidate_digests(decide(build_tracked_image("bad"), [resolved], NOW)) == [old.digest]
    only_half = replace(resolved, replacements=(build_replacement(half),))
    decision = decide(build_tracked_image("bad"), [only_half], NOW)
    assert isinstance(decision, BlockedReference)
    assert (decision.block, decision.is_certain) == (BLOCK, True)
    assert "has no linux/arm64" in decision.detail


def test_blocked_platform_image_is_replaced_by_platform_image_of_earlier_index():
    earlier = build_index_with_platforms("earlier", "linux/amd64")
    child = build_index("earlier amd64")
    resolved = build_resolved_tag(
        "bad", blocks=build_blocks("bad", "pinned"), replacements=(build_replacement(earlier),)
    )
    resolved = replace(
        resolved, replacements=(build_replacement(earlier, same_platform_manifests={digest("pinned"): child}),)
    )
    assert list_candidate_digests(decide(build_tracked_image("pinned"), [resolved], NOW)) == [child.digest]


def test_blocked_digest_is_replaced_by_sibling_tag_only_if_tag_is_editable():
    sibling = build_replacement(build_index("patch"), tag="1.27.2")
    resolved = build_resolved_tag("bad", blocks=build_blocks("bad"), replacements=(sibling,))
    (candidate,) = decide(build_tracked_image("bad"), [resolved], NOW).candidates
    assert (candidate.digest, candidate.tag) == (digest("patch"), "1.27.2")
    fixed = build_tracked_image("bad")
    fixed = replace(fixed, reference=replace(fixed.reference, tag_slot=NotEditable(Reason.SHARED_ARGUMENT)))
    assert isinstance(decide(fixed, [resolved], NOW), BlockedReference)


def test_later_tag_replaces_blocked_digest_only_if_no_older_replacement_exists():
    written, later = build_resolved_tag("bad", blocks=build_blocks("bad")), build_resolved_tag("later", NEXT)
    (candidate,) = decide(build_tracked_image("bad"), [later, written], NOW).candidates
    assert (candidate.digest, candidate.tag) == (digest("later"), NEXT.tag)
    with_older = replace(written, replacements=(build_replacement(build_index("older")),))
    assert list_candidate_digests(decide(build_tracked_image("bad"), [later, with_older], NOW)) == [digest("older")]


def test_blocked_reference_without_replacement_reports_missing_data():
    decision = decide(build_tracked_image("bad"), [build_resolved_tag("bad", blocks=build_blocks("bad"))], NOW)
    assert isinstance(decision, BlockedReference)
    assert decision.is_certain
    unknown = build_resolved_tag("new", blocks=build_blocks("bad"), unknown_blocks={digest("new"): "no build time"})
    decision = decide(build_tracked_image("bad"), [unknown], NOW)
    assert isinstance(decision, BlockedReference)
    assert (decision.is_certain, decision.detail) == (False, "no build time")


def test_digest_in_file_is_up_to_date_while_tag_points_to_blocked_digest():
    resolved = build_resolved_tag(
        "bad", observations=build_observations(NGINX, old=9, bad=1), blocks=build_blocks("bad")
    )
    decision = decide(build_tracked_image("old"), [resolved], NOW)
    assert isinstance(decision, UpToDate)
    assert decision.tracked_image.notes == ("What `1.27.1` points to now is blocked: malware",)


def test_earlier_digest_is_proposed_when_tag_points_to_blocked_digest():
    history = build_observations(NGINX, old=9, better=5, worse=4, bad=1)
    resolved = build_resolved_tag(
        "bad",
        observations=history,
        earlier_manifests=(build_index("worse"), build_index("better")),
        blocks=build_blocks("bad", "worse"),
    )
    decision = decide(build_tracked_image("old"), [resolved], NOW)
    assert list_candidate_digests(decision) == [digest("better")]
    assert decision.cause is UpdateCause.MOVED


def test_later_tag_that_points_to_blocked_digest_is_skipped():
    later = build_resolved_tag("bad", NEXT, blocks=build_blocks("bad"))
    decision = decide(build_tracked_image("old"), [later, build_resolved_tag("new")], NOW)
    assert (list_candidate_digests(decision), decision.candidates[0].tag) == ([digest("new")], None)
    assert isinstance(decide(build_tracked_image("new"), [later, build_resolved_tag("new")], NOW), UpToDate)


def test_gone_digest_gets_older_replacement_when_tag_points_to_blocked_digest():
    resolved = build_resolved_tag(
        "bad",
        pinned_manifests={digest("gone"): None},
        blocks=build_blocks("bad"),
        replacements=(build_replacement(build_index("old")),),
    )
    decision = decide(build_tracked_image("gone"), [resolved], NOW)
    assert (list_candidate_digests(decision), decision.cause) == ([digest("old")], UpdateCause.GONE)
    none_known = decide(build_tracked_image("gone"), [replace(resolved, replacements=())], NOW)
    assert isinstance(none_known, BlockedReference)


def test_reference_is_unresolved_when_digest_of_tag_may_be_blocked():
    resolved = build_resolved_tag("new", unknown_blocks={digest("new"): "no build time"})
    for held in ("old", "new", None):
        decision = decide(build_tracked_image(held), [resolved], NOW)
        assert decision == UnresolvedReference(build_tracked_image(held), Reason.LISTS_UNREAD, "no build time")


# ---- lists and tags that could not be read ---------------------------------------------------------------------------

UNREAD = Blocklist(unread=(("blocked[0]", "it answered 503"),))
LISTED = build_blocklist([BlockedDigest(digest("bad"), BLOCK)])


@pytest.mark.parametrize(
    "decision",
    [
        UpToDate(build_tracked_image("old")),
        HeldUpdate(build_tracked_image("old"), Reason.OLDER, ""),
        SupersededReference(build_tracked_image("old"), Reason.TAG_STOPPED, ""),
        decide(build_tracked_image("old"), [build_resolved_tag("new")], NOW),
    ],
)
def test_decision_is_unresolved_if_a_blocklist_could_not_be_read(decision):
    decided = apply_unread_lists(decision, UNREAD)
    assert isinstance(decided, UnresolvedReference)
    assert (decided.reason, decided.detail) == (Reason.LISTS_UNREAD, "blocked[0] could not be read: it answered 503")
    assert apply_unread_lists(decision, LISTED) == decision


def test_digest_in_a_blocklist_is_blocked_even_if_tag_or_another_list_is_unread():
    unresolved = decide(build_tracked_image("bad"), [UnresolvedTag(NGINX, Reason.UNREACHABLE, "timeout")], NOW)
    decided = apply_unread_lists(unresolved, LISTED)
    assert decided == BlockedReference(build_tracked_image("bad"), BLOCK, "timeout", is_certain=False)
    update = decide(build_tracked_image("bad"), [build_resolved_tag("new", blocks=build_blocks("bad"))], NOW)
    decided = apply_unread_lists(update, replace(LISTED, unread=UNREAD.unread))
    assert isinstance(decided, BlockedReference)
    assert not decided.is_certain


def test_skipped_reference_notes_that_digest_in_file_is_blocked():
    skipped = SkippedReference(build_tracked_image("bad").reference, Reason.IGNORED)
    assert add_block_note(skipped, LISTED).reference.notes == ("Its digest is blocked: malware",)
    assert add_block_note(skipped, UNREAD) == skipped
    assert add_block_note(build_tracked_image("bad"), LISTED) == build_tracked_image("bad")


@pytest.mark.parametrize("reason", [Reason.REPLACED_BY_KUSTOMIZE, *FOLDER_REASONS])
def test_blocked_digest_of_skipped_image_that_may_be_in_use_is_reported(reason):
    image = build_tracked_image("bad")
    replaced = SkippedReference(image.reference, reason, image)
    reported = report_block(replaced, LISTED)
    assert reported == BlockedReference(image, BLOCK, f"basebump does not edit it ({reason})")
    assert build_verdict(reported).status is ReferenceStatus.BLOCKED
    assert report_block(replaced, UNREAD) == replaced
    ignored = replace(replaced, reason=Reason.IGNORED)
    assert report_block(ignored, LISTED) == ignored


# ---- whatever the lists and observations -----------------------------------------------------------------------------

WORDS = ("a", "b", "c", "d", "e")
words = st.sampled_from(WORDS)


@given(
    held=st.none() | words,
    current=words,
    later=words,
    history=st.lists(words, max_size=5),
    listed=st.sets(words),
    unknown=st.sets(words),
    replacements=st.lists(words, max_size=3),
    policy=st.sampled_from([Policy(), THREE_DAYS]),
    is_gone=st.booleans(),
)
def test_proposed_digest_is_never_blocked(
    *, held, current, later, history, listed, unknown, replacements, policy, is_gone
):
    observations = tuple(
        each for ago, word in enumerate(reversed(history)) for each in build_observations(NGINX, **{word: 2 * ago})
    )[::-1]
    known = {"blocks": build_blocks(*listed), "unknown_blocks": {digest(each): "unknown" for each in unknown}}
    resolved = build_resolved_tag(
        current,
        observations=observations,
        earlier_manifests=tuple(map(build_index, dict.fromkeys(history))),
        pinned_manifests={digest(held): None} if held and is_gone else {},
        replacements=tuple(build_replacement(build_index(each)) for each in replacements),
        **known,
    )
    decision = decide(build_tracked_image(held, policy), [build_resolved_tag(later, NEXT, **known), resolved], NOW)
    if isinstance(decision, ImageUpdate):
        disallowed = {digest(each) for each in listed | unknown}
        assert disallowed.isdisjoint(candidate.digest for candidate in decision.candidates)
    in_use = held or current
    if in_use in listed:
        assert isinstance(decision, ImageUpdate | BlockedReference)
        assert decision.block == BLOCK
    if isinstance(decision, UpToDate):
        assert in_use not in listed | unknown
