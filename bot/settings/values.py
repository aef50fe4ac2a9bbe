"""The content of a config file as frozen values for the rest of the program; standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from bot.model.errors import ConfigError, ConfigProblem
from bot.model.limits import ProposalLimits, RolloutOptions
from bot.model.own_build import ConfiguredBuild
from bot.model.policy import PolicyConfig
from bot.process import hide_memory
from bot.settings.sections.blocked import PublishedBlocklist
from bot.settings.sections.clusters import ClusterEntry
from bot.settings.sections.enrichment import EnrichmentSection
from bot.settings.sections.forges import AnyForgeEntry, GithubForgeEntry, LocalForgeEntry
from bot.settings.sections.proposals import DEFAULT_BRANCH_PREFIX
from bot.settings.sections.registries import RegistryConfigEntry
from bot.settings.sections.scanners import AnyScannerEntry, TrivyScannerEntry
from bot.settings.sections.serve import MIN_EVENT_SECRET, ServeSection
from bot.settings.sections.state import AnyState

OWNER_WRITE_DELAY = timedelta(seconds=1)
"""The default time between two writes to repositories that are selected by owner.

GitHub asks clients to wait a second between writes:
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""
_HEADER_WORD = re.compile(r"[!-~]+")
_UNSET_MACRO = re.compile(r"\$\([A-Za-z_][A-Za-z0-9_.]*\)")
"""What Azure Pipelines leaves in a variable if the variable that it refers to is not set."""
_TOKEN_HINT = "a token is one word of printable ASCII, without quotes or `Bearer`"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the operator. Without a config file, every field has its default."""

    forges: tuple[AnyForgeEntry, ...] = ()
    registries: tuple[RegistryConfigEntry, ...] = ()
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    builds: tuple[ConfiguredBuild, ...] = ()
    clusters: tuple[ClusterEntry, ...] = ()
    files: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Names of formats, each with globs for the paths of additional files in that format."""
    scanners: tuple[AnyScannerEntry, ...] = ()
    """Each image is scanned by the first entry that matches it."""
    enrichment: EnrichmentSection = field(default_factory=EnrichmentSection)
    uses_default_lists: bool = False
    """True if the lists are a default that the operator did not set, so that an unreadable list is not a failure."""
    blocklists: tuple[PublishedBlocklist, ...] = ()
    """The lists of blocked images that a run must download. All other lists are in `policy`."""
    branch_prefix: str = DEFAULT_BRANCH_PREFIX
    age_registries: frozenset[str] | None = frozenset()
    """The registries that record the ages of digests; None if `state` records the ages of all digests."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """The sources of the operator's own templates by kind: `title`, `body`, `message`, `dashboard`."""
    trailers: tuple[str, ...] = ()
    """Trailers of every commit message, in addition to basebump's own."""
    has_dashboards: bool = False
    """Whether each repository has a dashboard: an issue with an overview."""
    has_status: bool = True
    """Whether a proposal's evidence is also written to a commit status."""
    rollout: RolloutOptions = field(default_factory=RolloutOptions)
    limits: ProposalLimits | None = None
    """None if the config has no limits."""
    state: AnyState | None = None
    """None if no state is kept."""
    write_delay: timedelta | None = None
    """None if the config does not set it; `get_write_delay` then returns a default."""
    serve: ServeSection = field(default_factory=ServeSection)
    queue: str | None = None
    """How workers are woken: `postgresql`; None if only the service itself works."""
    source: str = ""
    """The config file's name in messages."""

    @property
    def uses_postgresql_queue(self) -> bool:
        """True if workers are woken through PostgreSQL."""
        return self.queue is not None

    def get_write_delay(self, *, is_selected_by_owner: bool) -> timedelta:
        """Return the minimum time between two requests that write to a forge.

        If the config does not set it, the default is OWNER_WRITE_DELAY for repositories that are selected by owner,
        and zero for repositories that are listed one by one.
        """
        if self.write_delay is not None:
            return self.write_delay
        return OWNER_WRITE_DELAY if is_selected_by_owner else timedelta()

    def get_secret(self, variable: str, environment: Mapping[str, str]) -> str:
        """Return the value of an environment variable that these settings name, without line breaks at its end.

        Raises ConfigError if the variable is empty or not set. The error names the variable and every key that refers
        to it.
        """
        value = read_secret(environment, variable)
        if not value:
            locations = (where for where, name in self._list_variables() if name == variable)
            raise ConfigError(self.source, tuple(_build_unset_problem(where, variable) for where in locations))
        if _UNSET_MACRO.fullmatch(value):
            raise self.build_variable_error(
                variable,
                f"the environment variable {variable} contains the text `$(NAME)`, because the pipeline job has no "
                "such variable; hint: check its name, and whether the job may use it",
            )
        return value

    def get_token(self, variable: str, environment: Mapping[str, str]) -> str:
        """Return the value of an environment variable as a token that can be sent in an HTTP header.

        Raises ConfigError if the variable is not set, or if its value is not valid in a header. An HTTP library would
        reject such a value, too, but its error message would reveal the value.
        """
        value = self.get_secret(variable, environment).strip()
        if not _HEADER_WORD.fullmatch(value):
            raise self.build_variable_error(
                variable, f"the environment variable {variable} does not contain a valid token; hint: {_TOKEN_HINT}"
            )
        return value

    def get_event_secret(self, variable: str, environment: Mapping[str, str]) -> str:
        """Return the value of an environment variable as the secret of a sender of events.

        Raises ConfigError if the variable is not set, or if its value can be guessed.
        """
        value = self.get_token(variable, environment)
        if len(value) < MIN_EVENT_SECRET:
            raise self.build_variable_error(
                variable,
                f"the environment variable {variable} has fewer than {MIN_EVENT_SECRET} characters; hint: use a random "
                "secret, such as the output of `openssl rand -hex 32`",
            )
        return value

    def build_variable_error(self, variable: str, message: str) -> ConfigError:
        """Return an error for an unusable environment variable; it lists every key that names the variable."""
        locations = (where for where, name in self._list_variables() if name == variable)
        return ConfigError(self.source, tuple(ConfigProblem(where, message) for where in locations))

    def list_unset_variables(self, environment: Mapping[str, str]) -> tuple[ConfigProblem, ...]:
        """Return a problem for every key that names an environment variable that is empty or not set.

        An unset variable does not make the config invalid: a command fails only when it needs the value.
        """
        variables = self._list_variables()
        return tuple(
            _build_unset_problem(where, variable)
            for where, variable in variables
            if not read_secret(environment, variable)
        )

    def _list_variables(self) -> Iterator[tuple[str, str]]:
        """Yield the location of every key that names an environment variable, and the name of the variable."""
        for index, forge in enumerate(self.forges):
            yield from _list_forge_variables(f"forges[{index}]", forge)
        for index, registry in enumerate(self.registries):
            for key, variable in {"username_env": registry.username_env, "password_env": registry.password_env}.items():
                if variable is not None:
                    yield f"registries[{index}].{key}", variable
        for key, entries in {"scanners": self.scanners, "clusters": self.clusters}.items():
            for index, entry in enumerate(entries):
                if isinstance(entry, TrivyScannerEntry | ClusterEntry) and entry.token_env is not None:
                    yield f"{key}[{index}].token_env", entry.token_env
        if self.enrichment.github_token_env is not None:
            yield "enrichment.github_token_env", self.enrichment.github_token_env
        yield from (
            (f"serve.events[{index}].secret_env", sender.secret_env) for index, sender in enumerate(self.serve.events)
        )


def _list_forge_variables(where: str, forge: AnyForgeEntry) -> Iterator[tuple[str, str]]:
    if not isinstance(forge, LocalForgeEntry) and forge.token_env is not None:
        yield f"{where}.token_env", forge.token_env
    if isinstance(forge, GithubForgeEntry) and forge.app is not None:
        yield f"{where}.app.key_env", forge.app.key_env


def read_secret(environment: Mapping[str, str], variable: str) -> str:
    """Return the value of an environment variable; empty if it is not set.

    Line breaks at the end of the value are removed, because a secret that was created from a file often ends in one.
    As a side effect, other processes of the same user can no longer read the environment and memory of this process.
    """
    hide_memory()
    return environment.get(variable, "").rstrip("\r\n")


def _build_unset_problem(where: str, variable: str) -> ConfigProblem:
    return ConfigProblem(where, f"the environment variable {variable} is not set; hint: set it to the secret")
