"""The config file, and the frozen settings that the rest of the program reads; pydantic only where there is a file."""

from __future__ import annotations

from pathlib import Path

from bot.model.rules import Rule
from bot.settings.values import (
    DEFAULT_BRANCH_PREFIX,
    DEFAULT_SCAN_TIMEOUT,
    GITHUB_API,
    GITLAB,
    JOB_TOKEN,
    JOB_TOKEN_PREFIX,
    OWNER_WRITE_DELAY,
    AppSettings,
    AutoSettings,
    DefenderSettings,
    EnrichmentSettings,
    ForgeSettings,
    GithubSettings,
    GitlabSettings,
    GrypeSettings,
    LocalSettings,
    NobodySettings,
    OsvSettings,
    OwnerSelection,
    RegistryAuth,
    RegistrySettings,
    ReportSettings,
    ScannerSettings,
    Settings,
    StateFile,
    StateServer,
    StateSettings,
    TrivySettings,
    VexSettings,
    secret_in,
)

__all__ = [
    "DEFAULT_BRANCH_PREFIX",
    "DEFAULT_SCAN_TIMEOUT",
    "GITHUB_API",
    "GITLAB",
    "JOB_TOKEN",
    "JOB_TOKEN_PREFIX",
    "OWNER_WRITE_DELAY",
    "AppSettings",
    "AutoSettings",
    "DefenderSettings",
    "EnrichmentSettings",
    "ForgeSettings",
    "GithubSettings",
    "GitlabSettings",
    "GrypeSettings",
    "LocalSettings",
    "NobodySettings",
    "OsvSettings",
    "OwnerSelection",
    "RegistryAuth",
    "RegistrySettings",
    "ReportSettings",
    "ScannerSettings",
    "Settings",
    "StateFile",
    "StateServer",
    "StateSettings",
    "TrivySettings",
    "VexSettings",
    "load",
    "repository_rules",
    "secret_in",
]


def load(path: Path, *, need_forges: bool) -> Settings:
    """Read a config file; a relative path in it is relative to its folder.

    `need_forges` asks for at least one forge. Raises ConfigError with everything that is wrong with the file; whether
    the variables that it names are set is another question: `Settings.unset`.
    """
    from bot.settings import file  # noqa: PLC0415 - a start without a config imports neither pydantic nor YAML

    return file.load(path, need_forges=need_forges)


def repository_rules(content: bytes, source: str, known_at: frozenset[str] | None = None) -> tuple[Rule, ...]:
    """Read a repository's own file; messages call it `source`. Raises ConfigError with everything that is wrong.

    `known_at` are the registries that alone know ages, None where it does not matter or all ages are known.
    """
    from bot.settings import file  # noqa: PLC0415 - the same

    return file.repository_rules(content, source, known_at)
