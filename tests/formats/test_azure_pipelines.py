"""Azure Pipelines: the texts that are aliases of a resource, and those that are images."""

from __future__ import annotations

import pytest

from bot.formats.azure_pipelines import FORMAT
from bot.model.path_index import index_paths
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText


def read(content):
    return list(FORMAT.extract(SourceFile(FilePath("azure-pipelines.yml"), content.encode())))


def list_images(content):
    return [str(each.image) for each in read(content) if isinstance(each, Reference)]


@pytest.mark.parametrize("template", ["container: {}", "services: {{db: {}}}", "jobs: [{{job: a, container: {}}}]"])
def test_azure_pipelines_container_without_colon_or_slash_is_not_an_image(template):
    """Such a name is the alias of a resource, which may be in another file that includes this one as a template."""
    assert list_images(template.format("'ubuntu:24.04'")) == ["ubuntu:24.04"]
    assert list_images(template.format("'localhost:5000/ubuntu'")) == ["localhost:5000/ubuntu"]
    assert read(template.format("ubuntu")) == []


@pytest.mark.parametrize("value", ["${{ parameters.image }}", "$[ variables.image ]", "$(image)"])
def test_azure_pipelines_container_expression_is_reported_as_templated(value):
    (found,) = read(f"container: {value}\n")
    assert isinstance(found, UnsupportedText)


@pytest.mark.parametrize(("local", "images"), [("true", []), ("True", []), ("false", ["acme/x:1"]), ("", ["acme/x:1"])])
def test_azure_pipelines_image_marked_as_local_is_ignored(local, images):
    content = f"resources:\n  containers:\n    - container: x\n      image: acme/x:1\n      localImage: {local}\n"
    assert list_images(content) == images


def test_azure_pipelines_container_mapping_with_alias_is_ignored():
    assert read("container: {alias: evil}\n") == []


@pytest.mark.parametrize(
    ("path", "is_selected"),
    [
        ("azure-pipelines.yml", True),
        ("ci/Azure-Pipelines-release.yaml", True),
        ("azurepipelines.yml", True),
        (".azure-pipelines/templates/jobs.yml", True),
        ("azure-pipelines/jobs.yml", True),
        (".azuredevops/ci.yml", True),
        (".AzureDevOps/ci.yml", True),
        (".pipelines/ci.yml", True),
        ("pipelines/ci.yml", False),
        ("azure.yml", False),
        ("azure-pipelines.json", False),
        ("azure-pipelines.yml/readme", False),
    ],
)
def test_azure_pipelines_are_selected_by_common_paths(path, is_selected):
    assert bool(list(FORMAT.select_paths(index_paths([FilePath(path)])))) is is_selected
