"""Tests of the selection of image references, and of the policy that applies to them."""

from datetime import date

import pytest
from support.values import digest, reference

from bot.core.references.locking import assign_to_other_bot, lock_reference
from bot.core.references.select import RepositoryBranch, is_known_registry, select_reference
from bot.model.decision import SkippedReference, TrackedImage
from bot.model.image_name import TagRef
from bot.model.policy import Policy, PolicyConfig, PolicyRule, RequiredEvidence, RuleMatch
from bot.model.source import EditSlot, IgnoreComment, NotEditable, Span
from bot.model.vocabulary import Reason, Role

TODAY = date(2027, 1, 15)
HOME = RepositoryBranch("acme/web", "main")
NGINX = TagRef("docker.io/library/nginx", "1")


def _select(written, rulebook=PolicyConfig(), **more):  # noqa: B008 - a frozen value
    return select_reference(rulebook, HOME, reference(written, **more), TODAY)


def _get_reason(selected):
    assert isinstance(selected, SkippedReference), selected
    return selected.reason


def test_base_image_with_tag_is_selected_for_updates():
    selected = _select("nginx:1")
    assert isinstance(selected, TrackedImage)
    assert selected.tag_ref == NGINX


def test_reference_without_tag_is_skipped_even_if_pinned():
    assert _get_reason(_select("nginx")) is Reason.NO_TAG
    assert _get_reason(_select(f"nginx@{digest('x')}")) is Reason.NO_TAG


def test_rule_can_set_tag_of_untagged_reference():
    selected = _select("nginx", PolicyConfig(rules=(PolicyRule(tag="1"),)))
    assert isinstance(selected, TrackedImage)
    assert selected.tag_ref == NGINX


def test_tag_in_rule_does_not_override_tag_of_reference():
    selected = _select("nginx:1", PolicyConfig(rules=(PolicyRule(tag="2"),)))
    assert isinstance(selected, TrackedImage)
    assert selected.tag_ref == NGINX


def test_ignored_image_is_skipped():
    assert _get_reason(_select("nginx:1", PolicyConfig(rules=(PolicyRule(ignore=True),)))) is Reason.IGNORED


def test_disabled_pinning_skips_unpinned_images_but_not_pinned_images():
    rulebook = PolicyConfig(rules=(PolicyRule(pin=False),))
    assert _get_reason(_select("nginx:1", rulebook)) is Reason.PIN_OFF
    assert isinstance(_select(f"nginx:1@{digest('x')}", rulebook), TrackedImage)


def test_reference_with_sha512_digest_is_skipped():
    assert _get_reason(_select(f"nginx:1@sha512:{'a' * 128}")) is Reason.UNSUPPORTED_DIGEST


def test_locked_reference_is_skipped_with_reason_of_lock():
    assert (
        _get_reason(_select("nginx:1", digest_slot=NotEditable(Reason.UNSUPPORTED_DIGEST))) is Reason.UNSUPPORTED_DIGEST
    )


@pytest.mark.parametrize("reason", [Reason.NOT_AN_IMAGE, Reason.REPLACED_BY_KUSTOMIZE, Reason.OTHER_WRITER])
def test_permanent_lock_reason_takes_precedence_over_reason_maybe_own(reason):
    options = {"role": Role.THIRD_PARTY, "digest_slot": NotEditable(reason)}
    assert _get_reason(_select("registry.acme.dev/web:1", **options)) is reason


def test_allow_in_rule_unlocks_only_listed_reasons():
    slot = EditSlot(Span(7, 7), b"", b"@")
    options = {"digest_slot": NotEditable(Reason.EMBEDDED, slot), "tag_slot": NotEditable(Reason.EMBEDDED, slot)}
    assert _get_reason(_select("nginx:1", **options)) is Reason.EMBEDDED
    assert (
        _get_reason(_select("nginx:1", PolicyConfig(rules=(PolicyRule(allow=(Reason.IMMUTABLE_JOB,)),)), **options))
        is Reason.EMBEDDED
    )
    opened = _select("nginx:1", PolicyConfig(rules=(PolicyRule(allow=(Reason.EMBEDDED,)),)), **options)
    assert isinstance(opened, TrackedImage)
    assert (opened.reference.digest_slot, opened.reference.tag_slot) == (slot, slot)


@pytest.mark.parametrize("until", [None, TODAY, date(2027, 1, 16)])
def test_ignore_comment_applies_until_the_end_of_the_stated_day(until):
    skip = _select("nginx:1", ignore_comment=IgnoreComment(3, until, "ABC-12"))
    assert _get_reason(skip) is Reason.IGNORED
    assert "line 3" in skip.detail
    assert "ABC-12" in skip.detail
    assert until is None or str(until) in skip.detail


