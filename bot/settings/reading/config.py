"""Parse a config file, and check that its keys neither contradict each other nor need a missing key."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.model.errors import ConfigError, ConfigProblem
from bot.settings.documents import ConfigFile
from bot.settings.entries import Entry, Problems
from bot.settings.reading.problems import EMPTY, Location, convert_errors, format_location, list_locations
from bot.settings.reading.validation import validate
from bot.settings.reading.yaml_file import Document, parse_document
from bot.settings.sections.blocked import check_entries
from bot.settings.sections.builds import check_builds
from bot.settings.sections.clusters import check_clusters
from bot.settings.sections.enrichment import check_vex
from bot.settings.sections.forges import check_forges
from bot.settings.sections.policy import PolicyNeeds, check_min_ages, check_policy
from bot.settings.sections.registries import check_registries, list_age_registries
from bot.settings.sections.scanners import check_scanners
from bot.settings.sections.serve import check_senders
from bot.settings.sections.state import StateServer
from bot.settings.sections.trust import check_trust


@dataclass(frozen=True, slots=True)
class ParsedConfig:
    """The content of a config file. Sections and entries with invalid values are only in the field for the document."""

    document: Document
    config: ConfigFile
    """The valid entries of lists, and the valid sections. Invalid sections have their defaults."""
    invalid_keys: Collection[str] = ()
    """The keys at the top level whose values are not in `config`."""
    invalid_entries: Mapping[str, Collection[int]] = field(default_factory=dict)
    """The indexes of the entries that are not in `config`, by the keys of their lists."""

    @classmethod
    def leave_out(cls, document: Document, locations: Iterable[Location], folder: Path | None) -> ParsedConfig:
        """Return the part of a document that is valid without the values at some locations."""
        invalid_keys: set[str] = set()
        invalid_entries: dict[str, set[int]] = {}
        for key, *steps in locations:
            if steps and isinstance(steps[0], int):
                invalid_entries.setdefault(str(key), set()).add(steps[0])
            else:
                invalid_keys.add(str(key))
        valid: Document = {key: value for key, value in document.items() if key not in invalid_keys}
        for key in invalid_entries.keys() - invalid_keys:
            valid[key] = [each for index, each in enumerate(valid[key]) if index not in invalid_entries[key]]
        return cls(document, validate(ConfigFile, valid | {"schema": 1}, folder), invalid_keys, invalid_entries)

    def is_valid(self, key: str) -> bool:
        """Return True if a key at the top level has no invalid values, or is missing."""
        return key not in self.invalid_keys and key not in self.invalid_entries

    def list_entries(self, key: str) -> list[Entry[Any]]:
        """Return the mappings in the list under a key."""
        written, values = self.document.get(key), iter(getattr(self.config, key))
        invalid = self.invalid_entries.get(key, ())
        return [
            Entry(f"{key}[{index}]", each, None if key in self.invalid_keys or index in invalid else next(values))
            for index, each in enumerate(written if isinstance(written, list) else ())
            if isinstance(each, dict)
        ]


def parse_config(content: bytes, path: Path, *, requires_forges: bool = False) -> ConfigFile:
    """Return the config in the content of a file.

    Raises ConfigError with all problems of the file if it is not valid.
    """
    document, yaml_problems = parse_document(content, str(path))
    folder = path.absolute().parent  # links are not resolved: a mounted config is a link into another folder
    config, problems = validate_config(document, folder, requires_forges=requires_forges)
    if yaml_problems or problems:
        raise ConfigError(str(path), (*yaml_problems, *problems))
    return config


def validate_config(
    document: Document, folder: Path | None = None, *, requires_forges: bool
) -> tuple[ConfigFile, tuple[ConfigProblem, ...]]:
    """Return the valid part of a parsed config file, and all problems of the file.

    Paths in the file are relative to `folder`. If there are problems, sections and entries can be missing in the
    config.
    """
    locations = list(_list_empty_values(document, ()))
    config: ConfigFile | None = None
    invalid_values: tuple[ConfigProblem, ...] = ()
    try:
        config = validate(ConfigFile, document, folder)
    except ValidationError as error:
        invalid_values = tuple(convert_errors(document, error))
        locations += list_locations(document, error)
    parsed_config = (
        ParsedConfig(document, config)
        if config is not None and not locations
        else ParsedConfig.leave_out(document, locations, folder)
    )
    invalid_keys = {problem.key for problem in invalid_values}
    related_keys = (
        each for each in check_config(parsed_config, requires_forges=requires_forges) if each.key not in invalid_keys
    )
    return parsed_config.config, (*invalid_values, *related_keys)


def check_config(parsed_config: ParsedConfig, *, requires_forges: bool) -> Problems:
    """Yield the problems that depend on several keys, such as a key that needs another key. Empty values are included.

    Args:
        parsed_config: The content of the config file.
        requires_forges: Whether a config without an entry under `forges` has a problem.
    """
    document, config, list_entries = parsed_config.document, parsed_config.config, parsed_config.list_entries
    yield from report_empty_values(document)
    if isinstance(document.get("schema"), bool):  # Python counts True as the number 1
        yield ConfigProblem("schema", "must be 1, the only version of the config that this release supports")
    if requires_forges and document.get("forges", []) == []:
        yield ConfigProblem(
            "forges", "must not be empty; hint: add an entry for the forge that hosts the git repositories"
        )
    yield from check_forges(list_entries("forges"))
    yield from check_registries(list_entries("registries"))
    if parsed_config.is_valid("registries"):
        yield from check_builds(list_entries("builds"), {each.server for each in config.registries})
    yield from check_clusters(list_entries("clusters"))
    yield from _check_policy(parsed_config)
    yield from check_trust(list_entries("trust"))
    yield from check_entries(list_entries("blocked"), allows_lists=True)
    yield from check_scanners(list_entries("scanners"))
    yield from check_vex(config.enrichment.vex)
    yield from check_senders(config.serve.events)
    yield from _check_state(parsed_config)


def report_empty_values(document: Document) -> Problems:
    """Yield a problem for every key that has no value (`image:`).

    It would be unclear whether such a key means "none" or "no restriction".
    """
    for location in _list_empty_values(document, ()):
        yield ConfigProblem(format_location(location), EMPTY)


def _list_empty_values(value: object, location: Location) -> Iterator[Location]:
    match value:
        case dict():
            for key, inner in value.items():
                yield from _list_empty_values(inner, (*location, key))
        case list():
            for index, inner in enumerate(value):
                yield from _list_empty_values(inner, (*location, index))
        case None:
            yield location


def _check_policy(parsed_config: ParsedConfig) -> Problems:
    document, entries = parsed_config.document, parsed_config.list_entries("policy")
    enrichment = document.get("enrichment")
    top_keys = {key for key, value in document.items() if value or key in ("own", "trust")}
    yield from check_policy(entries, PolicyNeeds(top_keys, isinstance(enrichment, dict) and "kev" in enrichment))
    if "state" not in document and parsed_config.is_valid("registries"):
        rules = [(each.where, each.value) for each in entries if each.value is not None]
        yield from check_min_ages(rules, frozenset(list_age_registries(parsed_config.config.registries)))


def _check_state(parsed_config: ParsedConfig) -> Problems:
    """Yield the problems of keys that need the key `state`."""
    document = parsed_config.document
    if document.get("builds") and "state" not in document:
        yield ConfigProblem("builds", "requires `state`, because a build is compared with earlier runs; hint: add it")
    if "serve" in document and document.get("state") is None:
        yield ConfigProblem(
            "serve", "requires `state`, which holds the pending work; hint: add `state: sqlite:///PATH`"
        )
    state = parsed_config.config.state
    if "queue" in document and parsed_config.is_valid("state") and not isinstance(state, StateServer):
        yield ConfigProblem(
            "queue", "requires a `state` in PostgreSQL; hint: set `state: postgresql://HOST/NAME`, or remove `queue`"
        )
