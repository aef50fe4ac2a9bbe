"""Every YAML on every page can be used as what it is, and nothing of it is passed over."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from jsonschema import Draft7Validator
from support.docs.named_files import write_named_files
from support.docs.written import PAGES, list_code_blocks, read_page
from support.parts import ROOT
from support.witnesses.pipelines import list_pipeline_problems

from bot.formats.dependabot import FORMAT as DEPENDABOT
from bot.model.source import FilePath, SourceFile
from bot.settings import Settings, load, load_repository_rules
from bot.settings.reading.validation import build_json_schema


class _AsGitHub(yaml.SafeLoader):
    """Knows no truth but `true` and `false`, so that `on` is a word."""


_AsGitHub.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in each if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, each in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def check_config(text, document, folder):
    """The top of one, or a part of it."""
    write_named_files(folder)
    path = folder / "basebump.yaml"
    path.write_text(text if "schema" in document else f"schema: 1\n{text}", encoding="utf-8")
    assert load(path, requires_forges="schema" in document and "forges" in document) != Settings(source=str(path))


def check_repository_config(text, document, folder):
    assert load_repository_rules(text.encode(), "its own file")


def check_end_of_life_entries(text, document, folder):
    (folder / "end-of-life.yaml").write_text(text, encoding="utf-8")
    path = folder / "basebump.yaml"
    path.write_text("schema: 1\nend_of_life: end-of-life.yaml\n", encoding="utf-8")
    assert load(path, requires_forges=False).policy_config.end_of_life


def check_github_workflow(text, document, folder):
    """A whole one, or what stands in one: triggers, jobs, steps."""
    job = {"runs-on": "ubuntu-latest", "steps": [{"run": "true"}]}
    if isinstance(document, list):
        document = {"steps": document}
    if "steps" in document:
        document = {"jobs": {"job": job | document}}
    whole = {"on": "push", "jobs": {"job": job}} | document
    schema = json.loads(read_page(ROOT / "tests" / "contracts" / "github_workflow_schema.json"))
    assert [error.message for error in Draft7Validator(schema).iter_errors(json.loads(json.dumps(whole)))] == []


def check_pre_commit_config(text, document, folder):
    ours = {each["id"] for each in yaml.safe_load(read_page(ROOT / ".pre-commit-hooks.yaml"))}
    (repository,) = document["repos"]
    assert {each["id"] for each in repository["hooks"]} <= ours
    assert repository.keys() == {"repo", "rev", "hooks"}


def check_gitlab_pipeline(text, document, folder):
    for key, job in document.items():
        if key == "include":
            assert all((ROOT / "deploy" / "gitlab" / each["local"]).exists() for each in job)
        else:
            assert job.keys() <= {"stage", "image", "rules", "script", "artifacts"}
            assert all(isinstance(line, str) for line in job["script"])


def check_azure_pipeline(text, document, folder):
    """A whole one, or its steps."""
    assert list_pipeline_problems(text) == []


def check_kustomization(text, document, folder):
    """A whole one, or what is added to one."""
    for each in (*document.get("resources", ()), *document.get("components", ())):
        assert (ROOT / each.removeprefix("basebump/") / "kustomization.yaml").exists(), each


def check_dependabot_config(text, document, folder):
    (config,) = DEPENDABOT.extract(SourceFile(FilePath(".github/dependabot.yml"), text.encode()))
    assert config.updates
    assert not config.problem


def check_registry_endpoints(text, document, folder):
    """Part of the config of the registry of the project Distribution, which the tests of its events start."""
    assert document.keys() == {"notifications"}
    assert all(endpoint["headers"]["Authorization"] for endpoint in document["notifications"]["endpoints"])


def check_kubernetes_object(text, document, folder):
    """A part of the service, which names the ports of the service and of its proxy only, or of a deployment."""
    assert document.keys() == {"apiVersion", "kind", "metadata", "spec"}
    kind = document["apiVersion"], document["kind"]
    if kind in DEPLOYED:
        return  # test_loop.py reads them as files of a repository
    assert kind in {("networking.k8s.io/v1", "Ingress"), ("networking.k8s.io/v1", "NetworkPolicy")}
    assert set(re.findall(r"(?:port|number): ([0-9]+)", text)) <= {"4180", "8080"}


DEPLOYED = {
    ("image.toolkit.fluxcd.io/v1", "ImagePolicy"),
    ("apps/v1", "Deployment"),
    ("argoproj.io/v1alpha1", "Application"),
}
KINDS_BY_KEY = {
    "apiVersion": check_kubernetes_object,
    "notifications": check_registry_endpoints,
    "updates": check_dependabot_config,
    "repos": check_pre_commit_config,
}
OF_CONFIGS = set(build_json_schema()["properties"])


def find_checker(text, document):
    first = text.partition("\n")[0]
    keys = set(document) if isinstance(document, dict) else set()
    if first.startswith("# ") and first.endswith("basebump.yaml") and first != "# basebump.yaml":
        return check_repository_config
    if "azure-pipelines" in first:
        return check_azure_pipeline
    if keys == {"schema", "images"}:
        return check_end_of_life_entries
    if keys and keys <= OF_CONFIGS:
        return check_config
    if "kustomization.yaml" in first:
        return check_kustomization
    for key, kind in KINDS_BY_KEY.items():
        if key in keys:
            return kind
    if not keys or keys & {"on", "jobs", "steps"}:
        return check_github_workflow
    return check_gitlab_pipeline


EXAMPLES = [
    (f"{path.name} {number}", text, yaml.load(text, _AsGitHub))
    for path in PAGES
    for number, text in enumerate(list_code_blocks(read_page(path), "yaml"), 1)
]


@pytest.mark.parametrize(("where", "text", "document"), EXAMPLES, ids=[where for where, *_ in EXAMPLES])
def test_yaml_examples_in_docs_are_valid_documents_of_the_stated_kind(where, text, document, tmp_path):
    find_checker(text, document)(text, document, tmp_path)


def test_yaml_examples_in_docs_cover_every_kind_of_document():
    kinds = {find_checker(text, document) for _, text, document in EXAMPLES}
    assert len(kinds) == 11
    assert len(EXAMPLES) > 60
