"""Read a config file and the files that it names, and a repository's own config file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import chain, islice
from pathlib import Path

from pydantic import ValidationError

from bot.model.cost_limits import MAX_REPOSITORY_ITEMS, MAX_REPOSITORY_PROBLEMS
from bot.model.errors import ConfigError, ConfigProblem
from bot.model.policy import PolicyConfig, PolicyRule
from bot.settings.documents import ConfigFile, RepositoryFile
from bot.settings.reading.config import parse_config
from bot.settings.reading.named_files import read_blocklist, read_end_of_life, read_templates, read_trust
from bot.settings.reading.positions import add_positions
from bot.settings.reading.problems import convert_errors, describe_excess
from bot.settings.reading.validation import validate
from bot.settings.reading.yaml_file import parse_document, read_document
from bot.settings.sections.policy import check_min_ages
from bot.settings.sections.registries import list_purging_hosts
from bot.settings.settings import Settings


def load(path: Path, *, requires_forges: bool) -> Settings:
    """Read a config file; `bot.settings.load` documents the details.

    Raises ConfigError with all problems of the file if it cannot be used.
    """
    content = read_document(path)
    try:
        return _read_named_files(parse_config(content, path, requires_forges=requires_forges), path)
    except ConfigError as error:
        if error.source != str(path):  # the problem is in another file, which the config names
            raise
        raise ConfigError(error.source, add_positions(content, error.problems)) from None


def _read_named_files(config: ConfigFile, path: Path) -> Settings:
    """Return the settings in a config, with the content of the files that it names.

    Raises ConfigError if such a file cannot be used.
    """
    keys = {each.name: getattr(config, each.name) for each in fields(config)}
    policy_config = PolicyConfig(
        rules=config.policy,
        own_globs=config.own,
        listed_hosts=frozenset(each.server for each in config.registries),
        purging_hosts=list_purging_hosts(config.registries),
        end_of_life=read_end_of_life(config.end_of_life) if config.end_of_life else (),
        trust=read_trust(config.trust, path),
        blocklist=read_blocklist(config.blocked),
    )
    template_sources = read_templates(config.proposals.templates, path)
    return Settings(**keys, policy_config=policy_config, template_sources=template_sources, source=str(path))


def load_repository_rules(content: bytes, source: str, age_registries: frozenset[str] | None) -> tuple[PolicyRule, ...]:
    """Return the rules of a repository's own file; `bot.settings.load_repository_rules` documents the details."""
    try:
        return _load_repository_rules(content, source, age_registries)
    except ConfigError as error:
        raise ConfigError(error.source, add_positions(content, error.problems)) from None


def _load_repository_rules(
    content: bytes, source: str, age_registries: frozenset[str] | None
) -> tuple[PolicyRule, ...]:
    document, yaml_problems = parse_document(content, source)
    try:
        repository_file = validate(RepositoryFile, document)
    except ValidationError as error:
        invalid_values = convert_errors(document, error, RepositoryFile)
        raise ConfigError(source, tuple(_limit_problems(chain(yaml_problems, invalid_values)))) from None
    rules = repository_file.policy
    located = [(f"policy[{index}]", rule) for index, rule in enumerate(rules)]
    unreachable_ages = () if age_registries is None else check_min_ages(located, age_registries)
    if problems := (*yaml_problems, *unreachable_ages, *_check_totals(rules)):
        raise ConfigError(source, tuple(_limit_problems(problems)))
    return rules


def _check_totals(rules: Sequence[PolicyRule]) -> Iterator[ConfigProblem]:
    """Yield a problem if the rules of a repository's own file name too many distinct labels or reviewers together."""
    for key in ("labels", "reviewers"):
        count = len({item for rule in rules for item in rule.keys.get(key, ())})
        if count > MAX_REPOSITORY_ITEMS:
            yield ConfigProblem(f"policy[].{key}", describe_excess(count, MAX_REPOSITORY_ITEMS))


def _limit_problems(problems: Iterable[ConfigProblem]) -> Iterator[ConfigProblem]:
    """Yield the first problems of a repository's own file. If there are more, also yield a problem that says so.

    The problems after the first MAX_REPOSITORY_PROBLEMS and one further problem are not computed.
    """
    remaining = iter(problems)
    yield from islice(remaining, MAX_REPOSITORY_PROBLEMS)
    if next(remaining, None) is not None:
        yield ConfigProblem("", "the file has further problems, which are not listed")
