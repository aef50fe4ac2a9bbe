"""Options that limit a run to some repositories.

`--shard I/N` selects the I-th of N parts of the repositories. I and N can come from the variables of a CI service.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps

import click

from bot.cli import options
from bot.model.image_name import ImageName
from bot.model.run_scope import RunScope, Shard

MAX_SHARDS = 1000
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class CiService:
    """A CI service that runs several parts of a job in parallel.

    Its environment variables contain the number of the current part, and the number of all parts.
    """

    index_variable: str
    total_variable: str | None
    """The variable with the number of parts; None for Kubernetes, which does not pass this number to pods."""
    first_index: int
    """The number that the CI service gives to the first part."""


CI_SERVICES = (
    CiService("CI_NODE_INDEX", "CI_NODE_TOTAL", 1),
    CiService("SYSTEM_JOBPOSITIONINPHASE", "SYSTEM_TOTALJOBSINPHASE", 1),
    CiService("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0),
    CiService("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0),
    CiService("BITBUCKET_PARALLEL_STEP", "BITBUCKET_PARALLEL_STEP_COUNT", 0),
    CiService("JOB_COMPLETION_INDEX", None, 0),
)
"""GitLab: https://docs.gitlab.com/ci/variables/predefined_variables/.
Azure Pipelines: https://learn.microsoft.com/azure/devops/pipelines/build/variables#system-variables.
CircleCI: https://circleci.com/docs/variables/.
Buildkite: https://buildkite.com/docs/pipelines/configure/environment-variables.
Bitbucket: https://support.atlassian.com/bitbucket-cloud/docs/set-up-or-run-parallel-steps/.
Kubernetes' indexed Jobs: https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode.
"""
_TOTAL_VARIABLES = ", ".join(each.total_variable for each in CI_SERVICES if each.total_variable)
_INDEX_VARIABLES = ", ".join(each.index_variable for each in CI_SERVICES)

_NUMBER = re.compile(r"[0-9]{1,4}", re.ASCII)


def add_scope_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that limit a run to some repositories. The command gets their values as its parameter `scope`."""

    @click.option("--repo", "only", multiple=True, metavar="NAME", help="Only this repository; may be repeated.")
    @click.option(
        "--image", metavar="IMAGE", callback=options.parse_image, help="Only repositories that use this image."
    )
    @click.option(
        "--shard",
        metavar="I/N",
        callback=parse_shard,
        help="Only the I-th of N parts of the repositories; `auto/N` and `auto` use the CI's environment variables.",
    )
    @wraps(command)
    def run_with_scope(*, only: tuple[str, ...], image: ImageName | None, shard: Shard | None, **others: object) -> int:
        return command(scope=RunScope(frozenset(only), shard, image), **others)

    return run_with_scope


def parse_shard(_context: click.Context, _option: click.Parameter, value: str | None) -> Shard | None:
    """Parse the value of `--shard`; `resolve_shard` documents its forms. Return None if the option is not used."""
    return resolve_shard(value, os.environ) if value is not None else None


def resolve_shard(value: str, environment: Mapping[str, str]) -> Shard:
    """Return the part of the repositories that the value of `--shard` selects.

    `2/4` is the second of four parts. Numbers that the value does not contain are read from the environment variables
    of a CI service: the number of the part for `auto/4`, the number of all parts for `2`, and both numbers for `auto`.

    Raises click.BadParameter if the value is invalid, or if an environment variable with a number is not set.
    """
    number, slash, total = value.partition("/")
    service = next((each for each in CI_SERVICES if environment.get(each.index_variable)), None)
    count = _parse_number(total, "the number of parts") if slash else _find_total(service, environment)
    if count is None:
        raise click.BadParameter(
            f"cannot determine the number of parts, because none of {_TOTAL_VARIABLES} is set; "
            f"hint: write the number, as in `--shard {number}/4`"
        )
    if number != AUTO:
        return _build_shard(_parse_number(number, "the part"), count)
    if service is not None:
        return _build_shard(
            _parse_number(environment[service.index_variable], service.index_variable) - service.first_index + 1, count
        )
    if count == 1:  # GitLab sets no index for a job without `parallel`
        return Shard(1, 1)
    raise click.BadParameter(
        f"cannot determine which of the {count} parts this job is, because none of {_INDEX_VARIABLES} is set; "
        f"hint: write the number, as in `--shard 1/{count}`"
    )


def _build_shard(number: int, count: int) -> Shard:
    if not 1 <= number <= count <= MAX_SHARDS:
        raise click.BadParameter(
            f"{number}/{count} is not a valid part; hint: write a number from 1 to {count} before the slash"
            if 1 <= count <= MAX_SHARDS
            else f"the number of parts must be from 1 to {MAX_SHARDS}, but is {count}"
        )
    return Shard(number, count)


def _find_total(service: CiService | None, environment: Mapping[str, str]) -> int | None:
    """Return the number of parts that the environment variable of a CI service contains.

    If `service` is None, the variables of all known services are tried. Return None if no variable is set.
    """
    totals = (each.total_variable for each in (CI_SERVICES if service is None else (service,)) if each.total_variable)
    return next((_parse_number(environment[name], name) for name in totals if environment.get(name)), None)


def _parse_number(text: str, subject: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise click.BadParameter(f"{subject} must be a number, but is {text!r}")
    return int(text)
