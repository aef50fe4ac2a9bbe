"""Reads the entries of `blocked` and the files that they name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from bot.core.choice.blocklist import build_blocklist
from bot.model.blocklist import Blocklist, BlocklistEntry
from bot.model.errors import ConfigError, ConfigProblem
from bot.settings.checks import check_config, check_empty_values
from bot.settings.document import MAX_BYTES, parse_document
from bot.settings.named_file import UnreadableFileError, read_bounded
from bot.settings.problems import convert_errors
from bot.settings.schema import ConfigFile
from bot.settings.sections.blocked import BlockedEntry, BlockedFile, PublishedBlocklist, check_entries, convert_entries
from bot.settings.validation import validate


def read_blocklist(entries: Sequence[BlockedEntry]) -> Blocklist:
    """Return the blocked images in the config, and in the files that it names by a path.

    Raises ConfigError if such a file cannot be used.
    """
    return build_blocklist(_list_entries(entries))


def list_remote_blocklists(entries: Sequence[BlockedEntry]) -> tuple[PublishedBlocklist, ...]:
    """Return the lists that a run must download."""
    return tuple(
        PublishedBlocklist(f"blocked[{index}]", entry.url, entry.oci)
        for index, entry in enumerate(entries)
        if entry.url is not None or entry.oci is not None
    )


def parse_blocklist(content: bytes, source: str) -> Blocklist:
    """Return the blocked images in the content of a file. Raises ConfigError with its problems.

    `source` is the name of the file in messages.
    """
    return build_blocklist(convert_entries(parse_blocked_file(content, source).blocked))


def parse_blocked_file(content: bytes, source: str) -> BlockedFile:
    """Parse and validate a file with blocked images. Raises ConfigError with its problems."""
    document, yaml_problems = parse_document(content, source)
    try:
        blocked_file = validate(BlockedFile, document)
    except ValidationError as error:
        raise ConfigError(source, (*yaml_problems, *convert_errors(document, error, BlockedFile))) from None
    entry_problems = check_entries(document.get("blocked"), allows_lists=False)
    problems = (*yaml_problems, *check_empty_values(document, ()), *entry_problems)
    if problems:
        raise ConfigError(source, problems)
    return blocked_file


def _list_entries(entries: Sequence[BlockedEntry]) -> Iterator[BlocklistEntry]:
    yield from convert_entries(entries)
    for entry in entries:
        if entry.path is not None:
            content = read_document_file(entry.path)
            yield from convert_entries(parse_blocked_file(content, str(entry.path)).blocked)


def read_document_file(path: Path) -> bytes:
    """Return the content of a file of the config. Raises ConfigError if it cannot be read or is too large."""
    try:
        return read_bounded(path, MAX_BYTES)
    except UnreadableFileError as error:
        raise ConfigError(str(path), (ConfigProblem("", str(error)),)) from None


def list_blocked_paths(config_file: Path) -> list[Path]:
    """Return the files of blocked images that a config names by a path. Raises ConfigError."""
    config = _validate_config(read_document_file(config_file), config_file)
    return [entry.path for entry in config.blocked if entry.path is not None]


def validate_blocked_content(content: bytes, path: Path, *, is_config: bool) -> dict[str, BlocklistEntry]:
    """Return the blocked images in the content of a config, or of a file that it names, by their config keys.

    Raises ConfigError if the content is not valid.
    """
    parsed = _validate_config(content, path) if is_config else parse_blocked_file(content, str(path))
    return {
        f"blocked[{index}]": converted
        for index, entry in enumerate(parsed.blocked)
        for converted in convert_entries((entry,))
    }


def _validate_config(content: bytes, path: Path) -> ConfigFile:
    document, yaml_problems = parse_document(content, str(path))
    try:
        config = validate(ConfigFile, document, path.absolute().parent)
    except ValidationError as error:
        raise ConfigError(str(path), (*yaml_problems, *convert_errors(document, error))) from None
    problems = (*yaml_problems, *check_config(document, requires_forges=False))
    if problems:
        raise ConfigError(str(path), problems)
    return config
