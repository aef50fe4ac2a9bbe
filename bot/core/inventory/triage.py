"""Triage: find the base branches that a run must read, and the reason for each of them.

A settled branch need not be read while everything is unchanged on which its last visit depended. First, data is
compared that the list of repositories contains (`find_visit_reason`). Only for the remaining branches, the tags are
looked up and compared (`find_tag_reason`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.core.inventory.value_hashes import hash_values
from bot.model.image_name import Digest, TagRef
from bot.model.inventory import BranchConditions, BranchKey, SettledBranch, StoredBranch, VisitReason

READ_EVERY = timedelta(days=7)
"""The longest time between two visits of a base branch. It limits how long an error in the triage can last, and the
effect of changes that no list shows, such as changed rules for protected branches."""


def find_visit_reason(
    key: BranchKey, stored: StoredBranch | None, current: BranchConditions, now: datetime
) -> VisitReason | None:
    """Return the reason to read a base branch, as far as it is known without looking up tags; None if there is none.

    Args:
        key: The base branch.
        stored: Its data in the state; None if no run read it.
        current: The present conditions. `current.evidence` is empty if the last visit depended on no evidence.
        now: The present time.
    """
    if stored is None or stored.settled is None or stored.read_at > now:
        return VisitReason.UNSETTLED  # a visit in the future had a wrong clock, so that its due time means nothing
    before = stored.settled.conditions
    if _have_files_changed(stored, before, current):
        return VisitReason.FILES_CHANGED
    if current.activity is None or current.activity != before.activity:
        return VisitReason.REQUESTS_CHANGED
    if current.is_public is not before.is_public:
        return VisitReason.VISIBILITY_CHANGED
    if current.reader != before.reader:
        return VisitReason.READER_CHANGED
    if current.rules != before.rules:
        return VisitReason.RULES_CHANGED
    if current.evidence != before.evidence:
        return VisitReason.EVIDENCE_CHANGED
    if stored.settled.due_at is not None and stored.settled.due_at <= now:
        return VisitReason.DUE
    return VisitReason.IN_TURN if stored.read_at + _get_turn(key) <= now else None


def find_tag_reason(
    settled: SettledBranch, tags: Mapping[TagRef, Digest], tag_lists: Mapping[str, str]
) -> VisitReason | None:
    """Return the reason to read a settled base branch that its tags give; None if there is none.

    Args:
        settled: The branch when it was settled.
        tags: The digests to which tags point now. A tag that could not be looked up is missing.
        tag_lists: The present hashes of lists of tags. A list that could not be read is missing.
    """
    if any(tags.get(tag_ref) != digest for tag_ref, digest in settled.tags.items()):
        return VisitReason.TAG_MOVED
    if any(tag_lists.get(repository) != listing for repository, listing in settled.tag_lists.items()):
        return VisitReason.TAGS_ADDED
    return None


def _have_files_changed(stored: StoredBranch, before: BranchConditions, current: BranchConditions) -> bool:
    """Return True if the files may have changed, or if an open pull request may be behind its base branch.

    Two commits with the same tree have the same files, for example after a commit was reverted.
    """
    if current.head == before.head:
        return False
    has_same_tree = current.tree is not None and current.tree == before.tree
    return not has_same_tree or bool(stored.open_request_heads)


def _get_turn(key: BranchKey) -> timedelta:
    """Return the time after which a base branch is read again although nothing changed.

    It is between half of READ_EVERY and READ_EVERY, so that the branches that one run read are not all read again by
    the same run.
    """
    share = int(hash_values((key,))[:8], 16) / 0xFFFFFFFF
    return READ_EVERY * (1 + share) / 2
