"""Tests of locking and unlocking edit slots."""

import re

import pytest
from support.values import reference

from bot.core.references.locking import assign_to_other_bot, lock_by_folder, lock_reference, unlock_allowed
from bot.model.source import EditSlot, NotEditable, Span
from bot.model.vocabulary import Reason


def test_permanent_lock_is_kept_when_reference_is_locked_again():
    slot = EditSlot(Span(7, 7), b"", b"@")
    warned = lock_reference(reference("nginx:1", digest_slot=slot), Reason.EMBEDDED)
    assert warned.digest_slot == NotEditable(Reason.EMBEDDED, slot)
    assert lock_reference(warned, Reason.IMMUTABLE_JOB).digest_slot == NotEditable(Reason.EMBEDDED, slot)
    assert lock_reference(warned, Reason.OTHER_WRITER).digest_slot == NotEditable(Reason.OTHER_WRITER)
    assert lock_reference(lock_reference(warned, Reason.OTHER_WRITER), Reason.EMBEDDED).digest_slot == NotEditable(
        Reason.OTHER_WRITER
    )


def test_reference_of_other_bot_is_unlocked_only_if_all_reasons_are_allowed():
    slot = EditSlot(Span(7, 7), b"", b"@")
    warned = lock_reference(reference("nginx:1", digest_slot=slot, tag_slot=slot), Reason.EMBEDDED)
    left = assign_to_other_bot(
        assign_to_other_bot(warned, "Renovate", "renovate.json"), "Dependabot", "dependabot.yml:3"
    )
    assert (
        left.digest_slot == left.tag_slot == NotEditable(Reason.OTHER_WRITER, slot, further_reasons=(Reason.EMBEDDED,))
    )
    assert re.match(r"Renovate .* renovate\.json; .* `allow: \[other-writer\]`", *left.notes)
    assert unlock_allowed(left, [Reason.EMBEDDED]).digest_slot == NotEditable(Reason.OTHER_WRITER, slot)
    assert unlock_allowed(left, [Reason.OTHER_WRITER]).digest_slot == NotEditable(Reason.EMBEDDED, slot)
    assert unlock_allowed(left, [Reason.OTHER_WRITER, Reason.EMBEDDED]).digest_slot == slot
    assert (
        unlock_allowed(
            assign_to_other_bot(reference("nginx:1", digest_slot=slot), "Renovate", "renovate.json"),
            [Reason.OTHER_WRITER],
        ).digest_slot
        == slot
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("vendor/a/Dockerfile", (Reason.VENDORED,)),
        ("web/node_modules/a/Dockerfile", (Reason.VENDORED,)),
        ("a/third_party/b/c.yaml", (Reason.VENDORED,)),
        ("vendor", ()),
        ("vendors/Dockerfile", ()),
        ("my-vendor/Dockerfile", ()),
        ("Vendor/Dockerfile", ()),
        ("vendor.yaml", ()),
        ("tests/Dockerfile", (Reason.TEST_DATA,)),
        ("Test/Fixtures/a.yaml", (Reason.TEST_DATA,)),
        ("internal/testdata/golden/a.yaml", (Reason.TEST_DATA,)),
        ("tests.yaml", ()),
        ("latest/Dockerfile", ()),
        ("overlays/test/pod.yaml", ()),
        ("deploy/Environments/Test/values.yaml", ()),
        ("overlays/tests/pod.yaml", (Reason.TEST_DATA,)),
        ("docs/examples/a.yaml", (Reason.EXAMPLE,)),
        ("archive/2021/Dockerfile", (Reason.ARCHIVE,)),
        ("vendor/x/examples/tests/a.yaml", (Reason.VENDORED, Reason.EXAMPLE, Reason.TEST_DATA)),
    ],
)
def test_references_are_locked_because_of_the_names_of_folders(path, expected):
    slot = EditSlot(Span(7, 7), b"", b"@")
    (locked,) = lock_by_folder((reference("nginx:1", path=path, digest_slot=slot, tag_slot=slot),))
    lock = NotEditable(expected[0], slot, further_reasons=expected[1:]) if expected else slot
    assert locked.digest_slot == locked.tag_slot == lock
    assert unlock_allowed(locked, expected).digest_slot == slot
    assert unlock_allowed(locked, expected[1:]).digest_slot == (NotEditable(expected[0], slot) if expected else slot)


def test_vendored_reference_gets_an_additional_lock_reason_that_a_rule_can_allow():
    slot = EditSlot(Span(7, 7), b"", b"@")
    vendored = reference("nginx:1", path="vendor/a.yaml", digest_slot=slot)
    (locked,) = lock_by_folder((lock_reference(vendored, Reason.EMBEDDED),))
    assert locked.digest_slot == NotEditable(Reason.VENDORED, slot, further_reasons=(Reason.EMBEDDED,))
    assert unlock_allowed(locked, [Reason.VENDORED]).digest_slot == NotEditable(Reason.EMBEDDED, slot)
    fixed = lock_reference(vendored, Reason.OTHER_WRITER)
    assert lock_by_folder((fixed,)) == (fixed,)
