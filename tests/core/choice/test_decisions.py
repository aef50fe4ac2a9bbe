"""Selecting and reconciling, and the closed lists: every word of the list of reasons has a place where it comes up."""

from dataclasses import replace
from datetime import date

import pytest
from support.values import digest, occurrence, update

from bot.core.choice.verdict import WITHDRAWN_NOTE, build_verdict
from bot.core.references.locking import assign_to_other_bot, lock_occurrence, unlock_allowed
from bot.core.references.reconcile import reconcile_decisions
from bot.core.references.select import RepositoryBranch, is_known_registry, select_reference
from bot.model.decision import (
    HeldUpdate,
    RefusedUpdate,
    SkippedReference,
    SupersededReference,
    TrackedImage,
    UncheckedReference,
    UnresolvedReference,
    UpdateCause,
    UpToDate,
)
from bot.model.modes import UpdateMode
from bot.model.policy import Policy, PolicyConfig, PolicyRule, RequiredEvidence, RuleMatch
from bot.model.reference import TagRef
from bot.model.source import EditSlot, IgnoreComment, NotEditable, Span
from bot.model.vocabulary import (
    ACCEPTABLE_REASONS,
    REASON_SENTENCES,
    REASONS_BY_STATUS,
    UNSUPPORTED_REASONS,
    OccurrenceStatus,
    Reason,
    Role,
)

TODAY = date(2027, 1, 15)
HOME = RepositoryBranch("acme/web", "main")
NGINX = TagRef("docker.io/library/nginx", "1")


def _select(written, rulebook=PolicyConfig(), **more):  # noqa: B008 - a frozen value
    return select_reference(rulebook, HOME, occurrence(written, **more), TODAY)


def _reason(selected):
    assert isinstance(selected, SkippedReference), selected
    return selected.reason


def test_a_base_image_follows_its_tag():
    selected = _select("nginx:1")
    assert isinstance(selected, TrackedImage)
    assert selected.tag_ref == NGINX


def test_a_reference_without_a_tag_is_left_alone_pinned_or_not():
    assert _reason(_select("nginx")) is Reason.NO_TAG
    assert _reason(_select(f"nginx@{digest('x')}")) is Reason.NO_TAG


def test_a_rule_can_name_the_tag_that_an_untagged_reference_follows():
    selected = _select("nginx", PolicyConfig(rules=(PolicyRule(tag="1"),)))
    assert isinstance(selected, TrackedImage)
    assert selected.tag_ref == NGINX


def test_a_tag_in_a_rule_does_not_change_what_a_tagged_reference_follows():
    selected = _select("nginx:1", PolicyConfig(rules=(PolicyRule(tag="2"),)))
    assert isinstance(selected, TrackedImage)
    assert selected.tag_ref == NGINX


def test_an_ignored_image_is_left_alone():
    assert _reason(_select("nginx:1", PolicyConfig(rules=(PolicyRule(ignore=True),)))) is Reason.IGNORED


def test_update_none_is_no_rule():
    assert _reason(_select("nginx:1", PolicyConfig(rules=(PolicyRule(update=UpdateMode.NONE),)))) is Reason.NO_RULE


def test_pin_false_leaves_unpinned_images_and_still_moves_pinned_ones():
    rulebook = PolicyConfig(rules=(PolicyRule(pin=False),))
    assert _reason(_select("nginx:1", rulebook)) is Reason.PIN_OFF
    assert isinstance(_select(f"nginx:1@{digest('x')}", rulebook), TrackedImage)


def test_a_digest_that_is_not_sha256_is_read_and_never_written():
    assert _reason(_select(f"nginx:1@sha512:{'a' * 128}")) is Reason.UNSUPPORTED_DIGEST


def test_a_closed_place_says_why():
    assert _reason(_select("nginx:1", digest_slot=NotEditable(Reason.UNSUPPORTED_DIGEST))) is Reason.UNSUPPORTED_DIGEST


@pytest.mark.parametrize("reason", [Reason.NOT_AN_IMAGE, Reason.REPLACED_BY_KUSTOMIZE, Reason.OTHER_WRITER])
def test_what_is_not_ours_to_know_or_write_is_said_before_whose_it_is(reason):
    place = {"role": Role.THIRD_PARTY, "digest_slot": NotEditable(reason)}
    assert _reason(_select("registry.acme.dev/web:1", **place)) is reason


