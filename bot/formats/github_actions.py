"""GitHub Actions: the containers, services and `docker://` actions of workflows, and the images of actions."""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.paths import Images, YamlPaths, or_under
from bot.formats._syntax.yaml.ways import EACH, EVERY
from bot.ports import FileFormat

_FILES = re.compile(
    r"""
    (?:.*/)?\.(?:github|gitea|forgejo)/workflows/[^/]+\.ya?ml
    | (?:.*/)?workflow-templates/[^/]+\.ya?ml
    | (?:.*/)?action\.ya?ml
    """,
    re.VERBOSE | re.DOTALL,
)
"""Gitea's and Forgejo's runners read the same files. An action's metadata file is `action.yml` in any folder."""
_DOCKER = "docker://"

FORMAT: FileFormat = YamlPaths(
    name="github-actions",
    files=_FILES,
    images=(
        # https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
        Images(("jobs", EVERY, "container"), or_under("image"), scheme=_DOCKER, needs_scheme=False),
        Images(("jobs", EVERY, "services", EVERY), or_under("image"), scheme=_DOCKER, needs_scheme=False),
        Images(("jobs", EVERY, "steps", EACH, "uses"), scheme=_DOCKER),
        # https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax
        Images(("runs", "image"), scheme=_DOCKER),
        Images(("runs", "steps", EACH, "uses"), scheme=_DOCKER),
    ),
)
