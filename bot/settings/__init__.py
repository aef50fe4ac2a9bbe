"""Loading of config files, and the frozen settings that the rest of the program reads.

Pydantic and PyYAML are imported only when there is a file to read.
"""

from __future__ import annotations

from pathlib import Path

from bot.model.blocklist import Blocklist
from bot.model.policy import PolicyRule
from bot.settings.settings import Settings, read_secret

__all__ = ["Settings", "load", "load_repository_rules", "parse_blocklist", "read_secret"]


def load(path: Path, *, requires_forges: bool) -> Settings:
    """Read and validate a config file.

    Relative paths in the file are relative to the folder of the file. The environment variables that the file names are
    not read here: `Settings.list_unset_variables` reports the variables that are not set.

    Args:
        path: The config file.
        requires_forges: True if a file without an entry under `forges` is an error.

    Raises:
        ConfigError: The file cannot be used; the error lists every problem.
    """
    from bot.settings.reading import reader  # noqa: PLC0415 - imported only if there is a config

    return reader.load(path, requires_forges=requires_forges)


def load_repository_rules(
    content: bytes, source: str, age_registries: frozenset[str] | None = None
) -> tuple[PolicyRule, ...]:
    """Return the rules of a repository's own config file.

    Args:
        content: The bytes of the file.
        source: The name of the file in messages.
        age_registries: The registries that record when a digest was pushed. A rule with `min_age` is an error if it
            can match images of other registries, because their age would never be known. With None, every `min_age`
            is accepted.

    Raises:
        ConfigError: The file cannot be used; the error lists every problem.
    """
    from bot.settings.reading import reader  # noqa: PLC0415 - as in `load`

    return reader.load_repository_rules(content, source, age_registries)


def parse_blocklist(content: bytes, source: str) -> Blocklist:
    """Return the blocked images in the content of a file.

    Raises ConfigError with all problems if the content is not valid.

    `source` is the name of the file in messages.
    """
    from bot.settings.reading import named_files  # noqa: PLC0415 - as in `load`

    return named_files.parse_blocklist(content, source)
