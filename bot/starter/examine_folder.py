"""Collects the facts that determine the first config for a folder."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError

from bot.formats._readers.renovate import list_line_numbers, parse_config
from bot.formats.dependabot import FORMAT as DEPENDABOT
from bot.formats.renovate import PACKAGE_FILE, find_config_path
from bot.model.errors import ConfigError, TreeError
from bot.model.forge import TreeEntry
from bot.model.hosts import PUBLIC_HOSTS
from bot.model.path_index import index_paths
from bot.model.report import RunReport, Verdict
from bot.model.source import FilePath, SourceFile
from bot.ports import FileTree
from bot.settings.reading.positions import read_line_numbers
from bot.settings.reading.validation import validate
from bot.settings.reading.yaml_file import MAX_BYTES, parse_document
from bot.settings.sections.policy import declare_rule
from bot.starter.ci_workflows import list_ci_workflows
from bot.starter.config_text import AZURE_SERVICES, FolderFindings, ForgeRepository, FoundRegistry
from bot.starter.dependabot import translate_dependabot
from bot.starter.renovate import translate_renovate
from bot.starter.translation import BotTranslation, RuleValue, TranslatedRule, UntranslatedSetting, drop_automerge

_SAFETY_KEYS = frozenset({"ignore", "update", "pin", "automerge"})
_DELAYS = frozenset({"schedule", "min_age"})


def keep_valid_rules(translation: BotTranslation) -> BotTranslation:
    """Return the translation without keys that basebump's config would refuse; these become untranslated settings.

    For example, a label of the other bot can be longer than basebump allows. The other keys of such a rule stay. If a
    condition of a restriction is refused, the rule ignores all images. If a delay is refused, nothing is merged
    automatically.
    """
    rules: list[TranslatedRule] = []
    refused: list[UntranslatedSetting] = []
    can_automerge, base_branches = True, translation.base_branches
    for rule in translation.rules:
        reason = _find_problem(rule)
        if not reason:
            rules.append(rule)
            continue
        refused.append(UntranslatedSetting(rule.origin, reason))
        kept = replace(rule, keys={key: value for key, value in rule.keys.items() if _is_valid_key(rule, key)})
        can_automerge = can_automerge and _DELAYS.isdisjoint(rule.keys.keys() - kept.keys.keys())
        if not kept.keys and "base_branch" in rule.match:
            base_branches = ()
        if not _SAFETY_KEYS.isdisjoint(rule.keys.keys() - kept.keys.keys()):
            kept = TranslatedRule(rule.origin, {"ignore": True})
        rules.append(kept)
    kept_rules = tuple(rules if can_automerge else drop_automerge(rules))
    return replace(
        translation,
        rules=tuple(each for each in kept_rules if each.keys),
        untranslated=(*translation.untranslated, *refused),
        base_branches=base_branches,
    )


def _is_valid_key(rule: TranslatedRule, key: str) -> bool:
    return not _find_problem(replace(rule, keys={key: rule.keys[key]}))


def _find_problem(rule: TranslatedRule) -> str:
    """Return the reason why a rule cannot be written into a config; empty if it is valid."""
    entry: dict[str, Any] = {key: _convert_value(value) for key, value in rule.keys.items()}
    entry["match"] = {key: list(globs) for key, globs in rule.match.items()}
    if not all(map(str.isprintable, _list_texts(rule))):
        return "a text has characters that cannot be printed"
    try:
        validate(declare_rule(), entry)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"`{'.'.join(map(str, first['loc']))}` {first['msg'].removeprefix('Value error, ')}"
    return ""


def _list_texts(rule: TranslatedRule) -> Iterator[str]:
    for value in (*rule.keys.values(), *rule.match.values()):
        match value:
            case bool():
                continue
            case str():
                yield value
            case tuple():
                yield from value
            case _:
                yield from value.values()


def _convert_value(value: RuleValue) -> Any:
    return list(value) if isinstance(value, tuple) else value


_FORGE_HOSTS = {"github.com": "github", "gitlab.com": "gitlab", "codeberg.org": "gitea"}
_REMOTE = re.compile(
    r"""
    (?: (?P<scheme>https|ssh)://(?:[^@/\s]*@)? | [\w.-]+@ )
    (?P<host>[\w.-]+) (?: :(?P<port>\d+)/ | [:/] )
    (?P<name>[\w.-]+(?:/[\w.-]+)+)
    """,
    re.VERBOSE,
)
"""Matches the URL of a remote, such as `https://github.com/acme/web.git` or `git@github.com:acme/web.git`."""
_AZURE_REMOTE = re.compile(
    r"""
    (?: https://(?:[^@/\s]*@)?
        (?: dev\.azure\.com/(?P<organization>[\w-]+) | (?P<subdomain>[\w-]+)\.visualstudio\.com(?:/DefaultCollection)? )
        (?:/(?P<project>[^/\s_][^/\s]*))? /_git/(?P<repository>[^/\s]+)
    |   (?:ssh://)? [\w.-]+@ (?:ssh\.dev\.azure|vs-ssh\.visualstudio)\.com (?: :v3/ | (?::22)?/v3/ )
        (?P<ssh_organization>[\w-]+)/(?P<ssh_project>[^/\s]+)/(?P<ssh_repository>[^/\s]+)
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Matches the URL of a remote on Azure Repos, in the current or the older form. If an HTTPS URL contains no project,
the project has the name of the repository.
"""
_AZURE_SERVER_REMOTE = re.compile(
    r"""
    https://(?:[^@/\s]*@)? (?!dev\.azure\.com/|[\w-]+\.visualstudio\.com/)
    (?P<collection>[\w.-]+(?::\d+)?/(?:tfs/)?[^/\s]+)
    (?:/(?P<project>[^/\s_][^/\s]*))? /_git/(?P<repository>[^/\s]+)
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Matches the URL of a remote on an Azure DevOps Server, such as
`https://azure.example.com/DefaultCollection/Shop/_git/web`.
"""


def find_forge(remote: str) -> ForgeRepository | None:
    """Return the repository to which the URL of a git remote belongs; None if it cannot be derived from the URL.

    The kind of the forge is None if the host is not well known.
    """
    if match := _AZURE_REMOTE.fullmatch(remote):
        organization = match["organization"] or match["subdomain"] or match["ssh_organization"]
        repository = match["repository"] or match["ssh_repository"]
        name = f"{match['project'] or match['ssh_project'] or repository}/{repository}"
        return ForgeRepository("azure", unquote(name), f"{AZURE_SERVICES}{organization}")
    if match := _AZURE_SERVER_REMOTE.fullmatch(remote):
        name = f"{match['project'] or match['repository']}/{match['repository']}"
        return ForgeRepository("azure", unquote(name), f"https://{match['collection']}")
    match = _REMOTE.fullmatch(remote.removesuffix(".git"))
    if match is None or match["host"].lower().endswith(("dev.azure.com", ".visualstudio.com")):
        return None
    return _find_other_forge(match)


def _find_other_forge(match: re.Match[str]) -> ForgeRepository:
    """Return the repository on a forge that is not Azure DevOps."""
    host, name = match["host"].lower(), match["name"]
    kind = _FORGE_HOSTS.get(host)
    if kind in ("github", "gitlab"):
        return ForgeRepository(kind, name)
    has_web_port = match["scheme"] == "https" and match["port"]
    return ForgeRepository(kind, name, f"https://{host}:{match['port']}" if has_web_port else f"https://{host}")


def examine_folder(tree: FileTree, report: RunReport, remote: str, workflow: str | None) -> FolderFindings:
    """Return the findings about a folder.

    Args:
        tree: The files of the folder.
        report: The report of a scan of the folder.
        remote: The URL of the git remote from which the folder was cloned; empty if there is none.
        workflow: The key in `WORKFLOWS` of the workflow file that is also written; None if only the config is written.

    Raises:
        TreeError: If the folder cannot be listed, or if the config of another bot cannot be read.
    """
    verdicts = [verdict for repository in report.repositories for verdict in repository.verdicts]
    images = {each.reference.image.repository for each in verdicts}
    entries = {each.path: each for each in tree.list_entries()}
    # The rules of Dependabot come first, because all of them have a condition. Some rules of Renovate have no
    # condition, so they would apply before any later rule.
    translations = [
        *_translate_dependabot(tree, entries, images),
        *_translate_renovate(tree, entries, images, {each.reference.path for each in verdicts}),
    ]
    return FolderFindings(
        find_forge(remote),
        _list_registries(verdicts),
        tuple(map(keep_valid_rules, translations)),
        workflow,
        list_ci_workflows(tree, entries),
    )


def _list_registries(verdicts: list[Verdict]) -> list[FoundRegistry]:
    """Return the registries that must be listed in the config, sorted by host."""
    by_host: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        host = verdict.reference.image.host
        if host not in PUBLIC_HOSTS:
            by_host[host].append(verdict)
    return [FoundRegistry(host, len(by_host[host]), _format_location(by_host[host][0])) for host in sorted(by_host)]


def _format_location(verdict: Verdict) -> str:
    return f"{verdict.reference.path}:{verdict.reference.line_number}"


def _translate_renovate(
    tree: FileTree, entries: Mapping[FilePath, TreeEntry], images: set[str], paths: set[FilePath]
) -> Iterator[BotTranslation]:
    path = find_config_path(entries.keys())
    if path is None:
        return
    is_package = path == PACKAGE_FILE
    file = SourceFile(path, _read_file(tree, entries[path]))
    config = parse_config(file, is_package=is_package)
    if isinstance(config, dict):
        yield translate_renovate(path, config, images, list_line_numbers(file, is_package=is_package), paths)
    elif not is_package:
        yield _make_unread_translation("Renovate", path)


def _translate_dependabot(
    tree: FileTree, entries: Mapping[FilePath, TreeEntry], images: set[str]
) -> Iterator[BotTranslation]:
    for path in DEPENDABOT.select_paths(index_paths(entries.keys())):
        content = _read_file(tree, entries[path])
        try:
            document, _ = parse_document(content[: MAX_BYTES + 1], path)
        except ConfigError:
            yield _make_unread_translation("Dependabot", path)
            continue
        translation = translate_dependabot(path, document, images, read_line_numbers(content))
        if translation is not None:
            yield translation


def _make_unread_translation(bot: str, path: FilePath) -> BotTranslation:
    """Return a translation that ignores all images, because the file may forbid any update."""
    reason = "the file could not be parsed, so all images are ignored"
    return BotTranslation(
        bot, path, (TranslatedRule(path, {"ignore": True}),), (UntranslatedSetting(path, reason),), ""
    )


def _read_file(tree: FileTree, entry: TreeEntry) -> bytes:
    """Return the content of a file. Raises TreeError if the file cannot be read."""
    (content,) = tree.read([entry])
    if isinstance(content, TreeError):
        raise content
    return content
