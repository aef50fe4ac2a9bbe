"""What a config file says, as frozen values for the rest of the program; standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from bot.model.errors import ConfigError, ConfigProblem
from bot.model.pace import Limits, Rollout
from bot.model.policy import Rulebook

GITHUB_API = "https://api.github.com"
GITLAB = "https://gitlab.com"
JOB_TOKEN = "CI_JOB_TOKEN"  # noqa: S105 - the name of a variable
"""Where GitLab's CI puts the token of a job: https://docs.gitlab.com/ci/jobs/ci_job_token/."""
JOB_TOKEN_PREFIX = "glcbt-"  # noqa: S105 - what such tokens begin with
"""https://docs.gitlab.com/security/tokens/#token-prefixes"""
DEFAULT_BRANCH_PREFIX = "basebump/"
DEFAULT_SCAN_TIMEOUT = timedelta(minutes=10)
"""Pulling and reading an image of several gigabytes takes minutes; more means that something hangs."""
OSV_API = "https://api.osv.dev"
DEFAULT_REPORT_PLATFORM = "linux/amd64"
"""What scanners look at where nobody says anything else."""
DEFAULT_REPORT_AGE = timedelta(days=5)
"""As for the databases of scanners, which are built several times a day."""
DEFAULT_DEFENDER_AGE = timedelta(days=3)
"""Defender scans every day, and may be late."""
OWNER_WRITE_DELAY = timedelta(seconds=1)
"""Between writes to repositories that are selected by owner: GitHub asks for a second between writes.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""
_HEADER_WORD = re.compile(r"[!-~]+")
_ONE_WORD = "it is one word of printable ASCII, without quotes or `Bearer` around it"


class RegistryAuth(StrEnum):
    """Where the credential of a registry comes from when no environment variable is named."""

    DOCKER_CONFIG = "docker-config"
    """What `docker login` keeps, and its kin: Podman, GitLab's runners, Secrets of Kubernetes."""
    ANONYMOUS = "anonymous"
    AZURE = "azure"
    """Microsoft Entra, for an Azure Container Registry."""
    ECR = "ecr"
    """Amazon's word for whoever runs basebump."""
    GAR = "gar"
    """Google's."""


class RolloutMode(StrEnum):
    """Who is looked at."""

    OPT_OUT = "opt-out"
    OPT_IN = "opt-in"


@dataclass(frozen=True, slots=True)
class OwnerSelection:
    """Repositories of one owner; empty conditions hold for all of them."""

    owner: str
    """On GitLab a group has those of its subgroups, too."""
    include: tuple[str, ...] = ()
    """Globs over the name without the owner; one must match."""
    exclude: tuple[str, ...] = ()
    """The same; none may match."""
    topics: tuple[str, ...] = ()
    """One of these must be on the repository."""


@dataclass(frozen=True, slots=True)
class AppSettings:
    """A GitHub App, which signs in with its key."""

    id: int
    key_env: str


@dataclass(frozen=True, slots=True)
class GithubSettings:
    """One GitHub: github.com or an Enterprise Server."""

    url: str = GITHUB_API
    """Of the API, without a slash at the end."""
    token_env: str | None = None
    app: AppSettings | None = None
    """Instead of a token. Without repositories and owners it is about all that it is installed on."""
    ca: Path | None = None
    repositories: tuple[str, ...] = ()
    """`owner/name`, named one by one."""
    owners: tuple[OwnerSelection, ...] = ()
    base_branches: tuple[str, ...] = ()
    """Globs; empty for the default branch."""
    dispatch: tuple[str, ...] = ()
    """File names of workflows."""


@dataclass(frozen=True, slots=True)
class GitlabSettings:
    """One GitLab: gitlab.com or one that somebody runs."""

    url: str = GITLAB
    """Where people look, without a slash at the end."""
    token_env: str | None = None
    ca: Path | None = None
    repositories: tuple[str, ...] = ()
    """Full paths of projects, named one by one."""
    owners: tuple[OwnerSelection, ...] = ()
    """Groups, each with its subgroups, and people."""
    base_branches: tuple[str, ...] = ()
    """Globs; empty for the default branch."""


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Git repositories in a folder."""

    folder: Path
    repositories: tuple[str, ...] | None = None
    """Paths inside the folder; None for every git repository in it."""
    base_branches: tuple[str, ...] = ()
    """Globs; empty for what HEAD names."""


ForgeSettings = GithubSettings | GitlabSettings | LocalSettings


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """One registry that the operator listed."""

    host: str
    """`host[:port]` as in canonical references."""
    path: str = ""
    """The part of it that `upstream` is about; empty for the whole."""
    mirror: str | None = None
    """`host[:port][/prefix]`, asked instead of `host`."""
    upstream: str | None = None
    """`host[:port][/prefix]` that this is a pull-through cache of."""
    insecure: bool = False
    """Plain http, for the mirror if there is one."""
    username_env: str | None = None
    password_env: str | None = None
    """Named together with `username_env` or not at all."""
    auth: RegistryAuth = RegistryAuth.DOCKER_CONFIG
    """Counts where no variables are named."""
    ca: Path | None = None
    trusted_realms: tuple[str, ...] = ()
    """`host[:port]` of token servers elsewhere that may see the credential."""
    tasks: str | None = None
    """Its ID in Azure's resource manager, where that is asked for its tasks."""


