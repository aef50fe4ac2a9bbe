"""The tables for what happens after a merge: builds of own images, and images that run in clusters."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, UniqueConstraint

from bot.state.tables import StorableText, UtcDateTime, define_table

CLUSTERS = define_table(
    "clusters",
    Column("id", Integer, primary_key=True),
    Column("name", StorableText, nullable=False),
    Column("read_at", UtcDateTime),  # NULL if the cluster was never read
    Column("problem", StorableText),  # NULL if the last attempt succeeded
    Column("detail", StorableText, nullable=False),
    UniqueConstraint("name"),
)

RUNNING_IMAGES = define_table(
    "running_images",
    Column("id", Integer, primary_key=True),
    Column("cluster", Integer, nullable=False),
    Column("namespace", StorableText, nullable=False),
    Column("workload_kind", StorableText, nullable=False),
    Column("workload", StorableText, nullable=False),
    Column("container", StorableText, nullable=False),
    Column("tag", Integer, nullable=False),
    Column("digest", Integer, nullable=False),
    Column("pods", Integer, nullable=False),
    Column("since", UtcDateTime),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),  # NULL if the last reading found it
    Index("running_images_by_cluster", "cluster"),
    Index("running_images_by_tag", "tag"),
)
"""The images that containers of workloads ran. `tag` and `digest` are numbers of the tables `tags` and `digests`."""

OWN_BUILDS = define_table(
    "own_builds",
    Column("id", Integer, primary_key=True),
    Column("repository", StorableText, nullable=False),
    Column("digest", StorableText, nullable=False),
    Column("built_at", UtcDateTime),
    Column("read_at", UtcDateTime, nullable=False),
    Column("document", StorableText, nullable=False),  # the other fields of an `OwnBuild`, as a JSON object
    UniqueConstraint("repository", "digest"),
)
