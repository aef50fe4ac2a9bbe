"""Checks of GitHub workflows: the schemas of SchemaStore, zizmor, and actionlint if installed."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import yaml
from jsonschema import Draft7Validator
from support.parts import ROOT, find_actionlint, find_zizmor

COMMIT = "0123456789abcdef0123456789abcdef01234567"
RELEASES = {
    "actions/attest": ("1e69f48acb82d1966a394da916b4c1698aa569d6", "v4.2.2"),
    "actions/cache": ("27d5ce7f107fe9357f9df03efb73ab90386fccae", "v5.0.5"),
    "actions/checkout": ("3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    "actions/deploy-pages": ("cd2ce8fcbc39b97be8ca5fce6e763baed58fa128", "v5.0.0"),
    "actions/download-artifact": ("3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"),
    "actions/setup-python": ("5fda3b95a4ea91299a34e894583c3862153e4b97", "v7.0.0"),
    "actions/upload-artifact": ("bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0"),
    "actions/upload-pages-artifact": ("fc324d3547104276b827a68afc52ff2a11cc49c9", "v5.0.0"),
    "github/codeql-action": ("8aad20d150bbac5944a9f9d289da16a4b0d87c1e", "v4.36.2"),
    "pypa/gh-action-pypi-publish": ("ed0c53931b1dc9bd32cbe73a98c7f6766f8a527e", "v1.13.0"),
    "sigstore/cosign-installer": ("6f9f17788090df1f26f669e9d70d6ae9567deba6", "v4.1.2"),
}
"""Looked up in clones of these repositories, by `git rev-parse 'TAG^{commit}'`; that of pypa in workflows of others."""


def complete_workflow(workflow: str) -> str:
    """Return a workflow with a commit for the words that stand for one, or for the tag that moves."""
    basebump = r"[\w.-]+/basebump@(?:COMMIT|v\d+)\b"
    assert re.search(basebump, workflow) or "pipx install basebump==" in workflow
    step = re.sub(f"uses: {basebump}", f"uses: acme/basebump@{COMMIT} # v1.0.0", workflow)
    return re.sub(basebump, f"acme/basebump@{COMMIT}", step)


def read_yaml(text: str):
    """Read YAML as GitHub does, to which `on` is a word."""
    return json.loads(json.dumps(yaml.load(text, _WorkflowLoader)))


class _WorkflowLoader(yaml.SafeLoader):
    """Knows no truth but `true` and `false`."""


_WorkflowLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in each if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, each in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def list_problems(kind: str, text: str) -> list[str]:
    schema = json.loads((ROOT / "tests" / "contracts" / f"github_{kind}_schema.json").read_text(encoding="utf-8"))
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(read_yaml(text))]


def run_zizmor(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [find_zizmor(), "--offline", "--no-config", "--persona=auditor", "--no-progress", *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def run_actionlint(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [find_actionlint(), "-no-color", *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