@dataclass(frozen=True, slots=True)
class AutoSettings:
    """Whatever is installed scans."""

    images: tuple[str, ...] = ()
    """Globs over canonical repositories, of which one must match; empty for all. The same in every other kind."""
    database: str | None = None
    """The reference of Trivy's database; None for Trivy's own choice."""
    timeout: timedelta = DEFAULT_SCAN_TIMEOUT
    """For one image."""
    osv: str | None = OSV_API
    """The API that is asked where nothing is installed; None for nobody."""
    send: tuple[str, ...] = ()
    """Registries besides the well-known public ones whose images' packages may be sent there."""
    private: bool = False
    """Whether what is found is not for everybody. The same in every other kind."""


@dataclass(frozen=True, slots=True)
class TrivySettings:
    """Trivy scans, and must be there."""

    images: tuple[str, ...] = ()
    database: str | None = None
    """The reference of its database; None for its own choice."""
    binary: str | None = None
    """An absolute path, or a plain name to be found on PATH; None for its own name."""
    timeout: timedelta = DEFAULT_SCAN_TIMEOUT
    """For one image."""
    private: bool = False
    server: str | None = None
    """The URL of a server that has the database; None where the program has it itself."""
    token_env: str | None = None
    """The environment variable with what the server asks for."""


@dataclass(frozen=True, slots=True)
class GrypeSettings:
    """Grype scans, and must be there."""

    images: tuple[str, ...] = ()
    database: str | None = None
    """The URL that says where its database is; None for its own choice."""
    binary: str | None = None
    """An absolute path, or a plain name to be found on PATH; None for its own name."""
    timeout: timedelta = DEFAULT_SCAN_TIMEOUT
    """For one image."""
    private: bool = False


@dataclass(frozen=True, slots=True)
class OsvSettings:
    """An API knows, and inventories say what images hold."""

    url: str
    """Without a slash at the end."""
    images: tuple[str, ...] = ()
    send: tuple[str, ...] = ()
    """Registries whose images' packages may be sent there, besides public ones."""
    private: bool = False


@dataclass(frozen=True, slots=True)
class DefenderSettings:
    """Microsoft Defender for Cloud has scanned."""

    images: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    """Empty for all that the identity may read."""
    max_age: timedelta = DEFAULT_DEFENDER_AGE
    pulled: bool = False
    """Whether the operator vouches that the images are pulled every month."""
    private: bool = True


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """Somebody's pipeline has scanned."""

    path: Path
    """A file, or a folder of them."""
    images: tuple[str, ...] = ()
    platform: str = DEFAULT_REPORT_PLATFORM
    """Of the images of reports that do not say."""
    one_run: bool = False
    """Whether the operator vouches for one database in each folder."""
    max_age: timedelta = DEFAULT_REPORT_AGE
    private: bool = False


@dataclass(frozen=True, slots=True)
class NobodySettings:
    """Nobody scans, and what nobody finds is no secret."""

    images: tuple[str, ...] = ()
    private: bool = False


ScannerSettings = (
    AutoSettings | TrivySettings | GrypeSettings | OsvSettings | DefenderSettings | ReportSettings | NobodySettings
)


@dataclass(frozen=True, slots=True)
class VexSettings:
    """Documents, and whose words count in them."""

    place: Path | str
    """A file or a folder, or a URL as text."""
    authors: tuple[str, ...]
    """Globs; one must match."""


