"""The wheel and the sdist hold what they must and nothing else, and are the same bytes whoever builds them."""

from __future__ import annotations

import email
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import PurePosixPath

import pytest
from support.packaging.distributions import build_distributions
from support.parts import ROOT

from bot import __version__
from tools import man_page

pytestmark = pytest.mark.slow
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TOP = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "hatch_build.py",
    "pyproject.toml",
    "requirements.lock",
}
FOLDERS = {"bot", "config", "docs", "templates"}


@pytest.fixture(scope="module")
def unpacked(distributions, tmp_path_factory):
    """Unpack the sdist as its own user would, with other times and rights than a checkout has."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(distributions.sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    for path in source.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.utime(path, (1_500_000_000, 1_500_000_000))
    return source


@pytest.fixture
def metadata(distributions):
    with zipfile.ZipFile(distributions.wheel) as archive:
        return email.message_from_string(archive.read(f"basebump-{__version__}.dist-info/METADATA").decode())


def test_build_from_the_sdist_is_byte_identical_to_build_from_the_checkout(distributions, unpacked, tmp_path):
    again = build_distributions(unpacked, tmp_path, umask=0o077)
    assert again.wheel.read_bytes() == distributions.wheel.read_bytes()
    assert again.sdist.read_bytes() == distributions.sdist.read_bytes()


def test_sdist_contains_code_data_and_docs_but_no_tests(unpacked):
    # A build from the sdist leaves the compiled hook behind.
    files = [path for path in unpacked.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    paths = {path.relative_to(unpacked).as_posix() for path in files}
    parts = {PurePosixPath(path).parts[0] for path in paths}
    assert parts == TOP | FOLDERS | {".gitignore", "PKG-INFO"}
    for name in TOP:
        assert (unpacked / name).read_bytes() == (ROOT / name).read_bytes()
    for folder in FOLDERS:
        ours = {path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix != ".pyc"}
        assert {path for path in paths if path.startswith(f"{folder}/")} == {
            path.relative_to(ROOT).as_posix() for path in ours
        }


def test_wheel_contains_licence_manual_and_command_but_no_compiled_code(distributions):
    about = f"basebump-{__version__}.dist-info"
    with zipfile.ZipFile(distributions.wheel) as archive:
        names = archive.namelist()
        assert archive.read(f"{about}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
        manual = archive.read(f"basebump-{__version__}.data/data/share/man/man1/basebump.1")
        assert archive.read(f"{about}/entry_points.txt").decode() == "[console_scripts]\nbasebump = bot.__main__:main\n"
    assert manual == man_page.PAGE.read_bytes()
    assert len(names) == len(set(names))
    assert not [name for name in names if name.endswith(".pyc")]


def test_wheel_metadata_describe_the_project(metadata):
    assert (metadata["Name"], metadata["Version"]) == ("basebump", __version__)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Summary"] == PROJECT["description"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().startswith("# basebump\n")


@pytest.fixture
def describe(tmp_path):
    """Return a function that returns the metadata for one position of the switch in pyproject.toml."""
    for name in ("LICENSE", "README.md", "hatch_build.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "bot").mkdir()
    shutil.copy(ROOT / "bot" / "__init__.py", tmp_path / "bot")
    text = re.sub(
        r'(?m)^repository = ".*"$', 'repository = "acme/basebump"', (ROOT / "pyproject.toml").read_text("utf-8")
    )

    def run(*, released):
        project = re.sub(r"(?m)^released = \w+$", f"released = {str(released).lower()}", text)
        (tmp_path / "pyproject.toml").write_text(project, encoding="utf-8")
        command = [sys.executable, "-m", "hatchling", "metadata"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_package_description_without_a_release_is_the_readme(describe):
    described = describe(released=False)
    assert described["readme"]["text"] == (ROOT / "README.md").read_text(encoding="utf-8")
    assert "urls" not in described


def test_package_description_of_a_release_links_to_files_of_the_release_tag(describe):
    described = describe(released=True)
    files = re.findall(r"(!?)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)", described["readme"]["text"])
    tag = f"v{__version__}"
    for mark, target in files:
        kind = "raw" if mark else "blob"
        ours = re.fullmatch(rf"https://github\.com/acme/basebump/{kind}/{re.escape(tag)}/([^#]+)(#.*)?", target)
        assert (ours and (ROOT / ours[1]).exists()) or target.startswith(("https://", "#")), target
    assert "![" in described["readme"]["text"]
    urls = dict(described["urls"])
    assert urls.pop("Documentation") == "https://acme.github.io/basebump/"
    assert [url for url in urls.values() if not url.startswith("https://github.com/acme/basebump")] == []


def test_python_classifiers_start_with_the_minimum_version_without_gaps(metadata):
    said = "\n".join(metadata.get_all("Classifier"))
    versions = re.findall(r"^Programming Language :: Python :: (3\.\d+)$", said, re.MULTILINE)
    assert metadata["Requires-Python"] == f">={versions[0]}"
    assert versions == [f"3.{minor}" for minor in range(int(versions[0][2:]), int(versions[-1][2:]) + 1)]
