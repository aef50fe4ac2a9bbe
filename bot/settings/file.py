"""Reads a config file, validates it, and converts it to the frozen settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import assert_never

from pydantic import ValidationError

from bot.model.errors import ConfigError, ConfigProblem
from bot.model.hosts import PURGING_HOSTS
from bot.model.pace import ProposalLimits, RolloutOptions
from bot.model.policy import PolicyConfig, PolicyRule
from bot.model.rules import ConfiguredEndOfLife
from bot.settings import ages, enrichment, fields, scanners, schema, values
from bot.settings.checks import entries_of, problems_between, recording
from bot.settings.document import Document, parse_document, read_document
from bot.settings.named_file import UnreadableError, content_of
from bot.settings.problems import problems_of
from bot.settings.trust import trusted

MAX_TEMPLATE = 256 * 1024
"""Bytes; the largest template that ships has about seven thousand."""


def load(path: Path, *, need_forges: bool) -> values.Settings:
    """Read a config file, as `bot.settings.load` describes. Raises ConfigError with every problem of the file."""
    document, doubled = read_document(path)
    config, problems = config_of(document, need_forges=need_forges)
    if config is None or doubled or problems:
        raise ConfigError(str(path), (*doubled, *problems))
    return _settings(document, config, path)


def config_of(document: Document, *, need_forges: bool) -> tuple[schema.Config | None, tuple[ConfigProblem, ...]]:
    """Validate a document.

    Returns:
        The config, or None if a key has an invalid value, and all problems of the document.
    """
    config: schema.Config | None = None
    invalid: tuple[ConfigProblem, ...] = ()
    try:
        config = schema.Config.model_validate(document)
    except ValidationError as error:
        invalid = tuple(problems_of(document, error))
    places = {problem.key for problem in invalid}
    between = (each for each in problems_between(document, need_forges=need_forges) if each.key not in places)
    return config, (*invalid, *between)


def _settings(document: Document, config: schema.Config, path: Path) -> values.Settings:
    folder = path.absolute().parent  # not resolved: a mounted config is a link into another folder
    registries = tuple(_registry(each, folder) for each in config.registries)
    return values.Settings(
        forges=tuple(_forge(each, folder) for each in config.forges),
        registries=registries,
        rulebook=PolicyConfig(
            rules=(*([PolicyRule(paused=True)] if config.rollout.paused else []), *(rule.to_policy() for rule in config.policy)),
            own_globs=config.own,
            listed_hosts=frozenset(each.host for each in registries),
            purging_hosts=_purging(config.registries),
            end_of_life=_end_of_life(folder / config.end_of_life) if config.end_of_life else (),
            trust=trusted(config.trust, path),
        ),
        files=_files(config.files),
        scanners=tuple(_scanner(each, folder) for each in config.scanners),
        enrichment=_enrichment(config.enrichment, folder),
        branch_prefix=config.proposals.branch_prefix,
        write_delay=config.proposals.write_delay,
        ages_known_at=frozenset(recording(document)) if config.state is None else None,
        templates=_templates(config.proposals.templates, path),
        trailers=config.proposals.trailers,
        has_dashboards=config.proposals.dashboard,
        has_status=config.proposals.status,
        rollout=RolloutOptions(
            config.rollout.repositories_per_run,
            config.rollout.first_proposal,
            needs_own_file=config.rollout.mode is values.RolloutMode.OPT_IN,
        ),
        limits=ProposalLimits(**config.limits.model_dump()) if config.limits else None,
        state=_state(config.state, folder) if config.state else None,
        source=str(path),
    )


def _templates(templates: schema.Templates, config: Path) -> Mapping[str, str]:
    """Read the operator's own templates. Raises ConfigError with the problems of all of them."""
    paths = templates.model_dump(exclude_none=True)
    if not paths:
        return {}
    from jinja2 import TemplateError  # noqa: PLC0415 - imported only for configs with templates

    from bot.core.proposal.render import compile_template  # noqa: PLC0415 - as above

    sources: dict[str, str] = {}
    problems: list[ConfigProblem] = []
    for kind, path in paths.items():
        where = f"proposals.templates.{kind}"
        try:
            sources[kind] = content_of(config.absolute().parent / path, MAX_TEMPLATE).decode()
            compile_template(sources[kind])
        except UnreadableError as error:
            problems.append(ConfigProblem(where, str(error)))
        except UnicodeDecodeError:
            problems.append(ConfigProblem(where, "is not UTF-8 text; hint: save it as UTF-8"))
        except TemplateError as error:
            problems.append(ConfigProblem(where, f"is not a valid template: {error}"))
    if problems:
        raise ConfigError(str(config), tuple(problems))
    return sources


def _forge(forge: schema.Github | schema.Gitlab | schema.Local, folder: Path) -> values.ForgeSettings:
    if isinstance(forge, schema.Local):
        return values.LocalSettings(folder / forge.url, forge.repositories, forge.base_branches or ())
    ca = folder / forge.ca if forge.ca else None
    named = tuple(each for each in forge.repositories or () if isinstance(each, str))
    owners = tuple(_owner(each) for each in forge.repositories or () if not isinstance(each, str))
    if isinstance(forge, schema.Gitlab):
        return values.GitlabSettings(forge.url, forge.token_env, ca, named, owners, forge.base_branches or ())
    return values.GithubSettings(
        url=forge.url,
        token_env=forge.token_env,
        app=values.AppSettings(forge.app.id, forge.app.key_env) if forge.app else None,
        ca=ca,
        repositories=named,
        owners=owners,
        base_branches=forge.base_branches or (),
        dispatch=forge.dispatch or (),
    )


