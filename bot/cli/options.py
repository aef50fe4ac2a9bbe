"""Options that several commands share."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from bot.cli.messages import write_note
from bot.cli.outputs import build_export_parser
from bot.cli.presentation import output_option
from bot.cli.terminal import LogMode
from bot.model.errors import InvalidReferenceError, UsageError
from bot.model.image_name import ImageName
from bot.model.vocabulary import RunLevel

if TYPE_CHECKING:
    from bot.model.policy import PolicyConfig
    from bot.pipeline.references.reader_slots import ReaderSlots

Function = TypeVar("Function", bound=Callable[..., Any])

_URL = re.compile(r"(https?|ssh|git):/|git@")
"""Matches the URL of a repository as a path; paths contain no double slash."""


def _find_config(context: click.Context, _option: click.Parameter | None, path: Path | None) -> Path | None:
    """Return the config that the user named, or the config in the current folder; None if there is none.

    If the config in the current folder is used, a note on stderr names it.
    """
    config = _find_config_silently(context, path)
    if config is not None and config is not path:
        write_note(f"using the config {config} of this folder")
    return config


def _find_config_silently(context: click.Context, path: Path | None) -> Path | None:
    excludes_found = context.params.get("no_config", False) or context.params.get("gate", False)
    if path is not None or excludes_found or context.resilient_parsing:
        return path
    from bot.wiring.found_config import find_config

    return find_config(Path())


def _require_config(context: click.Context, option: click.Parameter | None, path: Path | None) -> Path | None:
    """Return the config as `_find_config` does. Raises click.UsageError if there is no config."""
    return _refuse_missing_config(context, _find_config(context, option, path))


def _require_logged_config(context: click.Context, _option: click.Parameter | None, path: Path | None) -> Path | None:
    """Return the config as `_require_config` does, but write no note, because stderr is a log of JSON lines."""
    return _refuse_missing_config(context, _find_config_silently(context, path))


def _refuse_missing_config(context: click.Context, config: Path | None) -> Path | None:
    if config is None and not context.resilient_parsing:
        raise click.UsageError(
            "there is no config: the current folder contains no basebump.yaml; hint: name the config with -c FILE, or "
            "write one with `basebump init`",
            context,
        )
    return config


def config_option(command: Function) -> Function:
    """Add `-c` and `--no-config`. The parameter `config_file` of the command is the config or None."""
    add_exclusion = click.option(
        "--no-config", is_flag=True, is_eager=True, help="Do not look for a config in the current folder."
    )
    return _build_config_option(_find_config)(add_exclusion(_drop_exclusion(command)))


def required_config_option(command: Function) -> Function:
    """Add `-c` to a command that cannot run without a config."""
    return _build_config_option(_require_config)(command)


def service_config_option(command: Function) -> Function:
    """Add `-c` to a service, which needs a config and logs its path."""
    return _build_config_option(_require_logged_config)(command)


def optional_config_option(command: Function) -> Function:
    """Add `-c` to a command that needs a config only in some cases.

    In these cases, the command calls `require_config` itself.
    """
    return _build_config_option(None)(command)


def require_config(path: Path | None) -> Path:
    """Return the config that the user named, or the config in the current folder.

    Raises click.UsageError if there is no config.
    """
    context = click.get_current_context()
    config = _require_config(context, None, path)
    if config is None:  # this happens only while a shell completes a command; the command then does not run
        raise click.Abort
    return config


def require_folder(path: Path) -> None:
    """Raise UsageError unless `path` is a folder. The hint says what to do with a file or a URL instead."""
    if path.is_dir():
        return
    if _URL.match(str(path)):
        raise UsageError(
            f"{path} is a URL, not a folder; hint: clone the repository and name its folder, or list it under `forges` "
            "of a config and use `basebump run`"
        )
    if path.exists():
        raise UsageError(f"{path} is a file, not a folder; hint: name its folder, {path.parent}")
    raise UsageError(f"{path} is not a folder; hint: name the folder that contains the files")


def _build_config_option(callback: Callable[..., Path | None] | None) -> Callable[[Function], Function]:
    return click.option(
        "-c",
        "--config",
        "config_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        callback=callback,
        help="The config file (YAML).  [default: basebump.yaml in the current folder]",
    )


def _drop_exclusion(command: Function) -> Function:
    """Return the command without the parameter `no_config`, which only `_find_config` needs."""

    @wraps(command)
    def run_without_exclusion(*arguments: object, no_config: bool, **options: object) -> object:  # noqa: ARG001
        return command(*arguments, **options)

    return cast("Function", run_without_exclusion)


def add_enclosing_rules(policy: PolicyConfig, folder: Path) -> PolicyConfig:
    """Return the policy, extended by the rules of the repository that contains `folder`.

    If `folder` is the root of the repository, the policy is returned unchanged. Otherwise, a note on stderr names the
    file with the rules. Raises ConfigError if this file cannot be used.
    """
    from bot.wiring.found_config import read_enclosing_rules

    found = read_enclosing_rules(folder)
    if found is None:
        return policy
    path, rules = found
    write_note(f"also using the rules of this repository in {os.path.relpath(path)}")
    return replace(policy, repository_rules=rules)


def add_format_option(*formats: str) -> Callable[[Function], Function]:
    """Return a decorator that adds `--format` and `-o`. The first format is the default."""
    add_format = click.option(
        "--format",
        "output_format",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="The format of the result on stdout.",
    )
    return lambda command: add_format(output_option(command))


def add_export_option(*formats: str) -> Callable[[Function], Function]:
    """Return a decorator that adds `--export`, which names additional files for the result in one of `formats`."""
    return click.option(
        "--export",
        "exports",
        metavar="FORMAT=FILE",
        callback=build_export_parser(formats),
        multiple=True,
        help="Write the result to FILE as well, in any FORMAT that --format knows; may be repeated.",
    )


MAX_JOBS = 64
"""The maximum number of processes that read a folder. A seventh of a scan cannot be divided among processes, so more
processes would hardly save time.
"""


def _build_reader_slots(_context: click.Context, _option: click.Parameter, jobs: int | None) -> ReaderSlots:
    from bot.pipeline.references.reader_slots import ReaderSlots
    from bot.process import count_usable_cores

    return ReaderSlots(min(count_usable_cores(), MAX_JOBS) if jobs is None else jobs)


jobs_option = click.option(
    "--jobs",
    "reader_slots",
    metavar="N",
    type=click.IntRange(1, MAX_JOBS),
    callback=_build_reader_slots,
    help="Read large folders with at most N processes.  [default: one for each core]",
)


def parse_level(_context: click.Context, _option: click.Parameter, word: str) -> RunLevel:
    """Parse the name of a level on the command line."""
    return RunLevel[word.upper()]


level_option = click.option(
    "--level",
    type=click.Choice([level.word for level in RunLevel]),
    default=RunLevel.REPORT.word,
    show_default=True,
    callback=parse_level,
    help="Only report; also push branches; also open pull requests.",
)
"""The option `--level`. Commands get the level as a RunLevel."""


advisories_option = click.option(
    "--advisories",
    is_flag=True,
    help="Look up known exploitation (KEV, EPSS) on the internet if the config has no `enrichment`.",
)


log_option = click.option(
    "--log",
    is_eager=True,  # parsed before the other options, because they write notes only if the log is for people
    type=click.Choice(LogMode, case_sensitive=False),
    default="auto",
    show_default=True,
    help="The progress on stderr: a bar or lines, lines of JSON, or nothing.",
)


def parse_image(_context: click.Context, _parameter: click.Parameter, text: str | None) -> ImageName | None:
    """Parse an image reference on the command line. Return None if the user gave no reference.

    Raises click.BadParameter if the reference is invalid.
    """
    return _parse_reference(text) if text is not None else None


def parse_images(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> tuple[ImageName, ...]:
    """Parse the image references of a repeatable option. Raises click.BadParameter if a reference is invalid."""
    return tuple(map(_parse_reference, texts))


def _parse_reference(text: str) -> ImageName:
    try:
        return ImageName.parse(text)
    except InvalidReferenceError as error:
        raise click.BadParameter(str(error)) from error
