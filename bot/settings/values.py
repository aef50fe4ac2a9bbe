"""The content of a config file as frozen values for the rest of the program; standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from bot.model.errors import ConfigError, ConfigProblem
from bot.model.limits import ProposalLimits, RolloutOptions
from bot.model.own_build import ConfiguredBuild
from bot.model.policy import PolicyConfig
from bot.process import hide_memory
from bot.settings.blocklist_settings import BlocklistSettings
from bot.settings.cluster_settings import ClusterSettings
from bot.settings.scanner_settings import ScannerSettings, TrivySettings
from bot.settings.serve_settings import MIN_EVENT_SECRET, ServeSettings

GITHUB_API = "https://api.github.com"
GITLAB = "https://gitlab.com"
JOB_TOKEN = "CI_JOB_TOKEN"
"""The variable with the token of a GitLab CI job: https://docs.gitlab.com/ci/jobs/ci_job_token/."""
AZURE_JOB_TOKEN = "SYSTEM_ACCESSTOKEN"
"""The variable to which a pipeline of Azure Pipelines maps the token of its job (`$(System.AccessToken)`)."""
JOB_TOKEN_PREFIX = "glcbt-"
"""https://docs.gitlab.com/security/tokens/#token-prefixes"""
DEFAULT_BRANCH_PREFIX = "basebump/"
OWNER_WRITE_DELAY = timedelta(seconds=1)
"""The default time between two writes to repositories that are selected by owner.

GitHub asks clients to wait a second between writes:
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""
_HEADER_WORD = re.compile(r"[!-~]+")
_UNSET_MACRO = re.compile(r"\$\([A-Za-z_][A-Za-z0-9_.]*\)")
"""What Azure Pipelines leaves in a variable if the variable that it refers to is not set."""
_TOKEN_HINT = "a token is one word of printable ASCII, without quotes or `Bearer`"


class RegistryAuth(StrEnum):
    """The source of a registry's credential if the config names no environment variables that contain it."""

    DOCKER_CONFIG = "docker-config"
    """The login files of `docker login`, Podman, GitLab's runners, and of Secrets in Kubernetes."""
    ANONYMOUS = "anonymous"
    AZURE = "azure"
    """Microsoft Entra, for an Azure Container Registry."""
    ECR = "ecr"
    """The AWS identity of whoever runs basebump, for Amazon ECR."""
    GAR = "gar"
    """The Google identity of whoever runs basebump, for Google Artifact Registry."""


class RolloutMode(StrEnum):
    """Whether basebump handles all selected repositories, or only those that have a config file of their own."""

    OPT_OUT = "opt-out"
    OPT_IN = "opt-in"


@dataclass(frozen=True, slots=True)
class OwnerSelection:
    """The repositories of one owner that pass three filters: `include`, `exclude` and `topics`.

    A filter that is empty lets all repositories pass.
    """

    owner: str
    """A user, an organisation, or a GitLab group, which includes its subgroups."""
    include: tuple[str, ...] = ()
    """Globs for the name without the owner; at least one must match."""
    exclude: tuple[str, ...] = ()
    """Globs for the name without the owner; none of them may match."""
    topics: tuple[str, ...] = ()
    """The repository must have at least one of these topics."""


@dataclass(frozen=True, slots=True)
class AppSettings:
    """The settings of a GitHub App. basebump authenticates as the App with the App's private key."""

    id: int
    key_env: str


@dataclass(frozen=True, slots=True)
class GithubSettings:
    """The settings of a forge of the kind `github`: github.com or an Enterprise Server."""

    url: str = GITHUB_API
    """The URL of the API, without a slash at the end."""
    token_env: str | None = None
    app: AppSettings | None = None
    """Used instead of a token.

    If `repositories` and `owners` are empty, all repositories are selected in which the App is installed.
    """
    ca: Path | None = None
    repositories: tuple[str, ...] = ()
    """Repositories that are named one by one: `owner/name`."""
    owners: tuple[OwnerSelection, ...] = ()
    base_branches: tuple[str, ...] = ()
    """Globs; empty for the default branch."""
    dispatch: tuple[str, ...] = ()
    """File names of workflows to start for each proposal."""


@dataclass(frozen=True, slots=True)
class GitlabSettings:
    """The settings of a forge of the kind `gitlab`: gitlab.com or a self-managed GitLab."""

    url: str = GITLAB
    """The URL of the web interface, without a slash at the end."""
    token_env: str | None = None
    ca: Path | None = None
    repositories: tuple[str, ...] = ()
    """Projects that are named one by one, by their full paths."""
    owners: tuple[OwnerSelection, ...] = ()
    """Groups, each with its subgroups, and users."""
    base_branches: tuple[str, ...] = ()
    """Globs; empty for the default branch."""


@dataclass(frozen=True, slots=True)
class AzureSettings:
    """The settings of a forge of the kind `azure`: one organization or collection of Azure DevOps."""

    url: str
    """The URL of the organization or collection, without a slash at the end."""
    token_env: str | None = None
    uses_entra: bool = False
    """Whether Microsoft Entra issues the token."""
    ca: Path | None = None
    repositories: tuple[str, ...] = ()
    """Repositories that are named one by one: `PROJECT/REPOSITORY`."""
    owners: tuple[OwnerSelection, ...] = ()
    """Projects."""
    base_branches: tuple[str, ...] = ()
    """Globs; empty for the default branch."""
    work_items: tuple[int, ...] = ()
    """The work items to which each new pull request is linked."""


