"""Tests of updates to earlier digests while the newest digest is too young or held."""

from dataclasses import replace

import pytest
from support.core.decisions import (
    DAY,
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
from bot.core.choice.holds import VERSION_ANNOTATION
from bot.model.decision import HeldUpdate
from bot.model.image import ChildManifest, Manifest, ManifestKind, ResolvedTag
from bot.model.policy import Policy
from bot.model.rules import AcceptedHold
from bot.model.vocabulary import Reason


def test_newest_digest_of_minimum_age_is_proposed_first():
    history = build_observations(NGINX, old=9, older=5, ripe=3, green=1)
    resolved = build_resolved_tag(
        "new", observations=history, earlier_manifests=(build_index("ripe"), build_index("older"))
    )
    assert list_candidate_digests(decide(build_tracked_image("old", THREE_DAYS), [resolved], NOW)) == [
        digest("ripe"),
        digest("older"),
    ]


def test_current_digest_is_proposed_when_known_for_minimum_age():
    assert list_candidate_digests(
        decide(
            build_tracked_image("old", THREE_DAYS),
            [build_resolved_tag("new", observations=build_observations(NGINX, new=4))],
            NOW,
        )
    ) == [digest("new")]


def test_update_is_held_with_end_date_while_every_new_digest_is_too_young():
    decision = decide(
        build_tracked_image("old", THREE_DAYS),
        [build_resolved_tag("new", observations=build_observations(NGINX, old=9, new=1))],
        NOW,
    )
    assert isinstance(decision, HeldUpdate)
    assert decision.reason is Reason.TOO_YOUNG
    assert "2027-01-22" in decision.detail


def test_mature_digest_that_registry_may_delete_is_held_as_retention_risk():
    resolved = build_resolved_tag(
        "new", observations=build_observations(NGINX, old=9, ripe=4), retention_risks=frozenset({digest("ripe")})
    )
    decision = decide(build_tracked_image("old", THREE_DAYS), [resolved], NOW)
    assert isinstance(decision, HeldUpdate)
    assert decision.reason is Reason.RETENTION_RISK
    patient = decide(build_tracked_image("old", Policy(min_age=5 * DAY)), [resolved], NOW)
    assert isinstance(patient, HeldUpdate)
    assert patient.reason is Reason.TOO_YOUNG, "what may be deleted is not old enough for it anyhow"


@pytest.mark.parametrize(
    ("ripe", "reason"), [(("amd",), Reason.PLATFORM_LOST), (("old amd64", "old arm64"), Reason.INDEX_CHURN)]
)
def test_mature_earlier_digest_with_hold_is_proposed_only_if_hold_is_accepted(ripe, reason):
    def both(word, *children):
        listed = tuple(map(ChildManifest, map(digest, children), ("linux/amd64", "linux/arm64")))
        return replace(build_index(word), children=listed)

    new, old = both("new", "new amd64", "new arm64"), both("old", "old amd64", "old arm64")
    resolved = ResolvedTag(
        NGINX,
        new.digest,
        new,
        pinned_manifests={old.digest: old},
        observations=build_observations(NGINX, old=9, ripe=4),
        earlier_manifests=(both("ripe", *ripe),),
    )
    held = decide(build_tracked_image("old", THREE_DAYS), [resolved], NOW)
    assert isinstance(held, HeldUpdate)
    assert held.reason is Reason.TOO_YOUNG
    answered = Policy(min_age=3 * DAY, accept=(AcceptedHold(reason, "team", "it is fine", NOW.date()),))
    assert list_candidate_digests(decide(build_tracked_image("old", answered), [resolved], NOW)) == [digest("ripe")]


def build_index_with_version(word, version):
    """Return an index with a version annotation."""
    return replace(build_index(word), annotations=((VERSION_ANNOTATION, version),))


def build_held_tag(*earlier, newest="1.27.1", **more):
    """Return a tag whose newest and `earlier` digests state versions. The digest in the file states 1.27.2."""
    new = build_index_with_version("new", newest)
    return ResolvedTag(
        NGINX,
        new.digest,
        new,
        {digest("old"): build_index_with_version("old", "1.27.2")},
        earlier_manifests=earlier,
        **more,
    )


def test_earlier_digest_is_proposed_with_note_when_current_digest_is_held():
    history = build_observations(NGINX, old=9, fine=6, lower=5, ripe=4, new=1)
    earlier = (
        build_index_with_version("ripe", "1.27.4"),
        build_index_with_version("lower", "1.27.0"),
        build_index_with_version("fine", "1.27.3"),
    )
    decision = decide(build_tracked_image("old"), [build_held_tag(*earlier, observations=history)], NOW)
    assert list_candidate_digests(decision) == [digest("ripe"), digest("fine")]
    assert decision.candidates[0].notes == (
        "What `1.27.1` points to now is held (older): it states version 1.27.1, the one in the file 1.27.2.",
    )
    accepted = Policy(accept=(AcceptedHold(Reason.OLDER, "team", "it is fine", NOW.date()),))
    assert list_candidate_digests(
        decide(build_tracked_image("old", accepted), [build_held_tag(*earlier, observations=history)], NOW)
    ) == [digest("new")]


@pytest.mark.parametrize(
    ("history", "min_age"),
    [
        (
            build_observations(NGINX, ripe=9, old=4, new=1),
            0,
        ),  # the tag pointed to it before it pointed to the digest in the file
        (build_observations(NGINX, ripe=4, new=1), 0),  # the digest in the file was never observed
        (build_observations(NGINX, old=9, ripe=4, new=1), 5),
        (
            (*build_observations(NGINX, new=9, old=8, ripe=4), *build_observations(NGINX, new=1)),
            0,
        ),  # the tag was rolled back
    ],
)
def test_update_is_held_if_earlier_digest_is_too_young_or_older_than_digest_in_file(history, min_age):
    resolved = build_held_tag(build_index_with_version("ripe", "1.27.4"), observations=history)
    assert isinstance(decide(build_tracked_image("old", Policy(min_age=min_age * DAY)), [resolved], NOW), HeldUpdate)


def test_platform_check_of_earlier_image_uses_platform_of_that_image():
    def one(word):
        return Manifest(digest(word), ManifestKind.MANIFEST, "application/vnd.oci.image.manifest.v1+json")

    resolved = ResolvedTag(
        NGINX,
        digest("new"),
        one("new"),
        {digest("old"): one("old")},
        earlier_manifests=(one("ripe"), one("arm")),
        observations=build_observations(NGINX, old=9, arm=5, ripe=4, new=1),
        platform="linux/arm64",
        earlier_platforms={digest("ripe"): "linux/amd64", digest("arm"): "linux/arm64"},
    )
    assert list_candidate_digests(
        decide(build_tracked_image("old", Policy(platforms=("linux/amd64",))), [resolved], NOW)
    ) == [digest("ripe")]


def test_earlier_digest_is_proposed_only_to_references_with_an_older_digest():
    history = build_observations(NGINX, old=9, ripe=4, held=2)
    resolved = build_resolved_tag("new", observations=history, earlier_manifests=(build_index("ripe"),))
    assert list_candidate_digests(decide(build_tracked_image("old", THREE_DAYS), [resolved], NOW)) == [digest("ripe")]
    assert isinstance(decide(build_tracked_image("held", THREE_DAYS), [resolved], NOW), HeldUpdate)
