"""The program, config/default.yaml, the schema and the documentation have the same keys and defaults."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from support.docs.named_files import write_named_files
from support.parts import ROOT

from bot.model.policy import Policy, PolicyRule, RuleMatch
from bot.settings import Settings, load
from bot.settings.reading.validation import build_json_schema
from bot.settings.sections.forges import GITHUB_API, GITLAB
from bot.settings.sections.registries import RegistryConfigEntry
from bot.settings.sections.scanners import (
    AutoScannerEntry,
    DefenderScannerEntry,
    GrypeScannerEntry,
    NoScannerEntry,
    OsvScannerEntry,
    ReportScannerEntry,
    ScannerMatchSection,
    TrivyScannerEntry,
)
from bot.settings.sections.serve import ServeSection
from bot.settings.settings import OWNER_WRITE_DELAY
from tools import config_reference, default_config

EVERYTHING = ScannerMatchSection()
DEFAULT = ROOT / "config" / "default.yaml"
FILES = [DEFAULT, *sorted((ROOT / "config" / "examples").glob("*.yaml"))]


def reveal_commented_keys(text: str) -> str:
    """Return the default config with the keys in its comments.

    A list from a comment replaces the empty list before it.
    """
    shown = re.sub(r"^#(?! \S)", "", text, flags=re.MULTILINE)
    return re.sub(r"^( *\w+): \[\]\n(?=\1:)", "", shown, flags=re.MULTILINE)


@pytest.fixture
def complete_config(tmp_path) -> Path:
    write_named_files(tmp_path)
    path = tmp_path / "everything.yaml"
    text = reveal_commented_keys(DEFAULT.read_text(encoding="utf-8"))
    server = "state: postgresql+psycopg://basebump@localhost/basebump"  # which `queue` requires
    path.write_text(text.replace("state: sqlite:///state.db", server), encoding="utf-8")
    return path


def test_default_config_results_in_same_settings_as_no_config():
    assert replace(load(DEFAULT, requires_forges=False), source="") == Settings()


def test_default_config_file_is_up_to_date():
    assert DEFAULT.read_text(encoding="utf-8") == default_config.render_default_config(), "make docs"


def test_default_config_has_no_long_lines_except_resource_id():
    lines = DEFAULT.read_text(encoding="utf-8").splitlines()
    assert [line.lstrip("# ").split()[0] for line in lines if len(line) > default_config.WIDTH] == ["tasks:"]


def test_default_config_shows_each_key_of_schema_with_default(complete_config):
    schema = build_json_schema()
    shown = dict(_list_keys(yaml.safe_load(complete_config.read_text(encoding="utf-8")), schema, schema["$defs"]))
    for name, shape in [("Config", schema), *schema["$defs"].items()]:
        for key, value in shape.get("properties", {}).items():
            assert (name, key) in shown, f"config/default.yaml does not show {key} of {name}"
            if "default" in value and value["default"] != []:
                assert value["default"] in shown[name, key]


def _list_keys(value, shape: dict, definitions: dict):
    """Yield every key that a document uses, as (definition, key), with all its values."""
    found: dict[tuple[str, str], list] = {}

    def walk(value, shape: dict, name: str) -> None:
        reference = shape.get("$ref", "").rpartition("/")[2]
        if reference:
            walk(value, definitions[reference], reference)
        elif "oneOf" in shape and isinstance(value, dict):
            for each in shape["oneOf"]:
                variant = definitions.get(each.get("$ref", "").rpartition("/")[2], {})
                kind = variant.get("properties", {}).get("kind", {}).get("const")
                if variant and kind == value.get("kind"):
                    walk(value, each, name)
        elif isinstance(value, list):
            for each in value:
                walk(each, shape.get("items", {}), name)
        elif isinstance(value, dict):
            for key, inner in value.items():
                found.setdefault((name, key), []).append(inner)
                walk(inner, shape["properties"][key], name)

    walk(value, shape, "Config")
    return found.items()


def test_commented_entries_of_default_config_have_defaults_of_program(complete_config):
    settings = load(complete_config, requires_forges=True)
    github, app, gitlab, *_ = settings.forges
    assert (github.url, app.url, gitlab.url) == (GITHUB_API, GITHUB_API, GITLAB)
    registry, *_ = settings.registries
    plain = replace(registry, mirror=None, ca=None, purges_untagged=None)
    assert plain == RegistryConfigEntry(host="registry.example.com:5000")
    auto, trivy, served, grype, osv, defender, report, nobody = settings.scanners
    assert replace(auto, match=EVERYTHING, database=None, send=()) == AutoScannerEntry()
    assert replace(trivy, match=EVERYTHING, database=None, binary=None) == TrivyScannerEntry()
    assert replace(served, match=EVERYTHING, server=None, token_env=None) == TrivyScannerEntry()
    assert replace(grype, match=EVERYTHING, database=None, binary=None) == GrypeScannerEntry()
    assert replace(osv, match=EVERYTHING, send=()) == OsvScannerEntry(url="https://api.osv.dev")
    assert replace(defender, match=EVERYTHING, subscriptions=()) == DefenderScannerEntry()
    assert replace(report, match=EVERYTHING) == ReportScannerEntry(path=complete_config.parent / "reports")
    assert replace(nobody, match=EVERYTHING) == NoScannerEntry()
    assert settings.proposals.write_delay == OWNER_WRITE_DELAY
    shown = replace(settings.serve, events=(), user_header=None)
    assert shown == ServeSection()
    built_in, default = settings.policy[0], Policy()
    assert built_in == PolicyRule(
        match=RuleMatch(),
        update=default.update,
        pin=default.pin,
        ignore=default.ignore,
        labels=default.labels,
        require=default.require,
        allow=default.allow,
        min_age=default.min_age,
        os_variants=default.os_variants,
        replace_ended=default.replace_ended,
        split_by=default.split_by,
        refresh_every=default.refresh_every,
        on_close=default.on_close,
        reviewers=default.reviewers,
        assignees=default.assignees,
        draft=default.draft,
        rebase=default.rebase,
        paused=default.paused,
        mandatory=default.mandatory,
    )


def test_shipped_json_schema_equals_schema_of_program():
    shipped = (ROOT / "config" / "schema.json").read_text(encoding="utf-8")
    assert shipped == json.dumps(build_json_schema(), indent=2) + "\n", "basebump config schema > config/schema.json"


def test_json_schema_is_valid_and_describes_each_key():
    schema = build_json_schema()
    Draft202012Validator.check_schema(schema)
    keys = [
        (name, key, value)
        for name, shape in [("Config", schema), *schema["$defs"].items()]
        for key, value in shape.get("properties", {}).items()
    ]
    assert len(keys) > 30
    assert [(name, key) for name, key, value in keys if not value.get("description", "").endswith(".")] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_json_schema_accepts_default_and_example_configs(path, complete_config):
    validator = Draft202012Validator(build_json_schema())
    for each in (path, complete_config):
        validator.validate(yaml.safe_load(each.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "text",
    [
        "own: []",
        "{schema: 2}",
        "{schema: 1, trust: {}}",
        "{schema: 1, trust: [{image: '**', keys: []}]}",
        "{schema: 1, limits: {new_per_window: 0}}",
        "{schema: 1, own: null}",
        "{schema: 1, policy: [{tag: 3.10}]}",
        "{schema: 1, policy: [{pin: true, match: {image: []}}]}",
        "{schema: 1, forges: [{kind: gitlab}]}",
        "{schema: 1, forges: [{kind: gitlab, repositories: [acme]}]}",
        "{schema: 1, forges: [{kind: github, repositories: []}]}",
        "{schema: 1, forges: [{kind: github, repositories: [acme]}]}",
        "{schema: 1, registries: [{host: ghcr.io, password_env: s3cr3t}]}",
        "{schema: 1, proposals: {write_delay: 10}}",
        "{schema: 1, state: state.db}",
        "{schema: 1, state: 'sqlite://state.db'}",
        "{schema: 1, state: 'postgresql://user:word@host/database'}",
    ],
)
def test_json_schema_refuses_values_that_the_program_refuses(read_problems, text):
    assert read_problems(text, schema=False)
    assert not Draft202012Validator(build_json_schema()).is_valid(yaml.safe_load(text))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_default_and_example_configs_name_json_schema_for_editors(path):
    named = re.search(r"^# yaml-language-server: \$schema=(\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert named
    assert (path.parent / named[1]).resolve() == ROOT / "config" / "schema.json"


def test_configuration_reference_page_is_up_to_date():
    text = config_reference.PAGE.read_text(encoding="utf-8")
    assert config_reference.render_page(text) == text, "python -m tools.config_reference"
    assert all(f"| `{key}` |" in text for key in build_json_schema()["properties"])


def test_settings_without_a_config_import_neither_pydantic_nor_yaml():
    program = (
        "import sys, bot.settings; bot.settings.Settings();"
        "print([name for name in ('pydantic', 'yaml', 'requests', 'difflib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