@dataclass(frozen=True, slots=True)
class EnrichmentSettings:
    """Where what others publish of vulnerabilities is to be had: paths, or URLs as text."""

    kev: Path | str | None = None
    epss: Path | str | None = None
    vex: tuple[VexSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class StateFile:
    """Runs remember in a file of SQLite."""

    path: Path


@dataclass(frozen=True, slots=True)
class StateServer:
    """Runs remember in a database of PostgreSQL."""

    url: str
    """Without a password, which libpq has from the environment or from a file of its own."""


StateSettings = StateFile | StateServer


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the operator said; without a config file, the defaults."""

    forges: tuple[ForgeSettings, ...] = ()
    registries: tuple[RegistrySettings, ...] = ()
    rulebook: Rulebook = field(default_factory=Rulebook)
    files: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """By the name of a format: globs over paths of more files that it reads."""
    scanners: tuple[ScannerSettings, ...] = ()
    """Each image is scanned by the first that is for it."""
    enrichment: EnrichmentSettings = field(default_factory=EnrichmentSettings)
    branch_prefix: str = DEFAULT_BRANCH_PREFIX
    ages_known_at: frozenset[str] | None = frozenset()
    """Registries that alone know since when a digest is there; None where `state` knows it of all."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """The sources of the operator's own templates, by what they write: `title`, `body`, `message`, `dashboard`."""
    trailers: tuple[str, ...] = ()
    """Of every commit, besides ours."""
    has_dashboards: bool = False
    """Whether each repository has an issue that shows everything."""
    has_status: bool = True
    """Whether what is known of a proposal is a status of its commit, too."""
    rollout: Rollout = field(default_factory=Rollout)
    limits: Limits | None = None
    """None where nothing is stated."""
    state: StateSettings | None = None
    """None where nothing is remembered."""
    write_delay: timedelta | None = None
    """None where it is not stated; `delay_between_writes` says what then holds."""
    source: str = ""
    """The config file, as messages call it."""

    def delay_between_writes(self, *, selected_by_owner: bool) -> timedelta:
        """Return the least time from one write to the next, for repositories selected one way or the other."""
        if self.write_delay is not None:
            return self.write_delay
        return OWNER_WRITE_DELAY if selected_by_owner else timedelta()

    def secret(self, variable: str, environment: Mapping[str, str]) -> str:
        """Return the value of a variable that these settings name, without the end of line that a file has.

        Raises ConfigError when it is not set or empty; the message names the variable and where it is named.
        """
        value = secret_in(environment, variable)
        if not value:
            named = (where for where, name in self._variables() if name == variable)
            raise ConfigError(self.source, tuple(_unset(where, variable) for where in named))
        return value

    def token(self, variable: str, environment: Mapping[str, str]) -> str:
        """Return a secret that goes into a header as it is.

        Raises ConfigError, also where it cannot stand there, since who builds a header of it says so with its value.
        """
        value = self.secret(variable, environment).strip()
        if not _HEADER_WORD.fullmatch(value):
            raise self.unusable(variable, f"the environment variable {variable} holds no token: {_ONE_WORD}")
        return value

    def unusable(self, variable: str, what: str) -> ConfigError:
        """Return what to raise where a variable that these settings name holds something that cannot be used."""
        named = (where for where, name in self._variables() if name == variable)
        return ConfigError(self.source, tuple(ConfigProblem(where, what) for where in named))

    def unset(self, environment: Mapping[str, str]) -> tuple[ConfigProblem, ...]:
        """Return where a variable is named that is not set: no mistake in the file, and it fails only when used."""
        named = self._variables()
        return tuple(_unset(where, variable) for where, variable in named if not secret_in(environment, variable))

    def _variables(self) -> Iterator[tuple[str, str]]:
        """Yield every variable that the file names, behind the path of its key."""
        for index, forge in enumerate(self.forges):
            if isinstance(forge, GithubSettings | GitlabSettings) and forge.token_env is not None:
                yield f"forges[{index}].token_env", forge.token_env
            if isinstance(forge, GithubSettings) and forge.app is not None:
                yield f"forges[{index}].app.key_env", forge.app.key_env
        for index, registry in enumerate(self.registries):
            if registry.username_env is not None:
                yield f"registries[{index}].username_env", registry.username_env
            if registry.password_env is not None:
                yield f"registries[{index}].password_env", registry.password_env
        for index, scanner in enumerate(self.scanners):
            if isinstance(scanner, TrivySettings) and scanner.token_env is not None:
                yield f"scanners[{index}].token_env", scanner.token_env


def secret_in(environment: Mapping[str, str], variable: str) -> str:
    """Return what a variable holds, which may come out of a file (`kubectl create secret --from-file`)."""
    return environment.get(variable, "").rstrip("\r\n")


def _unset(where: str, variable: str) -> ConfigProblem:
    return ConfigProblem(where, f"the environment variable {variable} is not set; set it to the secret")
