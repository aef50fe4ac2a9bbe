"""The tables of the inventory: the base branches of a fleet, and the images that they used and use.

Tags, digests and base branches have numbers. With their texts as keys, the tables would be several times as large.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, UniqueConstraint

from bot.state.tables import StorableText, UtcDateTime, define_table

NO_TAG = ""
"""The tag of references that have none, and the tag that stands for all tags of a repository in BRANCH_TAG_LISTS."""
NO_DIGEST = ""
"""The digest of references that have none."""

TAGS = define_table(
    "tags",
    Column("id", Integer, primary_key=True),
    Column("repository", StorableText, nullable=False),
    Column("tag", StorableText, nullable=False),
    UniqueConstraint("repository", "tag"),
)

DIGESTS = define_table(
    "digests",
    Column("id", Integer, primary_key=True),
    Column("digest", StorableText, nullable=False),
    UniqueConstraint("digest"),
)

BRANCHES = define_table(
    "branches",
    Column("id", Integer, primary_key=True),
    Column("forge", StorableText, nullable=False),
    Column("host", StorableText, nullable=False),  # empty for a local folder
    Column("repository", StorableText, nullable=False),
    Column("base_branch", StorableText, nullable=False),
    Column("head", StorableText, nullable=False),
    Column("reader", StorableText, nullable=False),
    Column("has_unread_files", Boolean, nullable=False),
    Column("first_read_at", UtcDateTime, nullable=False),
    Column("read_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    UniqueConstraint("repository", "base_branch", "host", "forge"),
)
"""The base branches that a run read."""


def _key_column(name: str) -> Column[int]:
    """Return a column that is a part of the primary key, and that contains the number of a row of another table."""
    return Column(name, Integer, primary_key=True, autoincrement=False)


BRANCH_KEY_COLUMNS = tuple(BRANCHES.c[name] for name in ("forge", "host", "repository", "base_branch"))
"""The columns with the fields of a `BranchKey`, in their order."""

SETTLED_BRANCHES = define_table(
    "settled_branches",
    _key_column("branch"),
    Column("tree", StorableText),
    Column("activity", StorableText),
    Column("is_public", Boolean),
    Column("rules", StorableText, nullable=False),
    Column("evidence", StorableText, nullable=False),
    Column("due_at", UtcDateTime),
)
"""The conditions in which a branch was settled, besides its commit and reader. Other branches have no row."""

BRANCH_TAGS = define_table(
    "branch_tags",
    _key_column("branch"),
    _key_column("tag"),
    Column("digest", Integer, nullable=False),
    Index("branch_tags_by_tag", "tag"),
    has_rowid=False,
)
"""The tags on which a settled branch depends."""

BRANCH_TAG_LISTS = define_table(
    "branch_tag_lists",
    _key_column("branch"),
    _key_column("tag"),  # with the tag NO_TAG
    Column("fingerprint", StorableText, nullable=False),
    Index("branch_tag_lists_by_tag", "tag"),
    has_rowid=False,
)
"""The repositories of images on whose lists of tags a settled branch depends."""

IMAGE_REFERENCES = define_table(
    "image_references",
    _key_column("branch"),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("path", StorableText, nullable=False),
    Column("line_number", Integer, nullable=False),
    Column("format", StorableText, nullable=False),
    Column("written", StorableText, nullable=False),
    Column("owners", StorableText, nullable=False),  # separated by spaces
    Column("tag", Integer, nullable=False),
    Column("digest", Integer, nullable=False),
    Column("status", StorableText, nullable=False),
    Column("reason", StorableText),
    Index("image_references_by_tag", "tag"),
    Index("image_references_by_digest", "digest", "branch"),
    has_rowid=False,
)
"""The image references of a branch as its last visit read them."""

HELD_DIGESTS = define_table(
    "held_digests",
    _key_column("branch"),
    _key_column("tag"),
    _key_column("digest"),
    Column("first_seen", UtcDateTime, primary_key=True),
    Column("ended_at", UtcDateTime),
    Index("held_digests_by_tag", "tag", "digest"),
    has_rowid=False,
)
"""The unbroken times in which a branch held a digest for a tag. The end is NULL if the branch still holds it."""

REQUESTS = define_table(
    "requests",
    _key_column("branch"),
    Column("head_branch", StorableText, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", StorableText, nullable=False),
    Column("url", StorableText),
    Column("opened_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("closed_by", StorableText),
    Column("declines", StorableText),
    Column("targets", StorableText, nullable=False),  # a JSON list
    Column("fixes", StorableText),  # a JSON object
    Column("head", StorableText),
    Column("ci", StorableText),
    Column("base_ci", StorableText),
    Column("due_at", UtcDateTime),
    Column("fix_published_at", UtcDateTime),
    Column("due_for", StorableText),
    Column("due_until", StorableText),
    has_rowid=False,
)
"""The pull and merge requests of basebump."""

REPORTS = define_table("reports", _key_column("branch"), Column("document", StorableText, nullable=False))
"""The report of the last visit of a branch."""

EVIDENCE = define_table(
    "evidence",
    Column("id", Integer, primary_key=True),
    Column("transition", StorableText, nullable=False),
    Column("document", StorableText, nullable=False),
    UniqueConstraint("transition"),
)
"""The evidence of the transitions in the reports of settled branches."""

BRANCH_EVIDENCE = define_table(
    "branch_evidence",
    _key_column("branch"),
    _key_column("evidence"),
    Index("branch_evidence_by_evidence", "evidence"),
    has_rowid=False,
)
"""The evidence that the report of a branch needs."""

FAILED_CHECKS = define_table(
    "failed_checks",
    _key_column("branch"),
    Column("head", StorableText, nullable=False),
    Column("name", StorableText, nullable=False),
    Column("url", StorableText),
)
"""A check that failed on a commit of a base branch, to which an update was merged. It counts while the commit is the
last one of the base branch."""

UNWANTED_DIGESTS = define_table(
    "unwanted_digests",
    Column("repository", StorableText, primary_key=True),
    Column("digest", StorableText, primary_key=True),
    Column("reason", StorableText, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)
"""The digests that visits found to be gone or blocked."""

SETTLED_DETAILS = (SETTLED_BRANCHES, BRANCH_TAGS, BRANCH_TAG_LISTS, BRANCH_EVIDENCE)
"""The tables whose rows exist only while a branch is settled."""
BRANCH_DETAILS = (*SETTLED_DETAILS, IMAGE_REFERENCES, HELD_DIGESTS, REQUESTS, REPORTS, FAILED_CHECKS)
"""All tables whose rows belong to a branch."""
