"""The file that contains the plan of a run: JSON in one canonical form, with its own digest.

A plan comes from outside, so it is validated strictly. Each plan has exactly one text: the keys are sorted, there is no
white space, and defaults are left out. The digest detects every change of the file, but it does not show who made the
file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from functools import cache, cached_property
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, SchemaValidator
from pydantic_core.core_schema import CoreConfig

from bot.core.markdown import make_one_line
from bot.model.errors import InvalidReferenceError, PlanError
from bot.model.fleet_plan import PLAN_SCHEMA, FleetPlan, PlannedRepository
from bot.model.image_name import ImageName, TagRef
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage

MAX_PLAN_BYTES = 64 * 1024 * 1024
"""The maximum size of a plan. Reading a plan takes up to twenty times as much memory, and some seconds. A proposal
takes some ten thousand bytes, and the evidence on one update up to some hundred thousand."""
MAX_REPOSITORY_BYTES = 8 * 1024 * 1024
"""The maximum size of the part of a plan about one repository, so that one repository cannot fill the plan."""
MAX_KEYS = 50_000
"""The maximum number of keys of one object.

The largest object has a score for each vulnerability of two images. Each unknown key would be a separate error, which
takes about a thousand bytes.
"""
_COLLECTIONS = frozenset({"list", "tuple", "dict", "frozenset"})
_CONFIG = ConfigDict(extra="forbid", strict=True)
_DIGEST_PREFIX = "sha256:"
_DIGEST_KEY = "digest"
_NAME_FILE = "hint: name the file that `plan --out` wrote"


def render_plan(plan: FleetPlan) -> tuple[str, tuple[RunFailure, ...]]:
    """Return the text of a plan. Repositories that do not fit are left out, with a failure for each of them.

    Raises PlanError if the plan is still too large.
    """
    failures = []
    kept = []
    free_bytes = MAX_PLAN_BYTES // 2
    for each in plan.repositories:
        try:
            size = len(_build_adapters().repositories.dump_json([each], exclude_defaults=True))
        except PydanticSerializationError:
            reason = "a text in it is not valid Unicode; hint: use `basebump run` for this repository"
            failures.append(RunFailure(each.name, FailureStage.PROPOSE, f"it is not in the plan, because {reason}"))
            continue
        if size > min(MAX_REPOSITORY_BYTES, free_bytes):
            reason = "the plan would be too large; hint: plan fewer repositories at once with --shard or --repo"
            failures.append(RunFailure(each.name, FailureStage.PROPOSE, f"it is not in the plan, because {reason}"))
            continue
        free_bytes -= size
        kept.append(each)
    document = _dump(plan, tuple(kept))
    document[_DIGEST_KEY] = _compute_digest(document)
    text = f"{_render(document)}\n"
    if len(text.encode()) > MAX_PLAN_BYTES:
        raise PlanError(
            f"the plan has more than {MAX_PLAN_BYTES} bytes; hint: plan fewer repositories at once with --shard"
        )
    return text, tuple(failures)


def parse_plan(content: bytes) -> FleetPlan:
    """Return the plan in a file. Raises PlanError if the file is not a plan, or was changed."""
    if len(content) > MAX_PLAN_BYTES:
        raise PlanError(f"the plan has more than {MAX_PLAN_BYTES} bytes, so that it was not read")
    try:
        return _parse_document(content.decode())
    except (ValueError, RecursionError):
        raise PlanError(f"the file is not a plan, because it is not JSON; {_NAME_FILE}") from None


def _parse_document(text: str) -> FleetPlan:
    """Return the plan in a text.

    Raises ValueError or RecursionError if the text is not JSON, and PlanError if the JSON is not a plan.
    """
    document = json.loads(text, object_pairs_hook=_build_object)
    if not isinstance(document, dict) or _DIGEST_KEY not in document:
        raise PlanError(f"the file is not a plan, because it has no digest; {_NAME_FILE}")
    schema = document.get("schema")
    if schema != PLAN_SCHEMA:
        raise PlanError(f"the plan has the schema {str(schema)[:20]!r}, but this basebump reads only {PLAN_SCHEMA}")
    digest = document.pop(_DIGEST_KEY)
    if digest != _compute_digest(document) or f"{_render({**document, _DIGEST_KEY: digest})}\n" != text:
        raise PlanError("the plan was changed after it was made: its digest does not match; hint: make a new plan")
    try:
        plans: list[FleetPlan] = _build_adapters().validator.validate_json(_render([document]))
    except ValidationError as error:
        raise PlanError(f"the plan is not valid: {_describe(error)}; hint: make a new plan") from None
    (plan,) = plans
    for value in _list_values(plan):
        if not _is_valid(value):
            raise PlanError(f"the plan is not valid: {make_one_line(str(value))!r}; hint: make a new plan")
    return plan


def _build_object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) > MAX_KEYS:
        raise PlanError(f"the plan is not valid: an object has more than {MAX_KEYS} keys; hint: make a new plan")
    return dict(pairs)


def _list_values(value: object) -> Iterator[object]:
    """Yield a value and all values nested in it."""
    yield value
    if is_dataclass(value):
        for each in fields(value):
            yield from _list_values(getattr(value, each.name))
    elif isinstance(value, tuple | list | frozenset):
        for each in value:
            yield from _list_values(each)
    elif isinstance(value, Mapping):
        yield from _list_values((*value.keys(), *value.values()))


def _is_valid(value: object) -> bool:
    """Return False if a value has a form that no plan of basebump contains, although its type is right.

    Reports print image references as they are, because their grammar allows no character with a special effect in
    reports. A time without a time zone cannot be compared with other times.
    """
    try:
        match value:
            case datetime():
                return value.tzinfo is not None
            case ImageName():
                return ImageName.parse(str(value)) == value
            case TagRef():
                return ImageName.parse(str(value)).to_tag_ref() == value
            case _:
                return True
    except InvalidReferenceError:
        return False


def _dump(plan: FleetPlan, repositories: tuple[PlannedRepository, ...]) -> dict[str, object]:
    shortened = replace(plan, repositories=repositories)
    documents: list[dict[str, object]] = json.loads(
        _build_adapters().plans.dump_json([shortened], exclude_defaults=True)
    )
    return {**documents[0], "schema": plan.schema}


def _compute_digest(document: Mapping[str, object]) -> str:
    return _DIGEST_PREFIX + hashlib.sha256(_render(document).encode("utf-8", "surrogatepass")).hexdigest()


def _render(document: object) -> str:
    """Return the canonical text of a JSON value."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _describe(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(each) for each in first["loc"][1:])
    return f"{place}: {first['msg']}"


