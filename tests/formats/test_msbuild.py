"""MSBuild: the base images of .NET SDK containers."""

from __future__ import annotations

import pytest

from bot.formats.msbuild import FORMAT
from bot.model.path_index import index_paths
from bot.model.source import EditSlot, FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role


def read(properties):
    text = f"<Project><PropertyGroup>{properties}</PropertyGroup></Project>"
    return list(FORMAT.extract(SourceFile(FilePath("app.csproj"), text.encode())))


def test_msbuild_files_are_selected_by_name():
    chosen = ["a.csproj", "b/a.fsproj", "a.vbproj", "Directory.Build.props", "a.targets", "a.pubxml"]
    others = ["a.csproj.user", "a.proj", "pom.xml", "csproj", "a.props.j2"]
    assert FORMAT.select_paths(index_paths([FilePath(path) for path in (*chosen, *others)])) == chosen


@pytest.mark.parametrize("name", ["ContainerBaseImage", "containerbaseimage", "CONTAINERBASEIMAGE"])
def test_container_base_image_property_is_case_insensitive(name):
    (found,) = read(f"<{name}>nginx:1</{name}>")
    assert isinstance(found, Reference)
    assert found.role is Role.BASE
    assert isinstance(found.digest_slot, EditSlot)


@pytest.mark.parametrize("value", ["$(Image)", "$(Registry)/a:1", "a:$([System.String]::Copy('1'))", "a:1%3b"])
def test_msbuild_image_with_property_or_escape_is_reported_as_templated(value):
    (found,) = read(f"<ContainerBaseImage>{value}</ContainerBaseImage>")
    assert isinstance(found, UnsupportedText)
    assert (found.reason, found.text) == (Reason.TEMPLATED, value)


def test_msbuild_container_family_without_base_image_is_reported():
    (found,) = read("<ContainerFamily>noble-chiseled</ContainerFamily>")
    assert (found.reason, found.text) == (Reason.TEMPLATED, "noble-chiseled")
    assert "ContainerBaseImage" in found.notes[0]


def test_msbuild_container_family_is_ignored_if_base_image_is_set():
    image = "<ContainerBaseImage>nginx:1</ContainerBaseImage>"
    (found,) = read(f"{image}<ContainerFamily>noble-chiseled</ContainerFamily>")
    assert isinstance(found, Reference)


def test_empty_container_base_image_is_ignored():
    assert read("<ContainerBaseImage /><ContainerBaseImage> </ContainerBaseImage>") == []


def test_msbuild_file_without_container_properties_is_not_parsed():
    assert read("</Project>") == []
