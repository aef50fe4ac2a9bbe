"""Finds config files that the user did not name, and limits what such a file can do.

A checkout contains files of other people. A config that was found could send secrets of this machine to any host, or
start any program. Commands that read a folder or an image therefore use a found config only if the config can do
neither. `run` and the other commands that always need a config use a found config completely.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PosixPath
from typing import TYPE_CHECKING, assert_never

from bot.model.errors import ConfigError, ConfigProblem
from bot.model.policy import PolicyRule

if TYPE_CHECKING:
    from bot.settings import Settings
    from bot.settings.sections.registries import RegistryConfigEntry
    from bot.settings.sections.scanners import AnyScannerEntry

CONFIG_NAME = "basebump.yaml"
"""The name of a config that is found in the current folder."""


class FoundConfigPath(PosixPath):
    """The path of a config that basebump found, and that the user did not name."""


def find_config(folder: Path) -> FoundConfigPath | None:
    """Return the config in `folder`; None if there is none. The result is relative to `folder`.

    Only this folder is searched. A symbolic link is not a config, because the link can lead out of the folder.
    """
    return FoundConfigPath(CONFIG_NAME) if _is_regular_file(folder, CONFIG_NAME) else None


def refuse_untrusted_settings(settings: Settings) -> None:
    """Raise ConfigError if a config that the user did not name can do more than contact registries and scan images.

    Such a config must not name secrets, log in with an identity of this machine, start programs, send data to servers
    of its choice, or write files.
    """
    problems = tuple(ConfigProblem(key, reason) for key, reason in _list_untrusted_keys(settings))
    if problems:
        raise ConfigError(settings.source, problems)


def _list_untrusted_keys(settings: Settings) -> Iterator[tuple[str, str]]:
    reason = (
        "is used only if you name the config, because {}; hint: if you trust this file, add `-c "
        f"{settings.source}`; if not, add `--no-config`"
    )
    for index, registry in enumerate(settings.registries):
        if not _is_harmless_registry(registry):
            yield f"registries[{index}]", reason.format("this entry sets how basebump logs in or connects")
    for index, scanner in enumerate(settings.scanners):
        if not _is_harmless_scanner(scanner):
            yield f"scanners[{index}]", reason.format("this entry starts a program, reads files or uses a server")
    if settings.enrichment.github_token_env is not None:
        yield "enrichment.github_token_env", reason.format("a secret is sent")
    if settings.state is not None:
        yield "state", reason.format("a state is written")


def _is_harmless_registry(registry: RegistryConfigEntry) -> bool:
    """Return True if the entry sets nothing but names, or names a registry on this machine without a login.

    Without a login of its own, a registry gets the login that Docker has for its host, and no other registry gets it.
    """
    from bot.settings.sections.registries import RegistryAuth, RegistryConfigEntry

    names = RegistryConfigEntry(host=registry.host, mirror=registry.mirror, upstream=registry.upstream)
    contacted = registry.mirror or registry.server
    is_local = contacted.startswith(("127.0.0.1:", "localhost:", "[::1]:"))
    return replace(registry, insecure=registry.insecure and not is_local, purges_untagged=None) in (
        names,
        replace(names, auth=RegistryAuth.ANONYMOUS),
    )


def _is_harmless_scanner(scanner: AnyScannerEntry) -> bool:
    """Return True if the entry uses an installed scanner with its usual database, or the public OSV API."""
    from bot.settings.sections import scanners

    match scanner:
        case scanners.NoScannerEntry():
            return True
        case scanners.AutoScannerEntry():
            return scanner == scanners.AutoScannerEntry(
                match=scanner.match, timeout=scanner.timeout, private=scanner.private, osv=scanner.osv
            ) and scanner.osv in (None, scanners.OSV_API)
        case scanners.TrivyScannerEntry() | scanners.GrypeScannerEntry():
            return scanner == type(scanner)(match=scanner.match, timeout=scanner.timeout, private=scanner.private)
        case scanners.OsvScannerEntry() | scanners.DefenderScannerEntry() | scanners.ReportScannerEntry():
            return False
    assert_never(scanner)


def read_enclosing_rules(folder: Path) -> tuple[Path, tuple[PolicyRule, ...]] | None:
    """Return the config file of the repository around `folder`, and its rules, with paths as seen from the repository.

    The search ends at the root of the checkout that contains the folder. The file is read only there, because `run`
    reads it only there. Return None if the folder is itself the root or is in no checkout, or if there is no such file.

    Raises ConfigError if the file cannot be used.
    """
    from bot.pipeline.references.extract import REPOSITORY_CONFIG_PATHS

    inside = folder.resolve()
    # Functions of os.path, because those of Path raise an error for a folder that must not be entered.
    root = next((each for each in (inside, *inside.parents) if os.path.exists(each / ".git")), inside)  # noqa: PTH110
    if root == inside:
        return None
    path = next((root / each for each in REPOSITORY_CONFIG_PATHS if _is_regular_file(root, each)), None)
    if path is None:
        return None
    from bot.settings import load_repository_rules

    rules = load_repository_rules(_read_file(path), str(path))
    prefix = f"{inside.relative_to(root)}/"
    return path, tuple(PolicyRule(replace(rule.match, folder=prefix), **rule.keys) for rule in rules)


def _is_regular_file(root: Path, path: str) -> bool:
    """Return True if the path is a file, and neither the file nor its folder is a symbolic link."""
    if any(os.path.islink(root / each) for each in (path, Path(path).parent)):  # noqa: PTH114 - as above
        return False
    return os.path.isfile(root / path)  # noqa: PTH113 - as above


def _read_file(path: Path) -> bytes:
    """Return the content of a file. One byte more than the limit is enough for the reader to refuse a larger file.

    Raises ConfigError if the file cannot be read.
    """
    from bot.settings.reading.yaml_file import MAX_BYTES

    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(str(path), (ConfigProblem("", f"the file could not be read: {error.strerror}"),)) from None