def test_a_rule_opens_what_it_allows_and_nothing_else():
    slot = EditSlot(Span(7, 7), b"", b"@")
    place = {"digest_slot": NotEditable(Reason.EMBEDDED, slot), "tag_slot": NotEditable(Reason.EMBEDDED, slot)}
    assert _reason(_select("nginx:1", **place)) is Reason.EMBEDDED
    assert (
        _reason(_select("nginx:1", PolicyConfig(rules=(PolicyRule(allow=(Reason.IMMUTABLE_JOB,)),)), **place))
        is Reason.EMBEDDED
    )
    opened = _select("nginx:1", PolicyConfig(rules=(PolicyRule(allow=(Reason.EMBEDDED,)),)), **place)
    assert isinstance(opened, TrackedImage)
    assert (opened.occurrence.digest_slot, opened.occurrence.tag_slot) == (slot, slot)


@pytest.mark.parametrize("until", [None, TODAY, date(2027, 1, 16)])
def test_a_comment_ignores_to_the_end_of_its_last_day(until):
    skip = _select("nginx:1", ignore_comment=IgnoreComment(3, until, "ABC-12"))
    assert _reason(skip) is Reason.IGNORED
    assert "line 3" in skip.detail
    assert "ABC-12" in skip.detail
    assert until is None or str(until) in skip.detail


def test_an_expired_comment_no_longer_ignores_and_is_reported():
    selected = _select("nginx:1", ignore_comment=IgnoreComment(3, date(2027, 1, 14)))
    assert isinstance(selected, TrackedImage)
    (note,) = selected.occurrence.notes
    assert "line 3" in note
    assert "2027-01-14" in note


def test_closing_keeps_what_cannot_be_opened_closed():
    slot = EditSlot(Span(7, 7), b"", b"@")
    warned = lock_occurrence(occurrence("nginx:1", digest_slot=slot), Reason.EMBEDDED)
    assert warned.digest_slot == NotEditable(Reason.EMBEDDED, slot)
    assert lock_occurrence(warned, Reason.IMMUTABLE_JOB).digest_slot == NotEditable(Reason.EMBEDDED, slot)
    assert lock_occurrence(warned, Reason.OTHER_WRITER).digest_slot == NotEditable(Reason.OTHER_WRITER)
    assert lock_occurrence(lock_occurrence(warned, Reason.OTHER_WRITER), Reason.EMBEDDED).digest_slot == NotEditable(
        Reason.OTHER_WRITER
    )


def test_what_another_bot_moves_is_left_to_it_until_a_rule_allows_that_and_whatever_else_it_takes():
    slot = EditSlot(Span(7, 7), b"", b"@")
    warned = lock_occurrence(occurrence("nginx:1", digest_slot=slot, tag_slot=slot), Reason.EMBEDDED)
    left = assign_to_other_bot(
        assign_to_other_bot(warned, "Renovate", "renovate.json"), "Dependabot", "dependabot.yml:3"
    )
    assert (
        left.digest_slot == left.tag_slot == NotEditable(Reason.OTHER_WRITER, slot, further_reasons=(Reason.EMBEDDED,))
    )
    assert left.notes == ("renovate.json has Renovate move it; with `allow: [other-writer]` basebump may, too",)
    assert unlock_allowed(left, [Reason.EMBEDDED]).digest_slot == NotEditable(Reason.OTHER_WRITER, slot)
    assert unlock_allowed(left, [Reason.OTHER_WRITER]).digest_slot == NotEditable(Reason.EMBEDDED, slot)
    assert unlock_allowed(left, [Reason.OTHER_WRITER, Reason.EMBEDDED]).digest_slot == slot
    assert (
        unlock_allowed(
            assign_to_other_bot(occurrence("nginx:1", digest_slot=slot), "Renovate", "renovate.json"),
            [Reason.OTHER_WRITER],
        ).digest_slot
        == slot
    )


def test_what_a_tool_writes_that_a_file_names_no_rule_opens():
    closed = lock_occurrence(occurrence("nginx:1", digest_slot=EditSlot(Span(7, 7), b"", b"@")), Reason.OTHER_WRITER)
    assert closed.digest_slot == NotEditable(Reason.OTHER_WRITER)
    assert assign_to_other_bot(closed, "Renovate", "renovate.json").notes == ()
    rulebook = PolicyConfig(rules=(PolicyRule(allow=(Reason.OTHER_WRITER,)),))
    assert _reason(_select("nginx:1", rulebook, digest_slot=closed.digest_slot)) is Reason.OTHER_WRITER


