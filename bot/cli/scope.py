"""What limits a run to some repositories, as it is said on the command line or by the environment of a CI."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps

import click

from bot.cli import options
from bot.model.reference import ImageReference
from bot.model.scope import Scope, Shard

MAX_SHARDS = 1000
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Service:
    """What starts parts of a job side by side, and the variables in which it tells them apart."""

    index: str
    total: str | None
    """Kubernetes does not tell a pod how many there are."""
    first: int
    """What the first part is called."""


SERVICES = (
    Service("CI_NODE_INDEX", "CI_NODE_TOTAL", 1),
    Service("SYSTEM_JOBPOSITIONINPHASE", "SYSTEM_TOTALJOBSINPHASE", 1),
    Service("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0),
    Service("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0),
    Service("BITBUCKET_PARALLEL_STEP", "BITBUCKET_PARALLEL_STEP_COUNT", 0),
    Service("JOB_COMPLETION_INDEX", None, 0),
)
"""GitLab: https://docs.gitlab.com/ci/variables/predefined_variables/.
Azure Pipelines: https://learn.microsoft.com/azure/devops/pipelines/build/variables#system-variables.
CircleCI: https://circleci.com/docs/variables/.
Buildkite: https://buildkite.com/docs/pipelines/configure/environment-variables.
Bitbucket: https://support.atlassian.com/bitbucket-cloud/docs/set-up-or-run-parallel-steps/.
Kubernetes' indexed Jobs: https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode.
"""
_TOTALS = ", ".join(each.total for each in SERVICES if each.total)
_INDEXES = ", ".join(each.index for each in SERVICES)

_NUMBER = re.compile(r"[0-9]{1,4}", re.ASCII)


def scoped(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that limit a run, which it gets as one `scope`."""

    @click.option("--repo", "only", multiple=True, metavar="NAME", help="Only this repository; may be repeated.")
    @click.option(
        "--image", metavar="IMAGE", callback=options.parse_image, help="Only repositories that use this image."
    )
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


def parse_shard(_context: click.Context, _option: click.Parameter, said: str | None) -> Shard | None:
    """Read `--shard`: `2/4`, `auto/4` where the environment has the number, or `auto` where it has both."""
    return shard_of(said, os.environ) if said is not None else None


def shard_of(said: str, environment: Mapping[str, str]) -> Shard:
    """Return the part that is meant. Raises click.BadParameter."""
    number, slash, total = said.partition("/")
    service = next((each for each in SERVICES if environment.get(each.index)), None)
    of = _read(total, "the number of parts") if slash else _total(service, environment)
    if of is None:
        raise click.BadParameter(f"say how many parts there are, as in {number}/4: none of {_TOTALS} is set")
    if number != AUTO:
        return _shard(_read(number, "the part"), of)
    if service is not None:
        return _shard(_read(environment[service.index], service.index) - service.first + 1, of)
    if of == 1:  # GitLab counts no job that is one of a kind
        return Shard(1, 1)
    raise click.BadParameter(f"none of {_INDEXES} is set: say which part, as in 1/{of}")


def _shard(number: int, of: int) -> Shard:
    if not 1 <= number <= of <= MAX_SHARDS:
        raise click.BadParameter(f"{number}/{of} is none: parts count from 1 to their number, at most {MAX_SHARDS}")
    return Shard(number, of)


def _total(service: Service | None, environment: Mapping[str, str]) -> int | None:
    """Return the number of parts by the service that counts this one, or by any that says one."""
    totals = (each.total for each in (SERVICES if service is None else (service,)) if each.total)
    return next((_read(environment[name], name) for name in totals if environment.get(name)), None)


def _read(said: str, what: str) -> int:
    if not _NUMBER.fullmatch(said):
        raise click.BadParameter(f"{what} is {said!r}, which is no number")
    return int(said)