def _owner(owner: schema.Owner | schema.Group) -> values.OwnerSelection:
    return values.OwnerSelection(owner.owner, owner.include or (), owner.exclude or (), owner.topics or ())


def _registry(registry: schema.Registry, folder: Path) -> values.RegistrySettings:
    host, _, part = registry.host.partition("/")
    return values.RegistrySettings(
        host=host,
        path=part,
        mirror=registry.mirror,
        upstream=registry.upstream,
        insecure=registry.insecure,
        username_env=registry.username_env,
        password_env=registry.password_env,
        auth=registry.auth,
        ca=folder / registry.ca if registry.ca else None,
        trusted_realms=registry.trusted_realms,
        tasks=registry.tasks,
    )


def repository_rules(content: bytes, source: str, known_at: frozenset[str] | None) -> tuple[PolicyRule, ...]:
    """Return the rules of a repository's own file, as `bot.settings.load_repository_rules` does."""
    document, doubled = parse_document(content, source)
    try:
        inner = schema.RepositoryFile.model_validate(document)
    except ValidationError as error:
        raise ConfigError(source, (*doubled, *problems_of(document, error, schema.RepositoryFile))) from None
    never = () if known_at is None else ages.problems(tuple(entries_of(document, "policy")), known_at)
    if problems := (*doubled, *never):
        raise ConfigError(source, problems)
    return tuple(rule.to_policy() for rule in inner.policy)


def _end_of_life(path: Path) -> tuple[ConfiguredEndOfLife, ...]:
    """Read the file that `end_of_life` names. Raises ConfigError with every problem of that file."""
    document, doubled = read_document(path)
    try:
        known = schema.EndOfLifeFile.model_validate(document)
    except ValidationError as error:
        raise ConfigError(str(path), (*doubled, *problems_of(document, error, schema.EndOfLifeFile))) from None
    if doubled:
        raise ConfigError(str(path), doubled)
    return tuple(ConfiguredEndOfLife(each.image, each.tag, each.date, each.successor) for each in known.images)


def _purging(registries: tuple[schema.Registry, ...]) -> frozenset[str]:
    """Return the registries that delete untagged manifests: well-known ones, as corrected by the operator."""
    declared = {each.host: each.purges_untagged for each in registries if each.purges_untagged is not None}
    return frozenset({host for host, purges in declared.items() if purges} | PURGING_HOSTS - declared.keys())


def _files(entries: tuple[schema.Files, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    globs: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        globs[entry.format] = (*globs.get(entry.format, ()), *entry.path)
    return tuple(globs.items())


def _state(url: str, folder: Path) -> values.StateSettings:
    scheme, _, rest = url.partition("://")
    return values.StateFile(folder / rest[1:]) if scheme == fields.SQLITE else values.StateServer(url)


def _scanner(scanner: scanners.Scanner, folder: Path) -> values.ScannerSettings:
    images = scanner.match.image or ()
    match scanner:
        case scanners.Auto(database=database, timeout=timeout, private=private):
            osv, send = _or_nobody(scanner.osv), scanner.send or ()
            return values.AutoSettings(images, database, timeout, osv, send, private)
        case scanners.Trivy(database=database, timeout=timeout, private=private):
            program = _program(scanner.binary, folder)
            return values.TrivySettings(images, database, program, timeout, private, scanner.server, scanner.token_env)
        case scanners.Grype(database=database, timeout=timeout, private=private):
            return values.GrypeSettings(images, database, _program(scanner.binary, folder), timeout, private)
        case scanners.Osv(private=private):
            return values.OsvSettings(scanner.url, images, scanner.send or (), private)
        case scanners.Defender(max_age=max_age, private=private):
            subscriptions = scanner.subscriptions or ()
            return values.DefenderSettings(images, subscriptions, max_age, scanner.pulled, private)
        case scanners.Report(platform=platform, max_age=max_age, private=private):
            path = folder / scanner.path
            return values.ReportSettings(path, images, platform, scanner.one_run, max_age, private)
        case scanners.Nobody():
            return values.NobodySettings(images)
    assert_never(scanner)


def _enrichment(said: enrichment.Enrichment, folder: Path) -> values.EnrichmentSettings:
    def at(place: str | None) -> Path | str | None:
        return place if place is None or "://" in place else folder / place

    vex = (values.VexSettings(each.url or folder / (each.path or ""), each.authors) for each in said.vex)
    return values.EnrichmentSettings(at(said.kev), at(said.epss), tuple(vex))


def _or_nobody(service: str) -> str | None:
    return None if service == fields.NOBODY else service


def _program(named: str | None, folder: Path) -> str | None:
    """Resolve the name of a program against `folder`, unless it is a plain name, which is looked up on PATH."""
    return str(folder / named) if named and "/" in named else named
