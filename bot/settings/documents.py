"""The config file as users write it: the keys of its top level, and the other files with keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from bot.model.config_types import texts
from bot.model.config_types.markers import Example, Length, Variants
from bot.model.cost_limits import MAX_REPOSITORY_RULES
from bot.model.limits import ProposalLimits, RolloutOptions
from bot.model.own_build import ConfiguredBuild
from bot.model.rules import ConfiguredEndOfLife
from bot.settings.paths import ConfigPath
from bot.settings.sections.blocked import MAX_ENTRIES, BlockedEntry
from bot.settings.sections.builds import MAX_BUILDS
from bot.settings.sections.clusters import MAX_CLUSTERS, ClusterEntry
from bot.settings.sections.enrichment import EnrichmentSection
from bot.settings.sections.files import FilesEntry
from bot.settings.sections.forges import AnyForgeEntry
from bot.settings.sections.policy import RepositoryRule, Rule
from bot.settings.sections.proposals import ProposalsSection
from bot.settings.sections.registries import RegistryConfigEntry
from bot.settings.sections.scanners import AnyScannerEntry
from bot.settings.sections.serve import ServeSection
from bot.settings.sections.state import StateUrl
from bot.settings.sections.trust import TrustConfigEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """The config file of basebump."""

    schema: Literal[1]
    """The version of this file format."""
    forges: tuple[Annotated[AnyForgeEntry, Variants()], ...] = ()
    """The forges whose git repositories `run` reads."""
    registries: tuple[RegistryConfigEntry, ...] = ()
    """The registries that basebump may contact. Well-known public registries need no entry; any other registry is
    contacted only if it is listed here.
    """
    own: Annotated[tuple[texts.ImageGlob, ...] | None, Example(["registry.example.com/acme/**"])] = None
    """Globs for the canonical repositories of your own builds. These builds are updated only by a rule with
    `role: own`.
    """
    builds: Annotated[tuple[ConfiguredBuild, ...], Length(maximum=MAX_BUILDS)] = ()
    """Own images and the Dockerfiles from which they are built.

    List an image if neither its labels nor its provenance state the Dockerfile.
    """
    clusters: Annotated[tuple[ClusterEntry, ...], Length(maximum=MAX_CLUSTERS)] = ()
    """The Kubernetes clusters in which basebump lists the running images. basebump changes nothing in a cluster."""
    files: tuple[FilesEntry, ...] = ()
    """Files to read in addition to those that the formats recognise by name."""
    policy: tuple[Rule, ...] = ()
    """Policy rules. Put the most specific rules first."""
    end_of_life: Annotated[ConfigPath | None, Example("end-of-life.yaml")] = None
    """A file that lists when support for images ends. The path is relative to this config file."""
    trust: tuple[TrustConfigEntry, ...] = ()
    """Trusted signers of images. For each image, the first entry that matches it applies."""
    blocked: Annotated[tuple[BlockedEntry, ...], Length(maximum=MAX_ENTRIES)] = ()
    """Images that must not be used. References to them are replaced at once, without regard to limits, schedules and
    `min_age`.
    """
    scanners: tuple[Annotated[AnyScannerEntry, Variants()], ...] = ()
    """Vulnerability scanners. Each image is scanned by the first entry that matches it. Default: Trivy or Grype if it
    is installed. `check` scans nothing by default."""
    enrichment: EnrichmentSection = field(default_factory=EnrichmentSection)
    """Lists and documents about vulnerabilities, in addition to the reports of scanners."""
    proposals: ProposalsSection = field(default_factory=ProposalsSection)
    """How proposals are created."""
    limits: ProposalLimits | None = None
    """How many proposals may be opened."""
    rollout: RolloutOptions = field(default_factory=RolloutOptions)
    """How repositories are onboarded, and in which order."""
    state: Annotated[StateUrl | None, Example("sqlite:///state.db")] = None
    """The database for data that later runs reuse: `sqlite:///PATH`, relative to this config file, or the URL of a
    PostgreSQL database. Default: no state is kept.
    """
    serve: ServeSection = field(default_factory=ServeSection)
    """The service of `basebump serve`. Requires `state`."""
    queue: Literal["postgresql"] | None = None
    """How `basebump serve` wakes workers. With `postgresql`, `basebump work` can run in any number of processes. This
    requires a `state` in PostgreSQL. Default: `basebump serve` does all work itself.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryFile:
    """A repository's own config file, such as `.github/basebump.yaml`."""

    schema: Literal[1]
    """The version of this file format."""
    policy: Annotated[tuple[RepositoryRule, ...], Length(maximum=MAX_REPOSITORY_RULES)] = ()
    """Policy rules, at most 20. For each key, the first matching rule that sets the key decides. Put the most specific
    rules first.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOfLifeFile:
    """The file that `end_of_life` names."""

    schema: Literal[1]
    """The version of this file format."""
    images: tuple[ConfiguredEndOfLife, ...]
    """Entries about the end of support. For each tag, the first entry that matches applies."""