@dataclass(frozen=True, slots=True)
class GiteaSettings:
    """The settings of a forge of the kind `gitea`: a Gitea or Forgejo server."""

    url: str
    """The URL of the web interface, without a slash at the end."""
    token_env: str | None = None
    ca: Path | None = None
    repositories: tuple[str, ...] = ()
    """Repositories that are named one by one: `owner/name`."""
    owners: tuple[OwnerSelection, ...] = ()
    base_branches: tuple[str, ...] = ()
    """Globs; empty for the default branch."""


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """The settings of a forge of the kind `local`: git repositories in a folder."""

    folder: Path
    repositories: tuple[str, ...] | None = None
    """Paths inside the folder; None for every git repository in it."""
    base_branches: tuple[str, ...] = ()
    """Globs; empty for the branch that HEAD points to."""


ServerSettings = GithubSettings | GitlabSettings | AzureSettings | GiteaSettings
ForgeSettings = ServerSettings | LocalSettings


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """The settings of one registry, from an entry of `registries` in the config."""

    host: str
    """`host[:port]` as in canonical references."""
    path: str = ""
    """The path of the pull-through cache on the host; empty if the entry is for the whole host."""
    mirror: str | None = None
    """The mirror that is contacted instead of `host`: `host[:port][/prefix]`."""
    upstream: str | None = None
    """The registry from which this pull-through cache copies: `host[:port][/prefix]`."""
    insecure: bool = False
    """Whether to use plain http, for the mirror if there is one."""
    username_env: str | None = None
    password_env: str | None = None
    """Set if and only if `username_env` is set."""
    auth: RegistryAuth = RegistryAuth.DOCKER_CONFIG
    """Used only if `username_env` is not set."""
    ca: Path | None = None
    trusted_realms: tuple[str, ...] = ()
    """Token servers on other hosts that may receive the credential: `host[:port]`."""
    tasks: str | None = None
    """The resource ID of the Azure registry whose tasks are listed; None if no tasks are listed."""


@dataclass(frozen=True, slots=True)
class VexSettings:
    """The settings of one source of OpenVEX documents, with the authors whose statements count."""

    location: Path | str
    """The path of a file or folder, or a URL as a string."""
    authors: tuple[str, ...]
    """Globs for the author of a document, one of which must match."""


@dataclass(frozen=True, slots=True)
class EnrichmentSettings:
    """The sources of data about vulnerabilities. Each source is a Path of a file, or a URL as a string."""

    kev: Path | str | None = None
    """CISA's catalogue of exploited vulnerabilities; None if it is not used."""
    epss: Path | str | None = None
    """FIRST's list of EPSS scores; None if it is not used."""
    vex: tuple[VexSettings, ...] = ()
    are_lists_optional: bool = False
    """True if the lists are a default that the operator did not set, so that an unreadable list is not a failure."""
    has_source_changes: bool = False
    """True if the changes of sources are looked up on public forges."""
    github_token_env: str | None = None
    """The environment variable with a token for these lookups; None if no token is sent."""

    @property
    def has_advisories(self) -> bool:
        """True if a list or a document is set."""
        return self.kev is not None or self.epss is not None or bool(self.vex)


@dataclass(frozen=True, slots=True)
class StateFile:
    """An SQLite file, in which basebump keeps its state between runs."""

    path: Path


@dataclass(frozen=True, slots=True)
class StateServer:
    """A PostgreSQL database, in which basebump keeps its state between runs."""

    url: str
    """The URL without a password. libpq takes the password from the environment or from a password file."""


StateSettings = StateFile | StateServer


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the operator. Without a config file, every field has its default."""

    forges: tuple[ForgeSettings, ...] = ()
    registries: tuple[RegistrySettings, ...] = ()
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    builds: tuple[ConfiguredBuild, ...] = ()
    clusters: tuple[ClusterSettings, ...] = ()
    files: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Names of formats, each with globs for the paths of additional files in that format."""
    scanners: tuple[ScannerSettings, ...] = ()
    """Each image is scanned by the first entry that matches it."""
    enrichment: EnrichmentSettings = field(default_factory=EnrichmentSettings)
    blocklists: tuple[BlocklistSettings, ...] = ()
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
    state: StateSettings | None = None
    """None if no state is kept."""
    write_delay: timedelta | None = None
    """None if the config does not set it; `get_write_delay` then returns a default."""
    serve: ServeSettings = field(default_factory=ServeSettings)
    source: str = ""
    """The config file's name in messages."""

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
                if isinstance(entry, TrivySettings | ClusterSettings) and entry.token_env is not None:
                    yield f"{key}[{index}].token_env", entry.token_env
        if self.enrichment.github_token_env is not None:
            yield "enrichment.github_token_env", self.enrichment.github_token_env
        yield from (
            (f"serve.events[{index}].secret_env", sender.secret_env) for index, sender in enumerate(self.serve.senders)
        )


def _list_forge_variables(where: str, forge: ForgeSettings) -> Iterator[tuple[str, str]]:
    if isinstance(forge, ServerSettings) and forge.token_env is not None:
        yield f"{where}.token_env", forge.token_env
    if isinstance(forge, GithubSettings) and forge.app is not None:
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
