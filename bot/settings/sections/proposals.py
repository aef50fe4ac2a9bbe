"""The sections `proposals`, `limits` and `rollout` of the config file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from bot.model.config_types import names, times
from bot.model.config_types.markers import Example, Flag
from bot.settings.paths import ConfigPath

DEFAULT_BRANCH_PREFIX = "basebump/"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatesSection:
    """Files with your own templates. The paths are relative to this config file.

    `docs/templates.md` lists the values and functions that templates can use.
    """

    title: Annotated[ConfigPath | None, Example("title.txt.j2")] = None
    """The template of titles. Default: basebump's own, `templates/title.txt.j2`."""
    body: Annotated[ConfigPath | None, Example("body.md.j2")] = None
    """The template of bodies. Default: basebump's own, `templates/body.md.j2`."""
    message: Annotated[ConfigPath | None, Example("message.txt.j2")] = None
    """The template of commit messages, without their trailers. Default: basebump's own, `templates/message.txt.j2`."""
    dashboard: Annotated[ConfigPath | None, Example("dashboard.md.j2")] = None
    """The template of dashboards. Default: basebump's own, `templates/dashboard.md.j2`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalsSection:
    """The branch names, templates and publishing of proposals."""

    branch_prefix: names.BranchPrefix = DEFAULT_BRANCH_PREFIX
    """The prefix of all branch names that basebump uses. If you change the prefix, basebump no longer recognises
    proposals with the old prefix.
    """
    templates: TemplatesSection = TemplatesSection()
    """Your own templates, which replace basebump's."""
    trailers: tuple[names.CommitTrailer, ...] = ()
    """Lines to add at the end of every commit message, such as `Signed-off-by: Bot <bot@example.com>`."""
    dashboard: Flag = False
    """Whether each repository gets a dashboard: an issue with an overview, and with checkboxes on which the next run
    acts.
    """
    status: Flag = True
    """Whether a proposal's evidence is also written to a commit status, which branch protection can require."""
    write_delay: Annotated[times.Duration | None, Example("1s")] = None
    """The minimum time between two writes to a forge. Default: `1s` for repositories that are selected by owner, none
    for others.
    """
