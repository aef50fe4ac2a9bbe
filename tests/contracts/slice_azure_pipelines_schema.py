"""Cuts the tasks that our pipelines use out of Microsoft's JSON Schema of pipelines for Azure Pipelines.

    git clone https://github.com/microsoft/azure-pipelines-vscode && git -C azure-pipelines-vscode checkout e8090fd5
    python tests/contracts/slice_azure_pipelines_schema.py azure-pipelines-vscode/service-schema.json

writes `azure_pipelines_schema.json` beside this file: the schema with TASKS only, without descriptions.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    pending = [*_references(schema)]
    while pending:
        wanted = pending.pop().rpartition("/")[2]
        if wanted not in schema["definitions"]:
            schema["definitions"][wanted] = _bare(definitions[wanted])
            pending += _references(schema["definitions"][wanted])
    return schema


def _name(task: dict[str, Any]) -> str:
    return task["properties"]["task"]["pattern"].strip("^$")


def _bare(node: Any) -> Any:
    """Return a copy without hints; a property may have such a name, and stays."""
    if isinstance(node, list):
        return [_bare(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: {name: _bare(schema) for name, schema in value.items()} if key == "properties" else _bare(value)
        for key, value in node.items()
        if key not in _HINTS
    }


def _references(node: object) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _references(each)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from _references(each)


if __name__ == "__main__":
    description = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    text = json.dumps(cut(description), sort_keys=True, separators=(",", ":"))
    Path(__file__).with_name("azure_pipelines_schema.json").write_text(f"{text}\n", encoding="utf-8")
