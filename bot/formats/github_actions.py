"""GitHub Actions: the container, service and `docker://` step images of workflows, and the images of actions."""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES
from bot.formats._syntax.yaml.path_formats import ImageLocation, YamlPathFormat, find_self_or_key
from bot.ports import FileFormat

_FILES = re.compile(
    r"""
    (?:.*/)?\.(?:github|gitea|forgejo)/workflows/[^/]+\.ya?ml
    | (?:.*/)?workflow-templates/[^/]+\.ya?ml
    | (?:.*/)?action\.ya?ml
    """,
    re.VERBOSE | re.DOTALL,
)
"""Workflows and the metadata files of actions. The runners of Gitea and Forgejo read the same files. The metadata file
of an action is named `action.yml` and may be in any folder."""
_DOCKER = "docker://"

FORMAT: FileFormat = YamlPathFormat(
    name="github-actions",
    path_pattern=_FILES,
    path_words=("workflows/", "workflow-templates/", "action."),
    locations=(
        # https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
        ImageLocation(
            ("jobs", ALL_VALUES, "container"), find_self_or_key("image"), scheme=_DOCKER, is_scheme_required=False
        ),
        ImageLocation(
            ("jobs", ALL_VALUES, "services", ALL_VALUES),
            find_self_or_key("image"),
            scheme=_DOCKER,
            is_scheme_required=False,
        ),
        ImageLocation(("jobs", ALL_VALUES, "steps", ALL_ITEMS, "uses"), scheme=_DOCKER),
        # https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax
        ImageLocation(("runs", "image"), scheme=_DOCKER),
        ImageLocation(("runs", "steps", ALL_ITEMS, "uses"), scheme=_DOCKER),
    ),
)
