"""Reads SARIF as strictly as its schema."""

from __future__ import annotations

import json

from jsonschema import Draft202012Validator
from support.parts import ROOT

_SCHEMA = json.loads((ROOT / "tests" / "contracts" / "sarif_schema.json").read_text(encoding="utf-8"))
_VALIDATOR = Draft202012Validator(_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)


def read_sarif(text: str) -> list[dict]:
    """Return the runs of a document that is valid, and in which every result has a rule."""
    document = json.loads(text)
    _VALIDATOR.validate(document)
    for run in document["runs"]:
        rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        assert len(rules) == len(set(rules))
        assert {result["ruleId"] for result in run.get("results", ())} <= set(rules)
    return document["runs"]