def test_own_images_move_only_by_a_rule_that_says_role_own():
    own = ("acme.azurecr.io/apps/**",)
    written, place = "acme.azurecr.io/apps/shop/web:1", {"role": Role.THIRD_PARTY}
    assert _reason(_select(written, PolicyConfig(own_globs=own), **place)) is Reason.OWN
    assert _reason(_select(written, PolicyConfig(own_globs=own, rules=(PolicyRule(pin=True),)), **place)) is Reason.OWN
    selected = _select(
        written, PolicyConfig(own_globs=own, rules=(PolicyRule(match=RuleMatch(role=Role.OWN), pin=True),)), **place
    )
    assert isinstance(selected, TrackedImage)
    assert selected.occurrence.role is Role.OWN


def test_while_own_is_not_stated_images_of_unknown_registries_in_manifests_may_be_own():
    place = {"role": Role.THIRD_PARTY}
    assert _reason(_select("registry.acme.dev/web:1", **place)) is Reason.MAYBE_OWN
    assert isinstance(_select("registry.acme.dev/web:1", PolicyConfig(own_globs=()), **place), TrackedImage)
    assert isinstance(_select("ghcr.io/other/web:1", **place), TrackedImage)
    assert isinstance(_select("registry.acme.dev/base:1"), TrackedImage)


def test_a_base_image_is_a_base_even_where_own_matches():
    selected = _select("acme.azurecr.io/base:1", PolicyConfig(own_globs=("acme.azurecr.io/**",)))
    assert isinstance(selected, TrackedImage)
    assert selected.occurrence.role is Role.BASE


def test_maybe_own_keeps_its_role():
    skip = _select("registry.acme.dev/web:1", role=Role.THIRD_PARTY)
    assert skip.occurrence.role is Role.THIRD_PARTY


def test_only_known_registries_may_be_asked():
    listed = PolicyConfig(listed_hosts=frozenset({"registry.acme.dev", "127.0.0.1:5000"}))
    assert is_known_registry(listed, "docker.io")
    assert is_known_registry(listed, "registry.acme.dev")
    assert is_known_registry(listed, "127.0.0.1:5000")
    assert not is_known_registry(listed, "127.0.0.1:5001")
    assert not is_known_registry(PolicyConfig(), "localhost:5000")
    assert not is_known_registry(PolicyConfig(), "docker.io.evil.example")


# ---- policy: per key, the first rule that matches and sets it ----------------------------------------------------


def _policy(*rules, written="nginx:1", **more) -> Policy:
    selected = _select(written, PolicyConfig(rules=rules, own_globs=()), **more)
    assert isinstance(selected, TrackedImage)
    return selected.policy


def test_each_key_is_taken_from_the_first_rule_that_sets_it():
    policy = _policy(
        PolicyRule(labels=("a",)),
        PolicyRule(pin=True, labels=("b",)),
        PolicyRule(require=RequiredEvidence(scan=True), pin=True),
    )
    assert policy == Policy(labels=("a",), pin=True, require=RequiredEvidence(scan=True))


def test_a_rule_that_does_not_match_sets_nothing():
    elsewhere = RuleMatch(image=("docker.io/library/redis",))
    assert _policy(PolicyRule(match=elsewhere, labels=("a",)), PolicyRule(labels=("b",))).labels == ("b",)


@pytest.mark.parametrize(
    "match",
    [
        RuleMatch(image=("docker.io/library/*",)),
        RuleMatch(image=("ghcr.io/**", "docker.io/**")),
        RuleMatch(path=("Docker*",)),
        RuleMatch(format=("dockerfile",)),
        RuleMatch(role=Role.BASE),
        RuleMatch(repository=("acme/*",)),
        RuleMatch(base_branch=("main",)),
    ],
)
def test_every_match_key_can_match(match):
    assert _policy(PolicyRule(match=match, labels=("hit",))).labels == ("hit",)


@pytest.mark.parametrize(
    "match",
    [
        RuleMatch(image=("docker.io/*",)),
        RuleMatch(path=("deploy/**",)),
        RuleMatch(format=("kubernetes",)),
        RuleMatch(role=Role.THIRD_PARTY),
        RuleMatch(repository=("*",)),
        RuleMatch(base_branch=("release-*",)),
        RuleMatch(image=("docker.io/**",), path=("deploy/**",)),
    ],
)
def test_every_match_key_can_fail_to_match(match):
    assert _policy(PolicyRule(match=match, labels=("hit",))).labels == ()


