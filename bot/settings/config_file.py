"""Reads a config file, validates it, and converts it to the frozen settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import assert_never

from pydantic import ValidationError

from bot.model.config_types import addresses
from bot.model.cost_limits import MAX_REPOSITORY_ITEMS, MAX_REPOSITORY_PROBLEMS
from bot.model.errors import ConfigError, ConfigProblem
from bot.model.hosts import PURGING_HOSTS
from bot.model.limits import ProposalLimits, RolloutOptions
from bot.model.policy import PolicyConfig, PolicyRule
from bot.model.rules import ConfiguredEndOfLife
from bot.settings import (
    age_checks,
    cluster_entries,
    cluster_settings,
    forge_entries,
    scanner_settings,
    scanners,
    schema,
    serve_settings,
    values,
)
from bot.settings.blocked_files import list_remote_blocklists, read_blocklist
from bot.settings.checks import check_config, iterate_entries, list_age_registries
from bot.settings.document import MAX_BYTES, Document, parse_document, parse_document_file
from bot.settings.named_file import UnreadableFileError, read_bounded
from bot.settings.positions import add_positions
from bot.settings.problems import convert_errors, describe_excess
from bot.settings.trust_files import read_trust

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
    config, problems = validate_config(document, requires_forges=requires_forges)
    if config is None or yaml_problems or problems:
        raise ConfigError(str(path), (*yaml_problems, *problems))
    return _convert_config(document, config, path)


def validate_config(
    document: Document, *, requires_forges: bool
) -> tuple[schema.ConfigFile | None, tuple[ConfigProblem, ...]]:
    """Validate the parsed content of a config file.

    Returns:
        The config, and all problems of the file. If a key has an invalid value, the config is None. If all values are
        valid but some keys contradict each other, the config is returned together with the problems.
    """
    config: schema.ConfigFile | None = None
    invalid_values: tuple[ConfigProblem, ...] = ()
    try:
        config = schema.ConfigFile.model_validate(document)
    except ValidationError as error:
        invalid_values = tuple(convert_errors(document, error))
    invalid_locations = {problem.key for problem in invalid_values}
    related_keys = (
        each for each in check_config(document, requires_forges=requires_forges) if each.key not in invalid_locations
    )
    return config, (*invalid_values, *related_keys)


def _convert_config(document: Document, config: schema.ConfigFile, path: Path) -> values.Settings:
    folder = path.absolute().parent  # links are not resolved: a mounted config is a link into another folder
    registries = tuple(_convert_registry(each, folder) for each in config.registries)
    return values.Settings(
        forges=tuple(_convert_forge(each, folder) for each in config.forges),
        registries=registries,
        policy=PolicyConfig(
            rules=tuple(rule.to_policy() for rule in config.policy),
            own_globs=config.own,
            listed_hosts=frozenset(each.host for each in registries),
            purging_hosts=_list_purging_hosts(config.registries),
            end_of_life=_read_end_of_life(folder / config.end_of_life) if config.end_of_life else (),
            trust=read_trust(config.trust, path),
            blocklist=read_blocklist(config.blocked, folder),
        ),
        builds=tuple(each.to_build() for each in config.builds),
        clusters=tuple(_convert_cluster(each, folder) for each in config.clusters),
        files=_merge_file_globs(config.files),
        scanners=tuple(_convert_scanner(each, folder) for each in config.scanners),
        enrichment=_convert_enrichment(config.enrichment, folder),
        blocklists=list_remote_blocklists(config.blocked),
        branch_prefix=config.proposals.branch_prefix,
        write_delay=config.proposals.write_delay,
        age_registries=frozenset(list_age_registries(document)) if config.state is None else None,
        templates=_read_templates(config.proposals.templates, path),
        trailers=config.proposals.trailers,
        has_dashboards=config.proposals.dashboard,
        has_status=config.proposals.status,
        rollout=RolloutOptions(
            config.rollout.repositories_per_run,
            config.rollout.first_proposal,
            needs_own_file=config.rollout.mode is values.RolloutMode.OPT_IN,
        ),
        limits=ProposalLimits(**config.limits.model_dump()) if config.limits else None,
        state=_convert_state(config.state, folder) if config.state else None,
        serve=_convert_serve(config),
        source=str(path),
    )


def _read_templates(templates: schema.TemplatesSection, config: Path) -> Mapping[str, str]:
    """Return the sources of the operator's own templates; empty if the config names none.

    The keys of the mapping are those of `proposals.templates`: `title`, `body`, `message` and `dashboard`.

    Raises ConfigError with the problems of all templates.
    """
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
            sources[kind] = read_bounded(config.absolute().parent / path, MAX_TEMPLATE).decode()
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


def _convert_forge(forge: forge_entries.AnyForgeEntry, folder: Path) -> values.ForgeSettings:
    if isinstance(forge, forge_entries.LocalForgeEntry):
        return values.LocalSettings(folder / forge.url, forge.repositories, forge.base_branches or ())
    ca = folder / forge.ca if forge.ca else None
    repositories = tuple(each for each in forge.repositories or () if isinstance(each, str))
    owners = tuple(_convert_owner(each) for each in forge.repositories or () if not isinstance(each, str))
    if isinstance(forge, forge_entries.GitlabForgeEntry):
        return values.GitlabSettings(forge.url, forge.token_env, ca, repositories, owners, forge.base_branches or ())
    if isinstance(forge, forge_entries.GiteaForgeEntry):
        return values.GiteaSettings(forge.url, forge.token_env, ca, repositories, owners, forge.base_branches or ())
    if isinstance(forge, forge_entries.AzureForgeEntry):
        return values.AzureSettings(
            url=forge.url,
            token_env=forge.token_env,
            uses_entra=forge.auth is not None,
            ca=ca,
            repositories=repositories,
            owners=owners,
            base_branches=forge.base_branches or (),
            work_items=forge.work_items or (),
        )
    return values.GithubSettings(
        url=forge.url,
        token_env=forge.token_env,
        app=values.AppSettings(forge.app.id, forge.app.key_env) if forge.app else None,
        ca=ca,
        repositories=repositories,
        owners=owners,
        base_branches=forge.base_branches or (),
        dispatch=forge.dispatch or (),
    )


def _convert_owner(
    owner: forge_entries.OwnerEntry
    | forge_entries.GroupEntry
    | forge_entries.ProjectEntry
    | forge_entries.GiteaOwnerEntry,
) -> values.OwnerSelection:
    topics = None if isinstance(owner, forge_entries.ProjectEntry) else owner.topics
    return values.OwnerSelection(owner.owner, owner.include or (), owner.exclude or (), topics or ())


def _convert_registry(registry: schema.RegistryConfigEntry, folder: Path) -> values.RegistrySettings:
    host, _, path = registry.host.partition("/")
    return values.RegistrySettings(
        host=host,
        path=path,
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


def _convert_cluster(cluster: cluster_entries.ClusterEntry, folder: Path) -> cluster_settings.ClusterSettings:
    return cluster_settings.ClusterSettings(
        name=cluster.name,
        auth=cluster.auth,
        kubeconfig=folder / cluster.kubeconfig if cluster.kubeconfig else None,
        context=cluster.context,
        server=cluster.server,
        ca=folder / cluster.ca if cluster.ca else None,
        token_env=cluster.token_env,
        namespaces=cluster.namespaces or (),
        exclude_namespaces=cluster.exclude_namespaces or (),
    )


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
        repository_file = schema.RepositoryFile.model_validate(document)
    except ValidationError as error:
        invalid_values = convert_errors(document, error, schema.RepositoryFile)
        raise ConfigError(source, tuple(_limit_problems(chain(yaml_problems, invalid_values)))) from None
    unreachable_ages = (
        ()
        if age_registries is None
        else age_checks.check_min_ages(tuple(iterate_entries(document, "policy")), age_registries)
    )
    rules = tuple(rule.to_policy() for rule in repository_file.policy)
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
        end_of_life_file = schema.EndOfLifeFile.model_validate(document)
    except ValidationError as error:
        raise ConfigError(str(path), (*yaml_problems, *convert_errors(document, error, schema.EndOfLifeFile))) from None
    if yaml_problems:
        raise ConfigError(str(path), yaml_problems)
    return tuple(
        ConfiguredEndOfLife(each.image, each.tag, each.date, each.successor) for each in end_of_life_file.images
    )


def _list_purging_hosts(registries: tuple[schema.RegistryConfigEntry, ...]) -> frozenset[str]:
    """Return the hosts of registries that delete untagged manifests.

    If an entry of the config sets `purges_untagged`, its value decides. If the config does not set the key for a
    well-known registry in `PURGING_HOSTS`, the host of this registry is returned, too.
    """
    declared = {each.host: each.purges_untagged for each in registries if each.purges_untagged is not None}
    return frozenset({host for host, purges in declared.items() if purges} | PURGING_HOSTS - declared.keys())


def _merge_file_globs(entries: tuple[schema.FilesEntry, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    globs: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        globs[entry.format] = (*globs.get(entry.format, ()), *entry.path)
    return tuple(globs.items())


def _convert_state(url: str, folder: Path) -> values.StateSettings:
    scheme, _, rest = url.partition("://")
    return values.StateFile(folder / rest[1:]) if scheme == addresses.SQLITE else values.StateServer(url)


def _convert_serve(config: schema.ConfigFile) -> serve_settings.ServeSettings:
    section = config.serve
    senders = (
        serve_settings.SenderSettings(each.kind, each.name or each.kind.value, each.secret_env, each.registry)
        for each in section.events
    )
    return serve_settings.ServeSettings(
        serve_settings.parse_listen_address(section.listen),
        tuple(senders),
        section.poll,
        section.sweep,
        section.user_header,
        uses_postgresql_queue=config.queue is not None,
    )


def _convert_scanner(scanner: scanners.ScannerEntry, folder: Path) -> scanner_settings.ScannerSettings:
    images = scanner.match.image or ()
    match scanner:
        case scanners.AutoScannerEntry(database=database, timeout=timeout, private=private):
            osv, send = _parse_optional_service(scanner.osv), scanner.send or ()
            return scanner_settings.AutoSettings(images, database, timeout, osv, send, private)
        case scanners.TrivyScannerEntry(database=database, timeout=timeout, private=private):
            program, server, token = _resolve_program(scanner.binary, folder), scanner.server, scanner.token_env
            return scanner_settings.TrivySettings(images, database, program, timeout, private, server, token)
        case scanners.GrypeScannerEntry(database=database, timeout=timeout, private=private):
            program = _resolve_program(scanner.binary, folder)
            return scanner_settings.GrypeSettings(images, database, program, timeout, private)
        case scanners.OsvScannerEntry(private=private):
            return scanner_settings.OsvSettings(scanner.url, images, scanner.send or (), private)
        case scanners.DefenderScannerEntry(max_age=max_age, private=private):
            subscriptions = scanner.subscriptions or ()
            return scanner_settings.DefenderSettings(images, subscriptions, max_age, scanner.pulled, private)
        case scanners.ReportScannerEntry(platform=platform, max_age=max_age, private=private):
            path = folder / scanner.path
            return scanner_settings.ReportSettings(path, images, platform, scanner.one_run, max_age, private)
        case scanners.NoScannerEntry():
            return scanner_settings.NoScannerSettings(images)
    assert_never(scanner)


def _convert_enrichment(section: schema.EnrichmentSection, folder: Path) -> values.EnrichmentSettings:
    def resolve_location(location: str | None) -> Path | str | None:
        return location if location is None or "://" in location else folder / location

    vex = (values.VexSettings(each.url or folder / (each.path or ""), each.authors) for each in section.vex)
    return values.EnrichmentSettings(
        resolve_location(section.kev),
        resolve_location(section.epss),
        tuple(vex),
        has_source_changes=section.source_changes,
        github_token_env=section.github_token_env,
    )


def _parse_optional_service(service: str) -> str | None:
    return None if service == addresses.NO_SERVICE else service


def _resolve_program(program: str | None, folder: Path) -> str | None:
    """Return the path of a program that the config names. A relative path is relative to `folder`.

    A name without a slash is returned unchanged, because it is looked up on PATH. Return None if `program` is None.
    """
    return str(folder / program) if program and "/" in program else program
