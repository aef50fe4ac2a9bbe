"""Locking of the digest and the tag of an image reference. basebump does not change a locked value (`NotEditable`).

A value is locked if another file shows that a change would have no effect or would do harm. Some reasons for a lock are
only *warnings*: a rule in the config can list them in `allow`, and the value is then unlocked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from bot.model.extracted_item import ExtractedReferences
from bot.model.source import EditSlot, FilePath, NotEditable, Reference
from bot.model.vocabulary import ALLOWABLE_REASONS, Reason

_WARNINGS = frozenset(ALLOWABLE_REASONS) - {Reason.OTHER_WRITER, Reason.REPLACED_BY_KUSTOMIZE}
"""Reasons that `lock_reference` treats as warnings, so that a rule can override them.

`replaced-by-kustomize` is a warning only if it is unknown whether a kustomization builds a manifest (`add_warning`).

`other-writer` is not a warning here, because a tool that a file names as the writer of a reference continues to write
that reference. It is a warning only for bots that search a repository on their own, because those can be configured to
skip a reference (see `assign_to_other_bot`)."""

_VENDORED = frozenset({"vendor", "node_modules", "third_party"})
"""Folders for copies of other projects: those of Go, PHP, Ruby and others, of npm, and of Bazel's users.

Only in lower case: a folder `Vendor` is more often code about vendors.
"""
_FOLDER_REASONS = {
    **dict.fromkeys(
        (
            *("test", "tests", "testdata", "test-data", "test_data", "__tests__", "e2e", "e2e-tests"),
            *("integration-tests", "integration_tests", "systemtest", "systemtests"),
            *("fixture", "fixtures", "__fixtures__", "golden", "goldens", "__snapshots__"),
        ),
        Reason.TEST_DATA,
    ),
    **dict.fromkeys(("example", "examples", "sample", "samples"), Reason.EXAMPLE),
    **dict.fromkeys(("archive", "archives", "archived", "attic", "deprecated", "obsolete"), Reason.ARCHIVE),
}
"""The reason for each name of a folder, in lower case."""
_FOLDERS_OF_ENVIRONMENTS = frozenset(
    {
        *("overlay", "overlays", "environment", "environments", "env", "envs", "stage", "stages"),
        *("cluster", "clusters", "deploy", "deployment", "deployments", "inventory", "inventories", "values"),
        *("k8s", "kubernetes", "kustomize", "manifests", "helm", "gitops"),
    }
)
"""Folders in which `test` is the name of an environment, as in `overlays/test`, whose images are in use."""


def lock_reference(reference: Reference, reason: Reason, *, is_certain: bool = True) -> Reference:
    """Lock the digest and the tag of `reference` for `reason`, so that basebump does not change them.

    A warning is a reason that a rule in the config can allow. If a value is locked already because of a warning, and
    `reason` is not a warning, `reason` replaces the warning. In any other case, the earlier lock of a value stays.

    `is_certain` is False if it is unknown whether `reason` applies, for example whether an ACR task builds the file.
    """
    digest, tag = (
        _lock_slot(slot, reason, is_certain=is_certain) for slot in (reference.digest_slot, reference.tag_slot)
    )
    return replace(reference, digest_slot=digest, tag_slot=tag)


def assign_to_other_bot(reference: Reference, bot: str, config_location: str) -> Reference:
    """Lock the digest and the tag of `reference` because another bot, such as Renovate, updates them.

    A rule with `allow: [other-writer]` can unlock the values. If a value was already locked because of a warning (a
    reason that a rule can allow), the rule must allow both. If a value was already locked because of a reason that no
    rule can allow, its lock stays unchanged.

    A note is added if the lock of a value changed. It names the bot and `config_location`, which is the file (and line)
    of the bot's config.
    """
    note = f"{bot} updates it because of {config_location}; with `allow: [other-writer]`, basebump updates it, too"
    return add_warning(reference, Reason.OTHER_WRITER, note)


def add_warning(reference: Reference, reason: Reason, note: str, *, is_certain: bool = True) -> Reference:
    """Lock the digest and the tag of `reference` for `reason`, which a rule can allow.

    If a value was already locked because of another reason that a rule can allow, the rule must allow both. If it was
    locked because of a reason that no rule can allow, its lock stays unchanged. `note` is added if the lock of a value
    changed. `is_certain` is False if it is unknown whether `reason` applies.
    """
    digest, tag = (
        _add_warning(slot, reason, is_certain=is_certain) for slot in (reference.digest_slot, reference.tag_slot)
    )
    if (digest, tag) == (reference.digest_slot, reference.tag_slot):
        return reference
    return replace(reference, digest_slot=digest, tag_slot=tag, notes=(*reference.notes, note))


def lock_by_folder(references: ExtractedReferences) -> ExtractedReferences:
    """Lock the digest and the tag of each image reference that is not in use according to the folders of its file.

    These are copies of other projects, tests, examples and archives. A rule can allow each of these reasons. If a value
    was already locked because of another reason that a rule can allow, the rule must allow all. If it was locked
    because of a reason that no rule can allow, its lock stays unchanged.
    """
    reasons = {path: find_folder_reasons(path) for path in {reference.path for reference in references}}
    if not any(reasons.values()):
        return references
    return tuple(
        _add_warnings(reference, reasons[reference.path]) if isinstance(reference, Reference) else reference
        for reference in references
    )


def lock_references_if(
    references: ExtractedReferences, reason: Reason, should_lock: Callable[[Reference], bool]
) -> ExtractedReferences:
    """Lock each image reference for which `should_lock` returns True."""
    return tuple(
        lock_reference(reference, reason) if isinstance(reference, Reference) and should_lock(reference) else reference
        for reference in references
    )


def unlock_allowed(reference: Reference, reasons: Collection[Reason]) -> Reference:
    """Unlock the digest and the tag of `reference` if a rule in the config allows all reasons for the lock.

    `reasons` are the reasons that the rule allows. Only some reasons, which are called warnings, can be allowed.
    """
    digest, tag = _unlock_slot(reference.digest_slot, reasons), _unlock_slot(reference.tag_slot, reasons)
    if digest is reference.digest_slot and tag is reference.tag_slot:
        return reference  # almost always unchanged; a copy costs more than this check
    return replace(reference, digest_slot=digest, tag_slot=tag)


def find_folder_reasons(path: FilePath) -> tuple[Reason, ...]:
    """Return the reasons that the folders of a file give, each once, in the order of the folders."""
    *folders, _ = path.split("/")
    reasons: dict[Reason, None] = {}
    for parent, folder in zip(("", *folders), folders, strict=False):
        if folder in _VENDORED:
            reasons[Reason.VENDORED] = None
            continue
        reason = _FOLDER_REASONS.get(folder.lower())
        if reason is not None and not (folder.lower() == "test" and parent.lower() in _FOLDERS_OF_ENVIRONMENTS):
            reasons[reason] = None
    return tuple(reasons)


def _add_warnings(reference: Reference, reasons: Sequence[Reason]) -> Reference:
    """Lock the digest and the tag of `reference` for all `reasons`, of which the first one is shown."""
    for reason in reversed(reasons):
        digest, tag = _add_warning(reference.digest_slot, reason), _add_warning(reference.tag_slot, reason)
        reference = replace(reference, digest_slot=digest, tag_slot=tag)
    return reference


def _lock_slot(slot: EditSlot | NotEditable, reason: Reason, *, is_certain: bool) -> NotEditable:
    is_warning = reason in _WARNINGS
    if isinstance(slot, EditSlot):
        return NotEditable(reason, slot if is_warning else None, is_certain)
    return slot if slot.slot is None or is_warning else NotEditable(reason)


def _add_warning(slot: EditSlot | NotEditable, reason: Reason, *, is_certain: bool = True) -> EditSlot | NotEditable:
    """Lock `slot` for `reason`, which a rule must allow together with the warnings for which it is locked already."""
    if isinstance(slot, EditSlot):
        return NotEditable(reason, slot, is_certain)
    if slot.slot is None or reason in _list_warnings(slot):
        return slot
    return NotEditable(reason, slot.slot, is_certain and slot.is_certain, _list_warnings(slot))


def _unlock_slot(slot: EditSlot | NotEditable, reasons: Collection[Reason]) -> EditSlot | NotEditable:
    if isinstance(slot, EditSlot) or slot.slot is None:
        return slot
    remaining = [reason for reason in _list_warnings(slot) if reason not in reasons]
    return NotEditable(remaining[0], slot.slot, slot.is_certain, tuple(remaining[1:])) if remaining else slot.slot


def _list_warnings(not_editable: NotEditable) -> tuple[Reason, ...]:
    return (not_editable.reason, *not_editable.further_reasons)
