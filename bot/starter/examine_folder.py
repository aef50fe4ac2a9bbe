"""Finds out what a first config for a folder must contain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from bot.formats._readers.renovate import parse_config
from bot.formats.dependabot import FORMAT as DEPENDABOT
from bot.formats.renovate import PACKAGE_FILE, find_config_path
from bot.model.errors import ConfigError, TreeError
from bot.model.forge import TreeEntry
from bot.model.hosts import PUBLIC_HOSTS
from bot.model.path_index import index_paths
from bot.model.report import RunReport, Verdict
from bot.model.source import FilePath, SourceFile
from bot.ports import FileTree
from bot.settings.document import MAX_BYTES, parse_document
from bot.starter.config_text import FolderFindings, FoundRegistry
from bot.starter.dependabot import translate_dependabot
from bot.starter.remotes import find_forge
from bot.starter.renovate import translate_renovate
from bot.starter.rule_checks import keep_valid_rules
from bot.starter.translation import BotTranslation, UntranslatedSetting


def examine_folder(tree: FileTree, report: RunReport, remote: str, workflow: str | None) -> FolderFindings:
    """Return the findings about a folder.

    Args:
        tree: The files of the folder.
        report: The report of a scan of the folder.
        remote: The URL of the git remote from which the folder was cloned; empty if there is none.
        workflow: The key in `WORKFLOWS` of the file that is written besides the config; None if there is none.

    Raises:
        TreeError: If the folder cannot be listed, or if the config of another bot cannot be read.
    """
    verdicts = [verdict for repository in report.repositories for verdict in repository.verdicts]
    images = {each.reference.image.repository for each in verdicts}
    entries = {each.path: each for each in tree.list_entries()}
    # The rules of Dependabot come first, because all of them have a condition, and some rules of Renovate have none.
    translations = [*_translate_dependabot(tree, entries), *_translate_renovate(tree, entries, images)]
    return FolderFindings(
        find_forge(remote), _list_registries(verdicts), tuple(map(keep_valid_rules, translations)), workflow
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
    tree: FileTree, entries: Mapping[FilePath, TreeEntry], images: set[str]
) -> Iterator[BotTranslation]:
    path = find_config_path(entries.keys())
    if path is None:
        return
    is_package = path == PACKAGE_FILE
    config = parse_config(SourceFile(path, _read_file(tree, entries[path])), is_package=is_package)
    if isinstance(config, dict):
        yield translate_renovate(path, config, images)
    elif not is_package:
        yield _make_unread_translation("Renovate", path)


def _translate_dependabot(tree: FileTree, entries: Mapping[FilePath, TreeEntry]) -> Iterator[BotTranslation]:
    for path in DEPENDABOT.select_paths(index_paths(entries.keys())):
        content = _read_file(tree, entries[path])
        try:
            document, _ = parse_document(content[: MAX_BYTES + 1], path)
        except ConfigError:
            yield _make_unread_translation("Dependabot", path)
            continue
        translation = translate_dependabot(path, document)
        if translation is not None:
            yield translation


def _make_unread_translation(bot: str, path: FilePath) -> BotTranslation:
    return BotTranslation(bot, path, (), (UntranslatedSetting(path, "the file could not be parsed"),), "")


def _read_file(tree: FileTree, entry: TreeEntry) -> bytes:
    """Return the content of a file. Raises TreeError."""
    (content,) = tree.read([entry])
    if isinstance(content, TreeError):
        raise content
    return content
