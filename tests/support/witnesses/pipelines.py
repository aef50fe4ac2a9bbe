"""Checks pipelines of Azure Pipelines with Microsoft's own JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml
from jsonschema import Draft7Validator, ValidationError
from support.parts import ROOT

_SCHEMA = ROOT / "tests" / "contracts" / "azure_pipelines_schema.json"


def read_pipeline(text: str) -> Any:
    """Parse a pipeline as Azure Pipelines does: every scalar is a text."""
    return yaml.load(text, yaml.BaseLoader)


def list_pipeline_problems(text: str) -> list[str]:
    """Return why a pipeline is not valid. If the schema allows several forms, the form that fits best is described."""
    validator = Draft7Validator(json.loads(_SCHEMA.read_text(encoding="utf-8")))
    errors = validator.iter_errors(read_pipeline(text))
    return [f"{each.json_path}: {each.message}" for error in errors for each in [max(_find_leaves(error), key=_depth)]]


def _find_leaves(error: ValidationError) -> Iterator[ValidationError]:
    if not error.context:
        yield error
    for each in error.context or ():
        yield from _find_leaves(each)


def _depth(error: ValidationError) -> int:
    return len(error.absolute_path)