# ---- reconcile ---------------------------------------------------------------------------------------------------


def test_places_that_share_bytes_and_agree_move_together():
    both = [update("nginx:1", "new", locator="a", at=5), update("nginx:1", "new", locator="b", at=5)]
    assert reconcile_decisions(both) == tuple(both)


def test_places_that_share_bytes_and_disagree_are_all_skipped():
    both = [update("nginx:1", "new", locator="a", at=5), update("nginx:1", "other", locator="b", at=5)]
    assert [_reason(each) for each in reconcile_decisions(both)] == [Reason.CONFLICTING_EDITS] * 2


def test_a_place_that_must_stay_holds_those_that_share_its_bytes():
    stays = SkippedReference(occurrence("nginx:1", locator="b", at=5), Reason.IGNORED)
    settled = reconcile_decisions([update("nginx:1", "new", locator="a", at=5), stays])
    assert [_reason(each) for each in settled] == [Reason.CONFLICTING_EDITS, Reason.IGNORED]


def test_the_same_span_in_another_file_is_another_place():
    both = [update("nginx:1", "new", path="a", at=5), update("nginx:1", "other", path="b", at=5)]
    assert reconcile_decisions(both) == tuple(both)


# ---- verdicts and the closed lists -------------------------------------------------------------------------------


def test_every_decision_has_a_status_that_may_have_its_reason():
    moved = update("nginx:1", "new")
    decisions = [
        moved,
        UpToDate(moved.tracked_image),
        SkippedReference(moved.occurrence, Reason.IGNORED),
        RefusedUpdate(moved, Reason.NOT_SCANNED),
        UnresolvedReference(moved.tracked_image, Reason.DENIED, ""),
        UncheckedReference(moved.tracked_image),
        HeldUpdate(moved.tracked_image, Reason.PLATFORM_LOST, ""),
        replace(moved, cause=UpdateCause.GONE),
        SupersededReference(moved.tracked_image, Reason.TAG_STOPPED, ""),
    ]
    verdicts = [build_verdict(each) for each in decisions]
    assert {each.status for each in verdicts} == set(OccurrenceStatus)
    for each in verdicts:
        assert (each.reason is None) == (not REASONS_BY_STATUS[each.status])
        assert each.reason is None or each.reason in REASONS_BY_STATUS[each.status]


def test_only_updates_refusals_and_what_replaces_something_gone_offer_a_digest():
    moved = update("nginx:1", "new")
    assert build_verdict(moved).new_digest == digest("new")
    assert build_verdict(replace(moved, cause=UpdateCause.GONE)).new_digest == digest("new")
    assert build_verdict(RefusedUpdate(moved, Reason.NOT_SCANNED)).new_digest == digest("new")
    assert build_verdict(UpToDate(moved.tracked_image)).new_digest is None


def test_every_reason_belongs_somewhere_once_and_has_a_sentence():
    placed = [reason for reasons in REASONS_BY_STATUS.values() for reason in reasons] + list(UNSUPPORTED_REASONS)
    assert sorted(placed) == sorted(Reason)
    assert set(REASON_SENTENCES) == set(Reason)


def test_what_somebody_may_answer_for_is_a_hold():
    assert set(ACCEPTABLE_REASONS) < {
        *REASONS_BY_STATUS[OccurrenceStatus.HELD],
        *REASONS_BY_STATUS[OccurrenceStatus.REFUSED],
    }


def test_a_place_says_that_its_image_was_taken_back_or_may_be_somebody_elses():
    wanted = update("nginx:1@" + digest("old"), "new", notes=("It is one of two.",))
    assert build_verdict(wanted).occurrence.notes == ("It is one of two.",)
    assert build_verdict(replace(wanted, cause=UpdateCause.WITHDRAWN)).occurrence.notes == (
        "It is one of two.",
        WITHDRAWN_NOTE,
    )
    gone = build_verdict(replace(wanted, cause=UpdateCause.GONE, review_reason="The name may have changed hands."))
    assert (gone.status, gone.reason) == (OccurrenceStatus.GONE, Reason.DIGEST_GONE)
    assert gone.occurrence.notes == ("It is one of two.", "The name may have changed hands.")