@dataclass(frozen=True)
class _Adapters:
    """The adapters of plans and of their parts.

    pydantic accepts a config only for a list. The config then applies to all values in the list.
    """

    plans: TypeAdapter[list[FleetPlan]]
    repositories: TypeAdapter[list[PlannedRepository]]

    @cached_property
    def validator(self) -> SchemaValidator:
        """Validates plans. It stops at the first wrong item of each collection.

        If validation did not stop, a file of a few megabytes could have millions of errors, which take gigabytes.
        """
        return SchemaValidator(_stop_at_first_error(self.plans.core_schema), CoreConfig(strict=True))


def _stop_at_first_error(schema: Any) -> Any:
    """Return a schema of pydantic whose collections are not validated further after the first error."""
    if isinstance(schema, list):
        return [_stop_at_first_error(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: _stop_at_first_error(value) for key, value in schema.items()}
    return {**changed, "fail_fast": True} if schema.get("type") in _COLLECTIONS else changed


@cache
def _build_adapters() -> _Adapters:
    from bot.model.decision import Transition  # noqa: F401, PLC0415 - pydantic finds it only in this function
    from bot.model.image_name import Digest  # noqa: F401, PLC0415 - as above
    from bot.model.proposal import ProposedImage  # noqa: F401, PLC0415 - as above
    from bot.model.signature import TransitionSignatures  # noqa: F401, PLC0415 - as above
    from bot.model.source import FilePath, Reference, UnsupportedText  # noqa: F401, PLC0415 - as above
    from bot.model.vocabulary import ProposalOutcome, Reason, ReferenceStatus  # noqa: F401, PLC0415 - as above
    from bot.model.workload import RunningUse  # noqa: F401, PLC0415 - as above

    return _Adapters(TypeAdapter(list[FleetPlan], config=_CONFIG), TypeAdapter(list[PlannedRepository], config=_CONFIG))
