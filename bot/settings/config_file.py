"""Reads a config file, validates it, and converts it to the frozen settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path

from pydantic import ValidationError

from bot.model.cost_limits import MAX_REPOSITORY_ITEMS, MAX_REPOSITORY_PROBLEMS
from bot.model.errors import ConfigError, ConfigProblem
from bot.model.hosts import PURGING_HOSTS
from bot.model.policy import PolicyConfig, PolicyRule
from bot.model.rules import ConfiguredEndOfLife
from bot.settings import age_checks, schema, values
from bot.settings.blocked_files import list_remote_blocklists, read_blocklist
from bot.settings.checks import check_config, iterate_entries, list_age_registries
from bot.settings.document import MAX_BYTES, Document, parse_document, parse_document_file
from bot.settings.named_file import UnreadableFileError, read_bounded
from bot.settings.positions import add_positions
from bot.settings.problems import convert_errors, describe_excess
from bot.settings.sections.files import FilesEntry
from bot.settings.sections.proposals import TemplatesSection
from bot.settings.sections.registries import RegistryConfigEntry
from bot.settings.trust_files import read_trust
from bot.settings.validation import validate

MAX_TEMPLATE = 256 * 1024
"""The maximum number of bytes of a template. The largest of basebump's own templates has about seven thousand."""


def load(path: Path, *, requires_forges: bool) -> values.Settings:
    """Read a config file; `bot.settings.load` documents the details. Raises ConfigError with all its problems."""
    try:
        return _load(path, requires_forges=requires_forges)
    except ConfigError as error:
        if error.source != str(path):  # another file, which the config names
            raise
        raise ConfigError(error.source, add_positions(_read_again(path), error.problems)) from None


def _read_again(path: Path) -> bytes:
    """Return the content of a config file, for positions in it. Return nothing if the file cannot be read any more."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError:
        return b""


def _load(path: Path, *, requires_forges: bool) -> values.Settings:
    document, yaml_problems = parse_document_file(path)
    config, problems = validate_config(document, path.absolute().parent, requires_forges=requires_forges)
    if config is None or yaml_problems or problems:
        raise ConfigError(str(path), (*yaml_problems, *problems))
    return _read_named_files(document, config, path)


def validate_config(
    document: Document, folder: Path | None = None, *, requires_forges: bool
) -> tuple[schema.ConfigFile | None, tuple[ConfigProblem, ...]]:
    """Validate the parsed content of a config file. Paths in it are relative to `folder`.

    Returns:
        The config, and all problems of the file. If a key has an invalid value, the config is None. If all values are
        valid but some keys contradict each other, the config is returned together with the problems.
    """
    config: schema.ConfigFile | None = None
    invalid_values: tuple[ConfigProblem, ...] = ()
    try:
        config = validate(schema.ConfigFile, document, folder)
    except ValidationError as error:
        invalid_values = tuple(convert_errors(document, error))
    invalid_locations = {problem.key for problem in invalid_values}
    related_keys = (
        each for each in check_config(document, requires_forges=requires_forges) if each.key not in invalid_locations
    )
    return config, (*invalid_values, *related_keys)


def _read_named_files(document: Document, config: schema.ConfigFile, path: Path) -> values.Settings:
    """Return the settings in a config, with the content of the files that it names. Raises ConfigError."""
    return values.Settings(
        forges=config.forges,
        registries=config.registries,
        policy=PolicyConfig(
            rules=config.policy,
            own_globs=config.own,
            listed_hosts=frozenset(each.server for each in config.registries),
            purging_hosts=_list_purging_hosts(config.registries),
            end_of_life=_read_end_of_life(config.end_of_life) if config.end_of_life else (),
            trust=read_trust(config.trust, path),
            blocklist=read_blocklist(config.blocked),
        ),
        builds=tuple(each.to_build() for each in config.builds),
        clusters=config.clusters,
        files=_merge_file_globs(config.files),
        scanners=config.scanners,
        enrichment=config.enrichment,
        blocklists=list_remote_blocklists(config.blocked),
        branch_prefix=config.proposals.branch_prefix,
        write_delay=config.proposals.write_delay,
        age_registries=frozenset(list_age_registries(document)) if config.state is None else None,
        templates=_read_templates(config.proposals.templates, path),
        trailers=config.proposals.trailers,
        has_dashboards=config.proposals.dashboard,
        has_status=config.proposals.status,
        rollout=config.rollout,
        limits=config.limits,
        state=config.state,
        serve=config.serve,
        queue=config.queue,
        source=str(path),
    )


def _read_templates(templates: TemplatesSection, config: Path) -> Mapping[str, str]:
    """Return the sources of the operator's own templates; empty if the config names none.

    The keys of the mapping are those of `proposals.templates`: `title`, `body`, `message` and `dashboard`.

    Raises ConfigError with the problems of all templates.
    """
    paths = {key: path for key, path in asdict(templates).items() if path is not None}
    if not paths:
        return {}
    from jinja2 import TemplateError  # noqa: PLC0415 - imported only for configs with templates

    from bot.core.proposal.render import compile_template  # noqa: PLC0415 - as above

    sources: dict[str, str] = {}
    problems: list[ConfigProblem] = []
    for kind, path in paths.items():
        where = f"proposals.templates.{kind}"
        try:
            sources[kind] = read_bounded(path, MAX_TEMPLATE).decode()
            compile_template(sources[kind])
        except UnreadableFileError as error:
            problems.append(ConfigProblem(where, str(error)))
        except UnicodeDecodeError:
            problems.append(ConfigProblem(where, "the file is not UTF-8 text; hint: save the file as UTF-8"))
        except TemplateError as error:
            problems.append(ConfigProblem(where, f"the file is not a valid template: {error}"))
    if problems:
        raise ConfigError(str(config), tuple(problems))
    return sources


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
        repository_file = validate(schema.RepositoryFile, document)
    except ValidationError as error:
        invalid_values = convert_errors(document, error, schema.RepositoryFile)
        raise ConfigError(source, tuple(_limit_problems(chain(yaml_problems, invalid_values)))) from None
    unreachable_ages = (
        ()
        if age_registries is None
        else age_checks.check_min_ages(tuple(iterate_entries(document, "policy")), age_registries)
    )
    rules = repository_file.policy
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


def _read_end_of_life(path: Path) -> tuple[ConfiguredEndOfLife, ...]:
    """Read the file that `end_of_life` names, and return the end of support of each image in it.

    Raises ConfigError with all problems of that file.
    """
    document, yaml_problems = parse_document_file(path)
    try:
        end_of_life_file = validate(schema.EndOfLifeFile, document)
    except ValidationError as error:
        raise ConfigError(str(path), (*yaml_problems, *convert_errors(document, error, schema.EndOfLifeFile))) from None
    if yaml_problems:
        raise ConfigError(str(path), yaml_problems)
    return end_of_life_file.images


def _list_purging_hosts(registries: tuple[RegistryConfigEntry, ...]) -> frozenset[str]:
    """Return the hosts of registries that delete untagged manifests.

    If an entry of the config sets `purges_untagged`, its value decides. If the config does not set the key for a
    well-known registry in `PURGING_HOSTS`, the host of this registry is returned, too.
    """
    declared = {each.host: each.purges_untagged for each in registries if each.purges_untagged is not None}
    return frozenset({host for host, purges in declared.items() if purges} | PURGING_HOSTS - declared.keys())


def _merge_file_globs(entries: tuple[FilesEntry, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    globs: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        globs[entry.format] = (*globs.get(entry.format, ()), *entry.path)
    return tuple(globs.items())
