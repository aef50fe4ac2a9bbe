"""Cuts the tasks that our pipelines use out of Microsoft's JSON Schema of pipelines for Azure Pipelines.

    pip download --no-deps check-jsonschema==0.39.0 && unzip check_jsonschema-0.39.0-py3-none-any.whl
    python tests/contracts/slice_azure_pipelines_schema.py \
        check_jsonschema/builtin_schemas/vendor/azure-pipelines.json

writes `azure_pipelines_schema.json` beside this file: the schema with TASKS only, without descriptions.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from json_schemas import drop_hints, list_references

TASKS = ("AzureCLI@2", "Cache@2", "Docker@2")
_HINTS = frozenset({"description", "deprecationMessage", "doNotSuggest", "firstProperty", "$comment", "title"})
"""Keys that validation does not need."""


def cut(whole: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with only TASKS in it, and the definitions that it refers to."""
    definitions = whole["definitions"]
    task = definitions["task"]
    task["properties"]["task"] = {"enum": [*TASKS]}
    task["anyOf"] = [each for each in task["anyOf"] if _name(each) in TASKS]
    schema = {"$schema": whole["$schema"], "oneOf": whole["oneOf"], "definitions": {}}
    pending = [*list_references(schema)]
    while pending:
        wanted = pending.pop()
        if wanted not in schema["definitions"]:
            schema["definitions"][wanted] = drop_hints(definitions[wanted], _HINTS.__contains__)
            pending += list_references(schema["definitions"][wanted])
    return schema


def _name(task: dict[str, Any]) -> str:
    return task["properties"]["task"]["pattern"].strip("^$")


if __name__ == "__main__":
    description = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    text = json.dumps(cut(description), sort_keys=True, separators=(",", ":"))
    Path(__file__).with_name("azure_pipelines_schema.json").write_text(f"{text}\n", encoding="utf-8")