def test_expired_ignore_comment_is_noted_and_not_applied():
    selected = _select("nginx:1", ignore_comment=IgnoreComment(3, date(2027, 1, 14)))
    assert isinstance(selected, TrackedImage)
    (note,) = selected.reference.notes
    assert "line 3" in note
    assert "2027-01-14" in note


def test_allow_in_rule_cannot_unlock_permanently_locked_reference():
    closed = lock_reference(reference("nginx:1", digest_slot=EditSlot(Span(7, 7), b"", b"@")), Reason.OTHER_WRITER)
    assert closed.digest_slot == NotEditable(Reason.OTHER_WRITER)
    assert assign_to_other_bot(closed, "Renovate", "renovate.json").notes == ()
    rulebook = PolicyConfig(rules=(PolicyRule(allow=(Reason.OTHER_WRITER,)),))
    assert _get_reason(_select("nginx:1", rulebook, digest_slot=closed.digest_slot)) is Reason.OTHER_WRITER


def test_own_images_are_updated_only_by_rule_with_role_own():
    own = ("acme.azurecr.io/apps/**",)
    written, options = "acme.azurecr.io/apps/shop/web:1", {"role": Role.THIRD_PARTY}
    assert _get_reason(_select(written, PolicyConfig(own_globs=own), **options)) is Reason.OWN
    assert (
        _get_reason(_select(written, PolicyConfig(own_globs=own, rules=(PolicyRule(pin=True),)), **options))
        is Reason.OWN
    )
    selected = _select(
        written, PolicyConfig(own_globs=own, rules=(PolicyRule(match=RuleMatch(role=Role.OWN), pin=True),)), **options
    )
    assert isinstance(selected, TrackedImage)
    assert selected.reference.role is Role.OWN


def test_manifest_image_on_unknown_registry_may_be_own_until_key_own_is_configured():
    options = {"role": Role.THIRD_PARTY}
    assert _get_reason(_select("registry.acme.dev/web:1", **options)) is Reason.MAYBE_OWN
    assert isinstance(_select("registry.acme.dev/web:1", PolicyConfig(own_globs=()), **options), TrackedImage)
    assert isinstance(_select("ghcr.io/other/web:1", **options), TrackedImage)
    assert isinstance(_select("registry.acme.dev/base:1"), TrackedImage)


def test_base_image_keeps_role_base_when_key_own_matches_image():
    selected = _select("acme.azurecr.io/base:1", PolicyConfig(own_globs=("acme.azurecr.io/**",)))
    assert isinstance(selected, TrackedImage)
    assert selected.reference.role is Role.BASE


def test_skipped_image_that_may_be_own_keeps_role_third_party():
    skip = _select("registry.acme.dev/web:1", role=Role.THIRD_PARTY)
    assert skip.reference.role is Role.THIRD_PARTY


def test_only_configured_or_public_registries_are_known():
    listed = PolicyConfig(listed_hosts=frozenset({"registry.acme.dev", "127.0.0.1:5000"}))
    assert is_known_registry(listed, "docker.io")
    assert is_known_registry(listed, "registry.acme.dev")
    assert is_known_registry(listed, "127.0.0.1:5000")
    assert not is_known_registry(listed, "127.0.0.1:5001")
    assert not is_known_registry(PolicyConfig(), "localhost:5000")
    assert not is_known_registry(PolicyConfig(), "docker.io.evil.example")


# ---- policy: the first matching rule that sets a key determines it -----------------------------------------------


def _select_policy(*rules, written="nginx:1", **more) -> Policy:
    selected = _select(written, PolicyConfig(rules=rules, own_globs=()), **more)
    assert isinstance(selected, TrackedImage)
    return selected.policy


def test_policy_key_is_taken_from_first_rule_that_sets_the_key():
    policy = _select_policy(
        PolicyRule(labels=("a",)),
        PolicyRule(pin=True, labels=("b",)),
        PolicyRule(require=RequiredEvidence(scan=True), pin=True),
    )
    assert policy == Policy(labels=("a",), pin=True, require=RequiredEvidence(scan=True))


def test_rule_that_does_not_match_sets_no_policy_key():
    elsewhere = RuleMatch(image=("docker.io/library/redis",))
    assert _select_policy(PolicyRule(match=elsewhere, labels=("a",)), PolicyRule(labels=("b",))).labels == ("b",)


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
def test_rule_applies_if_match_key_matches_reference(match):
    assert _select_policy(PolicyRule(match=match, labels=("hit",))).labels == ("hit",)


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
def test_rule_does_not_apply_if_any_match_key_does_not_match(match):
    assert _select_policy(PolicyRule(match=match, labels=("hit",))).labels == ()
