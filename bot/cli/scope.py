"""What limits a run to some repositories, as it is said on the command line or by the environment of a CI."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import wraps

import click

from bot.model.errors import InvalidReferenceError
from bot.model.reference import ImageReference
from bot.model.scope import Scope, Shard

MAX_SHARDS = 1000
AUTO = "auto"
FROM_ONE = ("CI_NODE_INDEX",)
"""GitLab counts from one: https://docs.gitlab.com/ci/variables/predefined_variables/."""
FROM_ZERO = ("JOB_COMPLETION_INDEX", "CIRCLE_NODE_INDEX")
"""Kubernetes' indexed Jobs and CircleCI count from zero:
https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode, https://circleci.com/docs/variables/.
"""
TOTALS = ("CI_NODE_TOTAL", "CIRCLE_NODE_TOTAL")

_NUMBER = re.compile(r"[0-9]{1,4}", re.ASCII)


def scoped(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that limit a run, which it gets as one `scope`."""

    @click.option("--repo", "only", multiple=True, metavar="NAME", help="Only this repository; may be repeated.")
    @click.option("--image", metavar="IMAGE", callback=parse_image, help="Only repositories that use this image.")
    @click.option(
        "--shard",
        metavar="I/N",
        callback=parse_shard,
        help="Only the I-th of N parts of the repositories; `auto/N` and `auto` ask the environment of a CI.",
    )
    @wraps(command)
    def with_scope(
        *, only: tuple[str, ...], image: ImageReference | None, shard: Shard | None, **others: object
    ) -> int:
        return command(scope=Scope(frozenset(only), shard, image), **others)

    return with_scope


def parse_image(_context: click.Context, _option: click.Parameter, said: str | None) -> ImageReference | None:
    """Read `--image`."""
    return _parsed(said) if said is not None else None


def parse_images(
    _context: click.Context, _option: click.Parameter, said: tuple[str, ...]
) -> tuple[ImageReference, ...]:
    """Read `--image` where it may be repeated."""
    return tuple(map(_parsed, said))


def _parsed(said: str) -> ImageReference:
    try:
        return ImageReference.parse(said)
    except InvalidReferenceError as error:
        raise click.BadParameter(str(error)) from error


def parse_shard(_context: click.Context, _option: click.Parameter, said: str | None) -> Shard | None:
    """Read `--shard`: `2/4`, `auto/4` where the environment has the number, or `auto` where it has both."""
    return shard_of(said, os.environ) if said is not None else None


def shard_of(said: str, environment: Mapping[str, str]) -> Shard:
    """Return the part that is meant. Raises click.BadParameter."""
    number, slash, total = said.partition("/")
    of = _read(total, "the number of parts") if slash else _first(TOTALS, environment)
    if of is None:
        raise click.BadParameter(f"say how many parts there are, as in {number}/4: none of {', '.join(TOTALS)} is set")
    if number != AUTO:
        return _shard(_read(number, "the part"), of)
    found, from_zero = _first(FROM_ONE, environment), _first(FROM_ZERO, environment)
    if found is None and from_zero is None:
        raise click.BadParameter(f"none of {', '.join((*FROM_ONE, *FROM_ZERO))} is set: say which part, as in 1/{of}")
    return _shard(found if found is not None else (from_zero or 0) + 1, of)


def _shard(number: int, of: int) -> Shard:
    if not 1 <= number <= of <= MAX_SHARDS:
        raise click.BadParameter(f"{number}/{of} is none: parts count from 1 to their number, at most {MAX_SHARDS}")
    return Shard(number, of)


def _first(names: tuple[str, ...], environment: Mapping[str, str]) -> int | None:
    return next((_read(environment[name], name) for name in names if environment.get(name)), None)


def _read(said: str, what: str) -> int:
    if not _NUMBER.fullmatch(said):
        raise click.BadParameter(f"{what} is {said!r}, which is no number")
    return int(said)
