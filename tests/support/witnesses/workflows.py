"""What judges workflows of GitHub's: the schemas of SchemaStore, and zizmor."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import yaml
from jsonschema import Draft7Validator
from support.parts import ROOT, find_zizmor

COMMIT = "0123456789abcdef0123456789abcdef01234567"
RELEASES = {
    "actions/cache": ("27d5ce7f107fe9357f9df03efb73ab90386fccae", "v5.0.5"),
    "actions/checkout": ("3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    "github/codeql-action": ("8aad20d150bbac5944a9f9d289da16a4b0d87c1e", "v4.36.2"),
}
"""Looked up in clones of these repositories, by `git rev-parse 'TAG^{commit}'`."""


def as_it_will_stand(workflow: str) -> str:
    """Return a workflow with a commit for the words that stand for one."""
    assert "OWNER/basebump@COMMIT" in workflow
    step = workflow.replace("uses: OWNER/basebump@COMMIT", f"uses: acme/basebump@{COMMIT} # v1.0.0")
    return step.replace("OWNER/basebump@COMMIT", f"acme/basebump@{COMMIT}")


def read(text: str):
    """Read YAML as GitHub does, to which `on` is a word."""
    return json.loads(json.dumps(yaml.load(text, _Loader)))


class _Loader(yaml.SafeLoader):
    """Knows no truth but `true` and `false`."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in each if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, each in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def problems(kind: str, text: str) -> list[str]:
    schema = json.loads((ROOT / "tests" / "contracts" / f"github_{kind}_schema.json").read_text(encoding="utf-8"))
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(read(text))]


def zizmor(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [find_zizmor(), "--offline", "--no-config", "--persona=auditor", "--no-progress", *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
